"""Dropout masks as random numbers: what a framework's generator must be like, whatever bits it draws.

Each test gives a standard normal variable under the hypothesis that every unit of every example is kept independently with
probability keep_prob; it fails beyond LIMIT. The seeds are fixed, so a run that passed passes again.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from shared.alignment.checks import Check
from shared.parameters import Parameters

FALSE_ALARM = 1e-9
"""Probability that one test fails for correct masks; a default run makes about a hundred."""

LIMIT = float(stats.norm.isf(FALSE_ALARM / 2))
BITS = 1_000_000
"""Mask bits drawn for the tests, about: a kept share that is off by 0.2 % is seen."""

FRESH_TESTS = ("iterations", "kept per iteration")
LAYER_TESTS = ("kept share", "units", "examples", "kept per unit", "kept per example")


def mask_tests(frozen: bool) -> list[str]:
    """The tensors of the plan: layer and test."""
    per_layer = [*LAYER_TESTS, *(("frozen",) if frozen else FRESH_TESTS)]
    return [f"{layer}: {test}" for layer in ("D1", "D2") for test in per_layer] + ["D1 and D2: independence"]


def all_on(parameters: Parameters) -> Parameters:
    """Parameters under which every hidden unit is on for every example, so that its mask can be read."""
    return {n: np.zeros_like(value) if n.startswith("W") else np.ones_like(value) for n, value in parameters.items()}


def sample_length(h1: int, h2: int, m: int) -> int:
    """Iterations to draw masks in: two at least, and as many as make BITS."""
    return max(2, min(1000, BITS // ((h1 + h2) * m)))


def mask_checks(D1: NDArray, D2: NDArray, keep_prob: float, frozen: bool, place: dict) -> Iterator[Check]:
    """Test the masks D1 (n, h1, m), D2 (n, h2, m) of n iterations; bool."""
    outcomes: dict[str, float] = {}
    for layer, D in (("D1", D1), ("D2", D2)):
        if frozen:
            outcomes[f"{layer}: frozen"] = 0.0 if bool(np.all(D[:1] == D)) else float("inf")
            D = D[:1]
        centred = (D - keep_prob) / np.sqrt(keep_prob * (1 - keep_prob))
        outcomes[f"{layer}: kept share"] = _normal(centred)
        outcomes[f"{layer}: units"] = _normal(centred[:, 1:] * centred[:, :-1])
        outcomes[f"{layer}: examples"] = _normal(centred[:, :, 1:] * centred[:, :, :-1])
        outcomes[f"{layer}: kept per unit"] = _evenness(centred, 1)
        outcomes[f"{layer}: kept per example"] = _evenness(centred, 2)
        if not frozen:
            outcomes[f"{layer}: iterations"] = _normal(centred[1:] * centred[:-1])
            outcomes[f"{layer}: kept per iteration"] = _evenness(centred, 0)
    count = min(D1.shape[1], D2.shape[1])
    first = slice(0, 1) if frozen else slice(None)
    both = (D1[first, :count] - keep_prob) * (D2[first, :count] - keep_prob) / (keep_prob * (1 - keep_prob))
    outcomes["D1 and D2: independence"] = _normal(both)
    for test, z in outcomes.items():
        passed = z <= LIMIT
        reason = "" if passed else f"a chance of less than {FALSE_ALARM:g} for masks with keep_prob {keep_prob:g}"
        status = "passed" if passed else "failed"
        yield Check(**place, stage="forward", scope="masks", tensor=test, iteration=0,
                    difference=z, allowed=LIMIT, status=status, reason=reason)  # fmt: skip


def _normal(standardized: NDArray) -> float:
    """|sum of independent variables of mean 0 and variance 1| over its standard deviation; 0 where there are none."""
    return float(abs(standardized.sum()) / np.sqrt(standardized.size)) if standardized.size else 0.0


def _evenness(centred: NDArray, axis: int) -> float:
    """Chi-square of the kept counts along an axis, as the normal deviate of the same two-sided probability."""
    others = tuple(i for i in range(3) if i != axis)
    sums = centred.sum(axis=others) / np.sqrt(centred.size / centred.shape[axis])
    chi2 = stats.chi2(len(sums))
    statistic = float(np.sum(sums**2))
    tail = min(chi2.sf(statistic), chi2.cdf(statistic))
    return float(stats.norm.isf(max(tail, 1e-300)))
