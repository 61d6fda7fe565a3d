"""The masks of whole runs: another mask, or the same one again, is said only where kept and dropped units prove it."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from numpy_impl.cost import cross_entropy
from numpy_impl.gradients import propagate
from numpy_impl.training import update_parameters
from shared.adapters.numpy import Replayed
from shared.alignment.masks import FALSE_ALARM
from shared.alignment.run_masks import RUN_TESTS, fresh_mask_checks, frozen_mask_checks, repeated
from shared.alignment.segments import surely_dropped
from shared.alignment.trajectory import replay_in_segments
from shared.case import Problem
from shared.contract import Segment
from shared.diagnosis.diagnose import diagnose
from shared.diagnosis.hypothesis import Evidence
from shared.harness.checks import MASKS, Cause, RunId, because
from shared.harness.records import Record
from shared.parameters import initialize_parameters

RUN = RunId("", "")
KEEP_PROB = 0.8
LENGTHS = [120, 120, 120]


# Fresh masks


def recorded(folder, D1s):
    """A record of segments whose first layer has these masks (n, 20, 60), the second a part of them."""
    zeros = initialize_parameters([2, 20, 3, 1])
    segments = [Segment(np.zeros(len(D1)), zeros, (D1, D1[:, ::-1][:, :3].copy())) for D1 in D1s]
    return Record(folder).write(zeros, [len(D1) for D1 in D1s], segments)


def drawn(n, seed, share=0.86):
    return np.random.default_rng(seed).random((n, 20, 60)) < share


def again(n, seed, period):
    """Masks that begin again after so many iterations."""
    return np.resize(drawn(period, seed), (n, 20, 60))


def test_masks_of_a_segment_that_diverges_are_not_judged(tmp_path):
    record = recorded(tmp_path / "run", [drawn(50, 1), again(50, 2, 1)])
    record.costs[70:] = np.nan
    assert all(check.passed for check in fresh_mask_checks(record, 0.86, RUN))


@pytest.mark.parametrize(
    ("masks", "said"),
    [
        ([drawn(50, 1), drawn(50, 2), drawn(30, 3)], ""),
        ([drawn(50, 1), drawn(50, 1)], "repeat themselves from the segment before in the updates 50 to 99"),
        ([drawn(50, 1), again(50, 2, 1)], "repeat themselves within the updates 50 to 99:"),
        ([np.concatenate([drawn(50, 1), again(30, 2, 1)])], "repeat themselves within the updates 0 to 79:"),
        ([drawn(50, 1), again(50, 2, 2)], "repeat themselves within the updates 50 to 99, 2 updates later"),
        ([again(300, 2, 7)], "repeat themselves within the updates 0 to 299, 7 updates later"),
        ([again(300, 2, 97)], "repeat themselves within the updates 0 to 299, 97 updates later"),
    ],
)
def test_fresh_masks_repeat_themselves_only_where_they_do(tmp_path, masks, said):
    checks = list(fresh_mask_checks(recorded(tmp_path / "run", masks), 0.86, RUN))
    assert [check.tensor for check in checks] == list(RUN_TESTS)
    assert all(check.status == ("failed" if said else "passed") for check in checks)
    assert all(said in check.reason if said else not check.reason for check in checks)
    assert all("drawn anew" not in check.reason for check in checks)


def test_units_that_go_off_and_on_are_no_repetition(tmp_path):
    """Half of the units are on only in every other five iterations."""
    masks = drawn(200, 5)
    masks[(np.arange(200) // 5 % 2).astype(bool), :10] = False
    assert all(check.status == "passed" for check in fresh_mask_checks(recorded(tmp_path / "run", [masks]), 0.86, RUN))


def test_where_too_little_is_seen_that_is_said(tmp_path):
    masks = np.zeros((60, 20, 60), bool)
    masks[:, 0, 0] = True
    for check in fresh_mask_checks(recorded(tmp_path / "run", [masks[:2]]), 0.86, RUN):
        assert (check.status, check.cause) == ("passed", Cause.FEW_UNITS)


@pytest.mark.parametrize("keep_prob", [0.2, 0.5, 0.86, 0.99])
@pytest.mark.parametrize("of", [3, 40, 1000])
def test_the_bound_holds_for_a_count_that_is_binomial(keep_prob, of):
    counts = np.arange(of + 1)
    bounds = np.array([repeated(int(kept), of, keep_prob) for kept in counts])
    chances = stats.binom.pmf(counts, of, keep_prob)
    for limit in (0.1, 1e-3, FALSE_ALARM):
        assert chances[bounds < limit].sum() <= limit


def test_the_bound_holds_where_the_units_looked_at_depend_on_the_masks_before():
    """One unit, looked at again for as long as it was kept the last time: the share kept again is no binomial one."""
    rng = np.random.default_rng(0)
    D = rng.random((20_000, 60)) < 0.5
    kept, of = np.cumsum(D[:, 1:] & D[:, :-1], axis=1), np.cumsum(D[:, :-1], axis=1)
    highest = np.array(
        [
            [repeated(int(k), int(n), 0.5) for k, n in zip(*rows, strict=True)]
            for rows in zip(kept[:500], of[:500], strict=True)
        ]
    )
    assert np.mean(highest.min(axis=1) < 0.1) <= 0.1 + 3 * np.sqrt(0.09 / 500)


@pytest.mark.parametrize("keep_prob", [0.2, 0.86, 0.99])
def test_the_bound_sees_what_is_repeated(keep_prob):
    of = int(30 / -np.log(keep_prob)) + 1
    assert repeated(of, of, keep_prob) < FALSE_ALARM
    assert repeated(int(of * keep_prob), of, keep_prob) > 0.1
    assert repeated(0, of, keep_prob) == 1


# Frozen masks


@pytest.fixture
def make_run(make_problem, tmp_path):
    """A function that trains with the masks of each iteration and reads them back from A1 and A2: problem, record, Zs.

    change(iteration, D1, D2): alters copies of the frozen masks. e: of the learning rate of iteration 150.
    """
    count = iter(range(100))

    def make(change=lambda iteration, D1, D2: None, dtype="float64", e=0.0):
        X, Y, parameters = make_problem((3, 6, 4, 1), m=40, dtype=dtype)
        problem = Problem(X, Y, 0.5, 0.0, KEEP_PROB)
        frozen = [np.random.default_rng(2).random((n, 40)) < KEEP_PROB for n in (6, 4)]
        now = parameters
        Zs: list[tuple[NDArray, NDArray]] = []

        def segments():
            nonlocal now
            for length in LENGTHS:
                costs, D1s, D2s = [], [], []
                for _ in range(length):
                    masks = [D.copy() for D in frozen]
                    change(len(Zs), *masks)
                    grads, cache = propagate(X, Y, now, 0.0, KEEP_PROB, Replayed(*masks))
                    costs.append(cross_entropy(cache.Z3, Y))
                    D1s.append(cache[2] != 0)
                    D2s.append(cache[7] != 0)
                    rate = 0.5 * (1 + e * (len(Zs) == 150))
                    Zs.append((cache[0], cache[5]))
                    now = update_parameters(now, grads, rate)
                yield Segment(np.array(costs), dict(now), (np.stack(D1s), np.stack(D2s)))

        folder = tmp_path / f"run{next(count)}"
        return problem, Record(folder).write(parameters, LENGTHS, segments()), Zs, frozen

    return make


def frozen_checks(problem, record):
    result = replay_in_segments(problem, record, RUN, frozen=True)
    return result, list(frozen_mask_checks(record, surely_dropped(problem, record, result.dropped), RUN))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_frozen_mask_of_units_that_go_off_and_on_is_not_called_another_one(make_run, dtype):
    problem, record, _, _ = make_run(dtype=dtype)
    for layer in (1, 2):  # the control: read alone, the masks do change
        masks = record.masks(slice(None), layer)
        assert (masks.any(axis=0) & ~masks.all(axis=0)).any()
    _, checks = frozen_checks(problem, record)
    assert [(check.tensor, check.status, check.reason, check.difference) for check in checks] == [
        (test, "passed", "", 0.0) for test in RUN_TESTS
    ]


@pytest.mark.parametrize("at", [0, 130, 359])
@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize("kept", [True, False], ids=["dropped once", "kept once"])
def test_a_frozen_mask_that_differs_in_one_unit_of_one_example_for_one_update_is_seen(make_run, layer, kept, at):
    _, _, Zs, frozen = make_run()
    always_on = np.all([Z[layer - 1] > 1e-3 for Z in Zs], axis=0)
    index = tuple(np.argwhere(always_on & (frozen[layer - 1] == kept))[0])

    def change(iteration, *masks):
        if iteration == at:
            masks[layer - 1][index] ^= True

    problem, record, *_ = make_run(change)
    result, checks = frozen_checks(problem, record)
    assert all(check.status == "passed" for check in result.checks)  # the update itself is right with that mask
    bad, other = checks[layer - 1], checks[2 - layer]
    assert (bad.status, bad.difference, other.status) == ("failed", 1.0, "passed")
    assert bad.reason.startswith("the masks change ")
    assert "1 are kept at another iteration" in bad.reason


def test_a_unit_that_only_few_replicates_prove_dropped_is_not(make_run):
    """Of a unit about 0, which the port leaves off, the reference and its few replicates may all be on the other side."""
    problem, record, *_ = make_run()
    dropped = replay_in_segments(problem, record, RUN, frozen=True).dropped
    masks = record.masks(slice(None), 1).reshape(sum(LENGTHS), -1)
    unit = int(np.flatnonzero(masks.any(axis=0) & ~masks[: LENGTHS[0]].all(axis=0))[0])
    dropped[0][1][0][unit // 8] |= 128 >> unit % 8
    rashly = frozen_mask_checks(record, [ever for _, ever in dropped], RUN)
    assert [check.status for check in rashly] == ["failed", "passed"]
    surely = frozen_mask_checks(record, surely_dropped(problem, record, dropped), RUN)
    assert [check.status for check in surely] == ["passed", "passed"]


def test_frozen_masks_that_are_drawn_anew_are_said_to_be(make_run):
    def change(iteration, *masks):
        rng = np.random.default_rng(iteration)
        for D in masks:
            D[:] = rng.random(D.shape) < KEEP_PROB

    _, checks = frozen_checks(*make_run(change)[:2])
    assert {check.status for check in checks} == {"failed"}
    assert all(check.reason.startswith("the masks are drawn anew within the updates 0 to 119") for check in checks)


def test_of_a_segment_that_does_not_agree_only_the_start_proves_anything(make_run):
    """There the reference knows the port's parameters; afterwards it is elsewhere, and so are its units."""
    problem, record, *_ = make_run(e=0.5)
    result, checks = frozen_checks(problem, record)
    assert {str(check.where) for check in result.checks if check.status == "failed"} == {"updates 120 to 239"}
    assert {check.status for check in checks} == {"passed"}


# The explanation


@pytest.mark.parametrize("frozen", [True, False])
def test_masks_that_must_be_the_same_are_never_explained_by_being_the_same(make_problem, frozen):
    X, Y, _ = make_problem((3, 20, 3, 1), m=60)
    D = np.repeat(drawn(1, 4), 50, axis=0)
    evidence = Evidence(Problem(X, Y, 0.3, 0.0, 0.86), {}, (D, D[:, 5:8]), frozen=frozen)
    run = RunId("dropout", "torch")
    failure = because(Cause.MISSING).of(run.at("forward", MASKS, "D2 of the run"))
    names = [diagnosis.mistake for diagnosis in diagnose(evidence, [failure], run)]
    assert ("masks-frozen" in names) is not frozen
