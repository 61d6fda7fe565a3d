"""The course's `model`: a whole run with the student's own functions."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from numpy_impl import course
from shared.alignment.floor import spread
from shared.alignment.judge import judge
from shared.alignment.replay import MasksBetween, Replicates, replay_with_replicates
from shared.alignment.trajectory import horizon
from shared.case import Problem
from shared.commands.check.course import Found
from shared.commands.check.session import Session
from shared.config import VARIANTS, Hyperparameters
from shared.harness.checks import Call, Cause, because
from shared.parameters import PARAMETER_NAMES, initialize_parameters

MODEL_VARIANTS = {"none": ("none",), "l2": ("l2",), "frozen-dropout": ("frozen-dropout", "dropout")}
"""Variant of `model`, whose masks are the course's -> what asks for it."""
LONGEST = 2_000
"""Updates of a run of `model`: the horizon of a run without regularization, left alone, comes soon enough."""


def model_variants(hyper: Hyperparameters, asked: list[str]) -> list[str]:
    """The variants in which `model` is compared. It takes neither sizes nor a seed, and must train what was asked for."""
    sizes = hyper.hidden == (20, 3) and hyper.init_seed == 3
    return [name for name, by in MODEL_VARIANTS.items() if sizes and {*by} & {*asked}]


def check_model(session: Session, hyper: Hyperparameters, variants: list[str]) -> Found:
    """The final parameters of `model` in the variants."""
    found = Found()
    X, Y = session.problem.X, session.problem.Y
    if not variants:
        said = "model is not compared: it has 20 and 3 hidden units, the seed 3 and no variant that was asked for"
        key = session.run.at("trajectory", Call("not called", "model"), "model")
        return Found([because(Cause.NOT_RUN, said).of(key)])
    model = session.functions["model"]
    parameters = initialize_parameters([X.shape[0], 20, 3, 1], dtype=hyper.dtype)
    N = min(hyper.num_iterations, LONGEST)
    for name in variants:
        session.variant = VARIANTS[name]
        problem = Problem(X, Y, **hyper.of(VARIANTS[name]))
        where = Call(f"{N} iterations", "model")
        settings = {"learning_rate": problem.learning_rate, "num_iterations": N, **_taken(model, problem)}
        called = session.call("model", found, where.name, X, Y, **settings)
        own = _parameters(called.value)
        if called.failure or not isinstance(own, dict):
            reason = called.failure or f"model returned {type(own).__name__}; expected the dict of parameters"
            cause = Cause.NO_ANSWER if called.failure else Cause.FORM
            found.checks.append(because(cause, reason).of(session.run.at("trajectory", where, "model"), N))
            continue
        costs, ends = replay_with_replicates(problem, _one(parameters), N, _masks(problem, parameters), Replicates(4))
        reached = horizon(costs[:, :, 0]) == N
        for tensor in PARAMETER_NAMES:
            floor = spread(ends[tensor]).max() if reached else np.inf
            outcome = judge(own.get(tensor), ends[tensor][0, 0], floor)
            found.checks.append(outcome.of(session.run.at("trajectory", where, tensor), N))
    return found


def _parameters(value: Any) -> Any:
    """The dict of parameters, of a student's (parameters, costs) as well."""
    dicts = [each for each in value if isinstance(each, dict)] if isinstance(value, tuple) else []
    return dicts[0] if len(dicts) == 1 else value


def _taken(model: Callable, problem: Problem) -> dict[str, Any]:
    """The other settings, without those that change nothing and that the student's `model` does not have."""
    settings, neutral = problem.regularization | {"print_cost": False}, {"lambd": 0, "keep_prob": 1, "print_cost": False}
    own = inspect.signature(model).parameters
    anything = any(each.kind is each.VAR_KEYWORD for each in own.values())
    return {name: value for name, value in settings.items() if anything or name in own or value != neutral[name]}


def _one(parameters: dict) -> dict:
    return {name: value[np.newaxis] for name, value in parameters.items()}


def _masks(problem: Problem, parameters: dict) -> MasksBetween | None:
    """The course's masks, the same at every iteration."""
    if problem.keep_prob == 1:
        return None
    cache = course.forward_propagation_with_dropout(problem.X, parameters, problem.keep_prob)[1]
    D1, D2 = cache[1][np.newaxis, np.newaxis], cache[6][np.newaxis, np.newaxis]
    return lambda first, last: (D1.repeat(last - first, axis=0), D2.repeat(last - first, axis=0))
