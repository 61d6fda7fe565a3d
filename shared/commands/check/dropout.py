"""Dropout inside `train`, whose masks nobody hands over: with a single example they can be read off the update.

With m = 1 and every unit on, dW3 is 0 exactly where D2 is, and dW2 exactly where D2 or D1 is. What cannot be read has no
effect. So the reference can replay the update with the port's own masks, and every parameter is compared to rounding.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shared.alignment.stages import single_step_checks
from shared.alignment.tensors import after
from shared.case import Problem
from shared.commands.check.contract import unpack_train
from shared.commands.check.course import Found
from shared.commands.check.explaining import explain
from shared.commands.check.masks_of_train import check_masks, never_on
from shared.commands.check.port import fail
from shared.commands.check.session import Session
from shared.harness.checks import Call, Where
from shared.parameters import PARAMETER_NAMES, Parameters

SEEDS = 20
"""Updates of which some are looked for whose masks can be read."""

COMPARED = 4
"""So many updates are compared tensor by tensor."""

TRAIN_MASKS = Call("masks", "train")
AFTER_FIRST = tuple(after(name, 1) for name in PARAMETER_NAMES)


def check_dropout(session: Session) -> Found:
    """The first update of `train` for some seeds, and the masks of many iterations (see masks_of_train.py)."""
    found = Found()
    full = session.problem
    start = _all_on(session.parameters, full.X[:, :1], full.keep_prob)
    problem = Problem(full.X[:, :1], full.Y[:, :1], **full.step | {"learning_rate": 0.5})
    evidence: dict[Where, tuple] = {}
    try:
        for seed in range(1, SEEDS + 1):
            if len(evidence) == COMPARED:
                break
            masks = _read_masks(_first_update(session, found, start, problem, seed, 0.0), start)
            if masks[1].any():
                where = Call(f"one example, seed {seed}", "train")
                port, again = (
                    _first_update(session, found, start, problem, seed, problem.lambd)
                    | {"D1": masks[0], "D2": masks[1], "D1 of update 1": masks[0], "D2 of update 1": masks[1]}
                    for _ in range(2)
                )
                found.checks += single_step_checks(problem, where, start, port, again, session.run, AFTER_FIRST)
                evidence[where] = start, port
        session.keep(found, None)
        if any(check.failed for check in found.checks) and _is_off(session, found):
            never_on(session, found)
            return found
    except ValueError as error:
        fail(session, found, "train", "dropout", error)
    if any(check.failed for check in found.checks) and evidence:
        explain(replace(session, problem=problem), found, evidence, frozenset({*AFTER_FIRST, "D1", "D2"}))
    try:
        check_masks(session, found)
    except ValueError as error:
        fail(session, found, "train", "masks", error)
    known = [diagnosis for diagnosis in found.diagnoses if diagnosis.mistake]
    found.diagnoses = known or found.diagnoses
    return found


def _is_off(session: Session, found: Found) -> bool:
    """Whether `train` does the same with dropout and without, on all examples: then no unit is dropped."""
    problem, seed = session.problem, session.hyper.seed
    on, off = (
        _first_update(session, found, session.parameters, replace(problem, keep_prob=keep_prob), seed, problem.lambd)
        for keep_prob in (problem.keep_prob, 1.0)
    )
    return all(np.array_equal(on[name], off[name], equal_nan=True) for name in AFTER_FIRST)


def _all_on(parameters: Parameters, X: NDArray, keep_prob: float) -> Parameters:
    """The initial weights, made small enough for biases of 1 to keep every unit on, whatever is dropped."""
    dtype = parameters["W1"].dtype.type
    biases = {name: np.full_like(parameters[name], name != "b3") for name in ("b1", "b2", "b3")}
    first, second = (np.abs(W).sum(axis=1).max() for W in (parameters["W1"] * np.abs(X).max(), parameters["W2"]))
    small = {"W1": dtype(0.1 / max(first, 1)), "W2": dtype(0.1 * keep_prob / max(second, 1)), "W3": dtype(1)}
    weights = {name: scale * parameters[name] for name, scale in small.items()}
    return {name: (weights | biases)[name] for name in PARAMETER_NAMES}


def _first_update(
    session: Session, found: Found, start: Parameters, problem: Problem, seed: int, lambd: float
) -> dict[str, NDArray]:
    settings = problem.step | {"lambd": lambd, "num_iterations": 1, "seed": seed}
    called = session.call("train", found, "one example", problem.X, problem.Y, start, **settings)
    ends, _ = unpack_train(called.result(), start, 1)
    return {after(name, 1): value for name, value in ends.items()}


def _read_masks(port: dict[str, NDArray], start: Parameters) -> tuple[NDArray, NDArray]:
    """D1 (h1, 1) and D2 (h2, 1) of an update without decay; a unit whose mask has no effect reads as kept."""
    moved2, moved3 = ((port[after(name, 1)] != start[name]) for name in ("W2", "W3"))
    D2 = moved3.T
    D1 = moved2.any(axis=0)[:, np.newaxis] if D2.any() else np.ones((moved2.shape[1], 1), bool)
    return D1, D2
