"""The page in a real browser: Chromium, headless. Skipped with its reason where there is none."""

import shutil

import pytest

from tests.helpers.results import HOSTILE, failing, of_all, of_check, only, page_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
playwright = pytest.importorskip("playwright.sync_api", reason="needs requirements-browser.txt")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs requirements-browser.txt")

# As root a browser has no sandbox, in a container little shared memory; one that is tested looks nothing up.
SWITCHES = (
    *("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
LOOSE = """() => {
  const wide = document.documentElement.clientWidth;
  return [...document.querySelectorAll("body *")]
    .filter(e => e.getBoundingClientRect().right > wide + 1 && !e.closest(".scroll, pre"))
    .map(e => e.tagName).concat(document.documentElement.scrollWidth > wide ? ["html"] : []);
}"""
"""What reaches beyond the window and cannot be scrolled to within a box of its own."""

CUT = """() => [...document.querySelectorAll(".scroll, pre")].filter(e => e.scrollWidth > e.clientWidth + 1)
  .map(e => (e.getAttribute("aria-label") || e.textContent.slice(0, 60)) + ": " + e.scrollWidth + " of " + e.clientWidth)"""
"""What would have to be scrolled: on paper it is cut off."""

WIDE = (
    "Sections",
    "Table of runs",
    "Table of what was compared",
    "Tests of the masks",
    "Heat map of stages and tensors",
)
"""What a phone may scroll sideways; all else fits everywhere."""

LETTERS = """() => [...document.querySelectorAll(".chart text")].map(e => {
  const to = e.getScreenCTM();
  return parseFloat(getComputedStyle(e).fontSize) * Math.hypot(to.a, to.b);
})"""
"""Pixels of the letters in the pictures."""

PAPER = "getComputedStyle(document.body).backgroundColor"

A4 = 1123 - 2 * 38
"""Pixels between the margins of a sheet laid across, at 96 to an inch."""

pytestmark = [
    pytest.mark.full,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=list(SWITCHES))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages(numpy_alone, tmp_path_factory):
    """The pages of a matching run of all implementations, of a failing one of NumPy alone, and of a check."""
    folder = tmp_path_factory.mktemp("browser")
    (folder / "match.html").write_text(page_of(of_all(numpy_alone.results)), encoding="utf-8")
    failed = failing(numpy_alone.results, reason="differs " * 40)
    (folder / "mismatch.html").write_text(page_of(failed), encoding="utf-8")
    (folder / "check.html").write_text(page_of(of_check(numpy_alone.results)), encoding="utf-8")
    return folder


@pytest.fixture
def visit(chromium):
    """visit(path, width, scheme) -> the open page, whose `said` is what its console said and `asked` what it asked for."""
    contexts = []

    def open_page(path, width=1400, scheme="light", script=True):
        size = {"width": width, "height": 900}
        contexts.append(chromium.new_context(viewport=size, color_scheme=scheme, java_script_enabled=script))
        window = contexts[-1].new_page()
        window.said, window.asked = [], []
        window.on("console", lambda message: window.said.append(message.text))
        window.on("pageerror", lambda error: window.said.append(str(error)))
        window.on("request", lambda request: window.asked.append(request.url))
        window.goto(path.as_uri())
        return window

    yield open_page
    for context in contexts:
        context.close()


def resize(window, width):
    window.set_viewport_size({"width": width, "height": 900})


def offences(window):
    """What axe finds wrong for people who see, hear or move otherwise, with the elements."""
    found = axe.Axe().run(window).response["violations"]
    return [(rule["id"], node["html"][:100]) for rule in found for node in rule["nodes"]]


def test_long_names_and_reasons_fit_and_a_picture_of_one_variant_is_not_blown_up(numpy_alone, visit, tmp_path):
    one = page_of(only(numpy_alone.results, "numpy", variants=("none",)))
    (tmp_path / "one.html").write_text(one, encoding="utf-8")
    results = only(numpy_alone.results, "numpy")
    results["data"] |= {"name": HOSTILE + "x" * 240 + ".csv", "source": "/y" * 200}
    results["runs"][0] |= {"status": "crashed", "reason": "z" * 400, "implementation": HOSTILE}
    results["runs"][1] |= {"status": "crashed", "reason": "word " * 80}
    (tmp_path / "long.html").write_text(page_of(results), encoding="utf-8")
    small, long = visit(tmp_path / "one.html"), visit(tmp_path / "long.html")
    for width in (360, 1400):
        resize(small, width)
        sizes = small.evaluate(LETTERS)
        assert 6 < min(sizes) <= max(sizes) < 28
        resize(long, width)
        assert long.evaluate(LOOSE) == []
    assert long.said == []
    resize(long, A4)
    long.emulate_media(media="print")
    assert long.evaluate(LOOSE) == []
    assert long.evaluate(CUT) == []


def test_the_way_to_a_closed_section_opens_it_and_stays_in_sight(pages, visit):
    window = visit(pages / "match.html", 360)
    assert window.query_selector(".heat").is_visible() is False
    window.click("nav >> text=All tensors")
    assert window.query_selector(".heat").is_visible()
    assert window.evaluate("document.querySelector('nav').getBoundingClientRect().top") == 0
    window.evaluate("document.querySelector('.heat').parentElement.scrollLeft = 300")
    lefts = window.evaluate("[...document.querySelectorAll('.heat th[scope=row]')].map(e => e.getBoundingClientRect().left)")
    assert min(lefts) >= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["match", "mismatch", "check"])
def test_nothing_overflows_is_inaccessible_or_leaves_the_page(pages, visit, name, scheme):
    path = pages / f"{name}.html"
    window = visit(path, scheme=scheme)
    narrow = 1200 if name == "match" else 1000  # twelve runs are wider than four
    for summary in window.query_selector_all("details:not([open]) > summary"):
        summary.click()
    for width in (1024, 360, 1400):
        resize(window, width)
        assert window.evaluate(LOOSE) == [], width
        assert [cut for cut in window.evaluate(CUT) if not cut.startswith(WIDE if width < narrow else ())] == [], width
        if width == 1400 or (scheme == "light" and width == 360):  # colours are the same at every width
            assert offences(window) == [], width
    assert window.said == []
    assert window.asked == [path.as_uri()]
    assert (window.evaluate(PAPER) != "rgb(255, 255, 255)") == (scheme == "dark")  # the scheme was really the one asked for


@pytest.mark.parametrize("name", ["match", "mismatch", "check"])
def test_on_paper_nothing_is_cut_off_and_nothing_stays_closed(pages, visit, name):
    window = visit(pages / f"{name}.html", A4, "dark")
    window.emulate_media(media="print")
    assert window.evaluate(PAPER) == "rgb(255, 255, 255)"
    assert window.evaluate(LOOSE) == []
    assert window.evaluate(CUT) == []
    hidden = "[...document.querySelectorAll('details pre')].filter(e => !e.checkVisibility()).length"
    assert window.evaluate(hidden) == 0


def test_the_keyboard_alone_reaches_and_opens_everything(pages, visit):
    window = visit(pages / "match.html")
    closed = len(window.query_selector_all("details:not([open])"))
    assert closed > 5
    for _ in range(100):
        window.keyboard.press("Tab")
        if window.evaluate("document.activeElement.matches('details:not([open]) > summary')"):
            assert window.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            window.keyboard.press("Enter")
    assert window.query_selector_all("details:not([open])") == []


PICTURE, TOLD = "[...document.querySelectorAll('.plane img')].map(e => getComputedStyle(e).objectPosition)", ".now"
FIRST, LAST = "50% 0%", "50% 100%"


def test_the_film_is_moved_by_the_keyboard_and_plays_to_its_end(pages, visit):
    window = visit(pages / "match.html")
    assert set(window.evaluate(PICTURE)) == {LAST}
    at_the_end = window.inner_text(TOLD)
    window.focus("#film input")
    window.keyboard.press("Home")
    assert set(window.evaluate(PICTURE)) == {FIRST}
    assert window.inner_text("#film output") == "after 0 updates"
    assert window.get_attribute("#film input", "aria-valuetext") == "after 0 updates"
    assert window.inner_text(TOLD) != at_the_end
    window.emulate_media(media="print")  # on paper the last picture stands, with its own figures
    assert set(window.evaluate(PICTURE)) == {LAST}
    assert not window.is_visible(TOLD)
    assert window.is_visible(".last")
    window.emulate_media(media="screen")
    window.focus("#film button")
    window.keyboard.press("Enter")
    assert window.inner_text("#film button") == "Pause"
    window.wait_for_selector("#film button:text-is('Play')")
    assert set(window.evaluate(PICTURE)) == {LAST}
    assert window.inner_text(TOLD) == at_the_end
    assert window.said == []


def test_without_script_the_last_picture_stands_and_nothing_can_be_pressed(pages, visit):
    window = visit(pages / "match.html", script=False)
    assert window.is_visible(".plane img")
    assert not window.is_visible("#film .controls")
    assert not window.is_visible(TOLD)
    assert "cost" in window.inner_text(".last")
    assert LAST in (pages / "match.html").read_text(encoding="utf-8")


def test_the_checks_see_what_they_are_for(pages, visit, tmp_path):
    broken = (
        '<p style="width: 3000px; color: #ccc">wide and faint</p>'
        '<div class="scroll"><div style="width: 2000px">far</div></div>'
        '<img src="missing.png"><script>console.error("no")</script></main>'
    )
    path = tmp_path / "broken.html"
    text = (pages / "match.html").read_text(encoding="utf-8").replace("</main>", broken)
    path.write_text(text, encoding="utf-8")
    held = visit(path)
    assert "no" not in held.said  # the page's policy lets neither the script run nor the picture be loaded, and says so
    assert sum("violates the following Content Security Policy" in each for each in held.said) == 2
    path.write_text(text.replace("default-src", "x-src").replace("img-src", "x-src").replace("script-src", "x-src"))
    window = visit(path, 360)
    assert {"P", "html"} <= set(window.evaluate(LOOSE))
    assert {"color-contrast", "image-alt"} <= {rule for rule, _ in offences(window)}
    assert "no" in window.said
    assert (tmp_path / "missing.png").as_uri() in window.asked
    assert any(": 2000 of" in cut for cut in window.evaluate(CUT))
