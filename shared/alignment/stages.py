"""The single-step stages: a port's tensors, one step from a given state, against the reference's from the same state."""

from collections.abc import Container, Iterator

import numpy as np
from numpy.typing import NDArray

from numpy_impl.network import forward_propagation
from shared.alignment.floor import Perturbation, perturbed
from shared.alignment.judge import FACTOR, judge
from shared.alignment.step import LEGAL, Step
from shared.alignment.tensors import (
    EXACT,
    MONTE_CARLO_REPLICATES,
    STAGE_OF,
    Tensors,
    alike,
    comes_near,
    reference_tensors,
    tensors_of,
    with_decay,
)
from shared.case import Problem
from shared.harness.checks import FINAL, Cause, Check, Outcome, RunId, Where, because
from shared.parameters import Parameters


def single_step_checks(
    problem: Problem,
    where: Where,
    parameters: Parameters,
    port: Tensors,
    again: Tensors,
    run: RunId,
    wanted: Container[str] | None = None,
) -> Iterator[Check]:
    """Compare every tensor of one step and of two updates with the reference's; the port starts from `parameters`.

    port, again: what two runs of the port gave, compared with each other first. where: the state, or the call.
    wanted: the tensors to compare; None: all.
    """
    reference, floors = reference_tensors(problem, parameters, port)
    port, again = (with_decay(tensors, problem, parameters, reference) for tensors in (port, again))
    yield _repeat_outcome(reference, floors, port, again).of(run.at("repeat", where, "step"))
    outcomes = _outcomes(problem, port, reference, floors, wanted)
    for legal, largest in LEGAL:
        right = {key for key, outcome in outcomes.items() if outcome.passed}
        if len(right) == len(outcomes):
            break
        if np.nanmax(np.abs(reference["Z3"]), initial=0) < largest:
            step = Step()
            for effect in legal:
                step = effect(step)
            tensors = step.tensors(problem, parameters, port)
            if sum(comes_near(tensors, port, [key]) for key in outcomes) <= len(right):
                continue
            written = reference_tensors(problem, parameters, port, step.tensors)
            other = _outcomes(problem, port, *written, wanted)
            if sum(outcome.passed for outcome in other.values()) > len(right):
                outcomes = other  # the form that fits best, so that one wrong tensor is blamed alone
    for (stage, name), outcome in outcomes.items():
        yield outcome.of(run.at(stage, where, name))


def _outcomes(
    problem: Problem, port: Tensors, reference: Tensors, floors: Tensors, wanted: Container[str] | None
) -> dict[tuple[str, str], Outcome]:
    return {
        (stage, name): judge_tensor(stage, name, port, reference, floors)
        for stage in STAGE_OF
        for name in tensors_of(stage, problem.keep_prob < 1)
        if wanted is None or name in wanted
    }


def judge_tensor(stage: str, name: str, port: Tensors, reference: Tensors, floors: Tensors) -> Outcome:
    """Judge one tensor of a single step."""
    floor = None if stage in EXACT else floors[name]
    return judge(_seen(port, name, reference), reference[name], floor)


def _seen(port: Tensors, name: str, reference: Tensors) -> NDArray | None:
    """A port's tensor; of a mask, what of it can be seen: a unit that is 0 anyway reads as dropped."""
    value = port.get(name)
    if name.startswith("D") and isinstance(value, np.ndarray) and value.dtype == bool:
        on = reference["Z" + name[1:]] > 0
        return value & on if value.shape == on.shape else value
    return value


def _repeat_outcome(reference: Tensors, floors: Tensors, port: Tensors, again: Tensors) -> Outcome:
    """Compare the port with itself, with the tolerances of everything else; the worst tensor is reported."""
    worst: Outcome | None = None
    for name in reference:
        if not isinstance(port.get(name), np.ndarray):
            continue  # reported where it is compared with the reference
        if alike(again.get(name), port[name]) and np.array_equal(again[name], port[name], equal_nan=True):
            worst = worst or Outcome(difference=0.0, tolerance=0.0)
            continue
        floor = floors[name] if name not in ("X", "Y") and alike(port[name], reference[name]) else None
        outcome = judge(again.get(name), port[name], floor)
        if outcome.failed:
            return outcome.because(Cause.TWO_RUNS, f"{name} {outcome.reason}")
        if worst is None or (outcome.share or 0) > (worst.share or 0):
            worst = outcome
    return worst or because(Cause.MISSING)


def prediction_check(X: NDArray, parameters: Parameters, port: NDArray | None, part: str, last: int, run: RunId) -> Check:
    """The port's classes of X (n_x, m), by its own final parameters, against the reference's by the same.

    A class may differ only where rounding moves the logit across zero.
    """
    perturb = Perturbation()

    def wrap(values: NDArray) -> NDArray:
        return perturbed(perturb(values), perturb)

    with np.errstate(all="ignore"):
        A3, cache = forward_propagation(X, parameters)
        logits = [
            np.asarray(_logit(wrap(X), {name: wrap(value) for name, value in parameters.items()}))
            for _ in range(MONTE_CARLO_REPLICATES)
        ]
        moved = np.abs(np.array(logits) - cache[-4]).max(axis=0)
        undecided = np.abs(cache[-4]) <= np.maximum(FACTOR * moved, np.finfo(A3.dtype).eps)
    outcome = judge(port, (A3 > 0.5).astype(np.int64), undecided.astype(float))
    if outcome.passed and port is not None and not np.isin(port, (0, 1)).all():
        outcome = because(Cause.NO_CLASSES)
    if not all(np.isfinite(value).all() for value in parameters.values()):
        outcome = because(Cause.ENDS_NOT_FINITE)
    return outcome.of(run.at("predictions", FINAL, part), last)


def _logit(X: NDArray, parameters: Parameters) -> NDArray:
    return forward_propagation(X, parameters)[1][-4]
