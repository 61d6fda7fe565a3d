"""One comparison and its outcome. What is missing, empty, non-finite, of another shape or dtype never passes."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

FACTOR = 32.0
"""A difference within FACTOR times the noise floor is rounding; beyond it, a difference in meaning. One for everything."""


@dataclass(frozen=True)
class Check:
    """A planned comparison of one tensor, and what came of it; the keys are those of results.json."""

    variant: str
    implementation: str
    stage: str
    tensor: str
    scope: str
    iteration: int | None
    difference: float | None = None
    allowed: float | None = None
    status: str = "skipped"
    reason: str = ""

    @property
    def budget_used(self) -> float | None:
        """difference / allowed: up to 1 is rounding."""
        if self.difference is None or self.allowed is None:
            return None
        if self.allowed == 0:
            return 0.0 if self.difference == 0 else float("inf")
        return self.difference / self.allowed

    def as_dict(self) -> dict:
        return asdict(self) | {"budget_used": self.budget_used}


def judge(port: NDArray | None, reference: NDArray, floor: NDArray | float) -> dict:
    """Compare a port's tensor with the reference; the outcome as keyword arguments of a Check.

    floor: the noise floor, a number or an array that broadcasts to the tensor; never below the reference's own unit in
    the last place. Where the difference exceeds FACTOR * floor anywhere, the worst element is reported.
    """
    problem = _problem(port, reference)
    if problem or port is None:
        return {"status": "failed", "reason": problem}
    difference = np.abs(port - reference)
    allowed = np.broadcast_to(FACTOR * np.maximum(floor, np.spacing(np.abs(reference))), difference.shape)
    worst = np.unravel_index(np.argmax(difference / allowed), difference.shape)
    passed = bool(np.all(difference <= allowed))
    outcome = {"difference": float(difference[worst]), "allowed": float(allowed[worst])}
    if passed:
        return outcome | {"status": "passed"}
    reason = f"differs by {outcome['difference']:.3g} where rounding explains {outcome['allowed']:.3g}"
    return outcome | {"status": "failed", "reason": reason}


def _problem(port: NDArray | None, reference: NDArray) -> str:
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
    for whose, values in (("the port's", port), ("the reference's", reference)):
        bad = int(np.count_nonzero(~np.isfinite(values)))
        if bad:
            return f"{bad} of {values.size} values of {whose} are not finite"
    return ""
