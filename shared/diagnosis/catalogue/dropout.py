"""Mistakes in dropout: shares, scales, masks that never change, and where it is switched on."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from shared.alignment.step import Effect, Step
from shared.diagnosis.estimates import constant
from shared.diagnosis.hypothesis import Evidence
from shared.diagnosis.mistake import Mistake, Plant

TORCH_DROPOUT = "nn.Dropout(p=1 - keep_prob)"
KERAS_DROPOUT = (
    'dropout(seed=2 * seed, name="A1")(keras.ops.relu(Z1))',
    'dropout(seed=2 * seed + 1, name="A2")(keras.ops.relu(Z2))',
)


def share_dropped(step: Step) -> Step:
    """The layer keeps 1 - keep_prob and divides by it."""
    return replace(
        step,
        kept=lambda keep_prob: 1 - keep_prob,
        drop=lambda A, D, keep_prob: step.drop(A, D, 1 - keep_prob),
        undrop=lambda dA, D, keep_prob: step.undrop(dA, D, 1 - keep_prob),
    )


def unscaled(step: Step) -> Step:
    return replace(step, drop=lambda A, D, keep_prob: A * D, undrop=lambda dA, D, keep_prob: dA * D)


def scaled_twice(step: Step) -> Step:
    return replace(step, drop=lambda A, D, keep_prob: A * D / keep_prob / keep_prob,
                   undrop=lambda dA, D, keep_prob: dA * D / keep_prob / keep_prob)  # fmt: skip


def scaled_forward_only(step: Step) -> Step:
    return replace(step, undrop=lambda dA, D, keep_prob: dA * D)


def switched_off(step: Step) -> Step:
    return replace(step, masks=np.ones_like, kept=lambda keep_prob: 1.0,
                   drop=lambda A, D, keep_prob: A, undrop=lambda dA, D, keep_prob: dA)  # fmt: skip


def one_layer(layer: int) -> Effect:
    """Dropout in that layer alone."""
    return lambda step: replace(step, dropped=(layer,))


def kept_times(factor: float) -> Effect:
    return lambda step: replace(
        step,
        drop=lambda A, D, keep_prob: factor * step.drop(A, D, keep_prob),
        undrop=lambda dA, D, keep_prob: factor * step.undrop(dA, D, keep_prob),
    )


def divided_by_dropped(evidence: Evidence, step: Step) -> Iterator[tuple[str, Effect]]:
    """Divided by the share that is dropped."""
    keep_prob = evidence.problem.keep_prob
    if keep_prob < 1:
        said = "what is kept is divided by 1 - keep_prob, the share that is dropped; it should be divided by keep_prob"
        yield said, kept_times(keep_prob / (1 - keep_prob))


def _kept_words(value: float, said: str, evidence: Evidence) -> str:
    right = 1 / evidence.problem.keep_prob
    return f"what dropout keeps is multiplied by {value * right:.12g}, not by 1 / keep_prob = {right:.12g}"


def evaluated(step: Step) -> Step:
    return replace(step, evaluated=True)


def torch_forward(first: str, second: str) -> tuple[tuple[str, str, str], ...]:
    """Changes to the lines of torch_impl's dropout."""
    return (
        ("network.py", "A1 = self.dropout1(torch.relu(Z1))", f"A1 = {first}"),
        ("network.py", "A2 = self.dropout2(torch.relu(Z2))", f"A2 = {second}"),
    )


BY_HAND = "torch.relu(Z{i}) * (torch.rand_like(Z{i}) >= self.dropout{i}.p)"

