"""Training looked at from inside: every tensor of one step, and the first two updates, in the course's layout."""

import numpy as np

from numpy_impl.cost import l2_penalty
from numpy_impl.gradients import cost_and_gradients, decay
from numpy_impl.network import Network
from numpy_impl.training import train_segments


def trace(X, Y, parameters, *, lambd=0.0, keep_prob=1.0, seed=1, masks=None):
    """The tensors of the first step from `parameters`.

    Returns X, Y, W1 ... b3 as the network sees them; Z1, A1, D1, Z2, A2, D2, Z3, A3 (D with dropout only); cross_entropy,
    l2_penalty, cost; dW1 ... db3 of the cross-entropy; decay_W1 ... decay_b3, what the penalty adds to them.
    `masks` (D1, D2) repeats a step with given masks.
    """
    m = X.shape[-1]
    network = Network(parameters, keep_prob, seed)
    cross_entropy, gradients, cache = cost_and_gradients(network, X, Y, masks=masks)
    if keep_prob < 1:
        (Z1, D1, A1, _, _, Z2, D2, A2, _, _, Z3, A3, _, _) = cache
        tensors = {"Z1": Z1, "A1": A1, "D1": D1, "Z2": Z2, "A2": A2, "D2": D2, "Z3": Z3, "A3": A3}
    else:
        (Z1, A1, _, _, Z2, A2, _, _, Z3, A3, _, _) = cache
        tensors = {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2, "Z3": Z3, "A3": A3}
    penalty = l2_penalty(network, lambd, m)
    tensors |= {"cross_entropy": cross_entropy, "l2_penalty": penalty, "cost": cross_entropy + penalty}
    tensors |= {"d" + name: gradients["d" + name] for name in parameters}
    penalties = decay(network.parameters, lambd, m)
    tensors |= {"decay_" + name: penalties.get("d" + name, np.zeros_like(b)) for name, b in network.parameters.items()}
    return {"X": X, "Y": Y, **network.parameters, **tensors}


def first_updates(X, Y, parameters, *, learning_rate, lambd=0.0, keep_prob=1.0, seed=1):
    """The first two updates from `parameters`, as two Segments: some mistakes show only at the second."""
    return list(train_segments(X, Y, parameters, learning_rate=learning_rate, lengths=[1, 1],
                               lambd=lambd, keep_prob=keep_prob, seed=seed))  # fmt: skip
