"""Detection limits: the smallest fault that turns red, and the false alarms of correct implementations.

Faults are put into the from-scratch implementation's own results, so that nothing but the fault is there to be seen; the
false alarms are counted where rounding is at its most varied, over random problems in every implementation.
"""

import importlib
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from numpy_impl import trace as numpy_trace
from shared.alignment.checks import Check
from shared.alignment.problem import Problem
from shared.alignment.stages import STAGE_OF, judge_tensor, reference_tensors, single_step_checks, tensors_of, with_decay
from shared.alignment.states import STATES, make_states
from shared.config import IMPLEMENTATIONS
from shared.parameters import Parameters, initialize_parameters

LADDER = 10.0 ** np.arange(-17, -0.9, 0.25)
"""Relative sizes of the faults that are tried, ascending."""

PLACE = {"variant": "", "implementation": ""}


def random_problem(rng: np.random.Generator, dtype: str) -> tuple[Problem, Parameters]:
    """Shapes, data, labels and hyperparameters of every size that a user may meet; a state of random parameters."""
    n_x, h1, h2 = int(rng.integers(1, 11)), int(rng.integers(1, 41)), int(rng.integers(1, 11))
    m = int(2 ** rng.uniform(1, 11))
    X = (rng.standard_normal((n_x, m)) * 10 ** rng.uniform(-2, 1)).astype(dtype)
    Y = (rng.random((1, m)) < 0.5).astype(dtype)
    Y[0, :2] = 0, 1
    lambd = float(rng.choice([0.0, 10 ** rng.uniform(-3, 1)]))
    keep_prob = float(rng.choice([1.0, rng.uniform(0.2, 0.99)]))
    problem = Problem(X, Y, 10 ** rng.uniform(-3, 0.5), lambd, keep_prob)
    parameters = initialize_parameters([n_x, h1, h2, 1], int(rng.integers(2**31)), dtype)
    late = {name: value + (rng.standard_normal(value.shape) / 3).astype(dtype) for name, value in parameters.items()}
    state = str(rng.choice(STATES))
    return problem, make_states(X, parameters, late, int(rng.integers(2**31)))[state]


def port_tensors(tracing, problem: Problem, parameters: Parameters, seed: int = 1) -> dict[str, NDArray]:
    """What a port's `trace` and `first_updates` give: a step's tensors, parameters and masks after both updates."""
    tensors = dict(tracing.trace(problem.X, problem.Y, parameters, **problem.regularization, seed=seed))
    segments = tracing.first_updates(problem.X, problem.Y, parameters, **problem.step, seed=seed)
    for update, segment in enumerate(segments, start=1):
        tensors |= {f"{name} after update {update}": value for name, value in segment.parameters.items()}
        for layer, D in enumerate(segment.masks or (), start=1):
            tensors[f"D{layer} of update {update}"] = D[0]
    return {name: np.asarray(value) for name, value in tensors.items()}


def false_alarms(implementation: str, problems: int, dtype: str, seed: int = 0) -> dict:
    """Hold a correct implementation against the reference on random problems: comparisons, alarms and budgets used."""
    tracing = importlib.import_module(f"{IMPLEMENTATIONS[implementation]}.trace")
    rng = np.random.default_rng([seed, len(dtype)])
    used: list[float] = []
    alarms: list[Check] = []
    for _ in range(problems):
        problem, parameters = random_problem(rng, dtype)
        port = port_tensors(tracing, problem, parameters)
        for check in single_step_checks(problem, "", parameters, port, port, PLACE):
            used.append(check.budget_used if check.budget_used is not None else float("inf"))
            if check.status != "passed":
                alarms.append(check)
    return {
        "problems": problems,
        "comparisons": len(used),
        "alarms": [f"{check.stage} {check.tensor}: {check.reason}" for check in alarms],
        "budgets": used,
    }


def element_limits(problem: Problem, parameters: Parameters, rng: np.random.Generator) -> Iterator[tuple[str, float]]:
    """For each tensor of the single-step stages, the smallest relative change of one of its elements that turns it red."""
    port = port_tensors(numpy_trace, problem, parameters)
    reference, floors = reference_tensors(problem, parameters, port)
    port = with_decay(port, problem, parameters, reference)
    for stage in STAGE_OF:
        for name in tensors_of(stage, problem.keep_prob < 1):
            places = np.argwhere(port[name])
            if name.startswith("D") or not len(places):
                continue
            index = tuple(places[rng.integers(len(places))])

            def red(e: float, stage=stage, name=name, index=index) -> bool:
                faulty = {**port, name: port[name].copy()}
                faulty[name][index] *= 1 + e
                return judge_tensor(stage, name, faulty, reference, floors)["status"] == "failed"

            yield stage, _smallest(red)


def hyperparameter_limit(problem: Problem, parameters: Parameters, which: str, stage: str) -> float:
    """The smallest e for which training with lambd, keep_prob or learning_rate times 1 + e is red at the stage."""
    port = port_tensors(numpy_trace, problem, parameters)
    reference, floors = reference_tensors(problem, parameters, port)

    def red(e: float) -> bool:
        settings = problem.step | {which: problem.step[which] * (1 + e)}
        faulty = port_tensors(numpy_trace, Problem(problem.X, problem.Y, **settings), parameters)
        faulty = with_decay(faulty, problem, parameters, reference)
        names = tensors_of(stage, problem.keep_prob < 1)
        return any(judge_tensor(stage, name, faulty, reference, floors)["status"] == "failed" for name in names)

    return _smallest(red)


def _smallest(red: Callable[[float], bool]) -> float:
    """The smallest size on the ladder from which on all are red; infinite where none is."""
    limit = float("inf")
    for e in LADDER[::-1]:
        if not red(float(e)):
            break
        limit = float(e)
    return limit
