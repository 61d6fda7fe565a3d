"""The noise floor of segments holds the rounding inside a step as well, and doubt is cheap."""

from dataclasses import replace

import numpy as np
import pytest

from numpy_impl.gradients import propagate
from numpy_impl.training import update_parameters
from shared.alignment import segments
from shared.alignment.costs import cost_check, cost_floor
from shared.alignment.replay import Replicates, replay_with_replicates
from shared.alignment.segments import DOUBT_REPLICATES, SEGMENT_REPLICATES
from shared.alignment.shared_floors import SharedFloors
from shared.alignment.trajectory import (
    FREE_DOUBT_REPLICATES,
    FREE_REPLICATES,
    compare_free_run,
    free_run,
    free_run_checks,
    replay_in_segments,
)
from shared.case import Problem
from shared.contract import Segment
from shared.harness.checks import FREE_RUN, Cause, RunId
from shared.harness.records import Record
from shared.parameters import PARAMETER_NAMES, initialize_parameters

RUN = RunId("", "")
LENGTHS = [150, 150]


def log_sigmoid(Z):
    return np.minimum(Z, 0) - np.log1p(np.exp(-np.abs(Z)))


def loss_of_frameworks(Z3, Y):
    """PyTorch's: a small loss of a negative logit is the difference of two numbers of its size."""
    return (1 - Y) * Z3 - log_sigmoid(Z3)


def one_by_one(values):
    return np.add.accumulate(values, axis=-1)[..., -1]


def legal_run(problem, parameters, seed, rate=1.0, cost=1.0):
    """The run with examples and hidden units in another order, and another formula for the cost; handed over in order.

    rate, cost: by what the learning rate and the reported costs are multiplied: faults.
    """
    rng = np.random.default_rng(seed)
    m, h1, h2 = problem.X.shape[1], len(parameters["b1"]), len(parameters["b2"])
    examples, first, second = (rng.permutation(n) for n in (m, h1, h2))
    X, Y = np.ascontiguousarray(problem.X[:, examples]), problem.Y[:, examples]
    W1, b1, W2, b2, W3, b3 = (parameters[name] for name in PARAMETER_NAMES)
    start = dict(
        zip(PARAMETER_NAMES, (W1[first], b1[first], W2[second][:, first], b2[second], W3[:, second], b3), strict=True)
    )
    back1, back2 = np.argsort(first), np.argsort(second)
    for length in LENGTHS:
        costs = []
        for _ in range(length):
            gradients, cache = propagate(X, Y, start, problem.lambd)
            costs.append(cost * one_by_one(loss_of_frameworks(cache.Z3, Y)[0]) / m)
            start = update_parameters(start, gradients, problem.learning_rate * rate)
        W1, b1, W2, b2, W3, b3 = (start[name] for name in PARAMETER_NAMES)
        ends = (W1[back1], b1[back1], W2[back2][:, back1], b2[back2], W3[:, back2], b3)
        yield Segment(np.array(costs, X.dtype), dict(zip(PARAMETER_NAMES, ends, strict=True)), None)


CASES = {
    "few examples": ((2, 20, 3, 1), 5, 1.0, 1.0),
    "two examples": ((1, 5, 2, 1), 2, 1.0, 1.0),
    "wide": ((2, 64, 7, 1), 300, 1.0, 1.0),
    "cost near 0": ((2, 20, 3, 1), 40, 5.0, 4.0),
    "saturated": ((3, 10, 5, 1), 30, 20.0, 8.0),
    "large features": ((4, 10, 5, 1), 60, 100.0, 1.0),
}
"""Sizes, examples, distance of the two classes, and by what the initial weights are multiplied."""


