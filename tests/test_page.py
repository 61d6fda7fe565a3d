"""The page: whole by itself, everything in it, nothing from outside taken for markup."""

import base64
import copy
import hashlib
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import compare
from shared.adapters import IMPLEMENTATIONS
from shared.adapters.implementation import Place
from shared.adapters.places import find
from shared.commands.compare import comparison
from shared.commands.compare.command import COMMAND, REPRODUCTIONS
from shared.config import DEFAULT_DATA_SEED
from shared.errors import UsageError
from shared.harness import runner
from shared.harness.checks import Call, Cause, RunId, because
from shared.harness.command import Made
from shared.harness.results_json import results_from_json
from shared.harness.runner import write
from shared.page.concepts import CONCEPTS, agreement
from shared.page.course import as_in_the_course
from tests.helpers.results import HOSTILE, ended, failing, markdown_of, of_check, only, page_of

ROOT = Path(__file__).resolve().parents[1]
VOID = {"meta", "br", "link", "img", "hr", "input"}


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


@pytest.fixture
def results(everything):
    """Results that may be changed."""
    return copy.deepcopy(everything.results)


@pytest.fixture
def text(everything):
    """The page as the command wrote it."""
    return (everything.out / "index.html").read_text(encoding="utf-8")


@pytest.fixture
def little(results):
    """The results of two runs of NumPy alone."""
    return only(results, "numpy", variants=("none", "l2"))


def words_of(text):
    return " ".join(" ".join(Reader(text).words).split())


def in_order(text, *parts):
    """Whether the words stand on the page in this order, beside the way through it."""
    words = words_of(re.sub("<nav.*?</nav>", "", text, flags=re.DOTALL))
    places = [words.index(part) for part in parts]
    return places == sorted(places)


def test_the_page_is_whole_by_itself(text):
    read = Reader(text)
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in read.addresses)
    assert len(read.ids) == len(set(read.ids))
    assert set(re.findall(r"url\((.)", text)) <= {"#"}
    assert "@import" not in text
    assert {address[1:] for address in read.addresses if address.startswith("#")} <= set(read.ids)
    assert len(text) < 3e6


def test_no_script_runs_but_the_film_s_and_nothing_is_loaded(text):
    (script,) = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="(.*?)"', text)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert script == (ROOT / "shared" / "page" / "film.js").read_text(encoding="utf-8")
    assert policy == f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def test_the_verdict_comes_first_and_everything_is_there(results, text):
    assert in_order(
        text,
        "The implementations are the same network", "planned comparisons agree", "Three sources, side by side",
        "Training as",
    )  # fmt: skip
    words = words_of(text)
    for title in ("The network has 2-20-3-1 units", "Difference and noise floor", "Dropout masks", "Every stage and tensor"):
        assert title in words
    assert f"python compare.py --data-seed {DEFAULT_DATA_SEED}" in words
    for run in results["runs"]:
        assert f"{run['costs'][-1][1]:.6f}" in words


def test_the_heat_map_has_every_comparison(results, text):
    tables = re.findall(r'<table class="heat">.*?</table>', text, flags=re.DOTALL)
    rows = {("masks" if c["scope"] == "masks" else c["stage"], c["tensor"]) for c in results["checks"]}
    assert len(re.findall(r'<th scope="row"', tables[0])) == len(rows)
    assert len(re.findall(r"<td class=\"(?:passed|none)", tables[0])) == len(rows) * len(results["runs"])


def test_the_kept_share_of_the_masks_is_shown(results, text):
    kept = {run["variant"]: run["kept_share"] for run in results["runs"] if run["implementation"] == "numpy"}
    assert kept["none"] is None
    assert kept["dropout"]["D1"] == pytest.approx(0.86, abs=0.002)
    assert f"{kept['dropout']['D2']:.2%}" in text


