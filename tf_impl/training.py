"""One update, and the loop over the updates: full-batch gradient descent."""

import keras
import numpy as np
import tensorflow as tf

from shared.contract import Segment, join, segment_lengths
from tf_impl.cost import l2_penalty
from tf_impl.gradients import cost_and_gradients
from tf_impl.network import Network, read_parameters, to_rows


def make_optimizer(network, learning_rate, lambd, m):
    """Plain SGD with L2: weight_decay = lambd / m takes learning_rate * lambd / m * W off each W, once per update.

    The biases are excluded in one call (a second replaces the first), and before any step is traced, which would not see it.
    """
    dtype = network.dtype
    floatx = keras.config.floatx()
    keras.config.set_floatx(dtype)  # the learning rate is kept in this dtype
    try:
        # Given as a Python float, the decay would be rounded through float32 (relative error 2e-8), float64 model or not.
        optimizer = keras.optimizers.SGD(learning_rate, weight_decay=np.dtype(dtype).type(lambd / m))
        optimizer.exclude_from_weight_decay(var_list=[dense.bias for dense in network.linears()])
        optimizer.build(network.trainable_variables)
    finally:
        keras.config.set_floatx(floatx)
    return optimizer


def train_segments(X, Y, parameters, *, learning_rate, lengths, lambd=0.0, keep_prob=1.0, seed=1, frozen=False):
    """Train for sum(lengths) updates; after each of the lengths, yield a Segment (costs, parameters, masks).

    X (n_x, m), Y (1, m), parameters as in the course; none of them is changed. frozen: the same masks at every iteration.
    """
    m = X.shape[-1]
    network = Network(parameters, keep_prob, seed)
    optimizer = make_optimizer(network, learning_rate, lambd, m)
    X, Y = to_rows(X), to_rows(Y)  # (m, n_x), (m, 1)

    @tf.function(jit_compile=True)
    def run(length):  # a Python int: XLA unrolls nothing, but a static trip count makes its loop several times faster
        costs = tf.TensorArray(X.dtype, length, element_shape=())
        D1s = tf.TensorArray(tf.bool, length)
        D2s = tf.TensorArray(tf.bool, length)
        for i in tf.range(length):
            if frozen:
                network.reset_dropout()
            cost, gradients, cache = cost_and_gradients(network, X, Y)
            costs = costs.write(i, cost + l2_penalty(network, lambd, m))
            if keep_prob < 1:
                D1s = D1s.write(i, cache["D1"])
                D2s = D2s.write(i, cache["D2"])
            optimizer.apply(gradients)
        return costs.stack(), (D1s.stack(), D2s.stack()) if keep_prob < 1 else None

    for length in lengths:
        costs, masks = run(length)
        masks = tuple(Ds.numpy().mT for Ds in masks) if keep_prob < 1 else None
        yield Segment(costs.numpy(), read_parameters(network), masks)


def train(X, Y, parameters, *, learning_rate, num_iterations, lambd=0.0, keep_prob=1.0, seed=1):
    """A whole run. Returns the final parameters and the costs (num_iterations,), costs[i] before update i."""
    lengths = segment_lengths(num_iterations)
    return join(train_segments(X, Y, parameters, learning_rate=learning_rate, lengths=lengths,
                               lambd=lambd, keep_prob=keep_prob, seed=seed))  # fmt: skip
