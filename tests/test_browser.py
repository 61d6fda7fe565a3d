"""The page in a real browser: Chromium, headless. Skipped with its reason where there is none."""

import json
import re
import shutil
import subprocess
from html import unescape

import pytest

from shared.page.build import page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SWITCHES = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--hide-scrollbars", "--enable-logging=stderr", "--virtual-time-budget=2000"),
)
FRAME = """<!doctype html><meta name="color-scheme" content="light dark"><script>
addEventListener("message", event => document.title = event.data);
</script><iframe src="PAGE" style="width: WIDTHpx; height: 900px; border: 0"></iframe>"""
"""A window is 500 pixels wide at least; a frame can be as narrow as a phone."""

PROBE = """<script>
addEventListener("load", () => {
  const wide = document.documentElement.clientWidth;
  const loose = [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > wide + 1
    && !e.closest(".scroll, pre")).map(e => e.tagName + "." + e.className);
  const luminance = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(v => { v /= 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const paper = luminance(getComputedStyle(document.body).backgroundColor);
  const contrast = e => { const ink = luminance(getComputedStyle(e).color);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05); };
  const faint = [...document.querySelectorAll("p, h1, h2, td, th, summary, figcaption, .soft, .match, .mismatch")]
    .filter(e => contrast(e) < 4.5).map(e => e.tagName + "." + e.className);
  parent.postMessage(JSON.stringify({ wide, scroll: document.documentElement.scrollWidth, loose, faint, paper,
    requests: performance.getEntriesByType("resource").map(e => e.name) }), "*");
});
</script>"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def pages(run_compare, tmp_path_factory):
    """The pages of a matching and of a failing run, with the probe in them."""
    folder = tmp_path_factory.mktemp("browser")
    done = run_compare("--implementations", "numpy", "--iterations", 40)
    assert done.code == 0
    failed = json.loads(json.dumps(done.results))
    check = next(check for check in failed["checks"] if check["tensor"] == "dW2")
    check |= {"status": "failed", "reason": "differs " * 40, "budget_used": 1e9}
    extra: dict = {"inputs_agreed": ["A1"], "inputs_differ": [], "first_bad_update": None, "locations": {}}
    failed |= {"verdict": "mismatch", "failures": [check | extra]}
    for name, results in (("match", done.results), ("mismatch", failed)):
        (folder / f"{name}.html").write_text(page(results).replace("</body>", PROBE + "</body>"), encoding="utf-8")
    return folder


def looked_at(path, width, dark, profile):
    """What the probe saw, and what the browser's console said."""
    assert CHROMIUM
    frame = path.with_name(f"{path.stem}-{width}.html")
    frame.write_text(FRAME.replace("PAGE", path.name).replace("WIDTH", str(width)), encoding="utf-8")
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    window = (f"--window-size={max(600, width + 40)},900", f"--user-data-dir={profile}")
    command = [CHROMIUM, *SWITCHES, scheme, *window, "--dump-dom", frame.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    title = re.search(r"<title>(\{.*?\})</title>", done.stdout, flags=re.DOTALL)
    assert title, done.stderr[-2000:]
    return json.loads(unescape(title[1])), re.findall(r"CONSOLE.*", done.stderr)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("name", ["match", "mismatch"])
def test_nothing_overflows_is_faint_or_leaves_the_page(pages, tmp_path, name, width, dark):
    seen, console = looked_at(pages / f"{name}.html", width, dark, tmp_path)
    assert console == []
    assert seen["requests"] == []
    assert seen["wide"] == width
    assert (seen["scroll"], seen["loose"]) == (width, [])
    assert seen["faint"] == []
    assert (seen["paper"] < 0.1) == dark  # the scheme was really the one asked for


def test_the_probe_sees_what_it_is_for(pages, tmp_path):
    broken = '<p style="width: 3000px; color: #ccc">wide and faint</p><script>console.error("no")</script></main>'
    text = (pages / "match.html").read_text(encoding="utf-8").replace("</main>", broken)
    path = tmp_path / "broken.html"
    path.write_text(text, encoding="utf-8")
    seen, console = looked_at(path, 360, False, tmp_path / "profile")
    assert seen["scroll"] > 360
    assert "P." in seen["loose"]
    assert "P." in seen["faint"]
    assert console