@pytest.mark.parametrize("implementation", ["numpy", "torch", "tensorflow"])
@pytest.mark.parametrize("concept", CONCEPTS, ids=lambda concept: concept.name)
def test_every_concept_has_its_lines_in_every_implementation(concept, implementation):
    found = find(implementation, concept.name)
    assert re.fullmatch(r"(numpy|torch|tf)_impl/\w+\.py", found.file)
    assert found.first <= found.line
    assert found.source.startswith("def ")
    assert len(found.source.splitlines()) >= 2


def test_a_concept_without_lines_is_a_defect(monkeypatch):
    own = IMPLEMENTATIONS["numpy"]
    lost = replace(own, places={**own.places, "Update": Place("network.py", ("Network.nowhere",), "")})
    monkeypatch.setitem(IMPLEMENTATIONS, "numpy", lost)
    with pytest.raises(ValueError, match=r"network\.py holds no Network\.nowhere"):
        find("numpy", "Update")


def test_every_stage_of_the_comparison_belongs_to_a_concept(results):
    alone = results_from_json(only(results, "numpy")).checks
    measured = sum(agreement(concept, alone, "numpy")["compared"] for concept in CONCEPTS)
    assert measured + sum(check.stage in ("data", "repeat") for check in alone) == len(alone)


def test_a_mismatch_begins_with_the_cause_then_the_remedy_then_the_place_and_the_lines(results):
    failed = failing(only(results, "numpy"), reason="must be exactly 0, and is 1")
    failed["failures"][0]["locations"] = {"numpy": f"numpy_impl/gradients.py:{find('numpy', 'Gradients', 'dW2').line}"}
    explained = {"variant": "none", "implementation": "numpy", "mistake": "m", "explanation": "because", "remedy": "do()"}
    text = page_of(failed | {"diagnoses": [explained | {"fit": 0.5}]})
    assert in_order(
        text,
        "Not the same network: numpy in none differs",
        "In numpy: because.",
        "do()",
        "must be exactly 0, and is 1",
        "def _backward",
    )
    assert re.findall(r'<code class="marked">(.*?)</code>', text)[0].startswith('    <span class="n">dW2</span>')
    assert text.count("<details open>") == 0  # the rest is folded
    assert "no known mistake explains it: dW2" in words_of(page_of(failed))


def test_the_page_of_a_check_has_the_own_line_and_the_course_s(results):
    assert in_order(
        page_of(of_check(results)),
        "own.py differs from the reference in", "dW2 lacks the term lambd/m * W2", "own.py:97: `dW2 = 1/m",
        "dW2 = 1/m * np.dot(dZ2, A1.T) + lambd/m * W2", "sigmoid is not written yet", "share of the tolerance",
        "seeds NumPy's global",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("tensor", "function", "line"),
    [
        ("dA1", "backward_propagation_with_dropout", "dA1 = np.dot(W2.T, dZ2) * D1 / keep_prob"),
        ("dW1", "backward_propagation", "dW1 = 1/m * np.dot(dZ1, X.T)"),
        ("A3", "forward_propagation_with_dropout", "A3 = sigmoid(Z3)"),
        ("cost", "compute_cost", "cost = -1/m * np.sum(Y * np.log(A3) + (1 - Y) * np.log(1 - A3))"),
        ("arguments", "predict", ""),
    ],
)
def test_what_is_right_is_said_in_the_course_s_words(tensor, function, line):
    check = because(Cause.MISSING).of(RunId("none", "own").at("gradients", Call("data", function), tensor))
    assert as_in_the_course(check) == line


