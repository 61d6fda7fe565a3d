"""The page: whole by itself, everything in it, nothing from outside taken for markup."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from shared.errors import UsageError
from shared.page.build import page
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
    assert words.index("numpy_impl is the reference itself") < words.index("comparisons planned") < words.index("Runs")
    for title in (
        "The network has 2-20-3-1 units",
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
    assert words.index("Not the same network: numpy in none parts") < words.index("dW2") < words.index("Runs")
    assert "failed" in words
    assert words.index("numpy_impl/gradients.py") < words.index("Runs")


def test_the_lines_are_those_of_the_run_not_of_today(changed):
    for entry in changed["sources"].values():
        entry["torch"] |= {"where": "torch_impl/elsewhere.py:7", "code": "def once(): return 'as it was'"}
    for results in (changed, failing(changed)):
        text = page(results)
        assert "torch_impl/elsewhere.py:7" in text or results is changed
        assert ("as it was" in text) == (results is not changed)  # numpy alone was compared; a failure shows all three


def states_of(results, **ends):
    """The results of two implementations, of which some runs ended otherwise: torch_l2="diverged", ..."""
    others = [run | {"implementation": "torch"} for run in results["runs"]]
    checks = [check | {"implementation": "torch"} for check in results["checks"]]
    both = results | {"runs": [*results["runs"], *others], "checks": [*results["checks"], *checks]}
    both = json.loads(json.dumps(both))
    for name, end in ends.items():
        implementation, variant = name.split("_")
        run = next(r for r in both["runs"] if (r["implementation"], r["variant"]) == (implementation, variant))
        run["status"] = end if end == "diverged" else "completed"
        of_run = (c for c in both["checks"] if (c["implementation"], c["variant"]) == (implementation, variant))
        next(of_run)["status"] = "failed"
        both["verdict"] = "mismatch"
    return both


@pytest.mark.parametrize(
    ("ends", "sentence"),
    [
        ({}, "The implementations are the same network: every update of every run agrees to rounding."),
        ({"torch_l2": "differs"}, "Not the same network: torch in l2 parts from the reference, numpy_impl."),
        ({"torch_l2": "diverged", "numpy_l2": "diverged"}, "Training diverges: numpy in l2 and torch in l2."),
        (
            {"torch_none": "differs", "torch_l2": "differs", "torch_dropout": "diverged"},
            "Not the same network: torch in none and torch in l2 parts from the reference, numpy_impl. "
            "Training diverges: torch in dropout.",
        ),
    ],
)
def test_the_verdict_is_one_sentence_with_names(results, ends, sentence):
    text = page(states_of(results, **ends))
    assert f">{sentence}</p>" in text
    read = " ".join(" ".join(Reader(text).words).split())
    for name, end in ends.items():
        implementation, variant = name.split("_")
        assert re.search(rf"{variant}, {implementation} [\d.% e,-]* {end}", read)
    rows = [line for line in markdown(states_of(results, **ends)).splitlines() if line.startswith("| l2 | torch")]
    assert rows[0].endswith(f"| {ends.get('torch_l2', 'match')} |")


def test_one_framework_alone_is_held_against_the_reference(results):
    both = states_of(results)
    alone = both | {"runs": [run for run in both["runs"] if run["implementation"] == "torch"]}
    assert "torch is the same network as the reference, numpy_impl: every update" in page(alone)


def test_the_kept_share_of_the_masks_is_shown(results):
    kept = {run["variant"]: run["kept_share"] for run in results["runs"]}
    assert kept["none"] is None
    assert kept["dropout"]["D1"] == pytest.approx(0.86, abs=0.002)
    assert f"{kept['dropout']['D2']:.2%}" in page(results)


def test_many_examples_make_no_heavy_page(changed):
    size = len(page(changed))
    changed["data"]["train"] = [point for point in changed["data"]["train"] for _ in range(10)][:2000]
    for run in changed["runs"]:
        run["predictions"]["train"] = "01" * 1000
    changed["runs"][0]["predictions"]["train"] = "10" * 1000
    assert len(page(changed)) < 1.6 * size


def test_predictions_without_form_have_no_accuracy_and_no_picture(changed):
    changed["runs"][0] |= {"train_accuracy": None, "test_accuracy": None, "predictions": None, "grid": None}
    text = page(changed)
    assert "no decision of its form" in text
    assert "| none | numpy | " in markdown(changed)


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
    assert "missing : not installed" in text
    assert "not finite" in text


@pytest.mark.parametrize("used", [None, float("inf"), float("nan")])
def test_a_difference_beyond_all_numbers_is_shown(changed, used):
    failed = failing(changed)
    next(check for check in failed["checks"] if check["status"] == "failed")["budget_used"] = used
    assert 'class="failed' in page(failed)


def test_nothing_of_an_earlier_run_stays_beside_the_results(results, tmp_path, monkeypatch):
    from shared.report import markdown as module
    from shared.report.results import WRITTEN, write_all

    write_all(results, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(WRITTEN)
    mine = tmp_path / "mine.txt"
    for name in ("reproduce_torch_l2.py", "reproduce_torch_l2.npz", "mine.txt"):
        (tmp_path / name).write_text("old")
    three = results | {"data": results["data"] | {"features": 3, "grid_axes": None}}
    paths = write_all(three, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(WRITTEN) - {"decision_boundary.png"} | {"mine.txt"}
    assert set(paths) == set(tmp_path.iterdir()) - {mine}
    assert "the data has 3" in (tmp_path / "index.html").read_text()

    def interrupted(results):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "markdown", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_all(results | {"verdict": "mismatch"}, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", "mine.txt"}
    assert json.loads((tmp_path / "results.json").read_text())["verdict"] == "mismatch"


def test_what_cannot_be_written_is_one_line(results, tmp_path, monkeypatch):
    from shared.report import results as module

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_whole", full)
    with pytest.raises(UsageError, match=r"--out: cannot write into .*: No space left on device"):
        module.write_all(results, tmp_path)


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