MISTAKES = (
    Mistake(
        name="keep-prob-as-rate",
        title="keep_prob is given as the share to drop: 14 % of the units are kept where 86 % are meant",
        written="nn.Dropout(keep_prob): both frameworks take the share dropped, and accept any number",
        effects=(share_dropped,),
        stage="forward",
        torch="nn.Dropout(p=1 - keep_prob)",
        keras="keras.layers.Dropout(rate=1 - keep_prob)",
        numpy="np.random.rand(...) < keep_prob",
        source="aymericdamien/TensorFlow-Examples#205",
        plants=(
            Plant("torch", "dropout", (("network.py", TORCH_DROPOUT, "nn.Dropout(p=keep_prob)"),)),
            Plant("tensorflow", "dropout", (("network.py", "rate=1 - keep_prob", "rate=keep_prob"),)),
        ),
    ),
    Mistake(
        name="dropout-unscaled",
        title="what is kept is not divided by keep_prob: A1 and A2 are too small in training",
        written="the mask multiplied in by hand, without the division (it is not inverted dropout then)",
        effects=(unscaled,),
        stage="forward",
        torch="nn.Dropout(p=1 - keep_prob), which divides",
        keras="keras.layers.Dropout(rate=1 - keep_prob), which divides",
        numpy="A1 = A1 * D1 / keep_prob",
        source="PyTorch documentation of nn.Dropout",
        plants=(Plant("torch", "dropout", torch_forward(BY_HAND.format(i=1), BY_HAND.format(i=2))),),
    ),
    Mistake(
        name="dropout-scaled-twice",
        title="what is kept is divided by keep_prob twice",
        written="A1 / keep_prob after a dropout layer that has divided already",
        effects=(scaled_twice,),
        stage="forward",
        torch="nn.Dropout(p=1 - keep_prob) alone",
        keras="keras.layers.Dropout(rate=1 - keep_prob) alone",
        numpy="A1 = A1 * D1 / keep_prob, once",
        source="PyTorch documentation of nn.Dropout",
        plants=(
            Plant("torch", "dropout", torch_forward("self.dropout1(torch.relu(Z1)) / (1 - self.dropout1.p)",
                                                    "self.dropout2(torch.relu(Z2)) / (1 - self.dropout2.p)")),
            Plant("tensorflow", "dropout", tuple(
                ("network.py", layer, f"{layer} / np.float64(keep_prob)") for layer in KERAS_DROPOUT
            )),
        ),
    ),
    Mistake(
        name="dropout-forward-only",
        title="the division by keep_prob is missing in the backward pass: dA1 and dA2 are too small",
        written="dA2 = dA2 * D2 without / keep_prob; a division under no_grad, or on .data",
        effects=(scaled_forward_only,),
        stage="gradients",
        torch="nn.Dropout, and autograd",
        keras="keras.layers.Dropout, and GradientTape",
        numpy="dA1 = dA1 * D1 / keep_prob, as in the forward pass",
        source='course, "Regularization", section 3.2',
        plants=(
            Plant("torch", "dropout", (
                ("network.py", "Z2 = self.linear2(A1)",
                 "A1 = A1 * (1 - self.dropout1.p) + (A1 * self.dropout1.p).detach()\n        Z2 = self.linear2(A1)"),
                ("network.py", "return self.linear3(A2)",
                 "A2 = A2 * (1 - self.dropout2.p) + (A2 * self.dropout2.p).detach()\n        return self.linear3(A2)"),
            )),
            Plant("numpy", "dropout", (
                ("gradients.py", "lambda dA1: dA1 * D1 / keep_prob, lambda dA2: dA2 * D2 / keep_prob",
                 "lambda dA1: dA1 * D1, lambda dA2: dA2 * D2"),
            )),
        ),
    ),
    Mistake(
        name="dropout-off",
        title="dropout is switched off in training: no unit is dropped, bit for bit the run without dropout",
        written="training=True forgotten in a hand-written Keras loop; eval() never taken back in PyTorch",
        effects=(switched_off,),
        stage="forward",
        torch="network.train() before every training step",
        keras="network(X, training=True) in the tape",
        numpy="A1 = A1 * D1 / keep_prob and A2 = A2 * D2 / keep_prob in every training step",
        source="tensorflow/tensorflow#36936",
        plants=(
            Plant("tensorflow", "dropout", (("training.py", "network(X, training=True)", "network(X, training=False)"),)),
            Plant("torch", "dropout", (
                ("training.py", "optimizer.zero_grad()", "network.eval()\n    optimizer.zero_grad()"),
            )),
        ),
    ),
    Mistake(
        name="dropout-in-one-layer",
        title="only one of the two hidden layers has dropout",
        written="one Dropout layer left out",
        fitted=(lambda evidence, step: (
            (f"only A{layer} has dropout; A1 and A2 should have it", one_layer(layer)) for layer in (1, 2)
        ),),
        stage="forward",
        torch="nn.Dropout after either relu", keras="Dropout after either hidden layer",
        numpy="A1 * D1 / keep_prob and A2 * D2 / keep_prob",
        source='course, "Regularization", section 3.1',
        plants=(Plant("torch", "dropout", (("network.py", "self.dropout2(torch.relu(Z2))", "torch.relu(Z2)"),),
                      iterations=1000),),
    ),
    Mistake(
        name="dropout-scaled",
        title="what dropout keeps is multiplied by another number than 1 / keep_prob",
        written="a fixed 2 for the division by keep_prob; another keep_prob in the division than in the mask",
        fitted=(divided_by_dropped, constant(_kept_words, kept_times, (1.1, 0.9))),
        stage="forward",
        torch="nn.Dropout(p=1 - keep_prob), which divides", keras="Dropout(rate=1 - keep_prob), which divides",
        numpy="A1 = A1 * D1 / keep_prob",
        source='course, "Regularization", section 3.1',
        plants=(Plant("numpy", "dropout", (
            ("network.py", "* D1 / keep_prob", "* D1 / 0.8"), ("network.py", "* D2 / keep_prob", "* D2 / 0.8"),
            ("gradients.py", "dA1 * D1 / keep_prob", "dA1 * D1 / 0.8"),
            ("gradients.py", "dA2 * D2 / keep_prob", "dA2 * D2 / 0.8"),
        ), iterations=1000),),
    ),
    Mistake(
        name="cost-without-dropout",
        title="the reported cost is taken in evaluation mode, without dropout; the updates have it",
        written="a second forward pass for the cost, after eval()",
        effects=(evaluated, lambda step: replace(evaluated(step), beside=True)),
        stage="cost",
        torch="the loss that backward() was called on", keras="the loss inside the tape",
        numpy="the cost of the A3 that was dropped",
        source="pytorch/tutorials#1624",
        plants=(Plant("torch", "dropout", (
            ("training.py", "reported = cost.detach()", "reported = cross_entropy(network.eval()(X), Y).detach()"),
            ("training.py", "optimizer.zero_grad()", "network.train()\n    optimizer.zero_grad()"),
        ), iterations=1000),),
    ),
)  # fmt: skip
