"""The reference repeats a run: the from-scratch NumPy functions, many replicates at once along leading axes."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from numpy_impl.cost import l2_penalty
from numpy_impl.gradients import cost_and_gradients
from numpy_impl.network import Network
from numpy_impl.training import update_parameters
from shared.alignment.floor import Nudge
from shared.alignment.problem import Problem
from shared.parameters import Parameters

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
    """Repeat `steps` updates; after each, yield the costs before it and the parameters after it.

    parameters: with leading axes of replicates. masks(step) gives D1 and D2 of that step, broadcast against these axes.
    With `nudge`, every replicate but the first is moved by at most one unit in the last place after each update.
    """
    X, Y, lambd = problem.X, problem.Y, problem.lambd
    network = Network(parameters, problem.keep_prob)
    for step in range(steps):
        cost, gradients, _ = cost_and_gradients(network, X, Y, lambd, masks(step) if masks else None)
        cost = cost + l2_penalty(network, lambd, X.shape[-1])
        network.parameters = update_parameters(network.parameters, gradients, problem.learning_rate)
        if nudge:
            nudge.replicates(network.parameters)
        yield cost, network.parameters
