"""Runs that were proved before are reused exactly as long as nothing has changed, and only if everything in them passed."""

import json
import os
import shutil
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
        changed(lambda kept: kept["run"].update(test_accuracy=0.1)),
        changed(lambda kept: kept["run"].pop("costs")),
        changed(lambda kept: kept["checks"][0].update(difference=None)),
        changed(lambda kept: kept.pop("digest")),
        lambda folder: [(folder / name).write_text("[" * 200_000) for name in FILES],
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

    def key(implementation, **versions):
        store = Store(tmp_path, make_dataset(), Hyperparameters(), environment | versions, [implementation])
        return store._key(VARIANTS["none"], implementation)

    for implementation, package in (("numpy", "numpy"), ("torch", "torch"), ("tensorflow", "keras"), ("torch", "scipy")):
        assert key(implementation, **{package: "0.0"}) != key(implementation)
    assert key("numpy", torch="0.0") == key("numpy")


def test_a_run_that_failed_is_not_kept(run_compare, tmp_path):
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(".*", "results", "tests", "__pycache__"))
    path = checkout / "numpy_impl" / "training.py"
    path.write_text(path.read_text().replace("costs = costs + l2_penalty", "costs = costs + 2 * l2_penalty"))
    done = run_compare(*ALONE, "--variants", "none", "l2", "--out", tmp_path / "out", checkout=checkout)
    assert done.code == 1
    assert [file.name for file in (tmp_path / "out" / "proved").iterdir()] == ["numpy-none.json"]


def test_what_was_proved_before_is_forgotten_when_it_fails(tmp_path, make_store):
    store, path, run, checks = make_store(tmp_path)
    failed = [checks[0] | {"status": "failed"}, *checks[1:]]
    for outcome in ((run | {"status": "diverged"}, checks), (run, failed), (run | {"status": "crashed"}, [])):
        store.save(VARIANTS["none"], "numpy", run, checks)
        assert path.exists()
        store.save(VARIANTS["none"], "numpy", *outcome)
        assert not path.exists()


def test_lines_that_are_edited_during_a_run_are_not_taken_for_proved(tmp_path, make_store):
    store, path, run, checks = make_store(tmp_path)
    store.save(VARIANTS["none"], "numpy", run, checks)
    assert path.exists()
    path.unlink()
    store._sources["numpy"] = "what the lines were when the run began"
    store.save(VARIANTS["none"], "numpy", run, checks)
    assert not path.exists()
    assert store.problem is None


@pytest.fixture
def make_store(proved):
    """A function that makes an empty store in a folder: store, the file of a run, the run and its checks."""

    def make(folder):
        results = proved[1]
        checks = [check for check in results["checks"] if check["variant"] == "none"]
        store = Store(folder / "proved", make_dataset(), Hyperparameters(), describe(1), ["numpy"])
        return store, folder / "proved" / "numpy-none.json", results["runs"][0], checks

    return make


def a_pipe(folder):
    folder.mkdir()
    os.mkfifo(folder / FILES[0])


@pytest.mark.parametrize(
    "obstacle",
    [
        lambda folder: folder.write_text("a file where the folder should be"),
        lambda folder: folder.symlink_to(folder.parent / "nowhere"),
        lambda folder: (folder / FILES[0]).mkdir(parents=True),
        a_pipe,
    ],
)
def test_a_store_that_cannot_be_used_is_said_and_costs_no_result(run_compare, tmp_path, obstacle):
    out = tmp_path / "out"
    out.mkdir()
    obstacle(out / "proved")
    done = run_compare(*ALONE, "--out", out)
    assert done.code == 0, done.stderr
    results = json.loads((out / "results.json").read_text())
    assert results["verdict"] == "match"
    assert ("not kept for the next time" in done.stdout) == bool(results["notes"])
    if not (out / "proved" / FILES[0]).is_file():
        assert "not kept for the next time" in results["notes"][0]


def test_an_editor_s_lock_beside_the_sources_is_no_source(run_compare, tmp_path):
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(".*", "results", "tests", "__pycache__"))
    (checkout / "numpy_impl" / ".#cost.py").symlink_to("somebody@somewhere:1")
    done = run_compare(*ALONE, "--out", tmp_path / "out", checkout=checkout)
    assert (done.code, done.stderr) == (0, "")
