"""The course's `model`: a whole run with the student's own functions."""

from collections.abc import Callable

import numpy as np

from numpy_impl import course
from shared.alignment.floor import spread
from shared.alignment.judge import judge
from shared.alignment.replay import Replicates, replay_with_replicates
from shared.alignment.trajectory import horizon
from shared.case import Problem
from shared.commands.check.course import Found
from shared.commands.check.session import Session
from shared.config import VARIANTS, Hyperparameters
from shared.harness.checks import Call, Cause, because
from shared.parameters import PARAMETER_NAMES, initialize_parameters

MODEL_VARIANTS = ("none", "l2", "frozen-dropout")
LONGEST = 2_000
"""Updates of a run of `model`: the horizon of a run without regularization, left alone, comes soon enough."""


def check_model(session: Session, hyper: Hyperparameters) -> Found:
    """The final parameters of `model`, in each of the course's three variants; its masks are the course's."""
    found = Found()
    X, Y = session.problem.X, session.problem.Y
    if not has_the_courses_sizes(hyper):
        found.remarks.append("model is not checked: it has 20 and 3 hidden units and the seed 3, and others were asked for")
        return found
    parameters = initialize_parameters([X.shape[0], 20, 3, 1], dtype=hyper.dtype)
    N = min(hyper.num_iterations, LONGEST)
    for name in MODEL_VARIANTS:
        session.variant = VARIANTS[name]
        problem = Problem(X, Y, **hyper.of(VARIANTS[name]))
        where = Call(f"{N} iterations", "model")
        settings = {"learning_rate": problem.learning_rate, "num_iterations": N, "print_cost": False}
        called = session.call("model", found, where.name, X, Y, **settings, **problem.regularization)
        if called.failure or not isinstance(called.value, dict):
            reason = called.failure or f"model returned {type(called.value).__name__}; expected the dict of parameters"
            cause = Cause.NO_ANSWER if called.failure else Cause.FORM
            found.checks.append(because(cause, reason).of(session.run.at("trajectory", where, "model"), N))
            continue
        costs, ends = replay_with_replicates(problem, _one(parameters), N, _masks(problem, parameters), Replicates(4))
        reached = horizon(costs[:, :, 0]) == N
        for tensor in PARAMETER_NAMES:
            floor = spread(ends[tensor]).max() if reached else np.inf
            outcome = judge(called.value.get(tensor), ends[tensor][0, 0], floor)
            found.checks.append(outcome.of(session.run.at("trajectory", where, tensor), N))
    return found


def has_the_courses_sizes(hyper: Hyperparameters) -> bool:
    """Whether `model`, which takes neither sizes nor a seed, trains the network that was asked for."""
    return hyper.hidden == (20, 3) and hyper.init_seed == 3


def _one(parameters: dict) -> dict:
    return {name: value[np.newaxis] for name, value in parameters.items()}


def _masks(problem: Problem, parameters: dict) -> Callable | None:
    """The course's masks, the same at every iteration."""
    if problem.keep_prob == 1:
        return None
    cache = course.forward_propagation_with_dropout(problem.X, parameters, problem.keep_prob)[1]
    return lambda step: (cache[1], cache[6])
