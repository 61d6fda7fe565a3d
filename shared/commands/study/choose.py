"""Choosing a setting on the dev part, never on the test part: the one-standard-error rule."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from shared.commands.study.grid import Setting


def interval(values: ArrayLike) -> tuple[float, float]:
    """Student's 95 % interval of the mean; (nan, nan) of fewer than two values."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return math.nan, math.nan
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    found = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    return float(found.low), float(found.high)


def simplicity(setting: Setting) -> tuple:
    """The key that sorts the simplest setting first: the one with the fewest weights, then the most regularized one."""
    weights = math.prod(units + 1 for units in setting.hidden)  # of one feature; of more, in nearly the same order
    return weights, -(setting.lambd or 0.0), setting.keep_prob or 1.0, setting.learning_rate


def one_standard_error(dev_costs: Mapping[Setting, Sequence[float]]) -> tuple[Setting, Setting, float]:
    """(chosen, best, limit): the simplest setting whose mean dev cost is within one standard error of the best's.

    (Breiman et al. 1984; Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 7.10.) A run that diverged
    has an infinite cost, and takes its setting out.
    """
    means = {setting: float(np.mean(costs)) for setting, costs in dev_costs.items()}
    best = min(means, key=lambda setting: (not math.isfinite(means[setting]), means[setting]))
    costs = np.asarray(dev_costs[best])
    error = float(np.std(costs, ddof=1) / math.sqrt(len(costs))) if len(costs) > 1 else 0.0
    limit = means[best] + error
    near = [setting for setting, mean in means.items() if mean <= limit] or [best]
    return min(near, key=simplicity), best, limit
