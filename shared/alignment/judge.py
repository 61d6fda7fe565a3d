"""Judge one comparison. What is missing, empty, non-finite, of another shape or dtype never passes."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.harness.checks import Cause, Outcome, because

FACTOR = 16.0
"""A difference within FACTOR times the noise floor is rounding; beyond it, a difference in meaning. One for everything."""


def judge(port: Any, reference: NDArray, floor: NDArray | float | None) -> Outcome:
    """Compare a port's tensor with the reference.

    floor: the noise floor, a number or an array that broadcasts to the tensor, taken as at least one unit in the last
    place of the reference; None: equal bit for bit. The element that uses most of its tolerance is reported.
    """
    problem = _problem(port, reference)
    if problem:
        return problem
    if reference.dtype.kind != "f":
        port, reference = port.astype(np.float64), reference.astype(np.float64)
    with np.errstate(over="ignore"):
        difference = np.abs(port - reference)
    tolerance = tolerance_of(reference, floor)
    beyond = ~(difference <= tolerance)  # so that a floor that is not a number allows nothing
    with np.errstate(all="ignore"):
        used = np.where(difference == 0, 0, difference / tolerance) if tolerance.any() else difference
    worst = np.unravel_index(np.argmax(used), used.shape)  # of a nan, where there is one
    outcome = Outcome(difference=float(difference[worst]), tolerance=float(tolerance[worst]))
    if not beyond.any():
        return outcome
    return replace(
        _beyond(outcome, float(port[worst]), float(reference[worst]), exact=floor is None),
        elements=int(beyond.size),
        differing=int(np.count_nonzero(beyond)),
        index=[int(i) for i in worst],
        port_value=float(port[worst]),
        reference_value=float(reference[worst]),
    )


def _beyond(outcome: Outcome, port: float, reference: float, exact: bool) -> Outcome:
    """The outcome of what differs, in words: what must be equal, or 0, owes nothing to rounding."""
    if exact:
        return outcome.because(Cause.NOT_EQUAL, outcome.difference)
    if reference == 0 and (outcome.tolerance or 0) <= FACTOR * np.finfo(np.float32).tiny:
        return outcome.because(Cause.NOT_ZERO, port)
    return outcome.because(Cause.VALUES, outcome.difference, outcome.tolerance)


def tolerance_of(reference: NDArray, floor: NDArray | float | None) -> NDArray:
    """How far each element may be from the reference (see `judge`)."""
    if floor is None:
        return np.zeros(reference.shape)
    # Some frameworks flush subnormal numbers to zero: below the smallest normal one nothing is told apart.
    size = np.abs(reference)
    limits = np.finfo(reference.dtype)
    with np.errstate(over="ignore"):  # the spacing of the largest number is infinite, which would tolerate everything
        smallest = np.maximum(np.minimum(np.spacing(size), size * limits.eps), limits.tiny)
    return np.broadcast_to(FACTOR * np.maximum(floor, smallest), reference.shape)


def _problem(port: Any, reference: NDArray) -> Outcome | None:
    """What is no tensor of finite numbers of the reference's shape and dtype; None: it can be compared."""
    if port is None:
        return because(Cause.MISSING)
    if not isinstance(port, np.ndarray):
        return because(Cause.NO_ARRAY, type(port).__name__)
    if port.shape != reference.shape:
        return because(Cause.SHAPE, reference.shape, port.shape)
    if port.dtype != reference.dtype:
        float32 = (reference.dtype, port.dtype) == (np.float64, np.float32)
        return because(Cause.FLOAT32, "") if float32 else because(Cause.DTYPE, reference.dtype, port.dtype)
    if port.size == 0:
        return because(Cause.EMPTY)
    bad, too = (int(np.count_nonzero(~np.isfinite(values))) for values in (port, reference))
    if bad and too:
        return because(Cause.BOTH_DIVERGE, bad, port.size, too)
    for whose, count in (("the port's", bad), ("the reference's", too)):
        if count:
            return because(Cause.NOT_FINITE, count, port.size, whose)
    return None
