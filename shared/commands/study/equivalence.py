"""Are the runs of two implementations equivalent? Dropout draws other masks in each, so single runs cannot tell.

Two one-sided t-tests (TOST; Schuirmann 1987) of the differences between runs of equal initial weights: equivalent, where the
mean difference is shown to lie within a margin that was declared before; different, where it is shown not to be 0; else
there are not enough runs. All tests are SciPy's.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

ALPHA = 0.05
POWER = 0.9
PILOT = 10
"""The fewest runs from whose spread it is estimated how many are needed; fewer decide nothing."""
MOST = 100_000
EQUIVALENT, DIFFERENT, NOT_ENOUGH = "equivalent", "different", "not enough runs"


@dataclass(frozen=True, kw_only=True)
class Equivalence:
    """The verdict on runs of equal seeds, and everything it rests on; what could not be computed is None.

    mean, interval: of the differences. needed: runs for a power of POWER; power: that of these runs.
    """

    n: int
    margin: float
    mean: float | None = None
    interval: list[float] | None = None
    p_tost: float | None = None
    p_difference: float | None = None
    p_kolmogorov_smirnov: float | None = None
    needed: int | None = None
    power: float | None = None
    diverged_alone: list[int]
    verdict: str = NOT_ENOUGH


def tost_power(n: int, spread: float, margin: float, alpha: float = ALPHA) -> float:
    """Probability that n differences of mean 0 and standard deviation `spread` are shown to be within the margin.

    By the noncentral t-distribution (Phillips 1990): P(T1 >= t and T2 <= -t) with noncentralities +-margin sqrt(n) / spread.
    """
    if n < 2:
        return 0.0
    if spread == 0:
        return 1.0
    critical, shift = stats.t.ppf(1 - alpha, n - 1), margin * math.sqrt(n) / spread
    power = stats.nct.cdf(-critical, n - 1, -shift) - stats.nct.cdf(critical, n - 1, shift)
    # Far out, nct gives NaN; the t-distribution moved by the shift is as good there.
    if not math.isfinite(power):
        power = 2 * stats.t.cdf(shift - critical, n - 1) - 1
    return float(max(0.0, power))


def runs_needed(pilot: NDArray, margin: float, alpha: float = ALPHA) -> int:
    """The smallest number of runs for a power of POWER, from the differences (n,) of a pilot.

    A pilot's own spread is too small about half of the time: its upper 80 % bound is taken (Browne 1995).
    """
    spread = spread_bound(pilot)
    low, high = 2, MOST
    if tost_power(high, spread, margin, alpha) < POWER:
        return MOST
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if tost_power(middle, spread, margin, alpha) >= POWER else (middle + 1, high)
    return max(low, PILOT)


def spread_bound(pilot: NDArray) -> float:
    """The upper 80 % confidence bound of the standard deviation of normal values (n,)."""
    n = len(pilot)
    return float(np.std(pilot, ddof=1) * math.sqrt((n - 1) / stats.chi2.ppf(0.2, n - 1)))


def equivalence(
    a: NDArray,
    b: NDArray,
    margin: float,
    *,
    alpha: float = ALPHA,
    tests: int = 1,
    diverged_alone: tuple[int, int] = (0, 0),
) -> Equivalence:
    """The verdict on a[i] against b[i], runs of equal seeds, (n,) each.

    margin: the largest mean difference that is called equivalent. tests: how many such questions are asked, so that alpha is
    the probability that any of them calls equal ones different (Bonferroni).
    diverged_alone: pairs of runs of which the first alone diverged, and the second alone. They are not in a and b, and so in
    no mean: with one, nothing is equivalent; many on one side (sign test) are a difference.
    """
    difference = a - b
    n = len(difference)
    result: dict[str, Any] = {"n": n, "margin": margin, "diverged_alone": list(diverged_alone)}
    if any(diverged_alone) and stats.binomtest(diverged_alone[0], sum(diverged_alone)).pvalue < alpha / tests:
        result |= {"verdict": DIFFERENT}
    if n < 2:
        return Equivalence(**result)
    mean = float(np.mean(difference))
    result |= {"mean": mean, "p_kolmogorov_smirnov": float(stats.ks_2samp(a, b).pvalue)}
    if np.std(difference) <= 1e-9 * margin:  # the same up to rounding: nothing is left to test
        p_tost, p_difference = float(abs(mean) >= margin), float(abs(mean) < margin)
        result |= {"interval": [mean, mean], "p_tost": p_tost, "p_difference": p_difference}
    else:
        # 1 - 2 alpha, the interval that belongs to two one-sided tests
        interval = stats.ttest_1samp(difference, 0).confidence_interval(1 - 2 * alpha)
        above = stats.ttest_1samp(difference, -margin, alternative="greater").pvalue
        below = stats.ttest_1samp(difference, margin, alternative="less").pvalue
        result |= {"interval": [float(interval.low), float(interval.high)], "p_tost": float(max(above, below))}
        result |= {"p_difference": float(stats.ttest_1samp(difference, 0).pvalue)}
    if n < PILOT:
        return Equivalence(**result)
    result |= {"needed": runs_needed(difference, margin, alpha)}
    result |= {"power": tost_power(n, spread_bound(difference), margin, alpha)}
    if result["p_tost"] < alpha and not any(diverged_alone):
        result |= {"verdict": EQUIVALENT}
    elif result["p_difference"] < alpha / tests:
        result |= {"verdict": DIFFERENT}
    return Equivalence(**result)
