"""Mistakes in the update: another optimizer, gradients that pile up, several updates where one is meant."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shared.alignment.step import Step, added
from shared.diagnosis.mistake import Mistake, Plant

BIASES = ("b1", "b2", "b3")

TORCH_SGD = "torch.optim.SGD(groups, lr=learning_rate)"
KERAS_SGD = "keras.optimizers.SGD(lambda: np.float64(learning_rate), "


def momentum(step: Step) -> Step:
    """torch.optim.SGD: the decay goes into the velocity."""

    def update(parameters, gradients, decay, velocity, rate):
        total = added(gradients, decay)
        velocity = total if velocity is None else {name: 0.9 * velocity[name] + total[name] for name in total}
        return {name: value - rate * velocity[name] for name, value in parameters.items()}, velocity

    return replace(step, update=update)


def momentum_decoupled(step: Step) -> Step:
    """keras.optimizers.SGD: the decay is taken off beside the velocity."""

    def update(parameters, gradients, decay, velocity, rate):
        velocity = {name: (0.9 * velocity[name] if velocity else 0) - rate * gradients[name] for name in gradients}
        shrunk = {name: value - rate * decay[name] if name in decay else value for name, value in parameters.items()}
        return {name: shrunk[name] + velocity[name] for name in parameters}, velocity

    return replace(step, update=update)


def rate_through_float32(step: Step) -> Step:
    def update(parameters, gradients, decay, memory, rate):
        return step.update(parameters, gradients, decay, memory, float(np.float32(rate)))

    return replace(step, update=update)


def biases_twice(step: Step) -> Step:
    """The learning rate of the biases, doubled; what they decay by, if they do, as well."""

    def doubled(values):
        return {name: 2 * value if name in BIASES else value for name, value in values.items()}

    def update(parameters, gradients, decay, memory, rate):
        return step.update(parameters, doubled(gradients), doubled(decay), memory, rate)

    return replace(step, update=update)


def accumulated(step: Step) -> Step:
    """Gradients that are never set back to zero."""

    def update(parameters, gradients, decay, memory, rate):
        memory = gradients if memory is None else {name: memory[name] + gradients[name] for name in gradients}
        total = added(memory, decay)
        return {name: value - rate * total[name] for name, value in parameters.items()}, memory

    return replace(step, update=update)


def adam(keras: bool):
    """Adam with its usual settings; the epsilon stands beside the corrected (PyTorch) or the plain (Keras) root."""

    def update(parameters, gradients, decay, memory, rate):
        t, first, second = memory or (0, dict.fromkeys(parameters, 0.0), dict.fromkeys(parameters, 0.0))
        t += 1
        total = gradients if keras else added(gradients, decay)
        first = {name: 0.9 * first[name] + 0.1 * g for name, g in total.items()}
        second = {name: 0.999 * second[name] + 0.001 * g * g for name, g in total.items()}
        after = {}
        for name, value in parameters.items():
            if keras:
                shrunk = value - rate * decay[name] if name in decay else value
                rate_now = rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
                after[name] = shrunk - rate_now * first[name] / (np.sqrt(second[name]) + 1e-7)
            else:
                root = np.sqrt(second[name]) / np.sqrt(1 - 0.999**t) + 1e-8
                after[name] = value - rate / (1 - 0.9**t) * first[name] / root
        return after, (t, first, second)

    return lambda step: replace(step, update=update)


def minibatches(size: int, shuffled: bool):
    """One update per batch of `size` examples, in order or shuffled."""

    def batches(m: int) -> list[NDArray]:
        order = np.random.default_rng().permutation(m) if shuffled else np.arange(m)
        return [order[first : first + size] for first in range(0, m, size)]

    return lambda step: replace(step, batches=batches)


MISTAKES = (
    Mistake(
        name="momentum",
        title="the optimizer has a momentum of 0.9: from the second update on, steps are longer",
        written="momentum=0.9 as in every example, where plain gradient descent was meant",
        effects=(momentum,),
        stage="update",
        torch="torch.optim.SGD(..., momentum=0), the default",
        keras="keras.optimizers.SGD(..., momentum=0.0), the default",
        numpy="W = W - learning_rate * dW",
        source="PyTorch documentation of torch.optim.SGD",
        plants=(Plant("torch", "l2", (("training.py", TORCH_SGD, TORCH_SGD[:-1] + ", momentum=0.9)"),)),),
    ),
    Mistake(
        name="momentum-decoupled",
        title="the optimizer has a momentum of 0.9, and the decay is taken off beside it (decoupled)",
        written="momentum=0.9 with weight_decay in Keras, where weight_decay never enters the velocity",
        effects=(momentum_decoupled,),
        stage="update",
        torch="torch.optim.SGD(..., momentum=0), the default",
        keras="keras.optimizers.SGD(..., momentum=0.0); with momentum, put the penalty into the loss instead",
        numpy="W = W - learning_rate * dW",
        source="keras-team/keras#19051",
        plants=(Plant("tensorflow", "l2", (("training.py", KERAS_SGD, KERAS_SGD + "momentum=np.float64(0.9), "),)),),
    ),
    Mistake(
        name="adam-torch",
        title="the optimizer is Adam, not gradient descent",
        written="torch.optim.Adam, out of habit",
        effects=(adam(keras=False),),
        stage="update",
        torch="torch.optim.SGD(groups, lr=learning_rate)",
        keras="keras.optimizers.SGD(learning_rate, weight_decay=...)",
        numpy="W = W - learning_rate * dW",
        source="PyTorch documentation of torch.optim.Adam",
        plants=(Plant("torch", "none", (("training.py", TORCH_SGD, TORCH_SGD.replace("SGD", "Adam")),)),),
    ),
    Mistake(
        name="adam-keras",
        title="the optimizer is Adam, not gradient descent",
        written="keras.optimizers.Adam, out of habit",
        effects=(adam(keras=True),),
        stage="update",
        torch="torch.optim.SGD(groups, lr=learning_rate)",
        keras="keras.optimizers.SGD(learning_rate, weight_decay=...)",
        numpy="W = W - learning_rate * dW",
        source="Keras documentation of Adam; keras-team/keras#17391",
        plants=(
            Plant("tensorflow", "none", (
                ("training.py", KERAS_SGD,
                 KERAS_SGD.replace("SGD", "Adam") + "np.float64(0.9), np.float64(0.999), np.float64(1e-7), "),
            )),
        ),
    ),
    Mistake(
        name="rate-through-float32",
        title="the learning rate is rounded through float32: 0.3 becomes 0.3 + 1.2e-8",
        written="Keras keeps a rate in a variable of floatx, float32 unless set; torch.tensor(learning_rate) is float32 too",
        effects=(rate_through_float32,),
        stage="update",
        torch="lr=learning_rate as a Python float, or torch.tensor(learning_rate, dtype=torch.float64)",
        keras='keras.config.set_floatx("float64") before anything is made, or SGD(lambda: np.float64(learning_rate))',
        source="keras/src/optimizers/base_optimizer.py; tensorflow/tensorflow#57779",
        plants=(
            Plant("tensorflow", "none", (("training.py", KERAS_SGD, "keras.optimizers.SGD(learning_rate, "),)),
            Plant("torch", "none", (
                ("training.py", TORCH_SGD, "torch.optim.SGD(groups, lr=torch.tensor(learning_rate))"),
            )),
        ),
    ),
    Mistake(
        name="biases-twice-as-fast",
        title="the biases learn twice as fast: each db counts double",
        written="lr_mult: 2 for the biases, as Caffe's model files have it; taken over into a parameter group",
        effects=(biases_twice,),
        stage="update",
        torch='no "lr" in the group of the biases',
        keras="one learning rate for all",
        source="BVLC/caffe, models/bvlc_reference_caffenet/train_val.prototxt",
        plants=(
            Plant("torch", "l2", (
                ("training.py", '"weight_decay": 0.0}', '"weight_decay": 0.0, "lr": 2 * learning_rate}'),
            )),
        ),
    ),
    Mistake(
        name="gradients-accumulate",
        title="the gradients are never set back to zero: each update takes all gradients so far",
        written="a PyTorch loop without zero_grad()",
        effects=(accumulated,),
        stage="update",
        torch="network.zero_grad() before backward()",
        keras="a new GradientTape for each update",
        numpy="dW = ..., computed anew for each update, never dW += ...",
        source="PyTorch documentation of Optimizer.zero_grad",
        plants=(Plant("torch", "none", (
            ("training.py", "optimizer.zero_grad()", "pass"),
        )),),
    ),
    Mistake(
        name="minibatches",
        title="each iteration makes one update per batch of 32 shuffled examples, where one on all m is meant",
        written="the defaults of Keras fit (batch_size=32, shuffle=True), or a DataLoader taken from a tutorial",
        effects=(minibatches(32, shuffled=False),),
        random_effects=(minibatches(32, shuffled=True),),
        stage="update",
        torch="one batch: DataLoader(..., batch_size=m), or no DataLoader",
        keras="fit(..., batch_size=m), or a GradientTape over all examples",
        numpy="one update of all m examples per iteration",
        source="Keras documentation of Model.fit",
        plants=(
            Plant("torch", "none", (
                ("training.py", "    optimizer.step()\n",
                 "    for batch in torch.randperm(len(X)).split(32):\n"
                 "        optimizer.zero_grad()\n"
                 "        cross_entropy(network(X[batch]), Y[batch]).backward()\n"
                 "        optimizer.step()\n"),
            ), iterations=3000),
        ),
    ),
)  # fmt: skip
