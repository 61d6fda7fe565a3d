"""The network from scratch: LINEAR - RELU - [DROPOUT] - LINEAR - RELU - [DROPOUT] - LINEAR - SIGMOID.

Columns are examples: X is (n_x, m). Parameters may be stacked along leading axes, as in np.matmul: (R, n_out, n_in) gives
activations (R, n, m). Shape comments give the course's network: 20 and 3 hidden units.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.parameters import initialize_parameters as _initialize_parameters


class Cache(NamedTuple):
    """What `forward_propagation` hands to the backward pass: the course's tuple, with names for its entries."""

    Z1: NDArray
    A1: NDArray
    W1: NDArray
    b1: NDArray
    Z2: NDArray
    A2: NDArray
    W2: NDArray
    b2: NDArray
    Z3: NDArray
    A3: NDArray
    W3: NDArray
    b3: NDArray


class DropoutCache(NamedTuple):
    """The same from `forward_propagation_with_dropout`, with the masks D1 and D2."""

    Z1: NDArray
    D1: NDArray
    A1: NDArray
    W1: NDArray
    b1: NDArray
    Z2: NDArray
    D2: NDArray
    A2: NDArray
    W2: NDArray
    b2: NDArray
    Z3: NDArray
    A3: NDArray
    W3: NDArray
    b3: NDArray


def sigmoid(x):
    """1 / (1 + exp(-x)), element by element; any shape. exp overflows to inf for x < -709, which gives the correct 0."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def relu(x):
    """max(0, x), element by element; any shape."""
    return np.maximum(0, x)


def initialize_parameters(layers_dims):
    """The course's initial parameters for layers_dims = [n_x, h1, h2, 1]: W ~ N(0, 1) / sqrt(fan_in), seed 3, b = 0."""
    return _initialize_parameters(layers_dims)


def forward_propagation(X, parameters):
    """Forward pass without dropout. Course: "Regularization", section 1.

    X (n_x, m); parameters W1, b1, W2, b2, W3, b3.
    Returns A3 (1, m), the probability of class 1, and the cache (Z1, A1, W1, b1, Z2, A2, W2, b2, Z3, A3, W3, b3).
    """
    W1, b1, W2, b2, W3, b3 = _unpack(parameters)

    Z1 = W1 @ X + b1  # (20, m)
    A1 = relu(Z1)  # (20, m)
    Z2 = W2 @ A1 + b2  # (3, m)
    A2 = relu(Z2)  # (3, m)
    Z3 = W3 @ A2 + b3  # (1, m)
    A3 = sigmoid(Z3)  # (1, m)

    return A3, Cache(Z1, A1, W1, b1, Z2, A2, W2, b2, Z3, A3, W3, b3)


def forward_propagation_with_dropout(X, parameters, keep_prob=0.5, rng=None):
    """Forward pass with inverted dropout on the two hidden layers. Course: "Regularization", section 3.1.

    A unit of an example is kept with probability keep_prob; what is kept is divided by keep_prob.
    The masks D1 (20, m) and D2 (3, m) are drawn from the generator `rng`, D1 first. Without `rng` they are the
    course's, the same at every call: from RandomState(1); NumPy's global generator is not touched.
    Returns A3 (1, m) and the cache (Z1, D1, A1, W1, b1, Z2, D2, A2, W2, b2, Z3, A3, W3, b3).
    """
    W1, b1, W2, b2, W3, b3 = _unpack(parameters)
    rng = rng or np.random.RandomState(1)
    m = X.shape[-1]

    Z1 = W1 @ X + b1  # (20, m)
    D1 = rng.random((W1.shape[-2], m)) < keep_prob  # (20, m)
    A1 = relu(Z1) * D1 / keep_prob  # (20, m)
    Z2 = W2 @ A1 + b2  # (3, m)
    D2 = rng.random((W2.shape[-2], m)) < keep_prob  # (3, m)
    A2 = relu(Z2) * D2 / keep_prob  # (3, m)
    Z3 = W3 @ A2 + b3  # (1, m)
    A3 = sigmoid(Z3)  # (1, m)

    return A3, DropoutCache(Z1, D1, A1, W1, b1, Z2, D2, A2, W2, b2, Z3, A3, W3, b3)


def predict(X, parameters):
    """Class of each example of X (n_x, m), int64 (1, m): 1 where the probability is > 0.5. No dropout."""
    A3, _ = forward_propagation(X, parameters)
    return (A3 > 0.5).astype(np.int64)


def _unpack(parameters):
    return (parameters[name] for name in ("W1", "b1", "W2", "b2", "W3", "b3"))
