"""The compiled loop makes numpy_impl's updates up to rounding, and perturbs them as the reference's replicates are."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from shared.adapters.numpy import NumpyAdapter
from shared.alignment import fused
from shared.alignment.costs import cost_floor
from shared.alignment.floor import POOL, Perturbation
from shared.alignment.replay import Replicates, replay, replay_with_replicates, replicate
from shared.alignment.trajectory import as_the_run_itself, compare_free_run, free_run, replay_in_segments
from shared.case import Problem
from shared.harness.checks import RunId
from shared.harness.records import Record
from shared.parameters import PARAMETER_NAMES, initialize_parameters

STEPS, SEGMENTS = 20, 2
SETTINGS = {"none": (0.0, 1.0), "l2": (0.7, 1.0), "dropout": (0.0, 0.86), "both": (0.7, 0.5)}


class Still(Perturbation):
    """Moves nothing."""

    def pool(self, dtype, size=0):
        return np.zeros(POOL, dtype), 0


def problem_of(setting, dtype="float64", layers=(2, 20, 3, 1), m=30):
    """A problem as two replicates see it, the parameters of two segments of each, and masks or None."""
    rng = np.random.default_rng(7)
    X = rng.standard_normal((layers[0], m)).astype(dtype)
    Y = (X[:1] * X[-1:] > 0).astype(dtype)
    lambd, keep_prob = SETTINGS[setting]
    rates: Any = np.array([0.3, 0.2], dtype).reshape(2, 1, 1, 1)  # of each replicate
    problem = Problem(
        np.stack([X, X[:, ::-1]])[:, np.newaxis], np.stack([Y, Y[:, ::-1]])[:, np.newaxis], rates, lambd, keep_prob
    )
    both = [initialize_parameters(list(layers), seed, dtype) for seed in (1, 2)]
    parameters = replicate({name: np.stack([each[name] for each in both]) for name in PARAMETER_NAMES}, 2)
    D1, D2 = (rng.random((STEPS, SEGMENTS, h, m)) < keep_prob for h in layers[1:3])
    return problem, parameters, (D1, D2) if keep_prob < 1 else None


def by_numpy(problem, parameters, masks):
    """The logits, the weights before each update and the parameters at the end, by numpy_impl's own functions."""
    dtype = problem.X.dtype
    at = (lambda step: (masks[0][step].astype(dtype), masks[1][step].astype(dtype))) if masks else None
    Z3s, ends = zip(*replay(problem, parameters, range(STEPS), at), strict=True)
    before = [parameters, *ends[:-1]]
    return np.stack(Z3s), {W: np.stack([each[W] for each in before]) for W in ("W1", "W2", "W3")}, ends[-1]


def farthest(one, other):
    """The largest difference, in roundings of the largest element."""
    (Z3, before, ends), (other_Z3, other_before, other_ends) = one, other
    pairs = [(Z3, other_Z3), *((before[W], other_before[W]) for W in before), *((ends[n], other_ends[n]) for n in ends)]
    assert all(a.shape == b.shape and a.dtype == b.dtype for a, b in pairs)
    return max(float(np.abs(a - b).max() / np.abs(b).max() / np.finfo(b.dtype).eps) for a, b in pairs)


@pytest.fixture(autouse=True)
def _numba():
    pytest.importorskip("numba")


