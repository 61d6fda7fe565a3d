"""The reference repeats a run: the from-scratch NumPy functions, many replicates at once along leading axes."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from numpy_impl.cost import cross_entropy, l2_penalty
from numpy_impl.gradients import propagate
from numpy_impl.training import update_parameters
from shared.adapters.numpy import Replayed
from shared.alignment.floor import Nudge
from shared.alignment.problem import Problem
from shared.parameters import Parameters

LOGITS = 2**18
"""Numbers: logits (and weights, with L2) of past updates that are kept before their costs are computed together."""

Masks = tuple[NDArray, NDArray]


def replicate(parameters: Parameters, count: int) -> Parameters:
    """`count` copies along a new leading axis."""
    return {name: np.repeat(value[np.newaxis], count, axis=0) for name, value in parameters.items()}


def replay(
    problem: Problem,
    parameters: Parameters,
    steps: int,
    masks: Callable[[int], Masks] | None = None,
    nudge: Nudge | None = None,
) -> Iterator[tuple[NDArray, Parameters]]:
    """Repeat `steps` updates; after each, yield the logits Z3 before it and the parameters after it.

    parameters: with leading axes of replicates. masks(step) gives D1 and D2 of that step, broadcast against these axes.
    With `nudge`, every replicate but the first is moved by at most one unit in the last place after each update.
    """
    X, Y, lambd = problem.X, problem.Y, problem.lambd
    for step in range(steps):
        rng = Replayed(*masks(step)) if masks else None
        gradients, cache = propagate(X, Y, parameters, lambd, problem.keep_prob, rng)
        parameters = update_parameters(parameters, gradients, problem.learning_rate)
        if nudge:
            nudge.replicates(parameters)
        yield cache.Z3, parameters


def costs_of(Z3s: list[NDArray], before: list[Parameters], problem: Problem) -> NDArray:
    """The costs of n updates, (n, ...), from the logits that `replay` yields and, with L2, the parameters before each.

    Not what numpy_impl's adapter computes: what is wrong there must differ from this.
    """
    costs = cross_entropy(np.stack(Z3s), problem.Y)
    if problem.lambd:
        weights = {name: np.stack([parameters[name] for parameters in before]) for name in ("W1", "W2", "W3")}
        costs = costs + l2_penalty(weights, problem.lambd, problem.X.shape[-1])
    return costs
