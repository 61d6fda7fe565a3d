"""One update, and the loop over the updates: full-batch gradient descent."""

import keras
import numpy as np
import tensorflow as tf

from .cost import cross_entropy, l2_penalty
from .network import linears, load, read_parameters, to_rows


def make_optimizer(network, learning_rate, lambd, m):
    """Plain SGD with L2: weight_decay = lambd / m takes learning_rate * lambd / m * W off each W, once per update.

    With plain SGD that is the same as adding lambd / m * W to each dW. The biases are excluded in one call, because a
    second call replaces the first, and before an update is compiled: a compiled one would not see it.
    """
    # Keras rounds Python floats, and a learning rate that is not a function, to float32, even for a float64 model.
    optimizer = keras.optimizers.SGD(lambda: np.float64(learning_rate), weight_decay=np.float64(lambd / m))
    optimizer.exclude_from_weight_decay(var_list=[dense.bias for dense in linears(network)])
    optimizer.build(network.trainable_variables)  # from now on, apply needs the gradients alone
    return optimizer


def update(network, optimizer, X, Y, lambd):
    """One update on all m examples, X (m, n_x) and Y (m, 1). Returns the cost before it, L2 penalty included.

    lambd: for the returned cost alone; the optimizer was given its own, as weight_decay.
    """
    with tf.GradientTape() as tape:
        cost = cross_entropy(network(X, training=True), Y)
    gradients = tape.gradient(cost, network.trainable_variables)
    reported = cost + l2_penalty(network, lambd, m=X.shape[0])
    optimizer.apply(gradients)
    return reported


def train(X, Y, parameters, *, learning_rate, num_iterations, lambd=0.0, keep_prob=1.0, seed=1):
    """A whole run. Returns the final parameters and the costs (num_iterations,), costs[i] before update i.

    X (n_x, m), Y (1, m), parameters as in the course, all float64 or all float32; none of them is changed.
    seed: of the dropout masks. XLA compiles the update, and draws other masks from it than TensorFlow does uncompiled.
    """
    network = load(parameters, keep_prob, seed)
    optimizer = make_optimizer(network, learning_rate, lambd, m=X.shape[1])
    rows, labels = to_rows(X), to_rows(Y)  # (m, n_x), (m, 1)
    costs = []

    @tf.function(jit_compile=True)
    def compiled_update():
        return update(network, optimizer, rows, labels, lambd)

    for _ in range(num_iterations):
        costs.append(compiled_update())
    return read_parameters(network), tf.stack(costs).numpy()
