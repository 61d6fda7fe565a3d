"""Training looked at from inside: every tensor of one step, and the first two updates, in the course's layout."""

import tensorflow as tf

from tf_impl.cost import l2_penalty
from tf_impl.gradients import cost_and_gradients
from tf_impl.network import Network, read_parameters, to_rows
from tf_impl.training import make_optimizer, train_segments


def trace(X, Y, parameters, *, lambd=0.0, keep_prob=1.0, seed=1):
    """The tensors of the first step from `parameters`.

    Returns X, Y, W1 ... b3 as the network sees them; Z1, A1, D1, Z2, A2, D2, Z3, A3 (D with dropout only); cross_entropy,
    l2_penalty, cost; dW1 ... db3 of the cross-entropy; decay_W1 ... decay_b3, what the penalty adds to them.
    """
    m = X.shape[-1]
    network = Network(parameters, keep_prob, seed)
    X, Y = to_rows(X), to_rows(Y)  # (m, n_x), (m, 1)
    cross_entropy, gradients, cache = cost_and_gradients(network, X, Y)
    penalty = l2_penalty(network, lambd, m)
    tensors = cache | {"A3": tf.sigmoid(cache["Z3"])}
    tensors |= {"cross_entropy": cross_entropy, "l2_penalty": penalty, "cost": cross_entropy + penalty}
    for layer, (dK, db) in enumerate(zip(gradients[::2], gradients[1::2], strict=True), start=1):
        tensors |= {f"dW{layer}": dK, f"db{layer}": db[None]}  # the transposes of the course's, as all above
    arrays = {name: tensor.numpy().T.copy() for name, tensor in {"X": X, "Y": Y, **tensors}.items()}
    return read_parameters(network) | arrays | _decay(network, lambd, m)


def first_updates(X, Y, parameters, *, learning_rate, lambd=0.0, keep_prob=1.0, seed=1):
    """The first two updates from `parameters`, as two Segments: some mistakes show only at the second."""
    tf.config.run_functions_eagerly(True)  # the same code, without compiling it for two steps
    try:
        return list(train_segments(X, Y, parameters, learning_rate=learning_rate, lengths=[1, 1],
                                   lambd=lambd, keep_prob=keep_prob, seed=seed))  # fmt: skip
    finally:
        tf.config.run_functions_eagerly(False)


def _decay(network, lambd, m):
    """What the optimizer itself adds to each dW: one update of its own where all gradients are zero.

    The learning rate m / lambd takes a whole weight off, so that nothing is lost to rounding.
    """
    before = read_parameters(network)
    optimizer = make_optimizer(network, m / lambd if lambd else 1.0, lambd, m)
    optimizer.apply([tf.zeros_like(parameter) for parameter in network.trainable_variables])
    after = read_parameters(network)
    scale = lambd / m if lambd else 1.0
    return {"decay_" + name: scale * (before[name] - after[name]) for name in before}
