"""The command where everything matches: what it runs, what it writes and what it says."""

import itertools
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from shared.commands.compare.comparison import Comparing
from shared.commands.compare.reuse import VERIFIED
from shared.commands.compare.tasks import Bisect, CompareSteps, RunSteps, Train, Trained, Verify
from shared.config import Hyperparameters
from shared.harness.checks import Cause, RunId, Where, because
from shared.harness.messages import Done
from shared.synthetic import make_dataset

IMPLEMENTATIONS = ["numpy", "torch", "tensorflow"]
VARIANTS = ["none", "l2", "dropout", "frozen-dropout"]


def run_of(results, implementation, variant):
    (run,) = [r for r in results["runs"] if (r["implementation"], r["variant"]) == (implementation, variant)]
    return run


@pytest.fixture
def three_features(tmp_path):
    """A small data set of three features."""
    rng = np.random.default_rng(0)
    lines = [
        f"{i % 2},{split},{rng.random()},{rng.random()},{rng.random()}" for split in ("train", "test") for i in range(9)
    ]
    (tmp_path / "three.csv").write_text("\n".join(["y,split,a,b,c", *lines]))
    return tmp_path / "three.csv"


def test_three_correct_implementations_match_in_all_four_variants(everything):
    assert everything.code == 0, everything.stderr
    assert everything.results["verdict"] == "match"
    assert everything.results["first_divergence"] is None
    assert [(run["implementation"], run["variant"]) for run in everything.results["runs"]] == [
        (implementation, variant) for variant in VARIANTS for implementation in IMPLEMENTATIONS
    ]
    assert {run["status"] for run in everything.results["runs"]} == {"completed"}


@pytest.mark.parametrize(
    "implementations", [["numpy"], pytest.param(IMPLEMENTATIONS, marks=pytest.mark.full)], ids=["numpy", "all"]
)
def test_other_data_sizes_float32_and_both_regularizations_at_once_match_too(run_compare, three_features, implementations):
    flags = ["--data", three_features, "--hidden", 7, 2, "--variants", "l2-dropout", "--dtype", "float32"]
    done = run_compare(*flags, "--iterations", 20, "--implementations", *implementations)
    assert done.code == 0, done.stdout + done.stderr
    assert done.results["hyperparameters"]["layers_dims"] == [3, 7, 2, 1]
    assert done.results["hyperparameters"]["dtype"] == "float32"
    assert [done.results["data"][key] for key in ("train_examples", "test_examples", "features")] == [9, 9, 3]
    for name in implementations:
        cost = run_of(done.results, name, "l2-dropout")["costs"][-1][1]
        assert float(np.float32(cost)) == cost


@pytest.mark.parametrize(
    "implementations", [["numpy"], pytest.param(["torch"], marks=pytest.mark.full)], ids=["numpy", "torch"]
)
def test_keep_prob_1_matches_too(run_compare, implementations):
    """Nothing is dropped then: a dropout variant without masks."""
    flags = ("--iterations", 20, "--variants", "dropout", "--keep-prob", 1, "--implementations", *implementations)
    done = run_compare(*flags)
    assert done.code == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "implementations", [["numpy"], pytest.param(["torch"], marks=pytest.mark.full)], ids=["the reference", "torch"]
)
def test_a_run_that_diverges_is_never_a_match(run_compare, implementations):
    """The penalty takes 3,000 times each weight off at every update: soon nothing is finite."""
    flags = ["--variants", "l2", "--learning-rate", 1e6, "--iterations", 100, "--implementations", *implementations]
    done = run_compare(*flags)
    assert done.code == 1, done.stdout + done.stderr
    (run,) = done.results["runs"]
    assert run["status"] == "diverged"
    assert run["costs"][0][1] == pytest.approx(0.65, abs=0.1)
    assert run["costs"][-1][1] is None  # JSON has no NaN
    assert "failed" in {check["status"] for check in done.results["checks"]}
    for check in done.results["checks"]:
        if check["status"] == "passed":
            assert isinstance(check["difference"], int | float)
    assert "diverged" in done.stdout


