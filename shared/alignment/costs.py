"""The costs of a run against the reference's: their noise floor, the comparison, and how far a comparison can see."""

import numpy as np
from numpy.typing import NDArray

from shared.alignment.floor import spread
from shared.alignment.judge import judge, tolerance_of
from shared.harness.checks import Cause, Check, Key, Outcome

HIDING = 1e-3
"""A noise floor beyond this share of the value hides what one would like to see."""


def horizon(costs: NDArray) -> int:
    """How many iterations of a free run a comparison can still say something about: the floor stays below HIDING."""
    hidden = ~(cost_floor(costs) <= HIDING * np.abs(costs[:, 0]))
    return max(1, int(np.argmax(hidden))) if hidden.any() else len(costs)


def cost_floor(costs: NDArray) -> NDArray:
    """The floor of each cost, from costs (length, R): the largest spread so far, at least one unit in the last place."""
    reference = costs[:, 0]
    return np.maximum(np.maximum.accumulate(spread(costs.T)), np.spacing(np.abs(reference)))


def cost_check(key: Key, first: int, port: NDArray, reference: NDArray, floor: NDArray) -> Check:
    """Compare the port's costs (length,) with the reference's (length,), which start at iteration `first`."""
    outcome = judge(port, reference, floor)
    where = 0
    if outcome.failed and len(port):  # the first bad iteration
        where = int(np.argmax(~(np.abs(port - reference) <= tolerance_of(reference, floor))))
    elif len(port):  # the one that comes closest
        where = int(np.argmax(np.abs(port - reference) / floor))
    return informed(outcome, float(floor[-1]), float(np.abs(reference[-1]))).of(key, first + where)


def informed(outcome: Outcome, floor: float, size: float) -> Outcome:
    """The outcome; uninformative where it passed, and rounding hides what one would like to see."""
    hidden = outcome.passed and not floor <= HIDING * size and floor > 0
    return outcome.because(Cause.ROUNDING, floor) if hidden else outcome