def test_the_page_is_made_again_from_a_folder_s_results(little, tmp_path, capsys):
    (tmp_path / "results.json").write_text(json.dumps(little))
    assert runner.run(*compare.parse(["page", str(tmp_path)])) == 0
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == page_of(little)
    assert json.loads((tmp_path / "results.json").read_text()) == little
    assert capsys.readouterr().out.endswith("MATCH: the page shows that everything compared agrees\n")
    for content in ("{", "{}", '{"schema": 9}', '{"schema": 1, "data": 3}', "[]"):
        (tmp_path / "results.json").write_text(content)
        with pytest.raises(UsageError, match=r"results\.json: expected the results of a comparison or a check, of schema 1"):
            runner.run(*compare.parse(["page", str(tmp_path)]))
    with pytest.raises(UsageError, match="No such file or directory"):
        runner.run(*compare.parse(["page", str(tmp_path / "nowhere")]))
    assert not (tmp_path / "nowhere").exists()


def test_the_lines_are_those_of_the_run_not_of_today(little):
    for entry in little["sources"].values():
        entry["torch"] |= {
            "where": "torch_impl/elsewhere.py:7",
            "code": "def once():\n    return 'as it was', 'and to its end'",
        }
        del entry["torch"]["lines"]  # as an older version wrote it
    text = page_of(failing(little))
    assert "torch_impl/elsewhere.py:7" in text
    assert "as it was" in text
    assert re.search(r"<i>8</i><code>.*and to its end", text)


@pytest.mark.parametrize(
    ("ends", "sentence"),
    [
        ({}, "The implementations are the same network: every update of every run agrees to rounding."),
        ({"torch_l2": "differs"}, "Not the same network: torch in l2 differs from the reference, numpy_impl."),
        ({"torch_l2": "diverged", "numpy_l2": "diverged"}, "Training diverges: numpy in l2 and torch in l2."),
        (
            {"torch_none": "differs", "torch_l2": "differs", "torch_dropout": "diverged"},
            "Not the same network: torch in none and torch in l2 differ from the reference, numpy_impl. "
            "Training diverges: torch in dropout.",
        ),
    ],
)
def test_the_verdict_is_one_sentence_with_names(results, ends, sentence):
    both = ended(only(results, "numpy", "torch"), **ends)
    text = page_of(both)
    assert f">{sentence}</p>" in text
    for name, end in ends.items():
        implementation, variant = name.split("_")
        assert re.search(rf"{variant}, {implementation} [\d.% e,-]* {end}", words_of(text))
    rows = [line for line in markdown_of(both).splitlines() if line.startswith("| l2 | torch")]
    assert rows[0].endswith(f"| {ends.get('torch_l2', 'match')} |")


def test_one_implementation_alone_is_the_reference_or_held_against_it(results):
    assert "torch is the same network as the reference, numpy_impl: every update" in page_of(only(results, "torch"))
    assert "numpy_impl is the reference itself" in page_of(only(results, "numpy"))


@pytest.mark.full
def test_many_examples_make_no_heavy_page(little):
    size = len(page_of(little))
    little["data"]["train"] = [point for point in little["data"]["train"] for _ in range(20)][:2000]
    for run in little["runs"]:
        run["predictions"]["train"] = "01" * 1000
    little["runs"][0]["predictions"]["train"] = "10" * 1000
    assert len(page_of(little)) < 1.6 * size


@pytest.mark.full
def test_predictions_without_form_have_no_accuracy_and_no_picture(little):
    little["runs"][0] |= {"train_accuracy": None, "test_accuracy": None, "predictions": None, "grid": None}
    assert "Training as a film" in page_of(little)
    assert "| none | numpy | " in markdown_of(little)


@pytest.mark.full
def test_what_comes_from_outside_is_never_markup(little):
    failed = failing(little)
    failed["data"] |= {"name": HOSTILE, "source": HOSTILE, "sha256": HOSTILE}
    failed["environment"]["cpu"] = HOSTILE
    for run in failed["runs"]:
        run |= {"reason": HOSTILE, "film": HOSTILE, "implementation": HOSTILE}
    for check in (*failed["failures"], *failed["checks"]):
        check["reason"] = HOSTILE
    checked = of_check(little) | {"remarks": [HOSTILE]}
    checked["port"] |= {"file": HOSTILE, "functions": [HOSTILE]}
    for content in (failed, checked):
        read = Reader(page_of(content))
        assert read.tags.count("script") == 1
        assert "{{ 7 * 7 }}" in " ".join(read.words)
        assert "alert(1)" in " ".join(read.words)


