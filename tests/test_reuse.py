"""Verified runs are reused exactly as long as nothing has changed, and only if everything in them passed."""

import json
import os
import shutil
from dataclasses import replace
from typing import Any

import pytest

from shared.commands.compare.pictures import unchanged
from shared.commands.compare.reuse import OLDER, VERIFIED, Store
from shared.config import VARIANTS, Hyperparameters
from shared.harness import environment
from shared.harness.checks import Cause
from shared.harness.environment import describe
from shared.harness.results_json import check_from_json, results_from_json
from shared.synthetic import make_dataset

ALONE = ("--implementations", "numpy", "--variants", "none", "--iterations", 50)
SETTINGS = Hyperparameters(num_iterations=50)


@pytest.fixture
def kept(everything, tmp_path):
    """A folder of results, with the twelve verified runs in it."""
    return shutil.copytree(everything.out, tmp_path / "kept")


@pytest.fixture
def store(kept):
    """A function that opens the store in it: the same one, or with other settings, data or versions."""

    def open_store(hyper=SETTINGS, dataset=None, implementation="numpy", folder=kept / VERIFIED, **versions):
        return Store(folder, dataset or make_dataset(), hyper, describe(1) | versions, [implementation])

    return open_store


@pytest.fixture
def holds(everything):
    """A function that asks a store for a run of the variant none, which must have every comparison of `everything`."""

    def ask(store, implementation="numpy"):
        checks = of_run(everything.results, implementation)["checks"]
        planned = {check_from_json(check).key for check in checks}
        return store.load(VARIANTS["none"], implementation, planned) is not None

    return ask


def of_run(results, implementation="numpy", variant="none"):
    """The results of one run alone."""
    return results | {
        key: [each for each in results[key] if (each["implementation"], each["variant"]) == (implementation, variant)]
        for key in ("runs", "checks")
    }


def numbers(results):
    """What must not depend on when it was computed."""
    timed = ("reused", "seconds", "microseconds_per_iteration")
    runs = [{key: value for key, value in run.items() if key not in timed} for run in results["runs"]]
    return runs, results["checks"], results["verdict"]


def reused(folder):
    results = json.loads((folder / "results.json").read_text())
    return results, [(run["implementation"], run["variant"]) for run in results["runs"] if run["reused"]]


# The command


def test_a_first_run_reuses_nothing_and_a_second_everything(everything, run_compare, kept):
    assert not any(run["reused"] for run in everything.results["runs"])
    done = run_compare("--iterations", 50, "--out", kept)
    results, again = reused(kept)
    assert (done.code, len(again)) == (0, 12), done.stderr
    assert "12 of 12 runs reused" in done.stdout
    assert numbers(results) == numbers(everything.results)
    assert results["counts"] == everything.results["counts"]


def test_fresh_runs_everything_again(everything, run_compare, kept):
    done = run_compare(*ALONE, "--fresh", "--out", kept)
    results, again = reused(kept)
    assert (done.code, again) == (0, [])
    assert "reused" not in done.stdout
    assert numbers(results) == numbers(of_run(everything.results))


@pytest.mark.full
def test_a_store_that_cannot_be_used_is_said_and_costs_no_result(run_compare, tmp_path):
    (tmp_path / VERIFIED).write_text("a file where the folder should be")
    (tmp_path / OLDER).mkdir()
    done = run_compare(*ALONE, "--out", tmp_path)
    results, _ = reused(tmp_path)
    assert (done.code, results["verdict"]) == (0, "match"), done.stderr
    assert "not kept for the next time" in done.stdout
    assert "not kept for the next time" in results["notes"][-1]
    assert results["notes"][0] == f"{tmp_path / OLDER}: verified runs of samenet 0.1 are not reused; it can be deleted"


@pytest.mark.full
def test_the_command_runs_what_was_edited(run_compare, kept, checkout):
    folder, edit = checkout
    (folder / "numpy_impl" / ".#cost.py").symlink_to("somebody@somewhere:1")  # an editor's lock is no source
    done = run_compare(*ALONE, "--out", kept, checkout=folder)
    assert (done.code, reused(kept)[1]) == (0, [("numpy", "none")])  # the control: another folder, the same lines
    edit("numpy_impl/cost.py", "\nimport", "\n# another line\nimport")
    done = run_compare(*ALONE, "--out", kept, checkout=folder)
    assert (done.code, reused(kept)[1], done.stderr) == (0, [], "")


# The store


def test_with_other_settings_data_or_versions_nothing_holds(store, holds):
    assert holds(store())
    assert holds(store(torch="0.0"))  # NumPy's runs do not depend on it
    others: list[dict[str, Any]] = [
        {"num_iterations": 51}, {"learning_rate": 0.2}, {"lambd": 0.1}, {"keep_prob": 0.5}, {"hidden": (20, 4)},
        {"dtype": "float32"}, {"seed": 2}, {"init_seed": 4},
    ]  # fmt: skip
    assert [each for each in others if holds(store(replace(SETTINGS, **each)))] == []
    assert not holds(store(dataset=make_dataset(1)))
    assert [name for name in ("python", "numpy", "scipy", "cpu", "platform") if holds(store(**{name: "0.0"}))] == []
    for implementation, package in (("torch", "torch"), ("torch", "scipy"), ("tensorflow", "keras")):
        assert holds(store(implementation=implementation), implementation)
        assert not holds(store(implementation=implementation, **{package: "0.0"}), implementation)


