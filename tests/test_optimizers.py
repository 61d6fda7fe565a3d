"""Where equality ends: each claim about the frameworks' optimizers holds as measured, and a wrong one would not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shared.alignment.tensors import REFERENCE
from shared.commands.optimizers import by_hand, verdicts
from shared.commands.optimizers.rows import ALWAYS, DIFFERS, EQUAL, REMEDIES, ROWS, Row
from shared.commands.optimizers.settings import UPDATES, Setting
from shared.parameters import PARAMETER_NAMES
from tests.helpers.training import in_segments

ROOT = Path(__file__).resolve().parents[1]
RUNS = ("torch", "keras", "torch_by_hand", "keras_by_hand")


@pytest.fixture
def runs():
    """Four runs that agree to the last bit, with a noise floor of 1e-16."""
    rng = np.random.default_rng(0)
    run = {f"{name} after {t}": rng.standard_normal((3, 2)) for name in PARAMETER_NAMES for t in UPDATES}
    run |= {f"floor of {key}": np.array(1e-16) for key in list(run)}
    return {name: {key: value.copy() for key, value in run.items()} for name in RUNS}


def judge(runs, claim=ALWAYS):
    return verdicts.judge_row(Row("use", "", Setting("SGD"), Setting("SGD"), claim), *(runs[name] for name in RUNS))


def change(runs, names, key, amount):
    for name in names:
        runs[name][key][1, 1] += amount


# The claims


def test_what_differs_is_followed_by_a_remedy_that_was_measured():
    for i, row in enumerate(ROWS):
        if row.kind == "use" and DIFFERS in row.claim:
            following = next(other for other in ROWS[i:] if other.kind != "use")
            assert following.kind == "remedy", row.title
        if row.kind == "float" and DIFFERS in row.claim:
            decay = "penalty" if row.keras.decay == "regularizer" else row.keras.decay
            exact = replace(row.keras, plain_float="", decay=decay)
            assert any((other.torch, other.keras, other.claim) == (row.torch, exact, ALWAYS) for other in ROWS), row.title


def test_every_remedy_is_written_out_and_used():
    assert {remedy for row in ROWS for remedy in row.remedies} == set(REMEDIES)
    for row in ROWS:
        assert row.kind != "remedy" or row.claim == ALWAYS


@pytest.mark.full
def test_sgd_by_hand_is_the_course_s(make_problem):
    X, Y, start = make_problem()
    rule = by_hand.rule_of("torch", Setting("SGD"), 0.3, 0.7 / X.shape[1])
    arrays = by_hand.train(rule, X, Y, start)
    lengths = np.diff([0, *UPDATES])
    run = in_segments(REFERENCE, X, Y, start, learning_rate=0.3, lengths=lengths.tolist(), lambd=0.7)
    for t, segment in zip(UPDATES, run, strict=True):
        course = {f"{name} after {t}": value for name, value in segment.parameters.items()}
        assert verdicts.compare(course, arrays, arrays, t).verdict == EQUAL
        course[f"W1 after {t}"] *= 1 + 1e-9
        assert verdicts.compare(course, arrays, arrays, t).verdict == DIFFERS


# What is judged


def test_runs_that_agree_are_equal(runs):
    assert judge(runs).holds
    change(runs, ["keras", "keras_by_hand"], "W2 after 2", 1e-15)
    assert judge(runs).holds


@pytest.mark.parametrize("t", UPDATES)
@pytest.mark.parametrize("name", PARAMETER_NAMES)
def test_a_wrong_claim_does_not_hold(runs, name, t):
    assert not judge(runs, tuple(DIFFERS if update == t else EQUAL for update in UPDATES)).holds
    change(runs, ["keras", "keras_by_hand"], f"{name} after {t}", 1e-14)
    row = judge(runs)
    assert [one.verdict for one in row.measured] == [DIFFERS if update == t else EQUAL for update in UPDATES]
    assert row.measured[UPDATES.index(t)].difference == pytest.approx(1e-14, rel=0.1)
    assert row.reproduced
    assert not row.holds


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_a_difference_that_the_rules_do_not_explain_does_not_hold(runs, framework):
    change(runs, [framework], "b3 after 1000", 1e-3)
    row = judge(runs, (EQUAL, EQUAL, DIFFERS))
    assert [one.verdict for one in row.measured] == [EQUAL, EQUAL, DIFFERS]
    assert not row.reproduced
    assert not row.holds


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("who", [("keras",), ("torch",), RUNS])
def test_what_is_not_finite_is_neither_equal_nor_different(runs, who, bad):
    change(runs, who, "W1 after 2", bad)
    for claim in (ALWAYS, (EQUAL, DIFFERS, EQUAL)):
        row = judge(runs, claim)
        assert row.measured[1].verdict == verdicts.UNKNOWN
        assert "not finite" in row.measured[1].reason
        assert not row.holds


@pytest.mark.parametrize("value", [None, np.zeros((2, 3)), np.zeros((3, 2), np.float32), np.zeros((0, 2))])
@pytest.mark.parametrize("who", ["torch", "keras"])
def test_what_is_missing_or_of_another_kind_is_neither(runs, who, value):
    if value is None:
        del runs[who]["W1 after 1"]
    else:
        runs[who]["W1 after 1"] = value
    row = judge(runs)
    assert row.measured[0].verdict == verdicts.UNKNOWN
    assert not row.holds


@pytest.mark.parametrize("floor", [None, np.array(np.nan), np.array(np.inf), np.array(0.1)])
def test_a_floor_that_is_missing_or_hides_everything_says_nothing(runs, floor):
    key = "floor of W1 after 1000"
    if floor is None:
        del runs["torch_by_hand"][key]
    else:
        runs["torch_by_hand"][key] = floor
    row = judge(runs)
    assert row.measured[2].verdict != EQUAL
    assert not row.holds
