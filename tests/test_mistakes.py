"""`compare.py mistakes`: every known mistake planted in a real port is found, where it should be, and named."""

import io
import json
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from shared.commands.mistakes.mistakes import Found
from shared.commands.mistakes.planting import planted
from shared.commands.mistakes.table import answer, show
from shared.commands.mistakes.tasks import Planted, TryMistake
from shared.commands.mistakes.trial import TRIALS
from shared.config import Hyperparameters
from shared.diagnosis.catalogue import CATALOGUE
from shared.harness.inputs import describe_data, write_arrays
from shared.synthetic import make_dataset
from tests.conftest import NAMES


@pytest.fixture(scope="session")
def run_mistakes(run_compare):
    """A function that runs the command: how it ended, and what it wrote."""

    def run(*flags):
        done = run_compare("mistakes", *flags)
        path = done.out / "mistakes.json"
        return done, json.loads(path.read_text()) if path.exists() else None

    return run


OWN = [trial for trial in TRIALS if trial.plant.implementation == "numpy"]


@pytest.mark.full
def test_what_is_planted_in_numpy_is_found_named_and_shown(run_mistakes):
    done, results = run_mistakes("--implementations", "numpy", "--iterations", "20")
    assert done.code == 0, done.stdout
    assert results["verdict"] == "match"
    assert [(e["name"], e["legal"]) for e in results["mistakes"]] == [(t.name, t.legal) for t in OWN]
    for entry in results["mistakes"]:
        assert entry["right"]
        assert entry["legal"] or (entry["found"] and entry["named"] and entry["sizes"]["updates"] == 20)
    assert "dropout-forward-only" in done.stdout
    answer = "MATCH: 22 mistakes in 22 plantings: 22 found and named; 1 of 1 that are none not flagged"
    assert answer in " ".join(done.stdout.split())
    assert max(map(len, done.stdout.splitlines())) <= 80


def once():
    """(implementation, variant) -> its plantings: every mistake once, in each implementation every stage of a variant."""
    chosen, seen = defaultdict(list), set[object]()
    for number, trial in sorted(enumerate(TRIALS), key=lambda each: NAMES.index(each[1].plant.implementation)):
        shown = {trial.name, (trial.plant.implementation, trial.plant.variant, trial.stage)}
        if trial.legal or not shown <= seen:
            chosen[trial.plant.implementation, trial.plant.variant].append(number)
        seen |= shown
    return {run: numbers for run, numbers in chosen.items() if run[0] != "numpy"}


@pytest.mark.full
@pytest.mark.parametrize(("implementation", "variant"), once())
def test_what_is_planted_in_a_framework_is_found_and_named(implementation, variant, tmp_path):
    """In this process, which has imported the framework; NumPy's are tried by the command."""
    data, hyper, tried = make_dataset(), Hyperparameters(num_iterations=1), list[Planted]()
    write_arrays(tmp_path, data, hyper.dtype)
    np.save(tmp_path / "Y_test.npy", data.Y_test)
    for number in once()[implementation, variant]:
        TryMistake(str(tmp_path), hyper, implementation, number).run(tried.append)
    assert [planted for planted in tried if not planted.right] == []


def test_everything_that_is_planted_can_be_imported(implementation, tmp_path):
    plants = [trial.plant for trial in TRIALS if trial.plant.implementation == implementation.name]
    assert len(plants) > 20
    for number, plant in enumerate(plants):
        assert all(right != wrong for _, right, wrong in plant.changes)
        with planted(plant, tmp_path / str(number)) as port:  # which asks for every line that is changed
            assert str(tmp_path / str(number)) in str(port.training.__file__)


def test_every_mistake_is_planted_somewhere():
    assert {trial.name for trial in TRIALS if not trial.legal} == {mistake.name for mistake in CATALOGUE}


RIGHT = replace(TRIALS[0].planted, right=True)
KILLED = replace(RIGHT, right=False, reason="its process was killed")


def found(*mistakes):
    return Found({}, describe_data(make_dataset()), Hyperparameters(), list(mistakes))


@pytest.mark.parametrize(
    ("mistakes", "expected"),
    [
        ([RIGHT], "match"),
        ([RIGHT, replace(RIGHT, right=False)], "mismatch"),
        ([RIGHT, replace(RIGHT, legal=True, right=False)], "mismatch"),
        ([RIGHT, KILLED], "incomplete"),
        ([replace(RIGHT, right=False), KILLED], "mismatch"),
        ([], "incomplete"),
    ],
)
def test_the_verdict_needs_every_one(mistakes, expected):
    assert found(*mistakes).verdict == expected


def test_what_is_wrong_is_shown():
    first, *others = (trial.planted for trial in OWN)
    results = found(replace(first, reason="it died"), *others)
    assert Found.from_json(results.as_json()) == results
    console = Console(width=100, record=True, file=io.StringIO())
    show(results, console)
    console.print(answer(results))
    text = console.export_text()
    assert "it died" in text
    assert "not found" in text
    assert "FLAGGED" in text