def test_after_an_edit_nothing_that_depends_on_the_lines_holds(monkeypatch, checkout, store, holds):
    folder, edit = checkout
    monkeypatch.setattr(environment, "ROOT", folder)
    assert holds(store())
    edit("torch_impl/cost.py", "\nimport", "\n# another line\nimport")
    assert holds(store())
    assert not holds(store(implementation="torch"), "torch")
    for file in ("numpy_impl/cost.py", "shared/alignment/judge.py"):
        before = (folder / file).read_text()
        (folder / file).write_text(before + "\n# another line\n")
        assert not holds(store()), file
        (folder / file).write_text(before)
        assert holds(store())


def test_lines_that_are_edited_during_a_run_are_not_taken_for_verified(monkeypatch, checkout, everything, store, tmp_path):
    folder, edit = checkout
    monkeypatch.setattr(environment, "ROOT", folder)
    began, path = store(folder=tmp_path / "new"), tmp_path / "new" / "numpy-none.json"
    of_it = results_from_json(of_run(everything.results))
    began.save(VARIANTS["none"], of_it.runs[0], of_it.checks)
    assert path.exists()
    path.unlink()
    edit("numpy_impl/cost.py", "\nimport", "\n# another line\nimport")
    began.save(VARIANTS["none"], of_it.runs[0], of_it.checks)
    assert (path.exists(), began.problem) == (False, None)


def test_what_was_verified_before_is_forgotten_when_it_fails(everything, store, tmp_path):
    empty, path = store(folder=tmp_path / "new"), tmp_path / "new" / "numpy-none.json"
    of_it = results_from_json(of_run(everything.results))
    run, checks = of_it.runs[0], of_it.checks
    failed = [replace(checks[0], cause=Cause.MISSING), *checks[1:]]
    for outcome in ((replace(run, status="diverged"), checks), (run, failed), (replace(run, status="crashed"), [])):
        empty.save(VARIANTS["none"], run, checks)
        assert path.exists()
        empty.save(VARIANTS["none"], *outcome)
        assert not path.exists()


def changed(change):
    def spoil(path):
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: (path.parent / "numpy-l2.json").replace(path),
        changed(lambda kept: kept["verified"]["checks"].pop()),
        changed(lambda kept: kept["verified"]["checks"].append(kept["verified"]["checks"][0])),
        changed(lambda kept: kept["verified"]["checks"][0].update(status="failed")),
        changed(lambda kept: kept["verified"]["checks"][0].update(implementation="torch")),
        changed(lambda kept: kept["verified"]["run"].update(status="diverged")),
        changed(lambda kept: kept.update(key="0" * 64)),
        changed(lambda kept: kept["verified"].update(checks=None)),
        changed(lambda kept: kept["verified"].pop("run")),
        changed(lambda kept: kept["verified"]["run"].update(test_accuracy=0.1)),
        changed(lambda kept: kept["verified"]["run"].pop("costs")),
        changed(lambda kept: kept["verified"]["checks"][0].update(difference=None)),
        changed(lambda kept: kept.pop("digest")),
        lambda path: path.write_text("[" * 200_000),
        lambda path: path.write_text("[]"),
        lambda path: path.write_bytes(b"\xff\xfe"),
        lambda path: path.unlink(),
    ],
)
def test_what_is_damaged_does_not_hold(store, holds, kept, spoil):
    path = kept / VERIFIED / "numpy-none.json"
    changed(lambda content: None)(path)
    assert holds(store())  # the control: written again, but not changed
    spoil(path)
    assert not holds(store())


def a_pipe(folder):
    folder.mkdir()
    os.mkfifo(folder / "numpy-none.json")


@pytest.mark.parametrize(
    "obstacle",
    [
        lambda folder: folder.write_text("a file where the folder should be"),
        lambda folder: folder.symlink_to(folder.parent / "nowhere"),
        lambda folder: (folder / "numpy-none.json").mkdir(parents=True),
        a_pipe,
    ],
)
def test_what_cannot_be_kept_is_said(everything, store, holds, tmp_path, obstacle):
    obstacle(tmp_path / "new")
    blocked = store(folder=tmp_path / "new")
    assert not holds(blocked)
    of_it = results_from_json(of_run(everything.results))
    blocked.save(VARIANTS["none"], of_it.runs[0], of_it.checks)
    assert bool(blocked.problem) != holds(store(folder=tmp_path / "new"))


def test_pictures_that_show_these_results_already_are_not_drawn_again(everything):
    results, names = everything.results, {"cost_curves.png", "decision_boundary.png", "noise_floor.png"}
    first, *others = results["runs"]
    again = results | {"runs": [first | {"reused": True, "seconds": 1e3}, *others], "seconds": {}, "notes": ["another"]}
    moved = results | {"runs": [first | {"costs": [[i, cost + 1] for i, cost in first["costs"]]}, *others]}
    for shown, expected in ((results, names), (again, names), (moved, set())):
        assert set(unchanged(results_from_json(shown), everything.out)) == expected
