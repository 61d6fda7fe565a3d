"""Mistakes that only the predictions show."""

from dataclasses import replace

from shared.alignment.step import Step
from shared.diagnosis.mistake import Mistake, Plant


def logit_threshold(step: Step) -> Step:
    return replace(step, classes=lambda Z3: Z3 > 0.5)


def left_on(step: Step) -> Step:
    return replace(step, dropout_at_evaluation=True)


MISTAKES = (
    Mistake(
        name="threshold-on-logits",
        title="the class is 1 where the logit Z3 is > 0.5; it should be where the probability A3 is, that is Z3 > 0",
        written="(network(X) > 0.5) with a network that ends in logits; Keras's accuracy metric does it by itself",
        effects=(logit_threshold,),
        stage="predictions",
        torch="torch.sigmoid(Z3) > 0.5",
        keras="tf.sigmoid(Z3) > 0.5; BinaryAccuracy(threshold=0) on logits",
        numpy="(A3 > 0.5), or (Z3 > 0)",
        source="tensorflow/tensorflow#41413",
        plants=(
            Plant("torch", "none", (("network.py", "(torch.sigmoid(Z3) > 0.5)", "(Z3 > 0.5)"),)),
            Plant("tensorflow", "none", (("network.py", "(tf.sigmoid(Z3) > 0.5)", "(Z3 > 0.5)"),)),
        ),
    ),
    Mistake(
        name="dropout-at-evaluation",
        title="dropout is left on at evaluation: classes near the border change from call to call",
        written="network.eval() forgotten in PyTorch; training=True at prediction in Keras",
        stage="predictions",
        torch="network.eval() before predicting",
        keras="network(X, training=False)",
        numpy="a forward pass without masks for predictions",
        source="pytorch/pytorch#26338",
        random_effects=(left_on,),
        plants=(
            Plant("torch", "dropout", (
                ("network.py", "network = load(parameters).eval()", "network = load(parameters, keep_prob=0.86)"),
            )),
            Plant("tensorflow", "dropout", (
                ("network.py", "    network = load(parameters)\n    Z3 = network(to_rows(X), training=False)",
                 "    network = load(parameters, keep_prob=0.86)\n    Z3 = network(to_rows(X), training=True)"),
            )),
        ),
    ),
)  # fmt: skip