@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.full)])  # each is compiled
@pytest.mark.parametrize("setting", SETTINGS)
def test_its_updates_are_numpy_impls_up_to_rounding(setting, dtype):
    for layers in ((2, 20, 3, 1), (3, 6, 4, 1)):
        problem, parameters, masks = problem_of(setting, dtype, layers)
        right = by_numpy(problem, parameters, masks)
        given = fused.advance(problem, parameters, masks, STEPS, Still())
        assert bool(given[1]) == (problem.lambd > 0)
        right = right if problem.lambd else (right[0], {}, right[2])
        assert farthest(given, right) < 64
        # The control: an error of a thousand roundings in any of the settings.
        other = 1 + 1e4 * np.finfo(dtype).eps
        faults = [{"learning_rate": problem.learning_rate * np.array(other, dtype)}]
        faults += [{"lambd": problem.lambd * other * 2}] if problem.lambd else []
        faults += [{"keep_prob": problem.keep_prob * other}] if masks else []
        for fault in faults:
            assert farthest(fused.advance(replace(problem, **fault), parameters, masks, STEPS, Still()), right) > 64, fault


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_goes_the_same_ways(bad):
    for setting in SETTINGS:
        problem, parameters, masks = problem_of(setting)
        for name in ("W1", "b2", "W3"):
            broken = {n: v.copy() for n, v in parameters.items()}
            broken[name][0, 1].flat[0] = bad
            problem = replace(problem, X=np.abs(problem.X))  # so that a unit of -inf is off, and stays
            with np.errstate(all="ignore"):
                right = by_numpy(problem, broken, masks)
            given = fused.advance(problem, broken, masks, STEPS, Perturbation())
            for its, theirs in ((given[0], right[0]), *((given[2][n], right[2][n]) for n in PARAMETER_NAMES)):
                np.testing.assert_array_equal(np.isnan(its), np.isnan(theirs), f"{setting}, {name}")
                np.testing.assert_array_equal(np.isinf(its), np.isinf(theirs), f"{setting}, {name}")


def test_every_number_is_moved_by_one_unit_in_the_last_place_at_most():
    problem, parameters, masks = problem_of("dropout")
    first = masks[0][:1], masks[1][:1]
    still = fused.advance(problem, parameters, first, 1, Still())[2]
    moved = fused.advance(problem, parameters, first, 1, Perturbation(3))[2]
    units = np.concatenate([((moved[n] - still[n]) / np.spacing(np.abs(still[n]))).ravel() for n in ("W1", "W2", "W3")])
    assert set(np.unique(units)) == {-1, 0, 1}
    first_still = fused.advance(problem, parameters, first, 1, Perturbation(3), 1)[2]
    for name in PARAMETER_NAMES:
        np.testing.assert_array_equal(first_still[name][0], still[name][0])
        assert name == "b3" or (first_still[name][1] != still[name][1]).any()
    assert np.bincount(units.astype(int) + 1).min() > len(units) / 5


def test_its_replicates_measure_the_same_noise_floor(monkeypatch, make_problem):
    X, Y, parameters = make_problem((2, 20, 3, 1), m=60)
    start = {name: value[np.newaxis] for name, value in parameters.items()}
    for lambd in (0.0, 0.7):
        problem = Problem(X, Y, 0.3, lambd, 1.0)
        runs = {}
        for worth in (False, True):
            monkeypatch.setattr(fused, "is_worth", lambda updates, worth=worth: worth)
            runs[worth] = replay_with_replicates(problem, start, 300, None, Replicates(12))[0][:, :, 0]
        np.testing.assert_array_equal(runs[True][:, 0], runs[False][:, 0])  # the reference is numpy_impl itself
        share = cost_floor(runs[True])[-1] / cost_floor(runs[False])[-1]
        assert 1 / 4 < share < 4


def test_a_run_that_is_replayed_bit_for_bit_is_the_free_run_itself(monkeypatch, make_problem, tmp_path):
    X, Y, parameters = make_problem((2, 20, 3, 1), m=60)
    problem, lengths = Problem(X, Y, 0.3, 0.0, 1.0), [30, 30]
    record = Record(tmp_path).write(parameters, lengths, NumpyAdapter().train_segments(problem, parameters, lengths))
    monkeypatch.setattr(fused, "is_worth", lambda updates: True)
    free = free_run(problem, parameters, 60, None, lambda updates: None)
    assert not np.array_equal(free[0][:, 0], record.costs)
    assert replay_in_segments(problem, record, RunId("", "")).exact
    for reference in (free, as_the_run_itself(free, record)):
        costs, compared = compare_free_run(problem, parameters, reference, record, [], RunId("", ""))
        assert {check.status for check in compared} == {"passed"}
    assert np.array_equal(costs[:, 0], record.costs)
    record.costs[40] = np.nextafter(record.costs[40], 1)
    assert not replay_in_segments(problem, record, RunId("", "")).exact


def test_without_numba_and_for_few_updates_it_is_left_alone(monkeypatch):
    assert fused.is_worth(fused.WORTH)
    assert not fused.is_worth(fused.WORTH - 1)
    monkeypatch.setattr(fused, "find_spec", lambda name: None)
    monkeypatch.setattr(fused, "_loop", fused._loop.__wrapped__)
    assert not fused.is_worth(fused.WORTH)