@pytest.fixture(params=CASES)
def case(request):
    """Two clusters, and the parameters to start from."""
    layers, m, apart, weights = CASES[request.param]

    def make(dtype):
        rng = np.random.default_rng(3)
        Y = (np.arange(m) % 2)[np.newaxis].astype(dtype)
        X = (rng.standard_normal((layers[0], m)) * max(1, apart / 5) + apart * (2 * Y - 1)).astype(dtype)
        parameters = initialize_parameters(list(layers), 5, dtype)
        scaled = {n: (v * weights if n.startswith("W") else v + 0.1).astype(dtype) for n, v in parameters.items()}
        return Problem(X, Y, 0.1, 0.0, 1.0), scaled

    return make


@pytest.fixture
def record_of(tmp_path):
    count = iter(range(100))

    def record(parameters, run):
        folder = tmp_path / f"run{next(count)}"
        return Record(folder).write(parameters, LENGTHS, run)

    return record


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_other_orders_and_another_formula_of_the_cost_raise_no_alarm(case, record_of, dtype):
    problem, parameters = case(dtype)
    for seed in range(3):
        record = record_of(parameters, legal_run(problem, parameters, seed))
        result = replay_in_segments(problem, record, RUN, doubt=())
        assert [check for check in result.checks if check.status != "passed"] == []


@pytest.mark.parametrize("fault", ["rate", "cost"])
def test_a_small_fault_in_such_a_run_is_red(case, record_of, fault):
    problem, parameters = case("float64")
    record = record_of(parameters, legal_run(problem, parameters, 0, **{fault: 1 + 1e-11}))
    result = replay_in_segments(problem, record, RUN, doubt=DOUBT_REPLICATES[:1])
    assert {str(check.where) for check in result.checks if check.status == "failed"} >= {"updates 0 to 149"}


@pytest.mark.parametrize("lambd", [0.0, 0.7])
def test_the_first_replicate_is_the_reference_itself(case, lambd):
    problem, parameters = case("float64")
    problem = replace(problem, lambd=lambd)
    start = {name: value[np.newaxis] for name, value in parameters.items()}
    costs, ends = replay_with_replicates(problem, start, 20, None, Replicates(3))
    alone, alone_ends = replay_with_replicates(problem, start, 20, None, Replicates(0))
    np.testing.assert_array_equal(costs[:, 0], alone[:, 0])
    for name in PARAMETER_NAMES:
        np.testing.assert_array_equal(ends[name][0], alone_ends[name][0])


