"""The network in Keras: LINEAR - RELU - [DROPOUT] - LINEAR - RELU - [DROPOUT] - LINEAR (- SIGMOID, in the cost).

Rows are examples here: X is (m, n_x), and Dense computes X K + b with the kernel K = W^T. NumPy arrays in the
course's layout come in and go out. Shape comments give the course's network: 20 and 3 hidden units.
"""

import keras
import numpy as np
import tensorflow as tf

from shared.parameters import layers_dims_of


def to_rows(array):
    """A copy of a NumPy array (n, m) as a tensor (m, n) of the same dtype: examples become rows."""
    return tf.constant(array.T)


class Network(keras.Model):
    """The network with its dropout layers, each of which draws from a generator of its own.

    parameters: W1 (20, n_x), b1 (20, 1), W2 (3, 20), b2 (3, 1), W3 (1, 3), b3 (1, 1); copied, their dtype is the network's.
    keep_prob: share of the hidden units kept in training; 1 switches dropout off. seed: of the masks.
    """

    def __init__(self, parameters, keep_prob=1.0, seed=1):
        dtype = str(parameters["W1"].dtype)  # float32 unless said
        super().__init__(dtype=dtype)
        n_x, h1, h2, n_y = layers_dims_of(parameters)
        # Zeros: Dense's own initial weights would draw from the caller's generators.
        self.dense1 = keras.layers.Dense(h1, kernel_initializer="zeros", dtype=dtype)
        # rate is the share dropped, not kept; two layers with the same seed would draw the same masks
        self.dropout1 = keras.layers.Dropout(rate=1 - keep_prob, seed=2 * seed, dtype=dtype)
        self.dense2 = keras.layers.Dense(h2, kernel_initializer="zeros", dtype=dtype)
        self.dropout2 = keras.layers.Dropout(rate=1 - keep_prob, seed=2 * seed + 1, dtype=dtype)
        self.dense3 = keras.layers.Dense(n_y, kernel_initializer="zeros", dtype=dtype)
        self.keep_prob = keep_prob
        self.seed = seed
        for layer, (dense, n_in) in enumerate(zip(self.linears(), (n_x, h1, h2), strict=True), start=1):
            dense.build((None, n_in))
            dense.kernel.assign(parameters[f"W{layer}"].T)  # (n_in, n_out), the transpose of the course's
            dense.bias.assign(parameters[f"b{layer}"][:, 0])  # (n_out,)
        self.built = True

    def linears(self):
        """The three layers that hold parameters, in order."""
        return self.dense1, self.dense2, self.dense3

    def reset_dropout(self):
        """Set the generators back, so that the next masks are the first again."""
        for layer, seed in ((self.dropout1, 2 * self.seed), (self.dropout2, 2 * self.seed + 1)):
            if layer.rate > 0:
                layer.seed_generator.state.assign([seed, 0])

    def call(self, X, training=True):
        """Logits Z3 (m, 1), and the cache of what is computed on the way.

        The masks in it are read back from what the dropout layers let through.
        """
        Z1 = self.dense1(X)  # (m, 20)
        A1 = self.dropout1(tf.nn.relu(Z1), training=training)  # (m, 20)
        Z2 = self.dense2(A1)  # (m, 3)
        A2 = self.dropout2(tf.nn.relu(Z2), training=training)  # (m, 3)
        Z3 = self.dense3(A2)  # (m, 1)

        cache = {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2, "Z3": Z3}
        if training and self.keep_prob < 1:
            # A unit that was 0 before the layer reads as dropped; kept or dropped, it passes on the same 0.
            cache |= {"D1": A1 != 0, "D2": A2 != 0}
        return Z3, cache


def read_parameters(network):
    """Copies of the parameters in the course's layout: W (n_out, n_in), b (n_out, 1)."""
    parameters = {}
    for layer, dense in enumerate(network.linears(), start=1):
        # .numpy() may share memory with what goes on training: copy.
        parameters[f"W{layer}"] = np.array(dense.kernel.numpy().T, order="C")
        parameters[f"b{layer}"] = np.array(dense.bias.numpy()[:, np.newaxis])
    return parameters


def predict(X, parameters):
    """Class of each example, int64 (1, m): 1 where the probability is > 0.5. No dropout."""
    network = Network(parameters)
    Z3, _ = network(to_rows(X), training=False)
    return (tf.sigmoid(Z3) > 0.5).numpy().T.astype(np.int64)
