"""Whole runs: their records, their segments against the reference, the free run up to its horizon, and their masks."""

import numpy as np
import pytest
from numpy.typing import NDArray

from numpy_impl.cost import l2_penalty
from numpy_impl.gradients import cost_and_gradients
from numpy_impl.network import Network
from numpy_impl.training import train_segments, update_parameters
from shared.alignment.checks import Check
from shared.alignment.masks import (
    FALSE_ALARM,
    all_on,
    mask_checks,
    mask_tests,
    sample_length,
)
from shared.alignment.problem import Problem
from shared.alignment.trajectory import (
    cost_floor,
    free_run,
    free_run_checks,
    horizon,
    repeat_check,
    repeat_in_segments,
)
from shared.contract import Segment
from shared.parameters import PARAMETER_NAMES
from shared.records import RunRecord, write_record

LENGTHS = [20, 20, 20]
SCOPES = ["updates 0 to 19", "updates 20 to 39", "updates 40 to 59"]
PLACE = {"variant": "none", "implementation": "torch"}
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
            run = train_segments(X, Y, parameters, lengths=lengths, seed=seed, frozen=frozen, **problem.step)
        else:
            assert not frozen
            run = altered_run(problem, parameters, lengths, altered, e)
        folder = tmp_path / f"run{next(count)}"
        write_record(folder, parameters, lengths, run)
        return problem, parameters, RunRecord(folder)

    return make


def altered_run(problem, parameters, lengths, altered, e):
    """`train_segments` once more, with one update altered."""
    network = Network(parameters, problem.keep_prob, seed=1)
    done = 0
    for length in lengths:
        costs, D1s, D2s = [], [], []
        for iteration in range(done, done + length):
            cost, grads, cache = cost_and_gradients(network, problem.X, problem.Y, problem.lambd)
            costs.append(cost + l2_penalty(network, problem.lambd, problem.X.shape[1]))
            if problem.keep_prob < 1:
                D1s.append(cache[1])
                D2s.append(cache[6])
            rate = problem.learning_rate * (1 + e if iteration == altered else 1)
            network.parameters = update_parameters(network.parameters, grads, rate)
        done += length
        masks = (np.stack(D1s), np.stack(D2s)) if problem.keep_prob < 1 else None
        yield Segment(np.array(costs), dict(network.parameters), masks)


def edit(record, name, change):
    """The record with one of its files changed in place."""
    values = np.load(record.folder / f"{name}.npy")
    change(values)
    np.save(record.folder / f"{name}.npy", values)
    return RunRecord(record.folder)


def failed(checks):
    return [check for check in checks if check.status != "passed"]


def scopes(checks):
    return sorted({check.scope for check in failed(checks)})


# The record


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("variant", ["none", "l2-dropout"])
def test_a_run_is_recorded_and_read_bit_for_bit(make_problem, tmp_path, variant, dtype):
    X, Y, parameters = make_problem((3, 6, 4, 1), m=13, dtype=dtype)  # 6 * 13 and 4 * 13 are no whole bytes
    run = list(train_segments(X, Y, parameters, learning_rate=0.3, lengths=[7, 5, 1], **SETTINGS[variant]))
    heard: list[tuple[int, float]] = []
    write_record(tmp_path / "run", parameters, [7, 5, 1], run, lambda done, cost: heard.append((done, cost)))
    record = RunRecord(tmp_path / "run")
    assert (record.lengths, record.starts) == ([7, 5, 1], [0, 7, 12])
    assert heard == [(done, float(segment.costs[-1])) for done, segment in zip((7, 12, 13), run, strict=True)]
    np.testing.assert_array_equal(record.costs, np.concatenate([segment.costs for segment in run]), strict=True)
    for name in PARAMETER_NAMES:
        rows = np.stack([parameters[name], *(segment.parameters[name] for segment in run)])
        np.testing.assert_array_equal(record.snapshots[name], rows, strict=True)
        np.testing.assert_array_equal(record.final_parameters[name], rows[3], strict=True)
        np.testing.assert_array_equal(record.late_parameters[name], rows[3], strict=True)
    for layer in (1, 2) if variant == "l2-dropout" else ():
        D = np.concatenate([segment.masks[layer - 1] for segment in run])
        np.testing.assert_array_equal(record.masks(slice(None), layer), D, strict=True)
        np.testing.assert_array_equal(record.masks(slice(3, 9), layer), D[3:9], strict=True)
        np.testing.assert_array_equal(record.masks(np.array([12, 0, 5]), layer), D[[12, 0, 5]], strict=True)
        assert D.any()
        assert not D.all()


