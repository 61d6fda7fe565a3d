"""Mistakes in the L2 penalty: what decays, by how much, and where it is added."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shared.alignment.step import WEIGHTS, Effect, Step, penalty_in_loss
from shared.diagnosis.mistake import Mistake, Plant
from shared.parameters import PARAMETER_NAMES, Parameters

TORCH_GROUPS = 'SGD([{"params": weights, "weight_decay": lambd / m}, {"params": biases, "weight_decay": 0.0}], lr=...)'
KERAS_DECAY = (
    "SGD(..., weight_decay=np.float64(lambd / m)), then, before build, "
    "optimizer.exclude_from_weight_decay(var_list=[the biases])"
)

NUMPY_DECAY = "dW = dZ @ A.T / m + lambd / m * W"

TORCH_WEIGHTS = '{"params": weights, "weight_decay": lambd / m}'
KERAS_WEIGHTS = "weight_decay=np.float64(lambd / m)"
KERAS_EXCLUSION = "optimizer.exclude_from_weight_decay(var_list=[dense.bias for dense in linears(network)])"
KERAS_RATE = "keras.optimizers.SGD(lambda: np.float64(learning_rate)"
KERAS_OPTIMIZER = f"{KERAS_RATE}, {KERAS_WEIGHTS})"
KERAS_UNDECAYED = f"{KERAS_RATE})"


def regularizer(penalty: str, in_the_loss: bool) -> tuple[tuple[str, str, str], ...]:
    """Changes to tf_impl: a kernel regularizer, whose penalty the tape sees or not."""
    line = "    optimizer = keras.optimizers.SGD"
    regularized = f"    for dense in linears(network):\n        dense.kernel.regularizer = {penalty}\n{line}"
    changes = [("training.py", line, regularized)]
    if in_the_loss:
        cost = "cost = cross_entropy(network(X, training=True), Y)"
        changes += [
            ("training.py", cost, f"{cost}\n        loss = cost + sum(network.losses)"),
            ("training.py", "tape.gradient(cost, ", "tape.gradient(loss, "),
        ]
    return tuple(changes)


def times(factor: float) -> tuple[Effect, ...]:
    """The decay multiplied, with the reported penalty as it should be or multiplied as well."""

    def gradient(step: Step) -> Step:
        return replace(step, strength=lambda lambd, m: factor * step.strength(lambd, m))

    return gradient, lambda step: replace(gradient(step), penalty=lambda p, lambd, m: factor * step.penalty(p, lambd, m))


def anywhere(*effects: Effect) -> tuple[Effect, ...]:
    """The same with the penalty in the optimizer, and with it in the loss."""
    return *effects, *(lambda step, effect=effect: penalty_in_loss(effect(step)) for effect in effects)


def undivided(step: Step) -> Step:
    return replace(step, strength=lambda lambd, m: lambd)


def per_batch(step: Step) -> Step:
    return replace(step, strength=lambda lambd, m: lambd / 32)


def python_float(step: Step) -> Step:
    return replace(step, strength=lambda lambd, m: float(np.float32(step.strength(lambd, m))))


def lost(step: Step) -> Step:
    return replace(step, in_loss=False, in_optimizer=False)


def of(*names: str) -> tuple[Effect, ...]:
    """Which parameters decay; and which the reported penalty holds, as it should be or the same."""

    decayed = dict.fromkeys(names, 1.0)

    def penalty(parameters: Parameters, lambd: float, m: int) -> NDArray:
        return lambd / (2 * m) * sum(np.sum(np.square(parameters[name]), axis=(-2, -1)) for name in names)

    return lambda step: replace(step, decayed=decayed), lambda step: replace(step, decayed=decayed, penalty=penalty)


MISTAKES = (
    Mistake(
        name="biases-decayed",
        title="the biases are decayed too: each db has the term lambd/m * b, which belongs to the weights alone",
        written="one weight_decay for all parameters, or an exclusion that matches no bias; zero biases hide it at first",
        effects=anywhere(*of(*PARAMETER_NAMES)),
        stage="gradients",
        torch=TORCH_GROUPS,
        keras=KERAS_DECAY,
        numpy="dW = ... + lambd / m * W for W1, W2 and W3; no such term in db",
        source="pytorch/pytorch#2639, d2l-ai/d2l-en#2284",
        plants=(
            Plant("torch", "l2", (
                ("training.py", "torch.optim.SGD(groups, lr=learning_rate)",
                 "torch.optim.SGD(network.parameters(), lr=learning_rate, weight_decay=lambd / m)"),
            )),
            Plant("tensorflow", "l2", (("training.py", KERAS_EXCLUSION, "pass"),)),
            # The regular expression is matched against a path that does not end in the name.
            Plant("tensorflow", "l2", (
                ("training.py", KERAS_EXCLUSION, 'optimizer.exclude_from_weight_decay(var_names=["bias$"])'),
            )),
        ),
    ),
    Mistake(
        name="exclusion-replaced",
        title="b1 and b2 are decayed, b3 is not: only the last exclusion holds",
        written="exclude_from_weight_decay called once per bias: each call replaces the one before",
        effects=anywhere(*of(*WEIGHTS, "b1", "b2")),
        stage="gradients",
        torch=TORCH_GROUPS,
        keras=KERAS_DECAY,
        numpy="dW = ... + lambd / m * W for W1, W2 and W3; no such term in db",
        source="keras/src/optimizers/base_optimizer.py, exclude_from_weight_decay",
        plants=(
            Plant("tensorflow", "l2", (
                ("training.py", KERAS_EXCLUSION, "for dense in linears(network):\n"
                 "        optimizer.exclude_from_weight_decay(var_list=[dense.bias])"),
            )),
        ),
    ),
    Mistake(
        name="decay-lost",
        title="the decay is lost: no dW has the term lambd/m * W",
        written="a kernel_regularizer and a tape that leaves out model.losses; or var_names=['Z'], which excludes all",
        effects=(lost, lambda step: replace(lost(step), penalty=lambda p, lambd, m: 0 * step.penalty(p, lambd, m))),
        stage="gradients",
        torch=TORCH_GROUPS,
        keras=f"{KERAS_DECAY}; or add sum(model.losses) to the loss inside the tape",
        numpy=NUMPY_DECAY,
        source="tensorflow/tensorflow#21237",
        plants=(
            Plant("tensorflow", "l2", (
                *regularizer("keras.regularizers.L2(lambd / (2 * m))", in_the_loss=False),
                ("training.py", KERAS_OPTIMIZER, KERAS_UNDECAYED),
                ("training.py", KERAS_EXCLUSION, "pass"),
            )),
            Plant("tensorflow", "l2", (
                ("training.py", KERAS_EXCLUSION, 'optimizer.exclude_from_weight_decay(var_names=["Z"])'),
            )),
        ),
    ),
    Mistake(
        name="decay-doubled",
        title="the decay is doubled: each dW has 2 * lambd/m * W instead of lambd/m * W",
        written="keras.regularizers.L2(lambd / m), which adds l2 * sum(W^2) without the half",
        effects=anywhere(*times(2)),
        stage="gradients",
        torch="weight_decay=lambd / m",
        keras="weight_decay=np.float64(lambd / m), or in the loss lambd / (2 * m) * sum of squares",
        numpy=NUMPY_DECAY,
        source="tensorpack/tensorpack#1381",
        plants=(
            Plant("tensorflow", "l2", (
                *regularizer("lambda W: np.float64(lambd / m) * tf.reduce_sum(tf.square(W))", in_the_loss=True),
                ("training.py", KERAS_OPTIMIZER, KERAS_UNDECAYED),
                ("training.py", KERAS_EXCLUSION, "pass"),
            )),
            Plant("torch", "l2", (("training.py", TORCH_WEIGHTS, TORCH_WEIGHTS.replace("lambd", "2 * lambd")),)),
        ),
    ),
    Mistake(
        name="decay-twice",
        title="the decay is counted twice: as a penalty in the loss and as weight_decay",
        written="weight_decay added to a model that has its penalty already",
        effects=(
            lambda step: replace(step, in_loss=True, in_optimizer=True),
            lambda step: replace(step, in_loss=True, in_optimizer=True,
                                 penalty=lambda p, lambd, m: 2 * step.penalty(p, lambd, m)),
        ),
        stage="gradients",
        torch="weight_decay=lambd / m in the optimizer, and no penalty in the loss",
        keras="weight_decay=np.float64(lambd / m) in the optimizer, and no kernel_regularizer",
        numpy="dW = dZ @ A.T / m + lambd / m * W, and no decay in the update",
        source="PyTorch documentation of torch.optim.SGD, Keras documentation of layer weight regularizers",
        plants=(
            Plant("tensorflow", "l2", (
                *regularizer("lambda W: np.float64(lambd / (2 * m)) * tf.reduce_sum(tf.square(W))", in_the_loss=True),
            )),
        ),
    ),
    Mistake(
        name="decay-halved",
        title="the decay is halved: each dW has lambd/(2m) * W instead of lambd/m * W",
        written="weight_decay=lambd / (2 * m), copied from the penalty",
        effects=anywhere(*times(0.5)),
        stage="gradients",
        torch="weight_decay=lambd / m",
        keras="weight_decay=np.float64(lambd / m)",
        numpy=NUMPY_DECAY,
        source="mlcommons/hpc#22",
        plants=(
            Plant("torch", "l2", (("training.py", TORCH_WEIGHTS, TORCH_WEIGHTS.replace("/ m", "/ (2 * m)")),)),
            Plant("tensorflow", "l2", (("training.py", KERAS_WEIGHTS, KERAS_WEIGHTS.replace("/ m", "/ (2 * m)")),)),
        ),
    ),
    Mistake(
        name="decay-undivided",
        title="the decay is not divided by m: each dW has lambd * W instead of lambd/m * W",
        written="weight_decay=lambd, as if the course's lambd and weight_decay were the same",
        effects=anywhere(
            undivided,
            lambda step: replace(undivided(step), penalty=lambda p, lambd, m: m * step.penalty(p, lambd, m)),
        ),
        stage="gradients",
        torch="weight_decay=lambd / m",
        keras="weight_decay=np.float64(lambd / m)",
        numpy=NUMPY_DECAY,
        source="PyTorch documentation of torch.optim.SGD",
        plants=(
            Plant("torch", "l2", (("training.py", TORCH_WEIGHTS, TORCH_WEIGHTS.replace(" / m", "")),)),
            Plant("tensorflow", "l2", (("training.py", KERAS_WEIGHTS, KERAS_WEIGHTS.replace(" / m", "")),)),
        ),
    ),
    Mistake(
        name="decay-per-batch",
        title="the decay is divided by 32, a batch size, instead of by the m examples",
        written="lambd / batch_size taken over from a training loop with minibatches",
        effects=anywhere(per_batch),
        stage="gradients",
        torch="weight_decay=lambd / m",
        keras="weight_decay=np.float64(lambd / m)",
        numpy="dW = dZ @ A.T / m + lambd / m * W, with m the number of examples",
        source="tensorpack/tensorpack#1381",
        plants=(Plant("torch", "l2", (("training.py", TORCH_WEIGHTS, TORCH_WEIGHTS.replace("/ m", "/ 32")),)),),
    ),
    Mistake(
        name="python-float",
        title="the decay is rounded through float32: in a float64 model it is off by a relative 2e-8",
        written="weight_decay=lambd / m in Keras on TensorFlow, as every Python float; in Paddle's Momentum and AdamW too",
        effects=anywhere(python_float),
        stage="gradients",
        torch="weight_decay=lambd / m",
        keras="weight_decay=np.float64(lambd / m); a regularizer as lambda W: np.float64(lambd / (2 * m)) * sum of squares",
        numpy="lambd / m in float64",
        source="tensorflow/tensorflow#35938, #57779",
        plants=(Plant("tensorflow", "l2", (("training.py", KERAS_WEIGHTS, "weight_decay=lambd / m"),)),),
    ),
)  # fmt: skip
