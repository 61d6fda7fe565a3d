"""One update, and the loop over the updates: full-batch gradient descent."""

import numpy as np

from numpy_impl.cost import cross_entropy, l2_penalty
from numpy_impl.gradients import gradients_and_cache
from numpy_impl.network import Network, read_parameters
from shared.contract import Segment, join, segment_lengths

LOGITS = 2**18
"""Numbers: logits (and weights, with L2) of past updates that training keeps before it computes their costs together."""


def update_parameters(parameters, grads, learning_rate):
    """Gradient descent: W <- W - learning_rate * dW, b <- b - learning_rate * db. Returns a new dict."""
    return {name: value - learning_rate * grads["d" + name] for name, value in parameters.items()}


def training_costs(Z3s, Y, before, lambd):
    """The costs of n updates, (n,), from their logits Z3 (1, m) and the parameters before each; penalty included.

    One by one they would take a third of the training's time, most of it for calling.
    """
    costs = cross_entropy(np.stack(Z3s), Y)
    if lambd:
        weights = {name: np.stack([parameters[name] for parameters in before]) for name in ("W1", "W2", "W3")}
        costs = costs + l2_penalty(Network(weights), lambd, Y.shape[-1])
    return costs


def train_segments(X, Y, parameters, *, learning_rate, lengths, lambd=0.0, keep_prob=1.0, seed=1, frozen=False):
    """Train for sum(lengths) updates; after each of the lengths, yield a Segment (costs, parameters, masks).

    X (n_x, m), Y (1, m), parameters as in the course; none of them is changed. frozen: the same masks at every iteration.
    """
    network = Network(parameters, keep_prob, seed)
    masks = None
    if frozen:
        network.reset_dropout()
    for length in lengths:
        costs, D1s, D2s = [], [], []
        for stretch in _stretches(length, Y.size + (_weights(network) if lambd else 0)):
            Z3s, before = [], []
            for _ in range(stretch):
                gradients, cache = gradients_and_cache(network, X, Y, lambd, masks)
                Z3s.append(cache[-4])
                if lambd:
                    before.append(network.parameters)
                if keep_prob < 1:
                    D1s.append(cache[1])
                    D2s.append(cache[6])
                    if frozen:
                        masks = cache[1], cache[6]  # drawing the same again would only take time
                network.parameters = update_parameters(network.parameters, gradients, learning_rate)
            costs.append(training_costs(Z3s, Y, before, lambd))
        drawn = (np.stack(D1s), np.stack(D2s)) if keep_prob < 1 else None
        yield Segment(np.concatenate(costs), read_parameters(network), drawn)


def train(X, Y, parameters, *, learning_rate, num_iterations, lambd=0.0, keep_prob=1.0, seed=1):
    """A whole run. Returns the final parameters and the costs (num_iterations,), costs[i] before update i."""
    lengths = segment_lengths(num_iterations)
    return join(train_segments(X, Y, parameters, learning_rate=learning_rate, lengths=lengths,
                               lambd=lambd, keep_prob=keep_prob, seed=seed))  # fmt: skip


def _weights(network):
    return sum(network.parameters[name].size for name in ("W1", "W2", "W3"))


def _stretches(length, numbers):
    """The lengths of the stretches of updates of which so many numbers each are kept, at most LOGITS in all."""
    longest = max(1, LOGITS // numbers)
    return [min(longest, length - done) for done in range(0, length, longest)]
