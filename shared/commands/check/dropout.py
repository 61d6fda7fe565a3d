"""Dropout inside `train`, whose masks nobody hands over: with a single example they can be read off the update.

With m = 1 and every unit on, dW3 is 0 exactly where D2 is, and dW2 exactly where D2 or D1 is. What cannot be read has no
effect. So the reference can repeat the update with the port's own masks, and every parameter is compared to rounding.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from shared.alignment.masks import FALSE_ALARM, LIMIT, chance
from shared.alignment.stages import single_step_checks
from shared.alignment.tensors import after
from shared.case import Problem
from shared.commands.check.contract import unpack_train
from shared.commands.check.course import Found
from shared.commands.check.port import Session, fail
from shared.diagnosis.catalogue import CATALOGUE
from shared.diagnosis.diagnose import diagnose
from shared.diagnosis.hypothesis import Evidence
from shared.harness.checks import Call, Cause, Check, Where, because
from shared.harness.results import Diagnosis
from shared.parameters import PARAMETER_NAMES, Parameters

SEEDS = 20
"""Updates whose masks are read; the first few of them are compared tensor by tensor."""

COMPARED = 4
TRAIN_MASKS = Call("masks", "train")
AFTER_FIRST = tuple(after(name, 1) for name in PARAMETER_NAMES)


def check_dropout(session: Session) -> Found:
    """The first update of `train` for many seeds, and whether the second draws new masks."""
    found = Found()
    full = session.problem
    start = _all_on(session.parameters, full.X[:, :1], full.keep_prob)
    problem = Problem(full.X[:, :1], full.Y[:, :1], **full.step | {"learning_rate": 0.5})
    evidence: dict[Where, tuple] = {}
    read: list[tuple] = []
    try:
        for seed in range(1, SEEDS + 1):
            masks = _read_masks(_first_update(session, found, start, problem, seed, 0.0), start)
            read.append(masks)
            if masks[1].any() and len(evidence) < COMPARED:
                where = Call(f"one example, seed {seed}", "train")
                port, again = (
                    _first_update(session, found, start, problem, seed, problem.lambd)
                    | {"D1": masks[0], "D2": masks[1], "D1 of update 1": masks[0], "D2 of update 1": masks[1]}
                    for _ in range(2)
                )
                found.checks += single_step_checks(problem, where, start, port, again, session.run, AFTER_FIRST)
                evidence[where] = start, port
        found.checks += _shares(session, read)
        found.checks.append(_fresh(session, found))
    except ValueError as error:
        fail(session, found, "train", "dropout", error)
    if any(check.failed for check in found.checks) and evidence:
        compared = frozenset({*AFTER_FIRST, "D1", "D2"})
        found.diagnoses = diagnose(Evidence(problem, evidence, None, None, compared), found.checks, session.run)
        if any(check.tensor == "fresh masks" and check.failed for check in found.checks):
            frozen = next(mistake for mistake in CATALOGUE if mistake.name == "masks-frozen")
            known = [diagnosis for diagnosis in found.diagnoses if diagnosis.mistake]
            remedy = frozen.remedy(session.implementation)
            of_run = session.variant.name, session.implementation
            found.diagnoses = [*known, Diagnosis(*of_run, frozen.name, frozen.title, remedy=remedy)]
    return found


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


def _shares(session: Session, read: list[tuple[NDArray, NDArray]]) -> Iterator[Check]:
    keep_prob = session.problem.keep_prob
    for layer in (1, 2):
        seen = [masks[layer - 1] for masks in read if layer == 2 or masks[1].any()]
        bits = np.concatenate(seen or [np.zeros((1, 1), bool)])
        likely = chance(int(bits.sum()), bits.size, keep_prob)
        cause = Cause.AGREES if likely >= FALSE_ALARM else Cause.SHARE
        outcome = because(cause, f"D{layer}", bits.mean(), bits.size, keep_prob, tolerance=LIMIT)
        yield outcome.of(session.run.at("forward", TRAIN_MASKS, f"D{layer}: kept share"))


def _fresh(session: Session, found: Found) -> Check:
    """With a learning rate that moves nothing, two iterations cost the same only with the same masks."""
    problem = session.problem
    settings = problem.step | {"learning_rate": 1e-30, "num_iterations": 3, "seed": session.hyper.seed}
    called = session.call("train", found, "three updates", problem.X, problem.Y, session.parameters, **settings)
    _, costs = unpack_train(called.result(), session.parameters, 3)
    passed = bool(costs[0] != costs[1] and costs[1] != costs[2])
    outcome = because(Cause.AGREES if passed else Cause.MASKS_FROZEN)
    return outcome.of(session.run.at("forward", TRAIN_MASKS, "fresh masks"))
