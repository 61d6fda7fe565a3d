"""One comparison and its outcome. What is missing, empty, non-finite, of another shape or dtype never passes."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FACTOR = 16.0
"""A difference within FACTOR times the noise floor is rounding; beyond it, a difference in meaning. One for everything."""

DIVERGES = "training diverges"
"""The end of the reason where neither the port nor the reference is finite."""

STAGES = ("repeat", "data", "parameters", "forward", "cost", "gradients", "update", "trajectory", "predictions")
"""In the order in which a port is checked, after it was held against itself: the first that fails is the answer."""


def rank(stage: str, iteration: int) -> tuple[int, int]:
    """The order of failures: the first stage that fails is the answer, and in it the first iteration."""
    return STAGES.index(stage), iteration


@dataclass(frozen=True)
class Check:
    """A planned comparison of one tensor, and what came of it; the keys are those of results.json.

    scope: the state a single step started from, or the updates a segment covers. Where it failed on values: elements,
    differing (how many beyond what is allowed), index of the worst, and both values there.
    """

    variant: str
    implementation: str
    stage: str
    scope: str
    tensor: str
    iteration: int
    difference: float | None = None
    allowed: float | None = None
    status: str = "skipped"
    reason: str = ""
    elements: int | None = None
    differing: int | None = None
    index: list[int] | None = None
    port_value: float | None = None
    reference_value: float | None = None

    @property
    def budget_used(self) -> float | None:
        """difference / allowed: up to 1 is rounding."""
        if self.difference is None or self.allowed is None:
            return None
        if self.allowed == 0:
            return 0.0 if self.difference == 0 else float("inf")
        return self.difference / self.allowed

    def as_dict(self) -> dict:
        """For results.json, without what does not apply."""
        entries = asdict(self) | {"budget_used": self.budget_used}
        optional = ("elements", "differing", "index", "port_value", "reference_value")
        return {key: value for key, value in entries.items() if value is not None or key not in optional}


def judge(port: Any, reference: NDArray, floor: NDArray | float | None) -> dict[str, Any]:
    """Compare a port's tensor with the reference; the outcome as keyword arguments of a Check.

    floor: the noise floor, a number or an array that broadcasts to the tensor, taken as at least one unit in the last
    place of the reference; None: equal bit for bit. The element that uses most of what is allowed is reported.
    """
    problem = _problem(port, reference)
    if problem:
        return {"status": "failed", "reason": problem}
    if reference.dtype.kind != "f":
        port, reference = port.astype(np.float64), reference.astype(np.float64)
    with np.errstate(over="ignore"):
        difference = np.abs(port - reference)
    allowed = allowance(reference, floor)
    beyond = ~(difference <= allowed)  # so that a floor that is not a number allows nothing
    with np.errstate(all="ignore"):
        used = np.where(difference == 0, 0, difference / allowed) if allowed.any() else difference
    worst = np.unravel_index(np.argmax(used), used.shape)  # of a nan, where there is one
    outcome = {"difference": float(difference[worst]), "allowed": float(allowed[worst])}
    if not beyond.any():
        return outcome | {"status": "passed"}
    return outcome | {
        "status": "failed",
        "reason": f"differs by {outcome['difference']:.3g} where rounding explains {outcome['allowed']:.3g}",
        "elements": int(beyond.size),
        "differing": int(np.count_nonzero(beyond)),
        "index": [int(i) for i in worst],
        "port_value": float(port[worst]),
        "reference_value": float(reference[worst]),
    }


def allowance(reference: NDArray, floor: NDArray | float | None) -> NDArray:
    """How far each element may be from the reference (see `judge`)."""
    if floor is None:
        return np.zeros(reference.shape)
    # Some frameworks flush subnormal numbers to zero: below the smallest normal one nothing is told apart.
    size = np.abs(reference)
    limits = np.finfo(reference.dtype)
    with np.errstate(over="ignore"):  # the spacing of the largest number is infinite, which would allow everything
        smallest = np.maximum(np.minimum(np.spacing(size), size * limits.eps), limits.tiny)
    return np.broadcast_to(FACTOR * np.maximum(floor, smallest), reference.shape)


def _problem(port: Any, reference: NDArray) -> str:
    if port is None:
        return "missing"
    if not isinstance(port, np.ndarray):
        return f"expected a NumPy array, got {type(port).__name__}"
    if port.shape != reference.shape:
        return f"expected shape {reference.shape}, got {port.shape}"
    if port.dtype != reference.dtype:
        return f"expected dtype {reference.dtype}, got {port.dtype}"
    if port.size == 0:
        return "empty: nothing to compare"
    bad, too = (int(np.count_nonzero(~np.isfinite(values))) for values in (port, reference))
    if bad and too:
        return f"{bad} of {port.size} values of the port's are not finite, nor are {too} of the reference's: {DIVERGES}"
    for whose, count in (("the port's", bad), ("the reference's", too)):
        if count:
            return f"{count} of {port.size} values of {whose} are not finite"
    return ""
