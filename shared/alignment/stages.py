"""The single-step stages: a port's tensors, one step from a given state, against the reference's from the same state."""

from collections.abc import Container, Iterator

import numpy as np
from numpy.typing import NDArray

from numpy_impl.network import forward_propagation
from shared.alignment.checks import FACTOR, Check, judge
from shared.alignment.floor import Nudge, shaken
from shared.alignment.problem import Problem
from shared.alignment.step import LEGAL, Step
from shared.alignment.tensors import (
    EXACT,
    SHAKEN,
    STAGE_OF,
    Tensors,
    alike,
    comes_near,
    reference_tensors,
    tensors_of,
    with_decay,
)
from shared.parameters import Parameters


def single_step_checks(
    problem: Problem,
    state: str,
    parameters: Parameters,
    port: Tensors,
    again: Tensors,
    place: dict,
    wanted: Container[str] | None = None,
) -> Iterator[Check]:
    """Compare every tensor of one step and two updates, of a port started from `parameters`, with the reference's.

    port, again: what two runs of the port gave, held against each other first. place: variant and implementation.
    wanted: the tensors to compare; None: all.
    """
    reference, floors = reference_tensors(problem, parameters, port)
    port, again = (with_decay(tensors, problem, parameters, reference) for tensors in (port, again))
    yield _repeat_check(reference, floors, port, again, state, place)
    outcomes = _outcomes(problem, port, reference, floors, wanted)
    for legal, largest in LEGAL:
        if all(outcome["status"] == "passed" for outcome in outcomes.values()):
            break
        if np.nanmax(np.abs(reference["Z3"]), initial=0) < largest:
            step = Step()
            for effect in legal:
                step = effect(step)
            if not comes_near(step.tensors(problem, parameters, port), port, outcomes):
                continue
            written = reference_tensors(problem, parameters, port, step.tensors)
            other = _outcomes(problem, port, *written, wanted)
            if all(outcome["status"] == "passed" for outcome in other.values()):
                outcomes = other
    for (stage, name), outcome in outcomes.items():
        yield Check(**place, stage=stage, scope=state, tensor=name, iteration=0, **outcome)


def _outcomes(problem: Problem, port: Tensors, reference: Tensors, floors: Tensors, wanted: Container[str] | None) -> dict:
    return {
        (stage, name): judge_tensor(stage, name, port, reference, floors)
        for stage in STAGE_OF
        for name in tensors_of(stage, problem.keep_prob < 1)
        if wanted is None or name in wanted
    }


def judge_tensor(stage: str, name: str, port: Tensors, reference: Tensors, floors: Tensors) -> dict:
    """The outcome for one tensor of a single step."""
    floor = None if stage in EXACT else floors[name]
    return judge(_seen(port, name, reference), reference[name], floor)


def _seen(port: Tensors, name: str, reference: Tensors) -> NDArray | None:
    """A port's tensor; of a mask, what of it can be seen: a unit that is 0 anyway reads as dropped."""
    value = port.get(name)
    if name.startswith("D") and isinstance(value, np.ndarray) and value.dtype == bool:
        on = reference["Z" + name[1:]] > 0
        return value & on if value.shape == on.shape else value
    return value


def _repeat_check(reference: dict, floors: dict, port: Tensors, again: Tensors, state: str, place: dict) -> Check:
    """The port against itself, with the tolerances of everything else; the worst tensor is reported."""
    worst = Check(**place, stage="repeat", scope=state, tensor="step", iteration=0, status="failed", reason="missing")
    for name in reference:
        if not isinstance(port.get(name), np.ndarray):
            continue  # reported where it is compared with the reference
        if alike(again.get(name), port[name]) and np.array_equal(again[name], port[name], equal_nan=True):
            if worst.status == "failed":
                worst = Check(**place, stage="repeat", scope=state, tensor="step", iteration=0,
                              difference=0.0, allowed=0.0, status="passed")  # fmt: skip
            continue
        floor = floors[name] if name not in ("X", "Y") and alike(port[name], reference[name]) else None
        outcome = judge(again.get(name), port[name], floor)
        if outcome["status"] == "failed":
            reason = f"two runs of the port differ: {name} {outcome['reason']}"
            return Check(**place, stage="repeat", scope=state, tensor="step", iteration=0, **(outcome | {"reason": reason}))
        check = Check(**place, stage="repeat", scope=state, tensor="step", iteration=0, **outcome)
        if worst.status == "failed" or (check.budget_used or 0) > (worst.budget_used or 0):
            worst = check
    return worst


def prediction_check(X: NDArray, parameters: Parameters, port: NDArray | None, part: str, last: int, place: dict) -> Check:
    """The port's classes of X (n_x, m), by its own final parameters, against the reference's by the same.

    A class may differ only where rounding moves the logit across zero.
    """
    nudge = Nudge()
    with np.errstate(all="ignore"):
        A3, cache = forward_propagation(X, parameters)
        logits = [
            np.asarray(_logit(shaken(nudge(X), nudge), {name: shaken(nudge(v), nudge) for name, v in parameters.items()}))
            for _ in range(SHAKEN)
        ]
        moved = np.abs(np.array(logits) - cache[-4]).max(axis=0)
        undecided = np.abs(cache[-4]) <= np.maximum(FACTOR * moved, np.finfo(A3.dtype).eps)
    outcome = judge(port, (A3 > 0.5).astype(np.int64), undecided.astype(float))
    if outcome["status"] == "passed" and port is not None and not np.isin(port, (0, 1)).all():
        outcome = {"status": "failed", "reason": "expected classes 0 and 1 only"}
    if not all(np.isfinite(value).all() for value in parameters.values()):
        outcome = {"status": "failed", "reason": "the final parameters are not finite"}
    return Check(**place, stage="predictions", scope="final parameters", tensor=part, iteration=last, **outcome)


def _logit(X: NDArray, parameters: Parameters) -> NDArray:
    return forward_propagation(X, parameters)[1][-4]
