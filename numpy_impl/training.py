"""One update, and the loop over the updates: full-batch gradient descent."""

import numpy as np

from numpy_impl.cost import l2_penalty
from numpy_impl.gradients import cost_and_gradients
from numpy_impl.network import Network, read_parameters
from shared.contract import Segment, join, segment_lengths


def update_parameters(parameters, grads, learning_rate):
    """Gradient descent: W <- W - learning_rate * dW, b <- b - learning_rate * db. Returns a new dict."""
    return {name: value - learning_rate * grads["d" + name] for name, value in parameters.items()}


def train_segments(X, Y, parameters, *, learning_rate, lengths, lambd=0.0, keep_prob=1.0, seed=1, frozen=False):
    """Train for sum(lengths) updates; after each of the lengths, yield a Segment (costs, parameters, masks).

    X (n_x, m), Y (1, m), parameters as in the course; none of them is changed. frozen: the same masks at every iteration.
    """
    m = X.shape[-1]
    network = Network(parameters, keep_prob, seed)
    for length in lengths:
        costs, D1s, D2s = [], [], []
        for _ in range(length):
            if frozen:
                network.reset_dropout()
            cost, gradients, cache = cost_and_gradients(network, X, Y, lambd)
            costs.append(cost + l2_penalty(network, lambd, m))
            if keep_prob < 1:
                D1s.append(cache[1])
                D2s.append(cache[6])
            network.parameters = update_parameters(network.parameters, gradients, learning_rate)
        masks = (np.stack(D1s), np.stack(D2s)) if keep_prob < 1 else None
        yield Segment(np.array(costs), read_parameters(network), masks)


def train(X, Y, parameters, *, learning_rate, num_iterations, lambd=0.0, keep_prob=1.0, seed=1):
    """A whole run. Returns the final parameters and the costs (num_iterations,), costs[i] before update i."""
    lengths = segment_lengths(num_iterations)
    return join(train_segments(X, Y, parameters, learning_rate=learning_rate, lengths=lengths,
                               lambd=lambd, keep_prob=keep_prob, seed=seed))  # fmt: skip
