"""`compare.py optimizers`: every claim about the frameworks' optimizers, measured, and how the command ends."""

import copy
import json

import pytest

import compare
from shared.commands.optimizers import measure
from shared.commands.optimizers.rows import DIFFERS, EQUAL, REMEDIES, ROWS
from shared.commands.optimizers.settings import UPDATES
from shared.harness.command import Made
from shared.harness.runner import run


@pytest.fixture(scope="session")
def measured(once, run_compare):
    """The whole command, run once: exit code, standard output and optimizers.json."""

    def make(folder):
        done = run_compare("optimizers", environment={"COLUMNS": "100"})
        results = json.loads((done.out / "optimizers.json").read_text())
        (folder / "measured.json").write_text(json.dumps([done.code, done.stdout, results]))

    return json.loads((once("optimizers", make) / "measured.json").read_text())


@pytest.mark.full
def test_everything_is_as_claimed(measured):
    code, stdout, results = measured
    assert code == 0, stdout
    assert results["incomplete"] == []
    assert [row["title"] for row in results["rows"]] == [row.title for row in ROWS]
    for claimed, row in zip(ROWS, results["rows"], strict=True):
        assert (row["holds"], row["reproduced"]) == (True, True), row["title"]
        assert [one["update"] for one in row["measured"]] == list(UPDATES)
        assert tuple(one["verdict"] for one in row["measured"]) == claimed.claim, row["title"]
        for one in row["measured"]:  # none is close to being called the other
            equal = one["verdict"] == EQUAL
            assert one["budget_used"] < 0.5 if equal else one["budget_used"] > 100, row["title"]
            assert one["difference"] < 1e-11 if equal else one["difference"] > 1e-12, row["title"]
        for framework in ("torch", "tensorflow"):  # NumPy by hand replays every run
            for one in row["by_hand"][framework]:
                assert one["verdict"] == EQUAL, row["title"]
                assert one["budget_used"] < 0.5, row["title"]


@pytest.mark.full
def test_the_sizes_are_those_that_were_published(measured):
    sizes = {row["title"]: [one["difference"] for one in row["measured"]] for row in measured[2]["rows"]}
    assert sizes["momentum: weight_decay in both"][1:] == pytest.approx([3.2e-3, 1.5], rel=0.1)
    assert sizes["Adam: weight_decay in both"][0] == pytest.approx(2e-2, rel=0.01)
    assert sizes["AdamW: weight_decay and epsilon=1e-7 in both"][0] == pytest.approx(5.4e-3, rel=0.1)
    assert sizes["weight_decay, SGD"][0] == pytest.approx(1.1e-10, rel=0.1)
    assert sizes["beta_2, AdamW"][0] == pytest.approx(6.4e-8, rel=0.1)


@pytest.mark.full
def test_the_table_shows_every_row_and_fits(measured):
    stdout = measured[1]
    assert max(map(len, stdout.splitlines())) <= 100
    assert [row.title for row in ROWS if row.title not in stdout] == []
    assert [remedy for remedy in REMEDIES if f"\n{remedy}  " not in stdout] == []
    assert stdout.count("differs from 2") == 2
    assert "not as claimed" not in stdout


@pytest.mark.full
def test_one_row_that_does_not_hold_makes_it_1(measured, monkeypatch, tmp_path, capsys):
    def run_on(results):
        monkeypatch.setattr(measure, "work", lambda options, progress: Made(measure.Found.from_json(results)))
        return run(*compare.parse(["optimizers", "--out", str(tmp_path)]))

    results = copy.deepcopy(measured[2])
    assert run_on(results) == 0
    results["rows"][3] |= {"holds": False, "claim": [EQUAL, DIFFERS, EQUAL]}
    capsys.readouterr()
    assert run_on(results) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "not as claimed: penalty in Keras's loss: equal after update 2, claimed: differs" in said


@pytest.mark.full
def test_a_framework_that_is_missing_or_crashes_makes_it_3(run_compare, tmp_path):
    bodies = {
        "torch": "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')",
        "keras": "raise ValueError('no')",
    }
    for name, body in bodies.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(body)
    done = run_compare("optimizers", environment={"PYTHONPATH": str(tmp_path)})
    assert done.code == 3, done.stdout + done.stderr
    results = json.loads((done.out / "optimizers.json").read_text())
    assert results["rows"] == []
    reasons = {entry["implementation"]: entry["reason"] for entry in results["incomplete"]}
    assert reasons.keys() == {"torch", "tensorflow"}
    assert "torch is not installed" in reasons["torch"]
    assert "ValueError: no" in reasons["tensorflow"]
    assert "not measured: torch" in done.stdout
