"""The settings in Keras on TensorFlow, as its users write them."""

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from shared.commands.optimizers.settings import BETA_1, BETA_2, UPDATES, Setting
from shared.parameters import Parameters
from tf_impl.cost import cross_entropy
from tf_impl.network import linears, load, read_parameters, to_rows


class AdamAsInTorch(keras.optimizers.Adam):
    """Adam, with weight_decay AdamW, that adds epsilon where PyTorch does: times sqrt(1 - beta_2^t) it is Keras's."""

    epsilon: float

    def update_step(self, gradient, variable, learning_rate):
        t = tf.cast(self.iterations + 1, variable.dtype)
        epsilon = self.epsilon
        self.epsilon = epsilon * tf.sqrt(1 - tf.cast(self.beta_2, variable.dtype) ** t)
        super().update_step(gradient, variable, learning_rate)
        self.epsilon = epsilon


def make_optimizer(network: keras.Model, setting: Setting, learning_rate: float, decay: float) -> keras.optimizers.Optimizer:
    """The optimizer with its own decay on the weights where the setting asks for that; never on the biases."""

    def given(name: str, value: float) -> float:
        return value if setting.plain_float == name else np.float64(value)

    rate = np.float64(learning_rate)
    own = {"weight_decay": given("weight_decay", decay)} if setting.decay == "weight_decay" else {}
    # The learning rate is kept in this dtype, np.float64 or not.
    keras.config.set_floatx("float32" if setting.plain_float == "learning_rate" else "float64")
    if setting.adaptive:
        more = {} if setting.epsilon is None else {"epsilon": given("epsilon", setting.epsilon)}
        betas = {"beta_1": given("beta_1", BETA_1), "beta_2": given("beta_2", BETA_2)}
        kind = AdamAsInTorch if setting.swapped else getattr(keras.optimizers, setting.optimizer)
        optimizer = kind(rate, **betas, **more, **own)
    else:
        nesterov = setting.optimizer == "Nesterov"
        momentum = given("momentum", setting.momentum)
        optimizer = keras.optimizers.SGD(rate, momentum=momentum, nesterov=nesterov, **own)
    optimizer.exclude_from_weight_decay(var_list=[dense.bias for dense in linears(network)])
    optimizer.build(network.trainable_variables)
    return optimizer


def train(
    setting: Setting, X: NDArray, Y: NDArray, parameters: Parameters, learning_rate: float, lambd: float
) -> dict[str, NDArray]:
    """The parameters after each of UPDATES ("W1 after 2"). X (n_x, m), Y (1, m), parameters as in the course."""
    m = X.shape[-1]
    network = load(parameters)
    kernels = [dense.kernel for dense in linears(network)]
    optimizer = make_optimizer(network, setting, learning_rate, lambd / m)
    l2 = keras.regularizers.L2(np.float64(lambd / (2 * m)))  # which makes a Python float of it
    rows, labels = to_rows(X), to_rows(Y)  # (m, n_x), (m, 1)

    @tf.function
    def run(length):
        for _ in tf.range(length):
            with tf.GradientTape() as tape:
                cost = cross_entropy(network(rows, training=True), labels)
                if setting.decay == "penalty":
                    squares = tf.add_n([tf.reduce_sum(tf.square(kernel)) for kernel in kernels])
                    cost += np.float64(lambd / (2 * m)) * squares
                elif setting.decay == "regularizer":
                    cost += tf.add_n([l2(kernel) for kernel in kernels])
            optimizer.apply(tape.gradient(cost, network.trainable_variables))

    arrays: dict[str, NDArray] = {}
    done = 0
    for t in UPDATES:
        run(tf.constant(t - done))
        done = t
        arrays |= {f"{name} after {t}": value for name, value in read_parameters(network).items()}
    return arrays
