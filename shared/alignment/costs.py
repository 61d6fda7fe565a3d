"""The costs of a run against the reference's: their noise floor, the comparison, and how far a comparison can see."""

import numpy as np
from numpy.typing import NDArray

from shared.alignment.checks import Check, allowance, judge
from shared.alignment.floor import spread

BLIND = 1e-3
"""A noise floor beyond this share of the value hides what one would like to see."""


def horizon(costs: NDArray) -> int:
    """How many iterations of a free run a comparison can still say something about: the floor stays below BLIND."""
    blind = ~(cost_floor(costs) <= BLIND * np.abs(costs[:, 0]))
    return max(1, int(np.argmax(blind))) if blind.any() else len(costs)


def cost_floor(costs: NDArray) -> NDArray:
    """The floor of each cost, from costs (length, R): the largest spread so far, at least one unit in the last place."""
    reference = costs[:, 0]
    return np.maximum(np.maximum.accumulate(spread(costs.T)), np.spacing(np.abs(reference)))


def cost_check(place: dict, first: int, port: NDArray, reference: NDArray, floor: NDArray) -> Check:
    """Compare the port's costs (length,) with the reference's (length,), which start at iteration `first`."""
    outcome = judge(port, reference, floor)
    where = 0
    if outcome["status"] == "failed" and len(port):  # the first bad iteration
        where = int(np.argmax(~(np.abs(port - reference) <= allowance(reference, floor))))
    elif len(port):  # the one that comes closest
        where = int(np.argmax(np.abs(port - reference) / floor))
    say_if_blind(outcome, float(floor[-1]), float(np.abs(reference[-1])))
    return Check(**place, tensor="cost", iteration=first + where, **outcome)


def say_if_blind(outcome: dict, floor: float, size: float) -> None:
    """Note on a passed comparison that rounding hides what one would like to see."""
    if outcome["status"] == "passed" and not floor <= BLIND * size and floor > 0:
        outcome["reason"] = f"says little: rounding alone moves it by {floor:.1g}"
