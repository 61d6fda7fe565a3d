"""Mistakes in the loss: another one than the cross-entropy of the labels, or another derivative of it."""

import numpy as np

from shared.diagnosis.catalogue.loss_effects import (
    alone,
    derivative_twice,
    guards,
    hard,
    other_base,
    scaled,
    smoothed,
    squared,
    weighted,
)
from shared.diagnosis.estimates import constant
from shared.diagnosis.mistake import Mistake, Plant

LOGITS_TORCH, LOGITS_KERAS = "F.binary_cross_entropy_with_logits(Z3, Y)", "BinaryCrossentropy(from_logits=True) on Z3"
NUMPY_COST = "return np.mean(losses, axis=(-2, -1))"
NUMPY_DZ3 = "dZ3 = A3 - Y  # (1, m)"
TORCH_COST = "return F.binary_cross_entropy_with_logits(Z3, Y)"


def _says(words: str):
    return lambda value, said, evidence: words.format(said)


MISTAKES = (
    Mistake(
        name="squared-error",
        title="the loss is the squared error of A3, not the cross-entropy",
        written="MSELoss, loss='mse', or np.mean((A3 - Y) ** 2)",
        effects=tuple(squared(half, by_hand) for half in (1.0, 0.5) for by_hand in (False, True)),
        stage="cost",
        torch=LOGITS_TORCH, keras=LOGITS_KERAS, numpy="-np.mean(Y * np.log(A3) + (1 - Y) * np.log(1 - A3))",
        source="PyTorch documentation of MSELoss",
        plants=(Plant("numpy", "none", (
            ("cost.py", NUMPY_COST, "return np.mean(np.square(1 / (1 + np.exp(-Z3)) - Y), axis=(-2, -1))"),
            ("gradients.py", NUMPY_DZ3, "dZ3 = 2 * (A3 - Y) * A3 * (1 - A3)"),
        ), iterations=1000),),
    ),
    Mistake(
        name="logarithm-base",
        title="the logarithms have another base than e",
        written="np.log2, or np.log10",
        fitted=(other_base,),
        stage="cost",
        torch=LOGITS_TORCH, keras=LOGITS_KERAS, numpy="np.log",
        source="NumPy documentation of log2",
        plants=(Plant("numpy", "none", (("cost.py", NUMPY_COST, "return np.mean(losses, axis=(-2, -1)) / np.log(2)"),),
                      iterations=1000),),
    ),
    Mistake(
        name="cost-scaled",
        title="the cross-entropy is multiplied by a constant",
        written="divided by 2m as a squared error is, or by another number of examples",
        fitted=(
            constant(_says("the cross-entropy and its gradients are {} times what they should be"), scaled, (2.0, 0.5)),
            constant(_says("the reported cross-entropy is {} times what it should be; the gradients are right"),
                     lambda f: scaled(f, gradient=False), (2.0, 0.5)),
        ),
        stage="cost",
        torch="the mean over the examples: reduction='mean', the default", keras="tf.reduce_mean", numpy="np.mean(losses)",
        source='course, "Logistic regression as a neural network"',
        plants=(Plant("torch", "none", (("cost.py", TORCH_COST, TORCH_COST + " / 2"),), iterations=1000),),
    ),
    Mistake(
        name="label-smoothing",
        title="the labels are smoothed",
        written="label_smoothing=0.1 in the loss",
        fitted=(constant(lambda value, said, evidence: f"the labels are smoothed: {said} / 2 and 1 - {said} / 2 for 0 and 1",
                         smoothed, (0.1, 0.05)),),
        stage="cost",
        torch=LOGITS_TORCH, keras="BinaryCrossentropy(label_smoothing=0.0), the default", numpy="Y of 0 and 1",
        source="Keras documentation of BinaryCrossentropy",
        plants=(Plant("torch", "none", (("cost.py", TORCH_COST, TORCH_COST.replace("Y)", "0.9 * Y + 0.05)")),),
                      iterations=1000),),
    ),
    Mistake(
        name="pos-weight",
        title="the examples of class 1 have another weight",
        written="pos_weight, class_weight, left over from unbalanced data",
        fitted=(constant(lambda value, said, evidence: f"the loss of the examples of class 1 is multiplied by {said}",
                         weighted, (2.0, 0.5)),),
        stage="cost",
        torch="no pos_weight, no weight", keras="no class_weight, no sample_weight", numpy="np.mean(losses), all alike",
        source="PyTorch documentation of BCEWithLogitsLoss",
        plants=(Plant("torch", "none", (
            ("cost.py", TORCH_COST, TORCH_COST.replace("Y)", "Y, pos_weight=(Y == 0).sum() / (Y == 1).sum().to(Y.dtype))")),
        ), iterations=1000),),
    ),
    Mistake(
        name="sigmoid-derived-twice",
        title="dZ3 is (A3 - Y) * A3 * (1 - A3); the derivative of the sigmoid is in A3 - Y already",
        written="sigmoid_backward applied to A3 - Y",
        effects=(derivative_twice,),
        stage="gradients",
        torch="autograd of binary_cross_entropy_with_logits", keras="GradientTape", numpy="dZ3 = A3 - Y",
        source='course, "Gradient descent for logistic regression"',
        plants=(Plant("numpy", "none", (("gradients.py", NUMPY_DZ3, "dZ3 = (A3 - Y) * A3 * (1 - A3)"),), iterations=1000),),
    ),
    Mistake(
        name="hard-sigmoid",
        title="the output is a hard sigmoid: straight between 0 and 1",
        written="activation='hard_sigmoid', F.hardsigmoid",
        effects=(*(hard(s, low) for s in (1 / 6, 0.2) for low in (-100.0, -np.inf)),
                       *(hard(s, -np.inf, 1e-7) for s in (1 / 6, 0.2))),
        stage="forward",
        torch="torch.sigmoid", keras="activation='sigmoid'", numpy="A3 = 1 / (1 + np.exp(-Z3))",
        source="Keras documentation of hard_sigmoid",
        plants=(Plant("numpy", "none", (
            ("network.py", "A3 = sigmoid(Z3)", "A3 = np.clip(0.2 * Z3 + 0.5, 0, 1)"),
            ("cost.py", NUMPY_COST, "A3 = np.clip(0.2 * Z3 + 0.5, 1e-7, 1 - 1e-7)\n    return -np.mean("
             "Y * np.log(A3) + (1 - Y) * np.log(1 - A3), axis=(-2, -1))"),
            ("gradients.py", NUMPY_DZ3, "inside = (A3 > 1e-7) & (A3 < 1 - 1e-7)\n"
             "    dZ3 = 0.2 * (A3 - Y) * inside / (A3 * (1 - A3) + ~inside)"),
        ), iterations=1000),),
    ),
    Mistake(
        name="softmax-of-one",
        title="the output is a softmax over one unit, which is 1 whatever Z3 is: nothing is learnt",
        written="activation='softmax' on Dense(1); CrossEntropyLoss on one logit",
        effects=tuple(alone(cost) for cost in (0.0, 1.0, 0.5, 100.0, float(-np.log(1e-7)))),
        stage="forward",
        torch=LOGITS_TORCH, keras="Dense(1), and BinaryCrossentropy(from_logits=True)", numpy="A3 = 1 / (1 + np.exp(-Z3))",
        source="PyTorch documentation of CrossEntropyLoss",
        plants=(Plant("numpy", "none", (
            ("network.py", "A3 = sigmoid(Z3)", "A3 = np.exp(Z3 - Z3.max(axis=-2, keepdims=True))"),
            ("cost.py", NUMPY_COST, "return np.mean(100.0 * (1 - Y) + 0 * Z3, axis=(-2, -1))"),
            ("gradients.py", NUMPY_DZ3, "dZ3 = 0 * Y"),
        ), iterations=1000),),
    ),
    Mistake(
        name="logarithm-guarded",
        title="the logarithms are guarded by an epsilon",
        written="np.log(A3 + 1e-8), or np.clip(A3, 1e-7, 1 - 1e-7)",
        fitted=(guards,),
        stage="cost",
        torch=LOGITS_TORCH, keras=LOGITS_KERAS, numpy="np.maximum(Z3, 0) - Z3 * Y + np.log1p(np.exp(-np.abs(Z3)))",
        source="keras/src/backend/config.py, epsilon",
        plants=(Plant("numpy", "none", (
            ("cost.py", NUMPY_COST, "A3 = 1 / (1 + np.exp(-Z3))\n    return -np.mean("
             "Y * np.log(A3 + 1e-8) + (1 - Y) * np.log(1 - A3 + 1e-8), axis=(-2, -1))"),
        ), iterations=1000),),
    ),
)  # fmt: skip
