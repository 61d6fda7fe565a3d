"""A sample of a port's masks, as random numbers: correct ones raise no alarm, every defect is red at its own test."""

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.alignment.masks import FALSE_ALARM, all_on, mask_checks, mask_tests, sample_length
from shared.harness.checks import Check, RunId

RUN = RunId("none", "torch")
SIZES = [((20, 3), 211), ((20, 3), 12), ((20, 1), 211), ((1, 1), 2)]


def drawn(keep_prob=0.86, seed=0, n=206, sizes=(20, 3), m=211) -> tuple[NDArray, NDArray]:
    """Masks as `default_rng` draws them, of the default run's size: n iterations."""
    rng = np.random.default_rng(seed)
    return rng.random((n, sizes[0], m)) < keep_prob, rng.random((n, sizes[1], m)) < keep_prob


def mask_results(D1: NDArray, D2: NDArray, keep_prob: float = 0.86, frozen: bool = False) -> list[Check]:
    return list(mask_checks(D1, D2, keep_prob, frozen, RUN))


def failed(checks):
    return [check for check in checks if check.status != "passed"]


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
    assert {(check.stage, str(check.where)) for check in checks} == {("forward", "masks")}


# A chance of 1e-9 per test leaves no room for one alarm in these few thousand tests.


@pytest.mark.parametrize("keep_prob", [0.2, 0.5, 0.86, 0.99, 0.999])
@pytest.mark.parametrize(("sizes", "m"), SIZES, ids=str)
def test_correct_frozen_masks_give_no_false_alarm_whatever_the_sizes(sizes, m, keep_prob):
    alarms = []
    for seed in range(60):
        checks = mask_results(*frozen_masks(keep_prob, seed, sizes, m), keep_prob, True)
        assert {check.tensor for check in checks} == set(mask_tests(True))
        alarms += [(seed, name) for name in red(checks)]
    assert alarms == []


@pytest.mark.parametrize("keep_prob", [0.01, 0.5, 0.86, 0.99, 0.999])
@pytest.mark.parametrize(("sizes", "m"), SIZES, ids=str)
def test_correct_fresh_masks_give_no_false_alarm_whatever_the_sizes(sizes, m, keep_prob):
    alarms = []
    for seed in range(8):
        D1, D2 = drawn(keep_prob, seed, sample_length(sizes[0], sizes[1], m), sizes, m)
        alarms += [(seed, name) for name in red(mask_results(D1, D2, keep_prob))]
    assert alarms == []


def same_bits(D1, D2):
    """The bits of the first layer laid out m x n: what two Keras layers with the same seed draw."""
    n, h2, m = D2.shape
    return D1.transpose(0, 2, 1).reshape(n, -1)[:, : m * h2].reshape(n, m, h2).transpose(0, 2, 1).copy()


def with_rows(D, index, values):
    D = D.copy()
    D[index] = values
    return D


ALL = slice(None)
EVEN, ODD = slice(None, None, 2), slice(1, None, 2)

# defect -> the masks with it, and the test that is meant for it
DEFECTS = {
    "a kept share of 0.85": (lambda D1, D2: drawn(0.85), "D1: kept share"),
    "a kept share of 0.85 in the second layer": (lambda D1, D2: (D1, drawn(0.85)[1]), "D2: kept share"),
    "the same mask in both layers": (lambda D1, D2: (D1, D1[:, :3].copy()), "D1 and D2: independence"),
    "the same seed in both layers": (lambda D1, D2: (D1, same_bits(D1, D2)), "D1 and D2: independence"),
    "the second half the same": (lambda D1, D2: (with_rows(D1, slice(103, None), D1[:103]), D2), "D1: iterations"),
    "the same mask at every iteration": (lambda D1, D2: (with_rows(D1, ALL, D1[0]), D2), "D1: iterations"),
    "each mask used twice": (lambda D1, D2: (D1, with_rows(D2, ODD, D2[EVEN])), "D2: iterations"),
    "a unit always kept": (lambda D1, D2: (with_rows(D1, (ALL, 4), True), D2), "D1: kept per unit"),
    "an example always dropped": (lambda D1, D2: (with_rows(D1, (ALL, ALL, 7), False), D2), "D1: kept per example"),
    "an iteration without dropout": (lambda D1, D2: (with_rows(D1, 9, True), D2), "D1: kept per iteration"),
    "two neighbouring units equal": (lambda D1, D2: (D1, with_rows(D2, (ALL, 1), D2[:, 0])), "D2: units"),
    "a whole example dropped or kept": (lambda D1, D2: (D1, with_rows(D2, ALL, D2[:, :1])), "D2: units"),
    "neighbouring examples equal": (
        lambda D1, D2: (with_rows(D1, (ALL, ALL, ODD), D1[:, :, :-1:2]), D2),
        "D1: examples",
    ),
}

SEEN = {
    "kept share": "%) are kept", "independence": "D1 and D2 agree in 100.00% of 130,398 places, independent ones in 75.92%",
    "iterations": "pairs of iterations agree in 100.00% of ", "units": "pairs of units agree in 100.00% of 43,466 places",
    "examples": "pairs of examples agree in 100.00%", "kept per unit": "unit 5 of 20 is kept in 43,466 of 43,466 cases",
    "kept per example": "example 8 of 211 is kept in 0 of", "kept per iteration": "iteration 10 of 206 is kept in 4,220",
}  # fmt: skip


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_of_the_masks_is_red_at_the_test_meant_for_it(defect):
    D1, D2 = drawn()
    assert red(mask_results(D1, D2)) == set()
    planted, test = DEFECTS[defect]
    wrong1, wrong2 = planted(D1, D2)
    bad = failed(mask_results(wrong1, wrong2))
    assert test in {check.tensor for check in bad}
    for check in bad:
        assert check.reason.endswith(f": a chance of less than {FALSE_ALARM:g} for masks with keep_prob 0.86")
    [reason] = [check.reason for check in bad if check.tensor == test]
    assert SEEN[test.partition(": ")[2]] in reason
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