@pytest.mark.full
def test_a_run_that_is_missing_or_diverged_is_shown(little):
    missing, diverged = little["runs"]
    for key in ("costs", "train_accuracy", "predictions", "grid", "segments", "free_run", "horizon"):
        del missing[key]
    missing |= {"status": "missing", "reason": "not installed"}
    diverged["status"] = "diverged"
    diverged["costs"][-1][1] = None
    words = words_of(page_of(little | {"verdict": "incomplete"}))
    assert "missing : not installed" in words
    assert "not finite" in words


@pytest.mark.parametrize("used", [None, float("inf"), float("nan")])
def test_a_difference_beyond_all_numbers_is_shown(little, used):
    assert 'class="failed' in page_of(failing(little, budget_used=used))


@pytest.mark.full
def test_nothing_of_an_earlier_run_stays_beside_the_results(little, tmp_path, monkeypatch):

    written = set(COMMAND.written) - set(REPRODUCTIONS)
    write(COMMAND, Made(results_from_json(little)), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == written
    mine = tmp_path / "mine.txt"
    for name in ("reproduce_torch_l2.py", "reproduce_torch_l2.npz", "mine.txt"):
        (tmp_path / name).write_text("old")
    three = little | {"data": little["data"] | {"features": 3, "grid_axes": None}}
    paths = write(COMMAND, Made(results_from_json(three)), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == written - {"decision_boundary.png"} | {"mine.txt"}
    assert set(paths) == set(tmp_path.iterdir()) - {mine}
    assert "the data has 3" in (tmp_path / "index.html").read_text()

    def interrupted(results):
        raise KeyboardInterrupt

    monkeypatch.setattr(comparison, "markdown", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(COMMAND, Made(results_from_json(failing(little))), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", "mine.txt"}
    assert json.loads((tmp_path / "results.json").read_text())["verdict"] == "mismatch"


# The summary in Markdown, and what scripts are given


def test_the_markdown_has_every_run_and_the_verdict(results):
    text = markdown_of(results)
    assert text.startswith("## samenet: MATCH\n")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(results["runs"])
    assert {row.count("|") for row in rows} == {10}
    assert f"{results['counts']['planned']:,} comparisons planned" in text


def test_markdown_from_outside_stays_text(results):
    failed = failing(results)
    failed["data"]["name"] = "a | b\n# c <b> [x](y) `d`"
    failed["runs"][0] |= {"reason": "one | two\n``` three"}
    failed["failures"][0]["reason"] = "``````\n<script>"
    lines = markdown_of(failed).splitlines()
    assert any(
        line.startswith(r"some updates differ by more than rounding explains. a \| b \# c \<b\> \[x\]\(y\) \`d\`")
        for line in lines
    )
    rows = [re.sub(r"\\.", "", line) for line in lines if line.startswith("|")]
    assert {row.count("|") for row in rows} == {10}
    assert sum(line.startswith("``````") for line in lines) == 2


def test_scripts_get_the_json_or_the_verdict_alone(run_compare, everything, tmp_path):
    again = ("--iterations", 50, "--out", shutil.copytree(everything.out, tmp_path / "out"))  # everything is reused
    quiet = run_compare(*again, "--quiet")
    assert (quiet.code, quiet.stderr) == (0, "")
    assert quiet.stdout == "MATCH: every update of every run agrees to rounding\n"
    done = run_compare(*again, "--json")
    assert json.loads(done.stdout) == json.loads((tmp_path / "out" / "results.json").read_text())
    both = run_compare("--quiet", "--json")
    assert both.code == 2
    assert len(both.stderr.splitlines()) == 1
