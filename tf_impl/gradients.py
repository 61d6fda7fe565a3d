"""The gradients, by GradientTape."""

import tensorflow as tf

from tf_impl.cost import cross_entropy


def cost_and_gradients(network, X, Y):
    """One forward and backward pass in training mode. X (m, n_x), Y (m, 1).

    Returns the cross-entropy, its gradients (one tensor per parameter, in network.trainable_variables order) and the cache.
    """
    with tf.GradientTape() as tape:
        Z3, cache = network(X, training=True)
        cost = cross_entropy(Z3, Y)
    return cost, tape.gradient(cost, network.trainable_variables), cache
