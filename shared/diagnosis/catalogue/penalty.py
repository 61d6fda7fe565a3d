"""Mistakes in the penalty's size and form: other multiples of it, in the cost, in the gradients or in both."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.alignment.step import Effect, Step, penalty_in_loss
from shared.diagnosis.catalogue.decay import anywhere, of
from shared.diagnosis.estimates import constant
from shared.diagnosis.mistake import Mistake, Plant
from shared.parameters import PARAMETER_NAMES, WEIGHTS, Parameters

TORCH_WEIGHTS = '{"params": weights, "weight_decay": lambd / m}'
TORCH_PENALTY = "return lambd / (2 * m) * sum(linear.weight.square().sum() for linear in linears(network))"
IN_TORCH = "weight_decay=lambd / m for the weights; report cost + lambd / (2 * m) * sum of W.square().sum()"
IN_KERAS = "weight_decay=np.float64(lambd / m); report cost + lambd / (2 * m) * sum of tf.reduce_sum(tf.square(W))"
IN_NUMPY = "lambd / (2 * m) * sum(np.sum(np.square(W))) in the cost, lambd / m * W in each dW"
NUMPY_PENALTY = "return lambd / (2 * m) * sum(np.sum(np.square(parameters[W]), axis=(-2, -1))"
NUMPY_DECAY = 'return {"d" + name: lambd / m * parameters[name]'


def multiplied(factor: float, gradient: bool) -> Effect:
    """The reported penalty multiplied; gradient: and that in the gradients."""

    def effect(step: Step) -> Step:
        step = replace(step, penalty=lambda p, lambd, m, of=step.penalty: factor * of(p, lambd, m))
        return replace(step, strength=lambda lambd, m, of=step.strength: factor * of(lambd, m)) if gradient else step

    return effect


def _times(where: str) -> Callable:
    def words(value: float, said: str, evidence) -> str:
        lambd, m = evidence.problem.lambd, evidence.problem.X.shape[-1]
        why = {lambd: ": lambd comes in twice", float(m): ": it is not divided by m", 1 / m: ": it is divided by m twice"}
        return f"the penalty is {said} times what it should be, {where}{why.get(value, '')}"

    return words


def normed(gradient: bool, squared: bool) -> Effect:
    """The norm of each W for the sum of its squares; or the sum of the absolute values."""

    def size(W: NDArray) -> NDArray:
        return np.sqrt(np.sum(np.square(W), axis=(-2, -1))) if squared else np.sum(np.abs(W), axis=(-2, -1))

    def penalty(parameters: Parameters, lambd: float, m: int) -> Any:
        return lambd / (2 * m) * sum(size(parameters[name]) for name in WEIGHTS)

    def derivative(W: NDArray) -> NDArray:
        return W / (2 * np.sqrt(np.sum(np.square(W)))) if squared else np.sign(W) / 2

    def effect(step: Step) -> Step:
        step = replace(step, penalty=penalty)
        return replace(step, shrunk=derivative) if gradient else step

    return effect


def biases_reported(step: Step) -> Step:
    def penalty(parameters: Parameters, lambd: float, m: int) -> NDArray:
        return lambd / (2 * m) * sum(np.sum(np.square(parameters[name]), axis=(-2, -1)) for name in PARAMETER_NAMES)

    return replace(step, penalty=penalty)


def not_reported(step: Step) -> Step:
    return replace(step, cost=lambda cross_entropy, penalty: cross_entropy)


def some_weights(evidence, step: Step) -> Iterator[tuple[str, Effect]]:
    """The penalty without some of the weights, in the cost and in the gradients."""
    for names in (pair for size in (2, 1) for pair in combinations(WEIGHTS, size)):
        lost = " and ".join(name for name in WEIGHTS if name not in names)
        words = f"the penalty lacks {lost}, in the cost and in the gradients"
        yield words, (both := of(*names)[1])
        yield words, _in_loss(both)


def _in_loss(effect: Effect) -> Effect:
    return lambda step: penalty_in_loss(effect(step))


MISTAKES = (
    Mistake(
        name="penalty-not-reported",
        title="the reported cost lacks the penalty lambd/(2m) * sum(W^2); the training has it",
        written="the loss that PyTorch reports never holds what weight_decay does",
        effects=anywhere(not_reported),
        stage="cost",
        torch="report cost + lambd / (2 * m) * sum of W.square().sum()",
        keras="report cost + lambd / (2 * m) * sum of tf.reduce_sum(tf.square(W))",
        numpy="cost + lambd / (2 * m) * sum(np.sum(np.square(W)))",
        source="PyTorch documentation of torch.optim.SGD",
        plants=(
            Plant("torch", "l2", (("training.py", " + l2_penalty(network, lambd, m=X.shape[0])", ""),)),
        ),
    ),
    Mistake(
        name="penalty-multiplied",
        title="the penalty is a multiple of what it should be",
        written="lambd taken in twice, the half forgotten or doubled in the cost and in its derivative",
        fitted=(
            constant(_times("in the cost alone: the gradients are right"), lambda f: multiplied(f, False), (2.0, 0.5)),
            *(constant(_times("in the cost and in the gradients"), form(lambda f: multiplied(f, True)), (2.0, 0.5))
              for form in (lambda e: e, lambda e: lambda f: _in_loss(e(f)))),
        ),
        stage="cost",
        torch=IN_TORCH, keras=IN_KERAS, numpy=IN_NUMPY,
        source="nitrain/nitrain#42",
        plants=(
            Plant("torch", "l2", (("cost.py", TORCH_PENALTY, TORCH_PENALTY.replace("(2 * m)", "m")),), iterations=1000),
            Plant("numpy", "l2", (
                ("cost.py", NUMPY_PENALTY, NUMPY_PENALTY.replace("return ", "return lambd * ")),
                ("gradients.py", NUMPY_DECAY, NUMPY_DECAY.replace("lambd /", "lambd * lambd /")),
            ), iterations=1000),
        ),
    ),
    Mistake(
        name="penalty-of-biases",
        title="the reported penalty holds the biases too; the gradients are right",
        written="a sum over all parameters",
        effects=(biases_reported,),
        stage="cost",
        torch=IN_TORCH, keras=IN_KERAS, numpy=IN_NUMPY,
        source="pytorch/pytorch#2639",
        plants=(Plant("torch", "l2", (
            ("cost.py", TORCH_PENALTY, TORCH_PENALTY.replace("linear.weight.square().sum() for linear in linears(network)",
                                                             "p.square().sum() for p in network.parameters()")),
        ), iterations=1000),),
    ),
    Mistake(
        name="penalty-of-some",
        title="the penalty lacks some of the weights, in the cost and in the gradients",
        written="a layer without kernel_regularizer; a name mistyped in the sum",
        fitted=(some_weights,),
        stage="cost",
        torch=IN_TORCH, keras=IN_KERAS, numpy=IN_NUMPY,
        source="JeanKossaifi/tensorly-notebooks#8",
        plants=(Plant("numpy", "l2", (
            ("cost.py", 'for W in ("W1", "W2", "W3"))', 'for W in ("W1", "W2"))'),
            ("gradients.py", 'for name in ("W1", "W2", "W3")}', 'for name in ("W1", "W2")}'),
        ), iterations=1000),),
    ),
    Mistake(
        name="penalty-not-squared",
        title="the penalty has the norm of each W, not the sum of its squares",
        written="torch.norm(W), tf.norm(W), np.linalg.norm(W), which take the root",
        effects=(normed(False, True), normed(True, True), _in_loss(normed(True, True))),
        stage="cost",
        torch=IN_TORCH, keras=IN_KERAS, numpy=IN_NUMPY,
        source="PyTorch documentation of torch.norm",
        plants=(Plant("numpy", "l2", (
            ("cost.py", NUMPY_PENALTY, NUMPY_PENALTY.replace("np.sum(np.square(parameters[W]), axis=(-2, -1))",
                                                             "np.sqrt(np.sum(np.square(parameters[W]), axis=(-2, -1)))")),
            ("gradients.py", NUMPY_DECAY, NUMPY_DECAY.replace(
                "parameters[name]", "parameters[name] / (2 * (parameters[name] ** 2).sum((-2, -1), keepdims=True) ** 0.5)")),
        ), iterations=1000),),
    ),
    Mistake(
        name="penalty-absolute",
        title="the penalty is L1: the sum of |W|, not of W^2",
        written="W.abs().sum(), regularizers.L1",
        effects=(normed(False, False), normed(True, False), _in_loss(normed(True, False))),
        stage="cost",
        torch=IN_TORCH, keras=IN_KERAS, numpy=IN_NUMPY,
        source="Keras documentation of layer weight regularizers",
        plants=(Plant("numpy", "l2", (
            ("cost.py", NUMPY_PENALTY, NUMPY_PENALTY.replace("np.square", "np.abs")),
            ("gradients.py", NUMPY_DECAY, NUMPY_DECAY.replace(
                "parameters[name]", "(parameters[name] > 0) / 2 - lambd / m * (parameters[name] < 0) / 2")),
        ), iterations=1000),),
    ),
)  # fmt: skip
