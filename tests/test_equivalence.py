"""Equivalent, different, or not enough runs: the test itself, and what it says of networks."""

import json
import math
import shutil
from typing import Any

import numpy as np
import pytest
from scipy import stats

from shared.commands.study import equivalence as module
from shared.commands.study.equivalence import (
    ALPHA,
    DIFFERENT,
    EQUIVALENT,
    NOT_ENOUGH,
    PILOT,
    runs_needed,
    spread_bound,
    tost_power,
)

MARGIN = 0.01


def equivalence(*samples, **more) -> Any:
    """The verdict, of which the tests know what could be computed."""
    return module.equivalence(*samples, **more)


def sample(n, mean=0.0, spread=0.02, seed=0):
    return np.random.default_rng(seed).normal(mean, spread, n)


def test_equal_runs_are_equivalent_wrong_ones_different_and_few_not_enough():
    equal = equivalence(sample(100), sample(100, seed=1), MARGIN)
    assert equal.verdict == EQUIVALENT
    assert equal.power > 0.8
    assert abs(equal.mean) < MARGIN
    assert equivalence(sample(100), sample(100, 0.03, seed=1), MARGIN).verdict == DIFFERENT
    assert equivalence(sample(20), sample(20, seed=1), MARGIN).verdict == NOT_ENOUGH
    for n in (0, 1, 2, 3, PILOT - 1):  # whatever they say
        for other in (sample(n, spread=1e-9), sample(n, 100.0)):
            few = equivalence(sample(n, spread=1e-9), other, MARGIN)
            assert (few.verdict, few.needed, few.power) == (NOT_ENOUGH, None, None)


def test_the_p_values_are_those_of_the_formulas():
    a, b = sample(30), sample(30, 0.004, seed=1)
    found = equivalence(a, b, MARGIN)
    d = a - b
    error = d.std(ddof=1) / math.sqrt(30)
    above, below = (d.mean() + MARGIN) / error, (d.mean() - MARGIN) / error
    assert found.p_tost == pytest.approx(max(stats.t.sf(above, 29), stats.t.cdf(below, 29)))
    assert found.p_difference == pytest.approx(2 * stats.t.sf(abs(d.mean() / error), 29))
    assert found.p_kolmogorov_smirnov == stats.ks_2samp(a, b).pvalue
    half = stats.t.ppf(1 - ALPHA, 29) * error
    assert found.interval == pytest.approx([d.mean() - half, d.mean() + half])
    # TOST says equivalent exactly where its interval lies within the margin
    assert (found.p_tost < ALPHA) == (max(map(abs, found.interval)) < MARGIN)


