"""The cost: mean binary cross-entropy, and the L2 penalty on the weights."""

import numpy as np
import tensorflow as tf

from .network import linears


def cross_entropy(Z3, Y):
    """Mean cross-entropy of the logits Z3 (m, 1) and the labels Y (m, 1) of the same dtype; a scalar.

    The sigmoid is part of it: given probabilities, it would apply the sigmoid twice.
    """
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=Y, logits=Z3))


def l2_penalty(network, lambd, m):
    """lambd / (2 m) * (sum(W1^2) + sum(W2^2) + sum(W3^2)) over m examples, a scalar; the biases carry no penalty.

    Only the reported cost holds it: the gradients are those of the cross-entropy alone, and the optimizer's weight_decay
    does the rest.
    """
    # np.float64: TensorFlow would round a Python float through float32 on its way to a float64 tensor.
    return np.float64(lambd / (2 * m)) * sum(tf.reduce_sum(tf.square(dense.kernel)) for dense in linears(network))
