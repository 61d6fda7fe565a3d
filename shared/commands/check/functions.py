"""The course's functions: how each is called, and what the reference gives for the same arguments."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl import course
from numpy_impl.network import predict
from shared.adapters.numpy import Replayed
from shared.alignment.random_problem import random_problem
from shared.alignment.states import make_states
from shared.case import Problem
from shared.parameters import PARAMETER_NAMES, Parameters

RANDOM_CASES = 6
CACHE = ("Z1", "A1", "W1", "b1", "Z2", "A2", "W2", "b2", "Z3", "A3", "W3", "b3")
DROPOUT_CACHE = ("Z1", "D1", "A1", "W1", "b1", "Z2", "D2", "A2", "W2", "b2", "Z3", "A3", "W3", "b3")
GRADIENTS = ("dZ3", "dW3", "db3", "dA2", "dZ2", "dW2", "db2", "dA1", "dZ1", "dW1", "db1")
REQUIRED = tuple(f"d{name}" for name in PARAMETER_NAMES)
"""Gradients that must be there; dZ and dA are compared where they are."""

Outputs = dict[str, Any]


@dataclass(frozen=True)
class CourseCase:
    """One problem, with lambd > 0 and keep_prob < 1, its parameters, and masks of 0 and 1, as in the course."""

    name: str
    problem: Problem
    parameters: Parameters
    masks: tuple[NDArray, NDArray]


@dataclass(frozen=True)
class Function:
    """One of the course's functions, which a port may define.

    variant, stage: where its check is listed. arguments(case): what it is called with. reference: our own such function.
    unpack(value): the tensors in what it returns, by name; ValueError where that has another form.
    may_change: the arguments that it may write into.
    """

    name: str
    variant: str
    stage: str
    arguments: Callable[[CourseCase], tuple]
    reference: Callable[..., Any]
    unpack: Callable[[Any], Outputs]
    may_change: frozenset[str] = frozenset()


def make_cases(problem: Problem, parameters: Parameters, dtype: str) -> list[CourseCase]:
    """The data set, from the initial parameters and with biases; and random problems of other sizes."""
    rng = np.random.default_rng(0)
    states = make_states(problem.X, parameters, parameters)
    drawn = [(f"data, {state}", problem, states[state]) for state in ("initial", "biases")]
    while len(drawn) < RANDOM_CASES + 2:
        other, start = random_problem(rng, dtype)
        if np.abs(course.forward_propagation(other.X, start)[1][-4]).max() < 8:  # beyond, the course's cost loses digits
            drawn.append((f"random problem {len(drawn) - 1}", other, start))
    cases = []
    for name, each, start in drawn:
        settings = {"lambd": each.lambd or 0.7, "keep_prob": each.keep_prob if each.keep_prob < 1 else 0.86}
        masks = [rng.random((len(start[b]), each.X.shape[-1])) < settings["keep_prob"] for b in ("b1", "b2")]
        cases.append(
            CourseCase(name, Problem(each.X, each.Y, each.learning_rate, **settings), start, (masks[0] * 1, masks[1] * 1))
        )
    return cases


def _cache(case: CourseCase) -> tuple:
    return course.forward_propagation(case.problem.X, case.parameters)[1]


def _dropout_cache(case: CourseCase) -> tuple:
    problem, rng = case.problem, Replayed(*case.masks)
    return course.forward_propagation_with_dropout(problem.X, case.parameters, problem.keep_prob, rng)[1]


def _gradients(case: CourseCase) -> Parameters:
    problem = case.problem
    return course.backward_propagation_with_regularization(problem.X, problem.Y, _cache(case), problem.lambd)


def _layers_dims(case: CourseCase) -> list[int]:
    return [case.problem.X.shape[0], len(case.parameters["b1"]), len(case.parameters["b2"]), 1]


def _with_cache(names: tuple[str, ...]) -> Callable[[Any], Outputs]:
    def unpack(value: Any) -> Outputs:
        if not (isinstance(value, tuple | list) and len(value) == 2):
            raise ValueError(f"expected (A3, cache), got {_kind(value)}")
        A3, cache = value
        if not (isinstance(cache, tuple | list) and len(cache) == len(names)):
            raise ValueError(f"expected a cache of {len(names)} ({', '.join(names)}), got {_kind(cache)}")
        return dict(zip(names, cache, strict=True)) | {"returned A3": A3}

    return unpack


def _as_gradients(value: Any) -> Outputs:
    if not isinstance(value, dict):
        raise ValueError(f"expected a dict of gradients, got {_kind(value)}")
    return {name: value.get(name) for name in GRADIENTS if name in value or name in REQUIRED}


def _as_parameters(value: Any) -> Outputs:
    if not isinstance(value, dict):
        raise ValueError(f"expected a dict of parameters, got {_kind(value)}")
    return {name: value.get(name) for name in PARAMETER_NAMES}


def _one(name: str) -> Callable[[Any], Outputs]:
    return lambda value: {name: value}


def _kind(value: Any) -> str:
    return f"{type(value).__name__} of {len(value)}" if isinstance(value, tuple | list | dict) else type(value).__name__


FUNCTIONS = {
    function.name: function
    for function in (
        Function("sigmoid", "none", "forward", lambda c: (_cache(c)[8],), course.sigmoid, _one("A3")),
        Function("relu", "none", "forward", lambda c: (_cache(c)[0],), course.relu, _one("A1")),
        Function("initialize_parameters", "none", "parameters", lambda c: (_layers_dims(c),), course.initialize_parameters,
                 _as_parameters),
        Function("forward_propagation", "none", "forward", lambda c: (c.problem.X, c.parameters),
                 course.forward_propagation, _with_cache(CACHE)),
        Function("forward_propagation_with_dropout", "frozen-dropout", "forward",
                 lambda c: (c.problem.X, c.parameters, c.problem.keep_prob),
                 course.forward_propagation_with_dropout, _with_cache(DROPOUT_CACHE)),
        Function("compute_cost", "none", "cost", lambda c: (_cache(c)[9], c.problem.Y), course.compute_cost, _one("cost")),
        Function("compute_cost_with_regularization", "l2", "cost",
                 lambda c: (_cache(c)[9], c.problem.Y, c.parameters, c.problem.lambd),
                 course.compute_cost_with_regularization, _one("cost")),
        Function("backward_propagation", "none", "gradients", lambda c: (c.problem.X, c.problem.Y, _cache(c)),
                 course.backward_propagation, _as_gradients),
        Function("backward_propagation_with_regularization", "l2", "gradients",
                 lambda c: (c.problem.X, c.problem.Y, _cache(c), c.problem.lambd),
                 course.backward_propagation_with_regularization, _as_gradients),
        Function("backward_propagation_with_dropout", "frozen-dropout", "gradients",
                 lambda c: (c.problem.X, c.problem.Y, _dropout_cache(c), c.problem.keep_prob),
                 course.backward_propagation_with_dropout, _as_gradients),
        # The course's own changes the dict that it is given.
        Function("update_parameters", "l2", "update", lambda c: (c.parameters, _gradients(c), c.problem.learning_rate),
                 course.update_parameters, _as_parameters, frozenset({*PARAMETER_NAMES, "argument 1"})),
        Function("predict", "none", "predictions", lambda c: (c.problem.X, c.problem.Y, c.parameters),
                 lambda X, y, parameters: predict(X, parameters), _one("classes")),
        Function("predict_dec", "none", "predictions", lambda c: (c.parameters, c.problem.X),
                 lambda parameters, X: predict(X, parameters), _one("classes")),
    )
}  # fmt: skip
"""Name -> function, in the order in which a run uses them; `model` is checked as a run."""
