"""Whole runs: their segments against the reference, and the free run up to its horizon."""

import numpy as np
import pytest

from numpy_impl.cost import cross_entropy, l2_penalty
from numpy_impl.gradients import propagate
from numpy_impl.training import update_parameters
from shared.alignment.tensors import REFERENCE
from shared.alignment.trajectory import (
    FREE_REPLICATES,
    cost_floor,
    free_run,
    free_run_checks,
    horizon,
    repeat_check,
    replay_in_segments,
)
from shared.case import Problem
from shared.contract import Segment
from shared.harness.checks import RunId, Updates
from shared.harness.records import Record
from shared.parameters import PARAMETER_NAMES

LENGTHS = [20, 20, 20]
SCOPES = ["updates 0 to 19", "updates 20 to 39", "updates 40 to 59"]
RUN = RunId("none", "torch")
SETTINGS = {
    "none": {},
    "l2": {"lambd": 0.7},
    "dropout": {"keep_prob": 0.8},
    "frozen-dropout": {"keep_prob": 0.8, "frozen": True},
    "l2-dropout": {"lambd": 0.7, "keep_prob": 0.8},
}


@pytest.fixture
def make_run(make_problem, tmp_path):
    """A function that trains the NumPy network for 60 updates and records it: problem, initial parameters, record.

    altered: an update done with a learning rate larger by the share `e`, the rest as it should be.
    """
    count = iter(range(100))

    def make(variant="none", dtype="float64", lengths=LENGTHS, altered=None, e=1e-6, seed=1, rate=0.3):
        X, Y, parameters = make_problem((3, 6, 4, 1), m=40, dtype=dtype)
        settings = dict(SETTINGS[variant])
        frozen = settings.pop("frozen", False)
        problem = Problem(X, Y, rate, **{"lambd": 0.0, "keep_prob": 1.0} | settings)
        if altered is None:
            run = REFERENCE.train_segments(problem, parameters, lengths, seed=seed, frozen=frozen)
        else:
            assert not frozen
            run = altered_run(problem, parameters, lengths, altered, e)
        folder = tmp_path / f"run{next(count)}"
        return problem, parameters, Record(folder).write(parameters, lengths, run)

    return make


def altered_run(problem, parameters, lengths, altered, e):
    """`train_segments` once more, with one update altered."""
    rng = np.random.default_rng(1)
    done = 0
    for length in lengths:
        costs, D1s, D2s = [], [], []
        for iteration in range(done, done + length):
            grads, cache = propagate(problem.X, problem.Y, parameters, problem.lambd, problem.keep_prob, rng)
            penalty = l2_penalty(parameters, problem.lambd, problem.X.shape[1])
            costs.append(cross_entropy(cache.Z3, problem.Y) + penalty)
            if problem.keep_prob < 1:
                D1s.append(cache.D1)
                D2s.append(cache.D2)
            rate = problem.learning_rate * (1 + e if iteration == altered else 1)
            parameters = update_parameters(parameters, grads, rate)
        done += length
        masks = (np.stack(D1s), np.stack(D2s)) if problem.keep_prob < 1 else None
        yield Segment(np.array(costs), dict(parameters), masks)


def edit(record, name, index, change):
    """The record with one value, or one row, of its files changed in place."""
    values = np.load(record.folder / f"{name}.npy")
    values[index] = change(values[index])
    np.save(record.folder / f"{name}.npy", values)
    return Record(record.folder)


def a_little_more(value):
    return value * (1 + 1e-9)


def failed(checks):
    return [check for check in checks if check.status != "passed"]


def scopes(checks):
    return sorted({str(check.where) for check in failed(checks)})


# Segments


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("variant", SETTINGS)
def test_every_segment_of_a_correct_run_is_repeated_to_the_last_digits(make_run, variant, dtype):
    problem, _, record = make_run(variant, dtype)
    heard: list[int] = []
    result = replay_in_segments(problem, record, RUN, heard.append)
    assert failed(result.checks) == []
    assert [(str(check.where), check.tensor) for check in result.checks] == [
        (scope, name) for scope in SCOPES for name in ("cost", *PARAMETER_NAMES)
    ]
    eps = np.finfo(dtype).eps
    assert max(check.difference or 0 for check in result.checks) <= 4 * eps
    assert (result.floors > 0).all()
    assert result.differences.max() <= 4 * eps
    assert set(result.first_ends) == set(PARAMETER_NAMES)
    assert sum(heard) == 60
    assert result.evidence == {}


