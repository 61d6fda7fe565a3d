"""The cost: mean binary cross-entropy, and the L2 penalty on the weights."""

import numpy as np


def compute_cost(A3, Y):
    """Mean cross-entropy -1/m sum(Y log A3 + (1 - Y) log(1 - A3)), the course's; a scalar.

    A3, Y (1, m). A probability of exactly 0 or 1 costs nothing where it is right (0 log 0 = 0) and inf where it is wrong;
    NaN stays NaN. `cross_entropy` of the logits is more exact: rounding A3 to 1 loses digits.
    """
    m = Y.shape[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        of_ones, of_zeros = np.log(A3) * Y, np.log(1 - A3) * (1 - Y)  # (1, m)
    logprobs = np.where(Y == 0, 0, of_ones) + np.where(Y == 1, 0, of_zeros)
    return -np.sum(logprobs, axis=(-2, -1)) / m


def compute_cost_with_regularization(A3, Y, parameters, lambd):
    """The course's regularized cost: cross-entropy + lambd / (2 m) * (sum(W1^2) + sum(W2^2) + sum(W3^2)), no biases."""
    return compute_cost(A3, Y) + l2_penalty(parameters, lambd, Y.shape[-1])


def cross_entropy(Z3, Y):
    """Mean cross-entropy of the logits Z3 (1, m) and the labels Y (1, m): max(Z3, 0) - Z3 Y + log(1 + exp(-|Z3|)).

    Equal to `compute_cost` of their sigmoid, and exact where that rounds to 0 or 1.
    """
    losses = np.maximum(Z3, 0) - Z3 * Y + np.log1p(np.exp(-np.abs(Z3)))  # (1, m)
    return np.mean(losses, axis=(-2, -1))


def l2_penalty(parameters, lambd, m):
    """lambd / (2 m) * (sum(W1^2) + sum(W2^2) + sum(W3^2)) over m examples; the biases carry no penalty."""
    return lambd / (2 * m) * sum(np.sum(np.square(parameters[W]), axis=(-2, -1)) for W in ("W1", "W2", "W3"))
