"""Initial parameters, identical to the course's to the last bit."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Parameters = dict[str, NDArray]

PARAMETER_NAMES = ("W1", "b1", "W2", "b2", "W3", "b3")
WEIGHTS = ("W1", "W2", "W3")
COURSE_INIT_SEED = 3


def initialize_parameters(layers_dims: Sequence[int], seed: int = COURSE_INIT_SEED, dtype: str = "float64") -> Parameters:
    """Weights standard normal over sqrt(fan_in), biases zero.

    layers_dims: [n_x, h1, h2, 1]. Returns W1 (h1, n_x), b1 (h1, 1), W2 (h2, h1), b2 (h2, 1), W3 (1, h2), b3 (1, 1).
    The stream is NumPy's legacy one (RandomState), as in the course, drawn in float64 and then rounded to dtype.
    """
    rng = np.random.RandomState(seed)
    parameters: Parameters = {}
    for layer in range(1, len(layers_dims)):
        fan_in, fan_out = layers_dims[layer - 1], layers_dims[layer]
        W = rng.standard_normal((fan_out, fan_in)) / np.sqrt(fan_in)
        parameters[f"W{layer}"] = W.astype(dtype)
        parameters[f"b{layer}"] = np.zeros((fan_out, 1), dtype)
    return parameters


def layers_dims_of(parameters: Parameters) -> tuple[int, int, int, int]:
    """[n_x, h1, h2, 1] read off the shapes of the weights."""
    W1, W2, W3 = (parameters[name] for name in WEIGHTS)
    return W1.shape[-1], W1.shape[-2], W2.shape[-2], W3.shape[-2]