def test_segments_of_different_lengths_are_all_repeated(make_run):
    problem, _, record = make_run("l2-dropout", lengths=[20, 7, 20, 13])
    result = replay_in_segments(problem, record, RUN)
    assert failed(result.checks) == []
    found = {str(check.where) for check in result.checks}
    assert found == {"updates 0 to 19", "updates 20 to 26", "updates 27 to 46", "updates 47 to 59"}
    wrong = make_run("l2-dropout", lengths=[20, 7, 20, 13], altered=23)[2]
    assert scopes(replay_in_segments(problem, wrong, RUN).checks) == ["updates 20 to 26"]


@pytest.mark.parametrize("variant", ["none", "l2-dropout"])
def test_the_altered_run_of_these_tests_is_otherwise_the_trained_one(make_run, variant):
    """The control of the controls."""
    _, _, record = make_run(variant)
    _, _, again = make_run(variant, altered=27, e=0.0)
    np.testing.assert_array_equal(again.costs, record.costs, strict=True)
    for name in PARAMETER_NAMES:
        np.testing.assert_array_equal(again.snapshots[name], record.snapshots[name], strict=True)


@pytest.mark.parametrize("variant", ["none", "l2", "dropout", "l2-dropout"])
@pytest.mark.parametrize("altered", [0, 27, 39, 58, 59])
def test_one_altered_update_turns_its_own_segment_red_at_the_iteration_after_it(make_run, variant, altered):
    problem, _, record = make_run(variant, altered=altered)
    result = replay_in_segments(problem, record, RUN)
    assert scopes(result.checks) == [SCOPES[altered // 20]]
    iterations = {check.tensor: check.iteration for check in failed(result.checks)}
    if altered % 20 == 19:  # the last update of a segment shows in its parameters alone
        assert "cost" not in iterations
    else:
        assert iterations.pop("cost") == altered + 1
    assert set(iterations.values()) == {20 * (altered // 20) + 20}
    assert len(iterations) >= 4


@pytest.mark.parametrize("altered", [20, 27, 39])
def test_in_segments_of_one_update_only_the_altered_update_is_red(make_run, altered):
    """How the first bad update inside a bad segment is found."""
    problem, _, record = make_run("l2-dropout", lengths=[1] * 60, altered=altered)
    bad = failed(replay_in_segments(problem, record, RUN).checks)
    assert {str(check.where) for check in bad} == {f"updates {altered} to {altered}"}
    assert {check.iteration - (check.tensor != "cost") for check in bad} == {altered}


@pytest.mark.parametrize("at", [0, 25, 59])
def test_a_wrong_recorded_cost_is_red_at_its_iteration_alone(make_run, at):
    problem, _, record = make_run()
    result = replay_in_segments(problem, edit(record, "costs", at, a_little_more), RUN)
    (bad,) = failed(result.checks)
    assert (str(bad.where), bad.tensor, bad.iteration, bad.index) == (SCOPES[at // 20], "cost", at, [at % 20])
    assert bad.differing == 1
    assert result.differences.argmax() == at


def test_the_first_bad_iteration_is_named_where_a_later_one_is_worse(make_run):
    problem, _, record = make_run()
    record = edit(edit(record, "costs", 25, a_little_more), "costs", 31, lambda cost: 2 * cost)
    (bad,) = failed(replay_in_segments(problem, record, RUN).checks)
    assert (bad.iteration, bad.differing) == (25, 2)


def test_a_wrong_recorded_state_is_red_where_it_ends_one_segment_and_starts_the_next(make_run):
    problem, _, record = make_run()
    bad = failed(replay_in_segments(problem, edit(record, "W2", (1, 0, 0), a_little_more), RUN).checks)
    assert {str(check.where) for check in bad} == set(SCOPES[:2])
    assert [check.tensor for check in bad if str(check.where) == SCOPES[0]] == ["W2"]
    assert min(check.iteration for check in bad if str(check.where) == SCOPES[1] and check.tensor == "cost") == 20


@pytest.mark.parametrize("layer", [1, 2])
def test_masks_swapped_between_two_iterations_are_red_at_the_first_of_them(make_run, layer):
    problem, _, record = make_run("dropout")
    swapped = edit(record, f"D{layer}", [25, 31], lambda rows: rows[::-1])
    result = replay_in_segments(problem, swapped, RUN)
    assert scopes(result.checks) == [SCOPES[1]]
    assert next(check.iteration for check in failed(result.checks) if check.tensor == "cost") == 25


@pytest.mark.parametrize("which", ["lambd", "keep_prob", "learning_rate"])
def test_another_hyperparameter_is_red_in_every_segment(make_run, which):
    problem, _, record = make_run("l2-dropout")
    other = Problem(problem.X, problem.Y, **problem.step | {which: problem.step[which] * (1 + 1e-9)})
    assert scopes(replay_in_segments(other, record, RUN).checks) == SCOPES


@pytest.mark.parametrize("value", [np.nan, np.inf], ids=str)
def test_what_is_not_finite_never_passes(make_run, value):
    problem, _, record = make_run()
    record = edit(edit(record, "costs", 25, lambda cost: value), "b2", (3, 0), lambda b2: value)
    cost, b2 = failed(replay_in_segments(problem, record, RUN).checks)
    assert (str(cost.where), cost.iteration, cost.reason) == (SCOPES[1], 25, "1 of 20 values of the port's are not finite")
    assert (str(b2.where), b2.tensor, b2.reason) == (SCOPES[2], "b2", "1 of 4 values of the port's are not finite")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_run_that_diverged_in_the_port_and_in_the_reference_alike_never_passes(make_run, dtype):
    with np.errstate(all="ignore"):
        problem, _, record = make_run("l2", dtype, rate=1e12)
        result = replay_in_segments(problem, record, RUN)
    assert not np.isfinite(record.costs).all()
    bad = {(str(check.where), check.tensor) for check in failed(result.checks)}
    assert {(SCOPES[-1], name) for name in ("cost", *PARAMETER_NAMES)} <= bad


def test_what_was_compared_is_kept_where_it_failed(make_run):
    problem, _, record = make_run(altered=27)
    result = replay_in_segments(problem, record, RUN)
    assert set(result.evidence) == {check.key for check in failed(result.checks)}
    kept = result.evidence[RUN.at("trajectory", Updates.of(20, 20), "cost")]
    np.testing.assert_array_equal(kept["port"], record.costs[20:40])
    beyond = np.abs(kept["port"] - kept["reference"]) > kept["tolerance"]
    assert int(np.argmax(beyond)) == 8
    for name in PARAMETER_NAMES:
        np.testing.assert_array_equal(kept[f"start_{name}"], record.snapshots[name][1])


def test_bad_segments_beyond_those_that_are_doubted_are_red_too(make_run):
    """Doubt ends after three: the rest is judged all the same."""
    problem, _, record = make_run(lengths=[10] * 6)
    wrong = Problem(problem.X, problem.Y, 0.3 * (1 + 1e-8), 0.0, 1.0)
    result = replay_in_segments(wrong, record, RUN)
    assert len({str(check.where) for check in failed(result.checks)}) == 6
    assert len({key.where for key in result.evidence}) == 3


# The port against itself


def test_a_run_that_repeats_is_repeatable(make_run):
    problem, _, record = make_run("dropout")
    again = make_run("dropout", lengths=LENGTHS[:1])[2]
    check = repeat_check(record, again, replay_in_segments(problem, record, RUN), RUN)
    assert (check.status, check.stage, str(check.where), check.tensor) == ("passed", "repeat", SCOPES[0], "training")


@pytest.mark.parametrize("how", ["another update", "other masks", "only the last update", "not finite"])
def test_a_run_that_does_not_repeat_is_reported_as_that(make_run, how):
    problem, _, record = make_run("dropout")
    again = make_run("dropout", lengths=LENGTHS[:1], altered={"another update": 5}.get(how, 19 if "only" in how else None),
                     seed=2 if how == "other masks" else 1)[2]  # fmt: skip
    if how == "not finite":
        again = edit(again, "costs", 3, lambda cost: np.nan)
    check = repeat_check(record, again, replay_in_segments(problem, record, RUN), RUN)
    assert (check.status, check.stage, check.iteration) == ("failed", "repeat", 20)
    assert check.reason.startswith("two runs of the port differ: ")


def test_a_diverged_run_that_repeats_is_not_called_unrepeatable(make_run):
    """It fails where it is not finite, not at the stage that says that the port gives two results."""
    with np.errstate(all="ignore"):
        problem, _, record = make_run("l2", rate=1e12)
        again = make_run("l2", rate=1e12, lengths=LENGTHS[:1])[2]
        result = replay_in_segments(problem, record, RUN)
    np.testing.assert_array_equal(again.costs, record.costs[:20])
    assert failed(result.checks)
    assert "two runs of the port differ" not in repeat_check(record, again, result, RUN).reason


# The free run and its horizon


def spreading(at, n=60, size=0.01):
    """Costs of a reference and four replicates that part at an iteration by a share of the cost."""
    costs = np.full((n, 5), 0.7)
    costs[at:, 2] *= 1 + size
    return costs


@pytest.mark.parametrize("at", [1, 30, 59])
def test_the_horizon_is_where_two_correct_runs_part_visibly(at):
    assert horizon(spreading(at)) == at
    assert horizon(spreading(at, size=0.9e-3)) == 60
    assert horizon(spreading(at, size=1.1e-3)) == at


def test_masks_of_another_seed_are_red_everywhere(make_run):
    problem, _, record = make_run("dropout")
    other = make_run("dropout", seed=2)[2]
    for layer in (1, 2):
        np.save(record.folder / f"D{layer}.npy", np.load(other.folder / f"D{layer}.npy"))
    assert scopes(replay_in_segments(problem, Record(record.folder), RUN).checks) == SCOPES


def test_a_spread_that_shrinks_again_does_not_bring_the_horizon_back_and_one_that_is_not_a_number_ends_it():
    costs = spreading(30)
    costs[31:, 2] = costs[31:, 0]
    assert horizon(costs) == 30
    assert cost_floor(costs)[-1] == cost_floor(costs)[30] > 0
    endless = spreading(30, size=0.0)
    endless[40, 3] = np.nan
    assert horizon(endless) == 40


def test_the_floor_of_a_cost_is_the_largest_spread_so_far_and_at_least_one_unit_in_the_last_place():
    costs = spreading(30, size=0.0)
    np.testing.assert_array_equal(cost_floor(costs), np.spacing(costs[:, 0]))
    costs[10, 1] += 1e-6
    floor = cost_floor(costs)
    np.testing.assert_allclose(floor[10:], 1e-6, rtol=1e-9)
    assert floor[9] < 1e-15


@pytest.mark.parametrize("variant", SETTINGS)
def test_a_correct_free_run_agrees_up_to_its_end(make_run, variant):
    problem, parameters, record = make_run(variant)
    costs, ends = free_run(problem, parameters, 60, record, lambda updates: None)
    assert costs.shape == (60, 1 + FREE_REPLICATES.number)
    assert horizon(costs) == 60
    checks = list(free_run_checks(costs, ends, record, RUN))
    assert failed(checks) == []
    assert [check.tensor for check in checks] == ["cost", *PARAMETER_NAMES]
    assert {(check.stage, str(check.where), check.reason) for check in checks} == {("trajectory", "free run", "")}
    assert max(check.difference or 0 for check in checks) < 1e-14


@pytest.mark.parametrize("altered", [0, 27, 58])
def test_a_free_run_with_one_altered_update_is_red_from_there(make_run, altered):
    problem, parameters, record = make_run("l2-dropout", altered=altered)
    costs, ends = free_run(problem, parameters, 60, record, lambda updates: None)
    bad = {check.tensor: check for check in failed(free_run_checks(costs, ends, record, RUN))}
    assert bad["cost"].iteration == altered + 1
    assert len(bad) > 4


@pytest.fixture
def beyond(make_run):
    """A record, and the reference's free run, which parts from its replicates at iteration 30."""
    problem, parameters, record = make_run()
    costs, ends = free_run(problem, parameters, 60, record, lambda updates: None)
    costs[30:, 1] += 1
    return record, costs, ends


def test_beyond_the_horizon_only_finite_values_are_asked_for_and_it_is_said(beyond):
    record, costs, ends = beyond
    record = edit(record, "W1", -1, lambda W1: W1 + 5)
    checks = list(free_run_checks(costs, ends, record, RUN))
    assert failed(checks) == []
    for check in checks[1:]:
        assert (
            check.reason
            == "beyond the horizon of 30 iterations, where two correct runs differ visibly: only finite is asked"
        )
    for value in (np.nan, np.inf):
        bad = failed(free_run_checks(costs, ends, edit(record, "b3", -1, lambda b3, value=value: value), RUN))
        assert [(check.tensor, check.reason) for check in bad] == [("b3", "1 of 1 values of the port's are not finite")]
    record = edit(record, "b3", -1, lambda b3: ends["b3"][0])
    costs[30:, 1] -= 1  # the control: within the horizon the same parameters fail
    assert [check.tensor for check in failed(free_run_checks(costs, ends, record, RUN))] == ["W1"]


def test_up_to_the_horizon_every_cost_is_compared(beyond):
    record, costs, ends = beyond
    for at in (0, 29, 45):
        before = record.costs.copy()
        bad = failed(free_run_checks(costs, ends, edit(record, "costs", at, a_little_more), RUN))
        assert [check.iteration for check in bad] == ([at] if at < 30 else [])
        np.save(record.folder / "costs.npy", before)
