"""Mistakes in the cost: probabilities for logits, sums for means, shapes that broadcast."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from numpy_impl.cost import cross_entropy
from numpy_impl.network import sigmoid
from shared.alignment.step import Effect, Step
from shared.diagnosis.mistake import Mistake, Plant

TORCH_COST = "return F.binary_cross_entropy_with_logits(Z3, Y)"
KERAS_COST = "return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=Y, logits=Z3))"

EAGER_EPSILON, COMPILED_EPSILON = float(np.float32(1e-12)), 1e-12
"""What PyTorch does not divide by less than: a constant kept in a float, 4e-9 less than 1e-12, but not in torch.compile."""


def sigmoid_twice(step: Step) -> Step:
    def dZ3(Z3: NDArray, Y: NDArray) -> NDArray:
        A3 = sigmoid(Z3)
        return (sigmoid(A3) - Y) * A3 * (1 - A3)

    return replace(step, cross_entropy=lambda Z3, Y: step.cross_entropy(sigmoid(Z3), Y), dZ3=dZ3)


def clipped_by_keras(step: Step) -> Step:
    """Probabilities kept within 1e-7 and 1 - 1e-7; outside of that the gradient is 0."""

    def clipped(Z3: NDArray) -> NDArray:
        return np.clip(sigmoid(Z3), 1e-7, 1 - 1e-7)

    def losses(Z3: NDArray, Y: NDArray) -> NDArray:
        p = clipped(Z3)
        return -np.mean(Y * np.log(p) + (1 - Y) * np.log(1 - p), axis=(-2, -1))

    def dZ3(Z3: NDArray, Y: NDArray) -> NDArray:
        A3, p = sigmoid(Z3), clipped(Z3)
        inside = (A3 >= 1e-7) & (A3 <= 1 - 1e-7)
        return -(Y / p - (1 - Y) / (1 - p)) * inside * A3 * (1 - A3)

    return replace(step, cross_entropy=losses, dZ3=dZ3)


def clamped_by_torch(epsilon: float, lowest: float = -100) -> Effect:
    """Logarithms not below `lowest`; the gradient divides by a (1 - a), not below epsilon."""

    def losses(Z3: NDArray, Y: NDArray) -> NDArray:
        A3 = np.minimum(sigmoid(Z3), 1)  # perturbed rounding may leave more than 1, which has no logarithm
        logs = np.maximum(np.log(A3), lowest), np.maximum(np.log1p(-A3), lowest)
        return np.mean((Y - 1) * logs[1] - Y * logs[0], axis=(-2, -1))

    def dZ3(Z3: NDArray, Y: NDArray) -> NDArray:
        A3 = sigmoid(Z3)
        return (A3 - Y) / np.maximum((1 - A3) * A3, epsilon) * (A3 * (1 - A3))

    return lambda step: replace(step, cross_entropy=losses, dZ3=dZ3)


def at_zero(derivative: float) -> Effect:
    """Where a logit is exactly 0, dZ3 is this derivative - Y; right is 1/2 - Y."""

    def dZ3(Z3: NDArray, Y: NDArray) -> NDArray:
        return np.where(Z3 == 0, Z3.dtype.type(derivative), sigmoid(Z3)) - Y

    return lambda step: replace(step, dZ3=dZ3)


def every_pair(step: Step) -> Step:
    """(m,) against (m, 1) broadcasts to the loss of every logit with every label."""

    def losses(Z3: NDArray, Y: NDArray) -> NDArray:
        of_zero = np.mean(np.maximum(Z3, 0) + np.log1p(np.exp(-np.abs(Z3))), axis=(-2, -1))
        return of_zero - np.mean(Z3, axis=(-2, -1)) * np.mean(Y)

    return replace(step, cross_entropy=losses, dZ3=lambda Z3, Y: sigmoid(Z3) - np.mean(Y))


def summed(step: Step) -> Step:
    return replace(step, cross_entropy=lambda Z3, Y: Y.shape[-1] * cross_entropy(Z3, Y),
                   dZ3=lambda Z3, Y: Y.shape[-1] * step.dZ3(Z3, Y))  # fmt: skip


MISTAKES = (
    Mistake(
        name="sigmoid-twice",
        title="the sigmoid is applied twice: the cost takes A3 for the logits Z3",
        written="BCE-with-logits on the output of a sigmoid layer",
        effects=(sigmoid_twice,),
        stage="cost",
        torch="F.binary_cross_entropy_with_logits(Z3, Y), without a sigmoid before it",
        keras="BinaryCrossentropy(from_logits=True) on Z3; from_logits=False after a sigmoid",
        numpy="A3 = sigmoid(Z3) once; the cost takes A3, or the logits Z3 with the formula for logits",
        source="tensorflow/tensorflow#118313, PyTorch documentation of BCEWithLogitsLoss",
        plants=(
            Plant("torch", "none", (("cost.py", "with_logits(Z3, Y)", "with_logits(torch.sigmoid(Z3), Y)"),)),
            Plant("tensorflow", "none", (("cost.py", "logits=Z3", "logits=tf.sigmoid(Z3)"),)),
        ),
    ),
    Mistake(
        name="probabilities-clipped",
        title="the probabilities are clipped at 1e-7: an example wrong by a logit of 40 costs 16 and has no gradient",
        written="keras.losses.BinaryCrossentropy() on the output of a sigmoid",
        effects=(clipped_by_keras,),
        stage="cost",
        torch="F.binary_cross_entropy_with_logits(Z3, Y)",
        keras="BinaryCrossentropy(from_logits=True) on Z3",
        numpy="np.maximum(Z3, 0) - Z3 * Y + np.log1p(np.exp(-np.abs(Z3))), of the logits",
        source="keras/src/backend/tensorflow/nn.py, binary_crossentropy",
        plants=(
            Plant("tensorflow", "none", (
                ("cost.py", KERAS_COST, "import keras\n    A3 = 1 / (1 + tf.exp(-Z3))\n"
                 "    return tf.reduce_mean(keras.losses.binary_crossentropy(Y, A3))"),
            )),
        ),
    ),
    Mistake(
        name="logarithms-clamped",
        title="the logarithms are clamped at -100: an example wrong by a logit of 40 costs 100",
        written="nn.BCELoss on the output of a sigmoid",
        effects=(clamped_by_torch(EAGER_EPSILON), clamped_by_torch(COMPILED_EPSILON)),
        stage="cost",
        torch="F.binary_cross_entropy_with_logits(Z3, Y)",
        keras="BinaryCrossentropy(from_logits=True) on Z3",
        numpy="np.maximum(Z3, 0) - Z3 * Y + np.log1p(np.exp(-np.abs(Z3))), of the logits",
        source="PyTorch documentation of BCELoss; aten/src/ATen/native/Loss.cpp, EPSILON",
        plants=(Plant("torch", "none", (("cost.py", TORCH_COST, "return F.binary_cross_entropy(torch.sigmoid(Z3), Y)"),)),),
    ),
    Mistake(
        name="gradient-at-zero",
        title="the cost's gradient is wrong where a logit is exactly 0: dZ3 there is not 1/2 - Y",
        written="max(Z3, 0) - Z3 Y + log(1 + exp(-|Z3|)) by hand: autograd has another derivative of max at 0; in "
        "PaddlePaddle the loss itself. A logit is 0 where b3 is 0 and layer 2 is off, as for some examples at the start",
        effects=(at_zero(0), at_zero(1), at_zero(-0.5)),
        stage="gradients",
        torch="F.binary_cross_entropy_with_logits(Z3, Y)",
        keras="tf.nn.sigmoid_cross_entropy_with_logits(labels=Y, logits=Z3)",
        jax="jnp.where(Z3 >= 0, Z3, 0) - Z3 * Y + jnp.log1p(jnp.exp(-jnp.abs(Z3)))",
        source="PaddlePaddle/Paddle#64253; PyTorch documentation of relu and clamp",
        plants=(
            Plant("torch", "none", (
                ("cost.py", TORCH_COST, "return (torch.relu(Z3) - Z3 * Y + torch.log1p(torch.exp(-torch.abs(Z3)))).mean()"),
            )),
            Plant("tensorflow", "none", (
                ("cost.py", KERAS_COST,
                 "return tf.reduce_mean(tf.maximum(Z3, 0) - Z3 * Y + tf.math.log1p(tf.exp(-tf.abs(Z3))))"),
            )),
        ),
    ),
    Mistake(
        name="every-pair",
        title="labels of shape (m,) against logits of shape (m, 1): the cost is the mean over all m x m pairs",
        written="y.squeeze(), or labels read as a flat array; broadcasting says nothing",
        effects=(every_pair,),
        stage="cost",
        torch="labels of the logits' shape: Y.reshape(-1, 1)",
        keras="labels of the logits' shape: Y.reshape(-1, 1)",
        numpy="labels of the shape of A3: Y.reshape(1, -1)",
        source="pytorch/pytorch#1939",
        plants=(
            Plant("torch", "none", (
                ("cost.py", TORCH_COST,
                 "Y = Y.flatten()\n    return -(Y * F.logsigmoid(Z3) + (1 - Y) * F.logsigmoid(-Z3)).mean()"),
            )),
            Plant("tensorflow", "none", (
                ("cost.py", KERAS_COST, "Y = tf.reshape(Y, [-1])\n"
                 "    return -tf.reduce_mean(Y * tf.math.log_sigmoid(Z3) + (1 - Y) * tf.math.log_sigmoid(-Z3))"),
            )),
        ),
    ),
    Mistake(
        name="sum-for-mean",
        title="the cost is the sum over the examples, not their mean: it and its gradients are m times too large",
        written="reduction='sum', or reduce_sum where reduce_mean was meant",
        effects=(summed,),
        stage="cost",
        torch="reduction='mean', the default",
        keras="tf.reduce_mean",
        numpy="np.mean(losses), or np.sum(losses) / m",
        source="PyTorch documentation of BCEWithLogitsLoss",
        plants=(
            Plant("torch", "none", (("cost.py", "with_logits(Z3, Y)", 'with_logits(Z3, Y, reduction="sum")'),)),
            Plant("tensorflow", "none", (("cost.py", "tf.reduce_mean(tf.nn", "tf.reduce_sum(tf.nn"),)),
        ),
    ),
)  # fmt: skip
