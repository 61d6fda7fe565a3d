"""Runs that were proved before are reused exactly as long as nothing has changed, and only if everything in them passed."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from shared.config import VARIANTS, Hyperparameters
from shared.environment import describe
from shared.reuse import Store
from shared.synthetic import make_dataset

ROOT = Path(__file__).resolve().parents[1]
ALONE = ("--implementations", "numpy", "--iterations", 30, "--variants", "none", "dropout")
FILES = ("numpy-none.json", "numpy-dropout.json")


@pytest.fixture(scope="module")
def proved(run_compare, tmp_path_factory):
    """A folder of results with what was proved in it, and those results."""
    out = tmp_path_factory.mktemp("proved")
    assert run_compare(*ALONE, "--out", out).code == 0
    return out, json.loads((out / "results.json").read_text())


@pytest.fixture
def again(run_compare, proved, tmp_path):
    """A function that runs the command once more in a copy of that folder: outcome, results, the runs it reused."""

    def run(*flags, spoil=None, checkout=ROOT):
        out = tmp_path / "out"
        shutil.copytree(proved[0], out, dirs_exist_ok=True)
        if spoil:
            spoil(out / "proved")
        done = run_compare(*ALONE, "--out", out, *flags, checkout=checkout)
        results = json.loads((out / "results.json").read_text())
        return done, results, [run["variant"] for run in results["runs"] if run["reused"]]

    return run


def numbers(results):
    """What must not depend on when it was computed."""
    runs = [{k: v for k, v in run.items() if k not in ("reused", "seconds", "microseconds_per_iteration")}
            for run in results["runs"]]  # fmt: skip
    return runs, results["checks"], results["verdict"], results["counts"]


def test_a_first_run_reuses_nothing_and_a_second_everything(proved, again):
    _, first = proved
    assert not any(run["reused"] for run in first["runs"])
    done, second, reused = again()
    assert (done.code, reused) == (0, ["none", "dropout"])
    assert "2 of 2 runs reused" in done.stdout
    assert numbers(second) == numbers(first)


def test_fresh_runs_everything_again(proved, again):
    done, results, reused = again("--fresh")
    assert (done.code, reused) == (0, [])
    assert "reused" not in done.stdout
    assert numbers(results) == numbers(proved[1])


@pytest.mark.parametrize(
    "flags", [["--iterations", 31], ["--learning-rate", 0.2], ["--init-seed", 4], ["--data-seed", 1], ["--dtype", "float32"]]
)
def test_other_settings_or_data_are_run(again, flags):
    done, results, reused = again(*flags)
    assert (done.code, results["verdict"], reused) == (0, "match", [])


@pytest.mark.parametrize("file", ["numpy_impl/cost.py", "shared/alignment/checks.py"])
def test_a_changed_source_is_run(again, tmp_path, file):
    checkout = tmp_path / "checkout"
    ignored = shutil.ignore_patterns(".*", "results", "tests", "__pycache__")
    shutil.copytree(ROOT, checkout, ignore=ignored)
    done, _, reused = again(checkout=checkout)
    assert (done.code, reused) == (0, ["none", "dropout"])  # the control: another folder, the same lines
    (checkout / file).write_text((checkout / file).read_text() + "\n# another line\n")
    done, _, reused = again(checkout=checkout)
    assert (done.code, reused) == (0, [])


def cut(folder):
    for name in FILES:
        (folder / name).write_bytes((folder / name).read_bytes()[:-100])


def changed(change):
    def spoil(folder):
        for name in FILES:
            kept = json.loads((folder / name).read_text())
            change(kept)
            (folder / name).write_text(json.dumps(kept))

    return spoil


def swapped(folder):
    (folder / FILES[0]).write_bytes((folder / FILES[1]).read_bytes())
    (folder / FILES[1]).unlink()


@pytest.mark.parametrize(
    "spoil",
    [
        cut,
        swapped,
        changed(lambda kept: kept["checks"].pop()),
        changed(lambda kept: kept["checks"].append(kept["checks"][0])),
        changed(lambda kept: kept["checks"][0].update(status="failed")),
        changed(lambda kept: kept["checks"][0].update(implementation="torch")),
        changed(lambda kept: kept["run"].update(status="diverged")),
        changed(lambda kept: kept.update(key="0" * 64)),
        changed(lambda kept: kept.update(checks=None)),
        changed(lambda kept: kept.pop("run")),
        lambda folder: [(folder / name).write_text("[]") for name in FILES],
        lambda folder: [(folder / name).write_bytes(b"\xff\xfe") for name in FILES],
    ],
)
def test_what_is_damaged_is_run_again(proved, again, spoil):
    done, results, reused = again(spoil=spoil)
    assert (done.code, reused) == (0, [])
    assert numbers(results) == numbers(proved[1])


def test_versions_of_what_a_run_depends_on_are_in_its_key(tmp_path):
    environment = describe(1)
    store = Store(tmp_path, make_dataset(), Hyperparameters(), environment)
    none = VARIANTS["none"]
    for implementation, package in (("numpy", "numpy"), ("torch", "torch"), ("tensorflow", "keras"), ("torch", "scipy")):
        other = replace(store, environment=environment | {package: "0.0"})
        assert other._key(none, implementation) != store._key(none, implementation)
    other = replace(store, environment=environment | {"torch": "0.0"})
    assert other._key(none, "numpy") == store._key(none, "numpy")


def test_a_run_that_failed_is_not_kept(run_compare, tmp_path):
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(".*", "results", "tests", "__pycache__"))
    path = checkout / "numpy_impl" / "training.py"
    path.write_text(path.read_text().replace("costs = costs + l2_penalty", "costs = costs + 2 * l2_penalty"))
    done = run_compare(*ALONE, "--variants", "none", "l2", "--out", tmp_path / "out", checkout=checkout)
    assert done.code == 1
    assert [file.name for file in (tmp_path / "out" / "proved").iterdir()] == ["numpy-none.json"]
