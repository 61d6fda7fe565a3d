"""The network from scratch: LINEAR - RELU - [DROPOUT] - LINEAR - RELU - [DROPOUT] - LINEAR - SIGMOID.

Columns are examples: X is (n_x, m). Every function also accepts a leading axis of replicates (parameters of shape
(R, n_out, n_in), activations of shape (R, n, m)): `@`, `.mT` and `axis=-1` do the same to each of them.
Shape comments give the course's network: 20 and 3 hidden units.
"""

import numpy as np

from shared.parameters import initialize_parameters as _initialize_parameters


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

    return A3, (Z1, A1, W1, b1, Z2, A2, W2, b2, Z3, A3, W3, b3)


def forward_propagation_with_dropout(X, parameters, keep_prob=0.5, rng=None, masks=None):
    """Forward pass with inverted dropout on the two hidden layers. Course: "Regularization", section 3.1.

    A unit of an example is kept with probability keep_prob; what is kept is divided by keep_prob.
    The masks D1 (20, m) and D2 (3, m) are drawn from `rng`, D1 first, or given as `masks` to repeat a step.
    With neither, they are the course's, the same at every call: legacy stream, seed 1, NumPy's global state untouched.
    Returns A3 (1, m) and the cache (Z1, D1, A1, W1, b1, Z2, D2, A2, W2, b2, Z3, A3, W3, b3).
    """
    W1, b1, W2, b2, W3, b3 = _unpack(parameters)
    D1, D2 = masks or _draw_masks(W1, W2, X, keep_prob, rng or np.random.RandomState(1))  # (20, m), (3, m)

    Z1 = W1 @ X + b1  # (20, m)
    A1 = relu(Z1) * D1 / keep_prob  # (20, m)
    Z2 = W2 @ A1 + b2  # (3, m)
    A2 = relu(Z2) * D2 / keep_prob  # (3, m)
    Z3 = W3 @ A2 + b3  # (1, m)
    A3 = sigmoid(Z3)  # (1, m)

    return A3, (Z1, D1, A1, W1, b1, Z2, D2, A2, W2, b2, Z3, A3, W3, b3)


class Network:
    """The parameters and the generator its dropout draws from: what nn.Module and keras.Model hold for their users.

    parameters: W1 (20, n_x), b1 (20, 1), W2 (3, 20), b2 (3, 1), W3 (1, 3), b3 (1, 1); copied, their dtype is the network's.
    keep_prob: share of the hidden units kept in training; 1 switches dropout off. seed: of the masks.
    """

    def __init__(self, parameters, keep_prob=1.0, seed=1):
        self.parameters = {name: value.copy() for name, value in parameters.items()}
        self.keep_prob = keep_prob
        self.seed = seed
        self.rng: np.random.Generator | np.random.RandomState = np.random.default_rng(seed)

    def reset_dropout(self):
        """Set the generator back, so that the next masks are the first again.

        The generator is the legacy one, which makes them the course's where the seed is 1.
        """
        if not isinstance(self.rng, np.random.RandomState):
            self.rng = np.random.RandomState()
        self.rng.seed(self.seed)  # a new RandomState would cost more than the whole step

    def __call__(self, X, masks=None):
        """Forward pass in training mode. Returns A3 (1, m) and the course's cache."""
        if self.keep_prob == 1:
            return forward_propagation(X, self.parameters)
        return forward_propagation_with_dropout(X, self.parameters, self.keep_prob, self.rng, masks)


def read_parameters(network):
    """Copies of the parameters in the course's layout: W (n_out, n_in), b (n_out, 1)."""
    return {name: value.copy() for name, value in network.parameters.items()}


def predict(X, parameters):
    """Class of each example, int64 (1, m): 1 where the probability is > 0.5. No dropout."""
    A3, _ = forward_propagation(X, parameters)
    return (A3 > 0.5).astype(np.int64)


def _unpack(parameters):
    return (parameters[name] for name in ("W1", "b1", "W2", "b2", "W3", "b3"))


def _draw_masks(W1, W2, X, keep_prob, rng):
    return tuple(rng.random((W.shape[-2], X.shape[-1])) < keep_prob for W in (W1, W2))