def test_the_replicates_of_one_seed_are_the_same_and_of_another_are_others(make_problem):
    X, Y, parameters = make_problem()
    problem = Problem(X, Y, 0.3, 0.7, 1.0)
    start = {name: value[np.newaxis] for name, value in parameters.items()}
    one, same, other = (replay_with_replicates(problem, start, 5, None, Replicates(3, seed))[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one[:, 1:] != other[:, 1:]).any()


# Doubt


def verified(problem, record, **more):
    return replay_in_segments(problem, record, RUN, **more)


@pytest.fixture
def asked(monkeypatch):
    """(segments, replicates) of every call of `repeat`."""
    calls = []

    def counted(problem, start, length, masks, replicates, **settings):
        calls.append((len(start["b1"]), replicates.number))
        return replay_with_replicates(problem, start, length, masks, replicates, **settings)

    monkeypatch.setattr(segments, "replay_with_replicates", counted)
    return calls


@pytest.fixture
def run(make_problem, record_of):
    """A function that records a run; `change(costs)` alters them. Returns problem and record."""

    def make(change=lambda costs: None, rate=1.0) -> tuple[Problem, Record]:
        X, Y, parameters = make_problem((3, 6, 4, 1), m=40)
        problem = Problem(X, Y, 0.3, 0.0, 1.0)
        record = record_of(parameters, legal_run(problem, parameters, 0, rate))
        costs = record.costs.copy()
        change(costs)
        np.save(record.folder / "costs.npy", costs)
        return problem, Record(record.folder)

    return make


def test_a_run_that_agrees_is_repeated_once(run, asked):
    assert all(check.status == "passed" for check in verified(*run()).checks)
    assert sum(lanes for _, lanes in asked) == SEGMENT_REPLICATES


def test_a_second_run_of_a_variant_is_judged_by_the_first_one_s_floors_where_it_agrees(run, asked, tmp_path):
    shared = SharedFloors(tmp_path / "floors.npz")
    first, again = (verified(*run(), shared=shared) for _ in range(2))
    assert asked == [(2, SEGMENT_REPLICATES), (2, 0)]
    np.testing.assert_array_equal(again.floors, first.floors)
    assert [check for check in again.checks if check not in first.checks] == []
    asked.clear()
    other = verified(*run(lambda costs: costs.__setitem__(200, costs[200] * (1 + 1e-11))), shared=shared)
    assert asked[:2] == [(1, SEGMENT_REPLICATES), (1, 0)]
    assert {str(check.where) for check in other.checks if check.failed} == {"updates 150 to 299"}
    _, record = run()
    record.costs[7] = np.inf
    record.snapshots["W1"][-1, 0, 0] = np.inf
    endless = SharedFloors(tmp_path / "endless.npz")
    endless.keep(record, list(zip(np.split(first.floors, 2), [dict.fromkeys(PARAMETER_NAMES, 1.0)] * 2, strict=True)))
    assert endless.of(run()[1]) == shared.of(record) == {}


def test_a_segment_that_is_off_from_its_first_updates_gets_no_replicates(run, asked):
    result = verified(*run(rate=1 + 1e-6))
    bad = {str(check.where) for check in result.checks if check.failed}
    assert bad == {"updates 0 to 149", "updates 150 to 299"}
    assert asked == [(2, SEGMENT_REPLICATES)]


@pytest.mark.parametrize(("e", "rounds"), [(1e-13, 3), (1e-6, 2)])
def test_segments_in_doubt_are_repeated_together_with_more_and_more_replicates(run, asked, e, rounds):
    """The last and largest number of replicates is for those that are not off by orders of magnitude."""

    def change(costs):
        costs[[20, 170]] *= 1 + e

    result = verified(*run(change))
    assert len({str(check.where) for check in result.checks if check.status == "failed"}) == 2
    assert asked == [(2, count) for count in (SEGMENT_REPLICATES, *DOUBT_REPLICATES[:rounds])]


def test_a_segment_that_more_replicates_explain_is_cleared_by_few_of_them(run, asked):
    problem, record = run()
    first = segments.replay_segments(problem, record, np.arange(2), SEGMENT_REPLICATES)[0][:, :, 0]
    further = segments.replay_segments(problem, record, np.arange(1), DOUBT_REPLICATES[0], 1000)[0][:, :, 0]
    few, more = cost_floor(first), cost_floor(further)
    at = int(np.argmax(more / few))
    assert more[at] > 1.2 * few[at]  # the control: the first two are too few here

    def change(costs):
        costs[at] = first[at, 0] + 16 * 1.1 * few[at]

    asked.clear()
    problem, record = run(change)
    result = replay_in_segments(problem, record, RUN)
    assert all(check.status == "passed" for check in result.checks)
    assert asked == [(2, SEGMENT_REPLICATES), (1, DOUBT_REPLICATES[0])]
    asked.clear()
    assert any(check.status == "failed" for check in replay_in_segments(problem, record, RUN, doubt=()).checks)


def test_the_least_bad_of_many_bad_segments_stand_for_all(make_problem, record_of, asked, monkeypatch):
    """Three that no replicates clear end the doubt; the others are red all the same."""
    X, Y, parameters = make_problem((3, 6, 4, 1), m=40)
    problem = Problem(X, Y, 0.3, 0.0, 1.0)
    monkeypatch.setattr(f"{__name__}.LENGTHS", [30] * 8)
    record = record_of(parameters, legal_run(problem, parameters, 0))
    costs = record.costs.copy()
    costs[20::30] *= 1 + 1e-13 * np.arange(1, 9)
    np.save(record.folder / "costs.npy", costs)
    result = replay_in_segments(problem, Record(record.folder), RUN)
    assert len({str(check.where) for check in result.checks if check.status == "failed"}) == 8
    assert asked == [(8, SEGMENT_REPLICATES), *((3, count) for count in DOUBT_REPLICATES)]


# The free run in doubt


@pytest.fixture
def in_doubt(run):
    """A function that compares a run, changed, with a free run whose few replicates all do what the reference does.

    change(record, least) alters the record; least: by how much the last cost must be off to raise an alarm.
    Returns the number of replicates asked for in the end, and the tensors that failed.
    """

    def compare(change, segments=()):
        problem, record = run()
        start = {name: rows[0].copy() for name, rows in record.snapshots.items()}
        costs, ends = free_run(problem, start, len(record.costs), None, lambda updates: None)
        lucky = np.repeat(costs[:, :1], 5, axis=1), {name: np.repeat(value[:1], 5, axis=0) for name, value in ends.items()}
        record.costs[:] = costs[:, 0]
        change(record, 16 * cost_floor(lucky[0])[-1])
        assert any(check.failed for check in free_run_checks(*lucky, record, RUN))
        compared, checks = compare_free_run(problem, start, lucky, record, list(segments), RUN)
        return compared.shape[1] - 1, {check.tensor for check in checks if check.failed}

    return compare


def off(record, size):
    record.costs[-1] += size


@pytest.mark.parametrize(
    ("change", "red"),
    [
        (lambda record, least: off(record, 2 * least), set()),
        (lambda record, least: off(record, 1e3 * least), {"cost"}),
        (lambda record, least: record.snapshots["W2"][-1].__iadd__(1e-12), {"W2"}),
    ],
)
def test_further_replicates_of_a_free_run_clear_rounding_and_nothing_else(in_doubt, change, red):
    asked, failed = in_doubt(change)
    assert failed == red
    assert asked in {4 + FREE_DOUBT_REPLICATES[0], 4 + sum(FREE_DOUBT_REPLICATES)}
    assert asked == 4 + sum(FREE_DOUBT_REPLICATES) or not red


def test_a_run_that_starts_elsewhere_is_seen_by_the_free_run_alone(run):
    problem, record = run()
    start = {name: rows[0] + (1e-12 if name == "b2" else 0) for name, rows in record.snapshots.items()}
    free = free_run(problem, start, len(record.costs), None, lambda updates: None)
    segments = verified(problem, record).checks
    compared, checks = compare_free_run(problem, start, free, record, segments, RUN)
    assert all(check.passed for check in segments)
    assert compared.shape[1] == 1 + FREE_REPLICATES.number + sum(FREE_DOUBT_REPLICATES)
    assert {check.tensor for check in checks if check.failed} >= {"cost", "b2"}


def test_no_further_replicates_where_a_segment_differs_or_nothing_clears_the_run(in_doubt, run):
    (bad, *_) = (check for check in verified(*run(rate=1 + 1e-6)).checks if check.failed)
    assert in_doubt(lambda record, least: off(record, 2 * least), [bad])[0] == 4
    assert in_doubt(lambda record, least: off(record, np.nan))[0] == 4


def test_where_a_replicate_diverges_rounding_hides_everything_and_only_there():
    costs = np.full((10, 4), 0.5)
    costs[:, 1:] += 1e-16
    costs[6:, 2] = np.nan

    def compared(at, value, reference=costs[:, 0]):
        port = costs[:, 0].copy()
        port[at] = value
        return cost_check(RUN.at("trajectory", FREE_RUN, "cost"), 0, port, reference, cost_floor(costs))

    same = compared(0, 0.5)
    assert same.passed
    assert same.cause is Cause.ROUNDING  # uninformative, and counted as that
    assert compared(7, 0.6).passed
    assert compared(5, 0.5 + 1e-13).failed
    assert compared(7, np.nan).failed
    assert compared(7, np.nan, np.where(np.arange(10) == 7, np.nan, 0.5)).failed
