"""The page: whole by itself, everything in it, nothing from outside taken for markup."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from shared.page.build import page, write_page
from shared.page.concepts import CONCEPTS, agreement, source_of
from shared.report.markdown import markdown

VOID = {"meta", "br", "link", "img", "hr", "input"}
HOSTILE = "<script>alert(1)</script>\"onload=x' {{ 7 * 7 }} &amp; <!--"


class Reader(HTMLParser):
    """Elements, identifiers and text; AssertionError where what is opened is not closed."""

    def __init__(self, text):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for key, value in attributes:
            if key == "id":
                self.ids.append(value)
            if key in ("src", "href", "xlink:href"):
                self.addresses.append(value)
            assert not key.startswith("on")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)


@pytest.fixture(scope="module")
def results(run_compare):
    done = run_compare("--implementations", "numpy", "--iterations", 40)
    assert done.code == 0, done.stderr
    assert (done.out / "index.html").stat().st_size < 3e6
    return done.results


@pytest.fixture
def changed(results):
    return json.loads(json.dumps(results))


def failing(results):
    """The results with one comparison made to fail, as compare.py would write it."""
    check = next(check for check in results["checks"] if check["tensor"] == "dW2")
    check |= {"status": "failed", "reason": "differs", "difference": 1.0, "budget_used": 1e9}
    failure = check | {"inputs_agreed": ["A1"], "inputs_differ": [], "first_bad_update": None, "locations": {}}
    return results | {"verdict": "mismatch", "failures": [failure]}


def test_the_page_is_whole_by_itself(results):
    text = page(results)
    read = Reader(text)
    assert "script" not in read.tags
    assert all(address.startswith("#") for address in read.addresses)
    assert len(read.ids) == len(set(read.ids))
    assert set(re.findall(r"url\((.)", text)) <= {"#"}
    assert "@import" not in text
    assert {address[1:] for address in read.addresses} <= set(read.ids)


def test_the_verdict_comes_first_and_everything_is_there(results):
    words = " ".join(Reader(page(results)).words)
    assert words.index("same network") < words.index("comparisons planned") < words.index("Runs")
    for title in (
        "Decision boundaries",
        "Cost curves",
        "Difference and noise floor",
        "Dropout masks",
        "Every stage and tensor",
    ):
        assert title in words
    assert "python compare.py --data-seed 0" in words
    for run in results["runs"]:
        assert f"{run['costs'][-1][1]:.6f}" in words


def test_the_heat_map_has_every_comparison(results):
    tables = re.findall(r'<table class="heat">.*?</table>', page(results), flags=re.DOTALL)
    rows = {("masks" if c["scope"] == "masks" else c["stage"], c["tensor"]) for c in results["checks"]}
    assert len(re.findall(r'<th scope="row"', tables[0])) == len(rows)
    assert len(re.findall(r"<td class=\"(?:passed|none)", tables[0])) == len(rows) * len(results["runs"])


@pytest.mark.parametrize("implementation", ["numpy", "torch", "tensorflow"])
@pytest.mark.parametrize("concept", CONCEPTS, ids=lambda concept: concept.name)
def test_every_concept_has_its_lines_in_every_implementation(concept, implementation):
    where, lines = source_of(concept, implementation)
    assert re.fullmatch(r"(numpy|torch|tf)_impl/\w+\.py:\d+", where)
    assert lines.startswith("def ")
    assert len(lines.splitlines()) >= 2


def test_a_concept_without_lines_is_a_defect():
    missing = replace(CONCEPTS[0], lines={"numpy": ("network.py", ("Network.nowhere",))})
    with pytest.raises(ValueError, match=r"network\.py holds no Network\.nowhere"):
        source_of(missing, "numpy")


def test_every_stage_of_the_comparison_belongs_to_a_concept(results):
    measured = sum(agreement(concept, results["checks"], "numpy")["compared"] for concept in CONCEPTS)
    left = sum(check["stage"] in ("data", "repeat") for check in results["checks"])
    assert measured + left == len(results["checks"])


def test_a_mismatch_opens_on_the_first_difference_with_the_lines(changed):
    words = " ".join(Reader(page(failing(changed))).words)
    assert words.index("not the same network") < words.index("dW2") < words.index("Runs")
    assert "failed" in words
    assert words.index("numpy_impl/gradients.py") < words.index("Runs")


def test_what_comes_from_outside_is_never_markup(changed):
    failed = failing(changed)
    failed["data"] |= {"name": HOSTILE, "source": HOSTILE, "sha256": HOSTILE}
    failed["environment"]["cpu"] = HOSTILE
    for run in failed["runs"]:
        run |= {"reason": HOSTILE}
    for check in (*failed["failures"], *failed["checks"]):
        check["reason"] = HOSTILE
    text = page(failed)
    read = Reader(text)
    assert "script" not in read.tags
    assert "{{ 7 * 7 }}" in " ".join(read.words)
    assert "alert(1)" in " ".join(read.words)


def test_a_run_that_is_missing_or_diverged_is_shown(changed):
    for run in changed["runs"]:
        if run["variant"] == "none":
            for key in ("costs", "train_accuracy", "predictions", "grid", "segments", "free_run", "horizon"):
                del run[key]
            run |= {"status": "missing", "reason": "not installed"}
        else:
            run["status"] = "diverged"
            run["costs"][-1][1] = None
    text = " ".join(Reader(page(changed | {"verdict": "incomplete"})).words)
    assert "missing: not installed" in text
    assert "not finite" in text


@pytest.mark.parametrize("used", [None, float("inf"), float("nan")])
def test_a_difference_beyond_all_numbers_is_shown(changed, used):
    failed = failing(changed)
    next(check for check in failed["checks"] if check["status"] == "failed")["budget_used"] = used
    assert 'class="failed' in page(failed)


def test_the_page_is_written_whole(results, tmp_path):
    write_page(results, tmp_path / "index.html")
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]


# The summary in Markdown, and what scripts are given


def test_the_markdown_has_every_run_and_the_verdict(results):
    text = markdown(results)
    assert text.startswith("## samenet: MATCH\n")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(results["runs"])
    assert {row.count("|") for row in rows} == {10}
    assert f"{results['counts']['planned']:,} comparisons planned" in text


def test_markdown_from_outside_stays_text(changed):
    failed = failing(changed)
    failed["data"]["name"] = "a | b\n# c <b> [x](y) `d`"
    failed["runs"][0] |= {"reason": "one | two\n``` three"}
    failed["failures"][0]["reason"] = "``````\n<script>"
    lines = markdown(failed).splitlines()
    assert any(
        line.startswith(r"some updates differ by more than rounding explains. a \| b \# c \<b\> \[x\]\(y\) \`d\`")
        for line in lines
    )
    rows = [re.sub(r"\\.", "", line) for line in lines if line.startswith("|")]
    assert {row.count("|") for row in rows} == {10}
    assert sum(line.startswith("``````") for line in lines) == 2


def test_scripts_get_the_json_or_the_verdict_alone(run_compare):
    quiet = run_compare("--implementations", "numpy", "--iterations", 5, "--quiet")
    assert (quiet.code, quiet.stderr) == (0, "")
    assert quiet.stdout == "MATCH: every update of every run agrees to rounding\n"
    done = run_compare("--implementations", "numpy", "--iterations", 5, "--json")
    assert json.loads(done.stdout) == done.results
    both = run_compare("--quiet", "--json")
    assert both.code == 2
    assert len(both.stderr.splitlines()) == 1
