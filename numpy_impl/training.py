"""One update, and the loop over the updates: full-batch gradient descent."""

import numpy as np

from .cost import cross_entropy, l2_penalty
from .gradients import propagate


def update_parameters(parameters, grads, learning_rate):
    """Gradient descent: W <- W - learning_rate * dW, b <- b - learning_rate * db. Returns a new dict."""
    return {name: value - learning_rate * grads["d" + name] for name, value in parameters.items()}


def update(parameters, X, Y, learning_rate, lambd=0.0, keep_prob=1.0, rng=None):
    """One update on all m examples, X (n_x, m) and Y (1, m). Returns the parameters after it and the cost before it.

    The cost is that of the masks drawn, L2 penalty included. rng: see `forward_propagation_with_dropout`.
    """
    grads, cache = propagate(X, Y, parameters, lambd, keep_prob, rng)
    reported = cross_entropy(cache.Z3, Y) + l2_penalty(parameters, lambd, m=X.shape[-1])
    return update_parameters(parameters, grads, learning_rate), reported


def train(X, Y, parameters, *, learning_rate, num_iterations, lambd=0.0, keep_prob=1.0, seed=1):
    """A whole run. Returns the final parameters and the costs (num_iterations,), costs[i] before update i.

    X (n_x, m), Y (1, m), parameters as in the course, all float64 or all float32; none of them is changed.
    seed: of the dropout masks.
    """
    rng = np.random.default_rng(seed)
    costs = []
    for _ in range(num_iterations):
        parameters, cost = update(parameters, X, Y, learning_rate, lambd, keep_prob, rng)
        costs.append(cost)
    return parameters, np.array(costs)