def test_masks_are_kept_as_bits(make_run):
    _, _, record = make_run("dropout")
    for layer, units in ((1, 6), (2, 4)):
        bits = np.load(record.folder / f"D{layer}.npy", mmap_mode="r")
        assert (bits.shape, bits.dtype) == ((60, units * 40 // 8), np.uint8)
    assert not (make_run("none")[2].folder / "D1.npy").exists()


def test_a_record_that_was_not_finished_is_not_read(make_run):
    _, _, record = make_run()
    (record.folder / "lengths.json").unlink()
    with pytest.raises(FileNotFoundError):
        RunRecord(record.folder)


# Segments


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("variant", SETTINGS)
def test_every_segment_of_a_correct_run_is_repeated_to_the_last_digits(make_run, variant, dtype):
    problem, _, record = make_run(variant, dtype)
    heard: list[int] = []
    result = repeat_in_segments(problem, record, PLACE, heard.append)
    assert failed(result.checks) == []
    assert [(check.scope, check.tensor) for check in result.checks] == [
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
    result = repeat_in_segments(problem, record, PLACE)
    assert failed(result.checks) == []
    found = {check.scope for check in result.checks}
    assert found == {"updates 0 to 19", "updates 20 to 26", "updates 27 to 46", "updates 47 to 59"}
    wrong = make_run("l2-dropout", lengths=[20, 7, 20, 13], altered=23)[2]
    assert scopes(repeat_in_segments(problem, wrong, PLACE).checks) == ["updates 20 to 26"]


@pytest.mark.parametrize("variant", ["none", "l2-dropout"])
def test_the_altered_run_of_these_tests_is_otherwise_the_trained_one(make_run, variant):
    """The control of the controls."""
    _, _, record = make_run(variant)
    _, _, again = make_run(variant, altered=27, e=0.0)
    np.testing.assert_array_equal(again.costs, record.costs, strict=True)
    for name in PARAMETER_NAMES:
        np.testing.assert_array_equal(again.snapshots[name], record.snapshots[name], strict=True)


@pytest.mark.parametrize("variant", ["none", "l2", "dropout", "l2-dropout"])
@pytest.mark.parametrize(("altered", "segment"), [(0, 0), (27, 1), (58, 2)])
def test_one_altered_update_turns_its_own_segment_red_at_the_iteration_after_it(make_run, variant, altered, segment):
    problem, _, record = make_run(variant, altered=altered)
    result = repeat_in_segments(problem, record, PLACE)
    assert scopes(result.checks) == [SCOPES[segment]]
    iterations = {check.tensor: check.iteration for check in failed(result.checks)}
    assert iterations.pop("cost") == altered + 1
    assert set(iterations.values()) == {20 * segment + 20}
    assert len(iterations) >= 4


@pytest.mark.parametrize("altered", [19, 39, 59])
def test_an_altered_last_update_of_a_segment_shows_in_its_parameters_alone(make_run, altered):
    problem, _, record = make_run(altered=altered)
    bad = failed(repeat_in_segments(problem, record, PLACE).checks)
    assert {check.scope for check in bad} == {SCOPES[altered // 20]}
    assert {check.iteration for check in bad} == {altered + 1}
    assert "cost" not in {check.tensor for check in bad}


@pytest.mark.parametrize("altered", [20, 27, 39])
def test_in_segments_of_one_update_only_the_altered_update_is_red(make_run, altered):
    """How the first bad update inside a bad segment is found."""
    problem, _, record = make_run("l2-dropout", lengths=[1] * 60, altered=altered)
    bad = failed(repeat_in_segments(problem, record, PLACE).checks)
    assert {check.scope for check in bad} == {f"updates {altered} to {altered}"}
    assert {check.iteration - (check.tensor != "cost") for check in bad} == {altered}


@pytest.mark.parametrize("at", [0, 25, 59])
def test_a_wrong_recorded_cost_is_red_at_its_iteration_alone(make_run, at):
    problem, _, record = make_run()

    def change(costs):
        costs[at] *= 1 + 1e-9

    result = repeat_in_segments(problem, edit(record, "costs", change), PLACE)
    (bad,) = failed(result.checks)
    assert (bad.scope, bad.tensor, bad.iteration, bad.index) == (SCOPES[at // 20], "cost", at, [at % 20])
    assert bad.differing == 1
    assert result.differences.argmax() == at


def test_the_first_bad_iteration_is_named_where_a_later_one_is_worse(make_run):
    problem, _, record = make_run()

    def change(costs):
        costs[25] *= 1 + 1e-9
        costs[31] *= 2

    (bad,) = failed(repeat_in_segments(problem, edit(record, "costs", change), PLACE).checks)
    assert (bad.iteration, bad.differing) == (25, 2)


def test_a_wrong_recorded_state_is_red_where_it_ends_one_segment_and_starts_the_next(make_run):
    problem, _, record = make_run()

    def change(W2):
        W2[1, 0, 0] *= 1 + 1e-9

    bad = failed(repeat_in_segments(problem, edit(record, "W2", change), PLACE).checks)
    assert {check.scope for check in bad} == set(SCOPES[:2])
    assert [check.tensor for check in bad if check.scope == SCOPES[0]] == ["W2"]
    assert min(check.iteration for check in bad if check.scope == SCOPES[1] and check.tensor == "cost") == 20


@pytest.mark.parametrize("layer", [1, 2])
def test_masks_swapped_between_two_iterations_are_red_at_the_first_of_them(make_run, layer):
    problem, _, record = make_run("dropout")

    def change(bits):
        bits[[25, 31]] = bits[[31, 25]]

    result = repeat_in_segments(problem, edit(record, f"D{layer}", change), PLACE)
    assert scopes(result.checks) == [SCOPES[1]]
    assert next(check.iteration for check in failed(result.checks) if check.tensor == "cost") == 25


def test_masks_of_another_seed_are_red_everywhere(make_run):
    problem, _, record = make_run("dropout")
    other = make_run("dropout", seed=2)[2]
    for layer in (1, 2):
        np.save(record.folder / f"D{layer}.npy", np.load(other.folder / f"D{layer}.npy"))
    assert scopes(repeat_in_segments(problem, RunRecord(record.folder), PLACE).checks) == SCOPES


@pytest.mark.parametrize("which", ["lambd", "keep_prob", "learning_rate"])
def test_another_hyperparameter_is_red_in_every_segment(make_run, which):
    problem, _, record = make_run("l2-dropout")
    other = Problem(problem.X, problem.Y, **problem.step | {which: problem.step[which] * (1 + 1e-9)})
    assert scopes(repeat_in_segments(other, record, PLACE).checks) == SCOPES


@pytest.mark.parametrize("value", [np.nan, np.inf], ids=str)
def test_a_cost_that_is_not_finite_never_passes(make_run, value):
    problem, _, record = make_run()

    def change(costs):
        costs[25] = value

    (bad,) = failed(repeat_in_segments(problem, edit(record, "costs", change), PLACE).checks)
    assert (bad.scope, bad.iteration, bad.reason) == (SCOPES[1], 25, "1 of 20 values of the port's are not finite")


def test_parameters_that_are_not_finite_never_pass(make_run):
    problem, _, record = make_run()

    def change(b2):
        b2[3, 0] = np.nan

    (bad,) = failed(repeat_in_segments(problem, edit(record, "b2", change), PLACE).checks)
    assert (bad.scope, bad.tensor, bad.reason) == (SCOPES[2], "b2", "1 of 4 values of the port's are not finite")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_run_that_diverged_in_the_port_and_in_the_reference_alike_never_passes(make_run, dtype):
    with np.errstate(all="ignore"):
        problem, _, record = make_run("l2", dtype, rate=1e12)
        result = repeat_in_segments(problem, record, PLACE)
    assert not np.isfinite(record.costs).all()
    bad = {(check.scope, check.tensor) for check in failed(result.checks)}
    assert {(SCOPES[-1], name) for name in ("cost", *PARAMETER_NAMES)} <= bad


def test_what_was_compared_is_kept_where_it_failed(make_run):
    problem, _, record = make_run(altered=27)
    result = repeat_in_segments(problem, record, PLACE)
    assert set(result.evidence) == {(check.scope, check.tensor) for check in failed(result.checks)}
    kept = result.evidence[SCOPES[1], "cost"]
    np.testing.assert_array_equal(kept["port"], record.costs[20:40])
    beyond = np.abs(kept["port"] - kept["reference"]) > kept["allowed"]
    assert int(np.argmax(beyond)) == 8
    for name in PARAMETER_NAMES:
        np.testing.assert_array_equal(kept[f"start_{name}"], record.snapshots[name][1])


def test_bad_segments_beyond_those_that_are_doubted_are_red_too(make_run):
    """Doubt ends after three: the rest is judged all the same."""
    problem, _, record = make_run(lengths=[10] * 6)
    wrong = Problem(problem.X, problem.Y, 0.3 * (1 + 1e-8), 0.0, 1.0)
    result = repeat_in_segments(wrong, record, PLACE)
    assert len({check.scope for check in failed(result.checks)}) == 6
    assert len({scope for scope, _ in result.evidence}) == 3


# The port against itself


def test_a_run_that_repeats_is_repeatable(make_run):
    problem, _, record = make_run("dropout")
    again = make_run("dropout", lengths=LENGTHS[:1])[2]
    check = repeat_check(record, again, repeat_in_segments(problem, record, PLACE), PLACE)
    assert (check.status, check.stage, check.scope, check.tensor) == ("passed", "repeat", SCOPES[0], "training")


@pytest.mark.parametrize("how", ["another update", "other masks", "only the last update", "not finite"])
def test_a_run_that_does_not_repeat_is_reported_as_that(make_run, how):
    problem, _, record = make_run("dropout")
    again = make_run("dropout", lengths=LENGTHS[:1], altered={"another update": 5}.get(how, 19 if "only" in how else None),
                     seed=2 if how == "other masks" else 1)[2]  # fmt: skip
    if how == "not finite":

        def change(costs):
            costs[3] = np.nan

        again = edit(again, "costs", change)
    check = repeat_check(record, again, repeat_in_segments(problem, record, PLACE), PLACE)
    assert (check.status, check.stage, check.iteration) == ("failed", "repeat", 20)
    assert check.reason.startswith("two runs of the port differ: ")


def test_a_diverged_run_that_repeats_is_not_called_unrepeatable(make_run):
    """It fails where it is not finite, not at the stage that says that the port gives two results."""
    with np.errstate(all="ignore"):
        problem, _, record = make_run("l2", rate=1e12)
        again = make_run("l2", rate=1e12, lengths=LENGTHS[:1])[2]
        result = repeat_in_segments(problem, record, PLACE)
    np.testing.assert_array_equal(again.costs, record.costs[:20])
    assert failed(result.checks)
    assert "two runs of the port differ" not in repeat_check(record, again, result, PLACE).reason


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


def test_a_spread_that_shrinks_again_does_not_bring_the_horizon_back():
    costs = spreading(30)
    costs[31:, 2] = costs[31:, 0]
    assert horizon(costs) == 30
    assert cost_floor(costs)[-1] == cost_floor(costs)[30] > 0


def test_a_spread_that_is_not_a_number_ends_the_horizon():
    costs = spreading(30, size=0.0)
    assert horizon(costs) == 60
    costs[40, 3] = np.nan
    assert horizon(costs) == 40


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
    assert costs.shape == (60, 5)
    assert horizon(costs) == 60
    checks = list(free_run_checks(costs, ends, record, PLACE))
    assert failed(checks) == []
    assert [check.tensor for check in checks] == ["cost", *PARAMETER_NAMES]
    assert {(check.stage, check.scope, check.reason) for check in checks} == {("trajectory", "free run", "")}
    assert max(check.difference or 0 for check in checks) < 1e-14


@pytest.mark.parametrize("altered", [0, 27, 58])
def test_a_free_run_with_one_altered_update_is_red_from_there(make_run, altered):
    problem, parameters, record = make_run("l2-dropout", altered=altered)
    costs, ends = free_run(problem, parameters, 60, record, lambda updates: None)
    bad = {check.tensor: check for check in failed(free_run_checks(costs, ends, record, PLACE))}
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

    def change(W1):
        W1[-1] += 5

    checks = list(free_run_checks(costs, ends, edit(record, "W1", change), PLACE))
    assert failed(checks) == []
    for check in checks[1:]:
        assert check.reason == "beyond the horizon of 30 iterations, where two correct runs part: only finite is asked"
    costs[30:, 1] -= 1  # the control: within the horizon the same parameters fail
    assert [check.tensor for check in failed(free_run_checks(costs, ends, record_of(record), PLACE))] == ["W1"]


def record_of(record):
    return RunRecord(record.folder)


@pytest.mark.parametrize("value", [np.nan, np.inf], ids=str)
def test_beyond_the_horizon_what_is_not_finite_fails(beyond, value):
    record, costs, ends = beyond

    def change(b3):
        b3[-1] = value

    bad = failed(free_run_checks(costs, ends, edit(record, "b3", change), PLACE))
    assert [(check.tensor, check.reason) for check in bad] == [("b3", "1 of 1 values of the port's are not finite")]


def test_up_to_the_horizon_every_cost_is_compared(beyond):
    record, costs, ends = beyond
    for at in (0, 29, 45):

        def change(values, at=at):
            values[at] *= 1 + 1e-9

        before = record.costs.copy()
        bad = failed(free_run_checks(costs, ends, edit(record, "costs", change), PLACE))
        assert [check.iteration for check in bad] == ([at] if at < 30 else [])
        np.save(record.folder / "costs.npy", before)


# The masks as random numbers


def drawn(keep_prob=0.86, seed=0, n=206, sizes=(20, 3), m=211) -> tuple[NDArray, NDArray]:
    """Masks as `default_rng` draws them, of the default run's size: n iterations."""
    rng = np.random.default_rng(seed)
    return rng.random((n, sizes[0], m)) < keep_prob, rng.random((n, sizes[1], m)) < keep_prob


def mask_results(D1: NDArray, D2: NDArray, keep_prob: float = 0.86, frozen: bool = False) -> list[Check]:
    return list(mask_checks(D1, D2, keep_prob, frozen, PLACE))


def red(checks):
    return {check.tensor for check in failed(checks)}


def frozen_masks(keep_prob, seed, sizes, m) -> tuple[NDArray, NDArray]:
    D1, D2 = drawn(keep_prob, seed, 1, sizes, m)
    return np.repeat(D1, 2, axis=0), np.repeat(D2, 2, axis=0)


@pytest.mark.parametrize("keep_prob", [0.2, 0.5, 0.86, 0.95])
@pytest.mark.parametrize("seed", range(5))
def test_independent_masks_pass_every_test(seed, keep_prob):
    checks = mask_results(*drawn(keep_prob, seed), keep_prob)
    assert red(checks) == set()
    assert [check.tensor for check in checks] == sorted((check.tensor for check in checks), key=mask_tests(False).index)
    assert {check.tensor for check in checks} == set(mask_tests(False))
    assert {(check.stage, check.scope) for check in checks} == {("forward", "masks")}


@pytest.mark.parametrize("keep_prob", [0.2, 0.5, 0.86, 0.95])
def test_frozen_masks_that_stay_pass_every_test(keep_prob):
    for seed in range(100):
        checks = mask_results(*frozen_masks(keep_prob, seed, (20, 3), 211), keep_prob, True)
        assert red(checks) == set()
        assert {check.tensor for check in checks} == set(mask_tests(True))


# A chance of 1e-9 per test leaves no room for one alarm in these few thousand tests.


@pytest.mark.parametrize("keep_prob", [0.5, 0.86, 0.99, 0.999])
@pytest.mark.parametrize(("sizes", "m"), [((20, 3), 211), ((20, 3), 12), ((20, 1), 211), ((1, 1), 2)], ids=str)
def test_correct_frozen_masks_give_no_false_alarm_whatever_the_sizes(sizes, m, keep_prob):
    alarms = []
    for seed in range(60):
        D1, D2 = frozen_masks(keep_prob, seed, sizes, m)
        alarms += [(seed, name) for name in red(mask_results(D1, D2, keep_prob, True))]
    assert alarms == []


@pytest.mark.parametrize("keep_prob", [0.01, 0.5, 0.86, 0.99, 0.999])
@pytest.mark.parametrize(("sizes", "m"), [((20, 3), 211), ((20, 3), 12), ((20, 1), 211), ((1, 1), 2)], ids=str)
def test_correct_fresh_masks_give_no_false_alarm_whatever_the_sizes(sizes, m, keep_prob):
    alarms = []
    for seed in range(8):
        D1, D2 = drawn(keep_prob, seed, sample_length(sizes[0], sizes[1], m), sizes, m)
        alarms += [(seed, name) for name in red(mask_results(D1, D2, keep_prob))]
    assert alarms == []


def planted(defect, D1, D2):
    """The masks with a defect, and the test meant for it."""
    if defect == "a kept share of 0.85":
        return *drawn(0.85), "D1: kept share"
    if defect == "a kept share of 0.85 in the second layer":
        return D1, drawn(0.85)[1], "D2: kept share"
    if defect == "the same mask in both layers":
        return D1, D1[:, :3].copy(), "D1 and D2: independence"
    if defect == "the same seed in both layers":  # the same bits, laid out m x n: what two Keras layers draw
        n, h2, m = D2.shape
        bits = D1.transpose(0, 2, 1).reshape(n, -1)[:, : m * h2]
        return D1, bits.reshape(n, m, h2).transpose(0, 2, 1).copy(), "D1 and D2: independence"
    if defect == "the second half the same as the first":
        D1[len(D1) // 2 :] = D1[: len(D1) // 2]
        return D1, D2, "D1: iterations"
    if defect == "the same mask at every iteration":
        D1[:] = D1[0]
        return D1, D2, "D1: iterations"
    if defect == "each mask used twice":
        D2[1::2] = D2[::2]
        return D1, D2, "D2: iterations"
    if defect == "a unit always kept":
        D1[:, 4] = True
        return D1, D2, "D1: kept per unit"
    if defect == "an example always dropped":
        D1[:, :, 7] = False
        return D1, D2, "D1: kept per example"
    if defect == "an iteration without dropout":
        D1[9] = True
        return D1, D2, "D1: kept per iteration"
    if defect == "two neighbouring units equal":
        D2[:, 1] = D2[:, 0]
        return D1, D2, "D2: units"
    if defect == "a whole example dropped or kept":
        D2[:] = D2[:, :1]
        return D1, D2, "D2: units"
    assert defect == "neighbouring examples equal"
    D1[:, :, 1::2] = D1[:, :, :-1:2]
    return D1, D2, "D1: examples"


@pytest.mark.parametrize(
    "defect",
    [
        "a kept share of 0.85",
        "a kept share of 0.85 in the second layer",
        "the same mask in both layers",
        "the same seed in both layers",
        "the second half the same as the first",
        "the same mask at every iteration",
        "each mask used twice",
        "a unit always kept",
        "an example always dropped",
        "an iteration without dropout",
        "two neighbouring units equal",
        "a whole example dropped or kept",
        "neighbouring examples equal",
    ],
)
def test_a_defect_of_the_masks_is_red_at_the_test_meant_for_it(defect):
    D1, D2 = drawn()
    assert red(mask_results(D1, D2)) == set()
    wrong1, wrong2, test = planted(defect, D1.copy(), D2.copy())
    bad = failed(mask_results(wrong1, wrong2))
    assert test in {check.tensor for check in bad}
    for check in bad:
        assert check.reason == f"a chance of less than {FALSE_ALARM:g} for masks with keep_prob 0.86"
    untouched = [layer for layer, D, wrong in (("D1", D1, wrong1), ("D2", D2, wrong2)) if np.array_equal(D, wrong)]
    assert not [check.tensor for check in bad if check.tensor.split(":")[0] in untouched]


def test_masks_that_take_turns_are_red():
    """Two masks in alternation are independent of their neighbours, and yet not fresh."""
    D1, D2 = drawn()
    D1[2::2], D1[3::2] = D1[0], D1[1]
    assert red(mask_results(D1, D2))


def test_masks_that_keep_the_complement_are_red():
    D1, D2 = drawn()
    assert {"D1: kept share", "D2: kept share"} <= red(mask_results(~D1, ~D2))


@pytest.mark.parametrize("layer", [0, 1])
def test_frozen_masks_that_change_are_red(layer):
    """One bit, at the last of the iterations."""
    masks = D1, D2 = frozen_masks(0.86, 0, (20, 3), 211)
    assert red(mask_results(D1, D2, frozen=True)) == set()
    masks[layer][-1, 2, 210] ^= True
    assert red(mask_results(D1, D2, frozen=True)) == {f"D{layer + 1}: frozen"}


def test_fresh_masks_where_frozen_ones_are_due_are_red_and_the_other_way_round():
    D1, D2 = drawn()
    assert {"D1: frozen", "D2: frozen"} <= red(mask_results(D1, D2, frozen=True))
    D1[:], D2[:] = D1[0], D2[0]
    assert {"D1: iterations", "D2: iterations"} <= red(mask_results(D1, D2))


def test_all_units_are_on_where_masks_are_read(make_problem):
    """So that a dropped unit reads as dropped, and a kept one as kept."""
    from numpy_impl.network import forward_propagation

    X, _, parameters = make_problem()
    on = all_on(parameters)
    _, cache = forward_propagation(-100 * X, on)
    assert (cache[1] > 0).all()
    assert (cache[5] > 0).all()
    assert {name: (value.shape, value.dtype) for name, value in on.items()} == {
        name: (value.shape, value.dtype) for name, value in parameters.items()
    }


def test_the_sample_is_large_enough_to_see_a_hundredth_and_never_less_than_two_iterations():
    assert sample_length(20, 3, 211) == 206
    assert sample_length(20, 3, 10**9) == 2
    assert sample_length(1, 1, 1) == 1000
