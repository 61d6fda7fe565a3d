"""`compare.py mistakes`: every known mistake planted in a real port is found, where it should be, and named."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from shared.diagnosis import mistakes
from shared.diagnosis.catalogue import CATALOGUE
from shared.diagnosis.mistakes import verdict
from shared.diagnosis.trial import TRIALS
from shared.report.mistakes import show_mistakes
from shared.workers import Workers

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def run_mistakes(tmp_path_factory, clean_environment):
    """A function that runs the command in a process of its own."""

    def run(*flags):
        out = tmp_path_factory.mktemp("mistakes")
        done = subprocess.run(
            [sys.executable, ROOT / "compare.py", "mistakes", "--out", out, *flags],
            cwd=out, env=clean_environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        path = out / "mistakes.json"
        return done, json.loads(path.read_text()) if path.exists() else None

    return run


@pytest.fixture(scope="session")
def by_hand(run_mistakes):
    return run_mistakes("--implementations", "numpy", "--iterations", "20")


def test_what_is_planted_in_numpy_is_found_and_named(by_hand):
    done, results = by_hand
    assert done.returncode == 0, done.stdout
    assert results["verdict"] == "match"
    own = [trial for trial in TRIALS if trial.plant.implementation == "numpy"]
    assert [(e["name"], e["legal"]) for e in results["mistakes"]] == [(t.name, t.legal) for t in own]
    for entry in results["mistakes"]:
        assert entry["right"]
        assert entry["legal"] or (entry["found"] and entry["named"] and entry["sizes"]["updates"] == 20)


def test_the_table_says_what_was_found_and_fits_eighty_columns(by_hand):
    done, _ = by_hand
    assert "dropout-forward-only" in done.stdout
    assert "not flagged" in done.stdout
    assert "2 mistakes in 2 plantings: 2 found and named; 1 of 1 that are none not flagged" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.full
@pytest.mark.parametrize("implementation", ["torch", "tensorflow"])
def test_what_is_planted_in_a_framework_is_found_and_named(run_mistakes, implementation):
    done, results = run_mistakes("--implementations", implementation, "--iterations", "20")
    assert done.returncode == 0, done.stdout
    assert all(entry["right"] for entry in results["mistakes"])
    assert {m.name for m in CATALOGUE if any(p.implementation == implementation for p in m.plants)} == {
        entry["name"] for entry in results["mistakes"] if not entry["legal"]
    }


def test_every_mistake_is_planted_somewhere():
    assert {trial.name for trial in TRIALS if not trial.legal} == {mistake.name for mistake in CATALOGUE}


RIGHT = {"name": "a", "right": True, "legal": False}


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([RIGHT], "match"),
        ([RIGHT, RIGHT | {"right": False}], "mismatch"),
        ([RIGHT, RIGHT | {"legal": True, "right": False}], "mismatch"),
        ([RIGHT, {"name": "b", "legal": False, "reason": "its process was killed"}], "incomplete"),
        ([RIGHT | {"right": False}, {"name": "b", "legal": False, "reason": "killed"}], "mismatch"),
        ([], "incomplete"),
    ],
)
def test_the_verdict_needs_every_one(results, expected):
    assert verdict(results) == expected


class Died(Workers):
    """Workers that remember what they are given."""

    def __init__(self):
        self.tasks = []

    def submit(self, task):
        self.tasks.append(task)


def test_a_process_that_dies_loses_only_what_it_was_trying():
    workers = Died()
    outcomes: dict[int, dict] = {0: {"right": True}}
    mistakes._go_on(workers, {"trials": [0, 1, 2, 3], "trying": 1}, "its process was killed by SIGKILL", outcomes)
    assert outcomes[1] == {"reason": "its process was killed by SIGKILL"}
    assert [task["trials"] for task in workers.tasks] == [[2, 3]]


def test_a_framework_that_is_missing_is_said_of_all_its_plantings():
    workers = Died()
    outcomes: dict[int, dict] = {}
    mistakes._go_on(workers, {"trials": [4, 5], "reason": "torch is not installed"}, "exit code 1", outcomes)
    assert outcomes == {4: {"reason": "torch is not installed"}, 5: {"reason": "torch is not installed"}}
    assert workers.tasks == []


def test_what_is_wrong_is_shown(by_hand):
    from rich.console import Console

    _, results = by_hand
    entries = [entry | {"right": False, "found": None, "named": False} for entry in results["mistakes"]]
    entries[0] = {key: entries[0][key] for key in ("name", "title", "legal", "implementation", "variant")} | {
        "reason": "it died"
    }
    console = Console(width=100, record=True, file=io.StringIO())
    show_mistakes(results | {"mistakes": entries}, console)
    text = console.export_text()
    assert "it died" in text
    assert "not found" in text
    assert "FLAGGED" in text


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--iterations", "0"], "num_iterations: expected a number >= 1"),
        (["--iterations", "many"], "expected a whole number"),
        (["--implementations", "caffe"], "expected one of numpy, torch, tensorflow"),
        (["--lambd", "1"], "unrecognized arguments"),
        (["--data", "nowhere.mat"], "no such file"),
    ],
)
def test_a_wrong_flag_is_one_line(run_mistakes, flags, said):
    done, results = run_mistakes(*flags)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert results is None
