"""Reported costs that are another one only where probabilities reach 0 or 1: the course's own, guarded and clipped ones.

Gradients and updates never use the reported cost, so that such a port is a correct one, and its cost is remarked on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl.cost import l2_penalty
from numpy_impl.network import sigmoid
from shared.alignment.judge import FACTOR
from shared.alignment.replay import replay
from shared.alignment.tensors import one_step
from shared.case import Problem
from shared.commands.check.course import Found
from shared.harness.checks import Cause, Check
from shared.harness.records import Record

COSTS = ("cross_entropy", "cost")
EPSILONS = (*(10.0**-k for k in range(5, 17)), float(np.finfo(np.float32).eps), float(np.finfo(np.float64).eps))


@dataclass(frozen=True)
class Formula:
    """A way to write the cross-entropy from the probabilities. words: what it is, and what it does at 0 and 1."""

    words: str
    mean: Callable[[NDArray, NDArray], NDArray]
    """(A3, Y) -> the mean over the examples."""


def _of(log: Callable[[NDArray], NDArray], mean: Callable = np.mean) -> Callable[[NDArray, NDArray], NDArray]:
    return lambda A3, Y: mean(-Y * log(A3) - (1 - Y) * log(1 - A3), axis=-1)


def _nanmean(values: NDArray, axis: int) -> NDArray:
    return np.nansum(values, axis=axis) / values.shape[axis]


def _guarded(epsilon: float) -> Callable[[NDArray], NDArray]:
    return lambda p: np.log(p + epsilon)


def _clipped(epsilon: float, log: Callable[[NDArray], NDArray] = np.log) -> Callable[[NDArray, NDArray], NDArray]:
    mean = _of(log)
    return lambda A3, Y: mean(np.clip(A3, epsilon, 1 - epsilon), Y)


def formulas() -> Iterator[Formula]:
    """The usual ones, the commonest first."""
    infinite = "the cost is infinite or not a number where a probability rounds to 0 or 1, as the course's own is"
    yield Formula(infinite, _of(np.log, _nanmean))
    yield Formula(infinite, _of(np.log))
    yield Formula("the logarithms are not below -100, as in torch's BCELoss", _of(lambda p: np.maximum(np.log(p), -100)))
    for epsilon in EPSILONS:
        said = f"{epsilon:.3g}: harmless unless a probability is 0 or 1"
        yield Formula(f"the cost is of log(A3 + epsilon), epsilon {said}", _of(_guarded(epsilon)))
        yield Formula(f"the cost is of A3 clipped at {said}", _clipped(epsilon))
        yield Formula(f"the cost is of A3 clipped at epsilon, plus epsilon, {said}", _clipped(epsilon, _guarded(epsilon)))


def gives(formula: Formula, Z3: NDArray, Y: NDArray, cost: NDArray, floors: Any = 0.0) -> bool:
    """Whether the formula gives these costs (n,) without penalty, for Z3 (n, m), to within its own rounding and `floors`."""
    A3, epsilon = sigmoid(Z3), np.finfo(Z3.dtype).eps
    moved = [sigmoid(Z3 * (1 + k * epsilon)) for k in (-2, 2)] + [A3 + k * epsilon / 2 for k in (-1, 1)]
    with np.errstate(all="ignore"):
        value = formula.mean(A3, Y)
        # Steps from or to a probability of exactly 0 or 1 are no rounding of the logarithm: it jumps there.
        kept = [np.where((p >= 1) | (p <= 0) | (A3 == 1), A3, p).astype(Z3.dtype) for p in moved]
        floor = np.max([np.abs(formula.mean(p, Y) - value) for p in kept], axis=0)
        rounding = np.nan_to_num(epsilon * np.abs(value), posinf=0)
        allowed = 2 * np.nan_to_num(floor, posinf=0) + FACTOR * (rounding + floors)
        same = (cost == value) | (np.isnan(cost) & np.isnan(value)) | (np.abs(cost - value) <= allowed)
        # A probability one rounding away from 1 is 1 for another exponential function: there either may be infinite.
        infinite = not np.isfinite(formula.mean(np.ones_like(A3), np.zeros_like(Y))).any()
        at_the_edge = infinite & ~np.isfinite(cost) & (np.abs(1 - A3) <= 2 * epsilon).any(axis=-1)
    return bool(np.all(same | at_the_edge))


def excuse_steps(problem: Problem, states: dict, found: Found) -> str:
    """Turn failed costs of single steps into remarks, where a formula gives them all, and say what it does.

    states: where -> the parameters it started from, and the port's tensors. Other differences stay what they are.
    """
    bad = [check for check in found.checks if check.failed and check.tensor in COSTS and check.where in states]
    if not bad:
        return ""
    Z3, costs = [], []
    for start, port in states.values():
        tensors = one_step(problem, start, port)
        for name in COSTS:
            if isinstance(port.get(name), np.ndarray) and port[name].shape == () and port[name].dtype.kind == "f":
                Z3.append(tensors["Z3"][0])
                costs.append(port[name] - (tensors["l2_penalty"] if name == "cost" else 0))
    return _excuse(bad, np.array(Z3), np.array(costs), problem, found)


def excuse_run(problem: Problem, record: Record, floors: NDArray, found: Found) -> str:
    """The same for the costs of a whole run, with the noise floor of each (n,); only if all parameters agree."""
    bad = [check for check in found.checks if check.failed and check.tensor == "cost"]
    if not bad or any(check.failed and check.tensor != "cost" for check in found.checks):
        return ""
    Z3, penalties = [], []
    for s, length in enumerate(record.lengths):
        now = {name: rows[s] for name, rows in record.snapshots.items()}
        for logits, after in replay(problem, now, range(length)):
            Z3.append(logits[0])
            penalties.append(l2_penalty(now, problem.lambd, problem.X.shape[1]))
            now = after
    return _excuse(bad, np.array(Z3), record.costs - np.array(penalties), problem, found, floors)


def _excuse(bad: list[Check], Z3: NDArray, costs: NDArray, problem: Problem, found: Found, floors: Any = 0.0) -> str:
    formula = next((each for each in formulas() if len(costs) and gives(each, Z3, problem.Y, costs, floors)), None)
    if formula is None:
        return ""
    said = f"{formula.words}; gradients and updates do not use it"
    found.checks = [_excused(check, said) if check in bad else check for check in found.checks]
    if said not in found.remarks:
        found.remarks.append(said)
    return said


def _excused(check: Check, said: str) -> Check:
    outcome = check.because(Cause.SATURATED, said)
    return replace(outcome, difference=None, tolerance=None, elements=None, differing=None, index=None,
                   port_value=None, reference_value=None)  # type: ignore[return-value]  # fmt: skip
