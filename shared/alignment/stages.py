"""The single-step stages: a port's tensors, one step from a given state, against the reference's from the same state."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from numpy_impl.network import forward_propagation
from numpy_impl.trace import trace
from shared.alignment.checks import FACTOR, Check, judge
from shared.alignment.floor import Nudge, shaken
from shared.alignment.problem import Problem
from shared.alignment.replay import Masks, replay
from shared.parameters import PARAMETER_NAMES, Parameters

SHAKEN = 16
"""Replicates in Monte Carlo arithmetic beside the reference."""

Tensors = Mapping[str, NDArray]

STAGE_OF = {
    "data": ("X", "Y"),
    "parameters": PARAMETER_NAMES,
    "forward": ("Z1", "D1", "A1", "Z2", "D2", "A2", "Z3", "A3"),
    "cost": ("cross_entropy", "l2_penalty", "cost"),
    "gradients": (
        *("dW3", "db3", "dW2", "db2", "dW1", "db1"),
        *("decay_W1", "decay_b1", "decay_W2", "decay_b2", "decay_W3", "decay_b3"),
    ),
    "update": (
        *(f"{name} after update {k}" for k in (1, 2) for name in PARAMETER_NAMES),
        *("decay of W", "decay of b"),
    ),
}
"""Stage -> its tensors, each in the order in which it is computed."""

EXACT = ("data", "parameters")
"""Stages where nothing is computed: equal bit for bit."""


def tensors_of(stage: str, dropout: bool) -> list[str]:
    """The tensors of a stage; masks only with dropout."""
    return [name for name in STAGE_OF[stage] if dropout or not name.startswith("D")]


def single_step_checks(
    problem: Problem, state: str, parameters: Parameters, port: Tensors, again: Tensors, place: dict
) -> Iterator[Check]:
    """Compare every tensor of one step and two updates, of a port started from `parameters`, with the reference's.

    port, again: what two runs of the port gave, held against each other first. place: variant and implementation.
    """
    reference, floors = reference_tensors(problem, parameters, port)
    port, again = (with_decay(tensors, problem, parameters, reference) for tensors in (port, again))
    yield _repeat_check(reference, floors, port, again, state, place)
    for stage in STAGE_OF:
        for name in tensors_of(stage, problem.keep_prob < 1):
            outcome = judge_tensor(stage, name, port, reference, floors)
            yield Check(**place, stage=stage, scope=state, tensor=name, iteration=0, **outcome)


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


def reference_tensors(problem: Problem, parameters: Parameters, port: Tensors) -> tuple[dict, dict]:
    """The reference's tensors with the port's masks, and the noise floor of each of their elements."""

    def compute(wrap: Callable[[NDArray], NDArray]) -> dict[str, NDArray]:
        shaken_problem = Problem(wrap(problem.X), problem.Y, **problem.step)
        tensors = _one_step(shaken_problem, {name: wrap(value) for name, value in parameters.items()}, port)
        return {name: np.asarray(value) for name, value in tensors.items()}

    nudge = Nudge()
    with np.errstate(all="ignore"):  # a state that is not finite is reported by the comparison
        reference = compute(lambda values: values)
        floors = {name: np.zeros(value.shape) for name, value in reference.items()}
        for _ in range(SHAKEN):
            replicate = compute(lambda values: shaken(nudge(values), nudge))
            for name, value in replicate.items():
                distance = np.abs(value.astype(np.float64) - reference[name].astype(np.float64))
                floors[name] = np.maximum(floors[name], distance)
    return reference, floors


def with_decay(port: Tensors, problem: Problem, parameters: Parameters, reference: Tensors) -> dict[str, NDArray]:
    """The port's tensors and what its first update shows of its weight decay (see `_decay`), where it has one."""
    if any(not _alike(port.get(f"{name} after update 1"), parameters[name]) for name in PARAMETER_NAMES):
        return dict(port)
    with np.errstate(all="ignore"):
        return {**port, **_decay(port, problem.learning_rate, parameters, reference)}


def _one_step(problem: Problem, parameters: Parameters, port: Tensors) -> dict[str, NDArray]:
    m = problem.X.shape[-1]
    tensors = trace(
        problem.X, problem.Y, parameters, **problem.regularization, masks=_masks(port, parameters, m, "D1", "D2")
    )
    if problem.keep_prob < 1:
        tensors |= {"D1": tensors["A1"] != 0, "D2": tensors["A2"] != 0}

    def masks(step: int) -> Masks:
        found = _masks(port, parameters, m, f"D1 of update {step + 1}", f"D2 of update {step + 1}")
        return found or (tensors["D1"], tensors["D2"])

    dropout = problem.keep_prob < 1
    run = replay(problem, parameters, 2, masks if dropout else None)
    for update, (_, after) in enumerate(run, start=1):
        tensors |= {f"{name} after update {update}": value for name, value in after.items()}
    first = trace(problem.X, problem.Y, parameters, **problem.regularization, masks=masks(0)) if dropout else tensors
    tensors |= {f"d{name} of update 1": first["d" + name] for name in PARAMETER_NAMES}
    return tensors | _decay(tensors, problem.learning_rate, parameters, tensors)


def _decay(tensors: Tensors, learning_rate: float, parameters: Parameters, reference: Tensors) -> dict[str, NDArray]:
    """The decay coefficient that the first update used, estimated over all weights, and over all biases.

    -<W1 - (W0 - learning_rate * dW), W0> / (learning_rate * <W0, W0>) is lambd / m for the weights and 0 for the biases.
    The projection averages the rounding of single elements away, and sees what they hide.
    """
    estimates = {}
    for kind in ("W", "b"):
        along, square = np.float64(0), np.float64(0)
        for name in (f"{kind}1", f"{kind}2", f"{kind}3"):
            before = np.asarray(parameters[name], np.float64)
            step = before - learning_rate * np.asarray(reference[f"d{name} of update 1"], np.float64)
            along += np.sum((step - np.asarray(tensors[f"{name} after update 1"], np.float64)) * before)
            square += np.sum(before * before)
        estimates[f"decay of {kind}"] = np.asarray(along / (learning_rate * square) if square else square)
    return estimates


def _masks(port: Tensors, parameters: Parameters, m: int, *names: str) -> Masks | None:
    """The port's masks of both layers, if they can be used; what is wrong with them shows where they are compared."""
    D1, D2 = (port.get(name) for name in names)
    usable = all(
        isinstance(D, np.ndarray) and D.dtype == bool and D.shape == (len(b), m)
        for D, b in ((D1, parameters["b1"]), (D2, parameters["b2"]))
    )
    return (D1, D2) if usable and D1 is not None and D2 is not None else None


def _alike(port: object, reference: NDArray) -> bool:
    return isinstance(port, np.ndarray) and (port.shape, port.dtype) == (reference.shape, reference.dtype)


def _repeat_check(reference: dict, floors: dict, port: Tensors, again: Tensors, state: str, place: dict) -> Check:
    """The port against itself, with the tolerances of everything else; the worst tensor is reported."""
    worst = Check(**place, stage="repeat", scope=state, tensor="step", iteration=0, status="failed", reason="missing")
    for name in reference:
        if not _alike(port.get(name), reference[name]):
            continue  # reported where it is compared with the reference
        if _alike(again.get(name), port[name]) and np.array_equal(again[name], port[name], equal_nan=True):
            if worst.status == "failed":
                worst = Check(**place, stage="repeat", scope=state, tensor="step", iteration=0,
                              difference=0.0, allowed=0.0, status="passed")  # fmt: skip
            continue
        floor = None if name in ("X", "Y") else floors[name]
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