def test_results_json_holds_what_was_run(everything):
    results = everything.results
    assert results.keys() >= {
        "schema", "verdict", "environment", "data", "hyperparameters", "runs", "checks", "first_divergence", "diagnoses",
        "counts",
    }  # fmt: skip
    assert results["schema"] == 1
    assert results["environment"].keys() >= {"python", "numpy", "torch", "tensorflow", "keras", "platform", "cpu", "threads"}
    assert all(results["environment"].values())
    assert results["data"].keys() >= {"name", "source", "train_examples", "test_examples", "features", "sha256"}
    assert [results["data"][key] for key in ("train_examples", "test_examples", "features")] == [100, 1000, 2]
    assert "synthetic" in results["data"]["source"]
    assert results["hyperparameters"].items() >= {
        "learning_rate": 0.3, "num_iterations": 50, "lambd": 0.7, "keep_prob": 0.86, "layers_dims": [2, 20, 3, 1],
        "dtype": "float64", "seed": 1,
    }.items()  # fmt: skip
    assert len(results["runs"]) == 12
    for run in results["runs"]:
        assert run.keys() >= {
            "implementation", "variant", "status", "costs", "train_accuracy", "test_accuracy", "seconds",
            "microseconds_per_iteration",
        }  # fmt: skip
        assert [iteration for iteration, _ in run["costs"]] == [0, 49]
        assert 0 < run["costs"][1][1] < run["costs"][0][1] < 1
        assert float(np.float32(run["costs"][1][1])) != run["costs"][1][1]  # in float64
        assert 0.5 < run["train_accuracy"] <= 1


def test_every_planned_comparison_is_in_results_json_and_counted(everything):
    checks, counts = everything.results["checks"], everything.results["counts"]
    assert counts == {"planned": len(checks), "compared": len(checks), "failed": 0, "skipped": 0}
    for check in checks:
        assert check.keys() >= {
            "variant", "implementation", "stage", "tensor", "iteration", "difference", "allowed", "budget_used", "status",
            "reason",
        }  # fmt: skip
        assert check["status"] == "passed"
    compared = {(check["variant"], check["implementation"]) for check in checks}
    assert compared == set(itertools.product(VARIANTS, IMPLEMENTATIONS))
    assert f"{len(checks):,} planned" in everything.stdout


def test_pictures_are_written_beside_the_results_and_nothing_unfinished(everything):
    names = {path.name for path in everything.out.iterdir()} - {VERIFIED}
    pictures = {"cost_curves.png", "decision_boundary.png", "noise_floor.png"}
    assert names == {"results.json", "index.html", "summary.md"} | pictures
    for name in pictures:
        assert (everything.out / name).read_bytes().startswith(b"\x89PNG")
    assert all(f"out/{name}" in everything.stdout for name in names)  # and all are named


@pytest.fixture
def comparing(tmp_path) -> tuple[Comparing, tuple]:
    """A comparison of one run, of which nothing is done; and the fields of its tasks."""
    options: Any = SimpleNamespace(
        implementations=["numpy"], variants=["none"], hyperparameters=Hyperparameters(num_iterations=2), out=tmp_path,
        data=SimpleNamespace(dataset=make_dataset()),
    )  # fmt: skip
    comparison = Comparing(options, str(tmp_path))
    return comparison, (str(tmp_path), options.hyperparameters, "none", "numpy", [2])


def test_a_record_that_cannot_be_read_costs_its_own_run_alone(comparing):
    comparison, fields = comparing
    assert list(comparison.hear(Train(*fields), Trained(1.0, 0.0, 1.0, []))) == []
    (run,) = comparison.runs.values()
    assert run.status == "crashed"
    assert "the record of the run could not be read: FileNotFoundError" in run.reason
    assert {check.status for check in comparison.ledger.checks()} == {"skipped"}


def test_time_counts_where_it_was_spent(comparing):
    comparison, fields = comparing
    for task in (RunSteps(*fields), Train(*fields), Bisect(*(*fields, 0))):
        comparison.hear(task, Done(1.0))
    comparison.hear(Verify(*fields), Done(5.0))
    assert (comparison.seconds["ports"], comparison.seconds["reference"]) == (3.0, 5.0)


def test_a_diagnosis_that_breaks_off_leaves_the_checks(comparing, monkeypatch):
    _, fields = comparing
    check = because(Cause.NEVER_COMPARED).of(RunId("none", "numpy").at("data", Where("initial"), "X"))

    def broken(*given):
        raise RuntimeError

    monkeypatch.setattr("shared.alignment.verification.early_checks", lambda *given: [check])
    monkeypatch.setattr("shared.diagnosis.run.diagnose_run", broken)
    monkeypatch.setattr(CompareSteps, "read", lambda task: None)
    said: list = []
    (task := CompareSteps(*fields)).record.folder.mkdir(parents=True)
    task.run(said.append)
    assert [(compared.verified.checks, compared.verified.diagnoses) for compared in said] == [([check], [])]


def test_piped_output_has_neither_progress_nor_colour(everything):
    assert everything.stderr == ""
    assert not re.search(r"[\x1b\r\b]", everything.stdout)
    for name in (*IMPLEMENTATIONS, *VARIANTS, "MATCH"):
        assert name in everything.stdout