def test_runs_that_are_equal_to_rounding_need_no_test_and_those_that_are_off_by_a_constant_differ():
    a = sample(12)
    assert equivalence(a, a, MARGIN).verdict == EQUIVALENT
    assert equivalence(a, a + 1e-15, MARGIN).verdict == EQUIVALENT
    off = equivalence(a, a + 2 * MARGIN, MARGIN)
    assert (off.verdict, off.p_tost, off.p_difference) == (DIFFERENT, 1.0, 0.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_is_never_equivalent(bad):
    a = sample(50)
    a[3] = bad
    with np.errstate(invalid="ignore"):
        assert equivalence(a, sample(50, seed=1), MARGIN).verdict == NOT_ENOUGH


def test_runs_that_diverge_in_one_implementation_alone_are_never_equivalent_and_many_are_different():
    a = sample(40)
    assert equivalence(a, a, MARGIN, diverged_alone=(0, 0)).verdict == EQUIVALENT
    assert equivalence(a, a, MARGIN, diverged_alone=(1, 0)).verdict == NOT_ENOUGH
    assert equivalence(a, a, MARGIN, diverged_alone=(5, 5)).verdict == NOT_ENOUGH
    assert equivalence(a, a, MARGIN, diverged_alone=(0, 5)).verdict == NOT_ENOUGH  # p = 1/16
    assert equivalence(a, a, MARGIN, diverged_alone=(0, 6)).verdict == DIFFERENT  # p = 1/32
    assert equivalence(a, a, MARGIN, diverged_alone=(0, 6), tests=2).verdict == NOT_ENOUGH
    assert equivalence(a[:0], a[:0], MARGIN, diverged_alone=(0, 40), tests=50).verdict == DIFFERENT


def test_power_and_need_are_of_all_runs_not_of_the_first():
    a = np.zeros(100)
    a[10:20] = 0.2  # the first ten are tied
    found = equivalence(a, np.zeros(100), MARGIN)
    assert found.verdict != EQUIVALENT
    assert found.power < 0.1
    assert found.needed > 300


def test_many_questions_make_no_difference_out_of_luck():
    a, b = sample(40), sample(40, 0.0105, seed=4)
    alone = equivalence(a, b, MARGIN)
    assert 0.001 < alone.p_difference < ALPHA
    assert alone.verdict == DIFFERENT
    assert equivalence(a, b, MARGIN, tests=50).verdict == NOT_ENOUGH


@pytest.mark.parametrize(("n", "spread"), [(10, 0.01), (15, 0.015), (30, 0.02), (80, 0.03), (12, 0.001)])
def test_the_power_is_what_a_simulation_finds(n, spread):
    differences = np.random.default_rng(1).normal(0, spread, (20_000, n))
    error = differences.std(axis=1, ddof=1) / math.sqrt(n)
    shown = np.abs(differences.mean(axis=1)) + stats.t.ppf(1 - ALPHA, n - 1) * error < MARGIN
    assert tost_power(n, spread, MARGIN) == pytest.approx(shown.mean(), abs=5 * 0.5 / math.sqrt(20_000))


@pytest.mark.full
def test_a_difference_of_the_margin_is_called_equivalent_at_most_as_often_as_alpha_says():
    rng = np.random.default_rng(2)
    verdicts = [equivalence(rng.normal(MARGIN, 0.02, 60), np.zeros(60), MARGIN).verdict for _ in range(400)]
    assert 0.02 < verdicts.count(EQUIVALENT) / 400 < 0.08


def test_runs_needed_is_the_smallest_number_with_the_power():
    pilot = sample(PILOT)
    needed = runs_needed(pilot, MARGIN)
    assert tost_power(needed, spread_bound(pilot), MARGIN) >= 0.9
    assert tost_power(needed - 1, spread_bound(pilot), MARGIN) < 0.9
    assert runs_needed(pilot, 10 * MARGIN) == PILOT
    assert runs_needed(pilot, MARGIN / 2) == pytest.approx(4 * needed, rel=0.1)
    assert runs_needed(1e6 * pilot, MARGIN) == 100_000  # the most that is looked for


def test_the_bound_of_the_spread_holds_four_times_out_of_five():
    samples = np.random.default_rng(3).normal(0, 1, (5000, PILOT))
    assert np.mean([spread_bound(each) > 1 for each in samples]) == pytest.approx(0.8, abs=0.02)


OTHER = """from dataclasses import replace

from shared.adapters.numpy import NumpyAdapter

class Other(NumpyAdapter):
    def __init__(self):
        super().__init__("torch_impl")

    def train_segments(self, problem, *arguments, seed, **settings):
        other = replace(problem, keep_prob=problem.keep_prob)
        return super().train_segments(other, *arguments, seed=seed + 1000, **settings)
"""


@pytest.mark.full
def test_a_study_tells_other_masks_from_another_keep_prob_and_few_runs_from_enough(checkout, run_compare):
    """NumPy with masks of other seeds takes PyTorch's place: equivalent; then it keeps 80 percent for 86: different."""
    folder, edit = checkout
    shutil.rmtree(folder / "torch_impl")
    shutil.copytree(folder / "numpy_impl", folder / "torch_impl")
    edit("shared/adapters/torch.py", "adapter=TorchAdapter", "adapter=Other")
    edit("shared/adapters/torch.py", "\n\nIMPLEMENTATION =", f"\n\n{OTHER}\n\nIMPLEMENTATION =")

    def study(seeds):
        flags = ("--implementations", "numpy", "torch", "--variants", "dropout", "--iterations", 300,
                 "--margin-cost", MARGIN, "--margin-accuracy", MARGIN, "--init-seeds", seeds, "--seeds", seeds)  # fmt: skip
        done = run_compare("study", *flags, checkout=folder)
        results = json.loads((done.out / "study.json").read_text())
        return done, {entry["metric"]: entry for entry in results["equivalence"]}, results["verdict"]

    same, asked, verdict = study("1-20")
    assert (same.code, verdict) == (0, "match"), asked
    assert {entry["verdict"] for entry in asked.values()} == {EQUIVALENT}
    assert all(entry["power"] > 0.8 and entry["mean"] != 0 for entry in asked.values())
    assert "EQUIVALENT" in same.stdout

    edit("shared/adapters/torch.py", "keep_prob=problem.keep_prob)\n        return", "keep_prob=0.8)\n        return")
    few, asked, verdict = study("1-3")
    assert (few.code, verdict) == (3, "incomplete")
    assert {entry["verdict"] for entry in asked.values()} == {NOT_ENOUGH}
    assert "NOT ENOUGH RUNS" in few.stdout

    many, asked, verdict = study("1-20")
    assert (many.code, verdict) == (1, "mismatch")
    assert asked["training_cost"]["verdict"] == DIFFERENT
    assert asked["training_cost"]["mean"] < -MARGIN  # NumPy's is lower: it drops less
    assert "DIFFERENT" in many.stdout
