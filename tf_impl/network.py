"""The network in Keras: LINEAR - RELU - [DROPOUT] - LINEAR - RELU - [DROPOUT] - LINEAR (- SIGMOID, in the cost).

The network of the course's exercise: deeplearning.ai, "Improving Deep Neural Networks", week 1, "Regularization".
NumPy arrays come in and go out in the course's layout, where columns are examples: X (n_x, m), Y (1, m).
Inside, rows are examples: X is (m, n_x), and Dense computes X K + b with the kernel K = W^T.
Shape comments give the course's network: 20 and 3 hidden units.
"""

from functools import partial

import keras
import numpy as np
import tensorflow as tf

from shared.parameters import layers_dims_of


def to_rows(array):
    """A copy of a NumPy array (n, m) as a tensor (m, n) of the same dtype: examples become rows."""
    return tf.constant(array.T)


def Network(layers_dims, keep_prob=1.0, seed=1, dtype="float32"):
    """A keras.Model from X to the logits Z3 (m, 1); each of its dropout layers draws from a generator of its own.

    layers_dims: [n_x, h1, h2, 1]. keep_prob: share of the hidden units kept in training; 1 switches dropout off.
    seed: of the dropout masks. dtype: of the parameters and of everything computed, "float32" or "float64".
    """
    n_x, h1, h2, n_y = layers_dims
    dense = partial(keras.layers.Dense, kernel_initializer="zeros", dtype=dtype)  # `load` assigns the weights
    dropout = partial(keras.layers.Dropout, rate=1 - keep_prob, dtype=dtype)  # rate is the share dropped, not kept

    X = keras.Input((n_x,), dtype=dtype)  # (m, n_x)
    Z1 = dense(h1, name="Z1")(X)  # (m, 20)
    A1 = dropout(seed=2 * seed, name="A1")(keras.ops.relu(Z1))  # (m, 20)
    Z2 = dense(h2, name="Z2")(A1)  # (m, 3)
    A2 = dropout(seed=2 * seed + 1, name="A2")(keras.ops.relu(Z2))  # another seed: the same would draw the same masks
    Z3 = dense(n_y, name="Z3")(A2)  # (m, 1)
    return keras.Model(X, Z3)


def linears(network):
    """The three layers that hold parameters, in order."""
    return [network.get_layer(name) for name in ("Z1", "Z2", "Z3")]


def load(parameters, keep_prob=1.0, seed=1):
    """A network with copies of the given parameters; their dtype is the network's. seed: of the dropout masks.

    parameters: W1 (20, n_x), b1 (20, 1), W2 (3, 20), b2 (3, 1), W3 (1, 3), b3 (1, 1).
    """
    network = Network(layers_dims_of(parameters), keep_prob, seed, dtype=str(parameters["W1"].dtype))
    for layer, dense in enumerate(linears(network), start=1):
        dense.kernel.assign(parameters[f"W{layer}"].T)  # (n_in, n_out), the transpose of the course's
        dense.bias.assign(parameters[f"b{layer}"][:, 0])  # (n_out,)
    return network


def read_parameters(network):
    """Copies of the parameters in the course's layout: W (n_out, n_in), b (n_out, 1)."""
    parameters = {}
    for layer, dense in enumerate(linears(network), start=1):
        # .numpy() may share the memory of the variable, which the next update changes: copy.
        parameters[f"W{layer}"] = np.array(dense.kernel.numpy().T, order="C")
        parameters[f"b{layer}"] = np.array(dense.bias.numpy()[:, np.newaxis])
    return parameters


def predict(X, parameters):
    """Class of each example of X (n_x, m), int64 (1, m): 1 where the probability is > 0.5. No dropout."""
    network = load(parameters)
    Z3 = network(to_rows(X), training=False)
    return (tf.sigmoid(Z3) > 0.5).numpy().T.astype(np.int64)
