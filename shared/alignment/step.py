"""One training step of the reference in pieces, any of which can be replaced to see what another way of writing it gives.

`Step()` is the reference: a test compares it with numpy_impl, bit for bit. A replaced piece is a known mistake
(shared/diagnosis) or another correct way (`LEGAL`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl.cost import compute_cost, cross_entropy
from numpy_impl.network import relu, sigmoid
from shared.alignment.replay import Masks
from shared.alignment.tensors import Tensors, decay_estimates, usable_masks
from shared.case import Problem
from shared.parameters import PARAMETER_NAMES, WEIGHTS, Parameters

Effect = Callable[["Step"], "Step"]
"""Takes the pieces of a step and returns them as another way of writing the step has them."""


def _penalty(parameters: Parameters, lambd: float, m: int) -> NDArray:
    return lambd / (2 * m) * sum(np.sum(np.square(parameters[name]), axis=(-2, -1)) for name in WEIGHTS)


def _gradient_descent(parameters: Parameters, gradients: Parameters, decay: Parameters, memory: Any, rate: float):
    total = added(gradients, decay)
    return {name: value - rate * total[name] for name, value in parameters.items()}, memory


def added(gradients: Parameters, decay: Parameters) -> Parameters:
    """The gradients and, where there is any, the decay."""
    return {name: gradient + decay[name] if name in decay else gradient for name, gradient in gradients.items()}


@dataclass(frozen=True)
class Step:
    """The pieces of one step, in the order in which they are used. W (n_out, n_in), A, Z, D (n, m), Y (1, m)."""

    data: Callable = lambda X, Y: (X, Y)
    initial: Callable = lambda parameters: parameters
    masks: Callable = lambda D: D
    kept: Callable = lambda keep_prob: keep_prob
    """Share of the units that the masks keep."""
    batches: Callable = lambda m: [slice(None)]
    """The examples of each of the updates that are made where one is meant."""
    linear: Callable = lambda W, A, b: W @ A + b
    activation: Callable = relu
    gate: Callable = lambda A: A > 0
    """The derivative of the activation, from its value."""
    probability: Callable = sigmoid
    dropped: tuple[int, ...] = (1, 2)
    """The layers that have dropout."""
    drop: Callable = lambda A, D, keep_prob: A * D / keep_prob
    cross_entropy: Callable = cross_entropy
    """(Z3, Y) -> the mean cross-entropy."""
    penalty: Callable = _penalty
    """(parameters, lambd, m) -> the L2 penalty that is reported."""
    cost: Callable = lambda cross_entropy, penalty: cross_entropy + penalty
    evaluated: bool = False
    """Whether the cost is taken without dropout."""
    reported: Callable | None = None
    """(start, parameters after each update, problem) -> the parameters of which the cost is taken, without dropout."""
    beside: bool = False
    """Whether the cross-entropy of the step itself is seen beside the cost."""
    dZ3: Callable = lambda Z3, Y: sigmoid(Z3) - Y
    """m times the gradient of the cross-entropy by Z3."""
    dA: Callable = lambda W, dZ: W.mT @ dZ
    """m times the gradient of the cross-entropy by the layer's inputs A, before `undrop`."""
    dW: Callable = lambda dZ, A: dZ @ A.mT
    """m times the gradient of the cross-entropy by W."""
    db: Callable = lambda dZ: np.sum(dZ, axis=-1, keepdims=True)
    """m times the gradient of the cross-entropy by b."""
    scales: Mapping[str, float] = field(default_factory=dict)
    """Multiples of the gradients of the cross-entropy by these parameters."""
    undrop: Callable = lambda dA, D, keep_prob: dA * D / keep_prob
    strength: Callable = lambda lambd, m: lambd / m
    """What the gradient of a decayed parameter gains, as a multiple of it."""
    decayed: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(WEIGHTS, 1.0))
    """Which parameters decay, by which multiple of the strength."""
    shrunk: Callable = lambda W: W
    """What decay is a multiple of, of a parameter."""
    in_loss: bool = False
    in_optimizer: bool = True
    """Whether the loss's gradients hold the decay, and whether the optimizer adds it."""
    rates: Mapping[str, float] = field(default_factory=dict)
    """Multiples of the learning rate of these parameters."""
    schedule: Callable = lambda update: 1.0
    """The multiple of the learning rate at this update, counted from 1."""
    update: Callable = _gradient_descent
    """(parameters, gradients, decay, memory, learning_rate) -> parameters, memory."""
    snapshots: Callable = lambda after: after
    """The parameters after each update, as they are handed over."""
    classes: Callable = lambda Z3: sigmoid(Z3) > 0.5
    dropout_at_evaluation: bool = False

    def tensors(self, problem: Problem, parameters: Parameters, port: Tensors) -> dict[str, NDArray]:
        """Every tensor of one step and two updates from `parameters`, with the port's masks (see stages.STAGE_OF)."""
        X, Y = self.data(problem.X, problem.Y)
        start = self.initial(parameters)
        m = X.shape[-1]
        dropout = problem.keep_prob < 1
        traced = self._masks(port, parameters, m, "D1", "D2") or _all_kept(parameters, m) if dropout else (None, None)
        tensors = self._pass(problem, start, X, Y, *traced)
        in_loss, decay = self._decay(start, problem)
        for name in PARAMETER_NAMES:
            tensors["decay_" + name] = decay.get(name, np.zeros_like(start[name]))
        if dropout:
            tensors |= {"D1": tensors["A1"] != 0, "D2": tensors["A2"] != 0}

        after: list[Parameters] = []
        memory, now = None, start
        for update in (1, 2):
            names = f"D1 of update {update}", f"D2 of update {update}"
            D1, D2 = self._masks(port, parameters, m, *names) or traced if dropout else (None, None)
            for examples in self.batches(m):
                step = self._pass(
                    problem, now, X[:, examples], Y[:, examples],
                    *(D if D is None else D[:, examples] for D in (D1, D2)),
                )  # fmt: skip
                if not after:
                    tensors |= {f"d{name} of update 1": step["d" + name] for name in PARAMETER_NAMES}
                of_loss, of_optimizer = self._decay(now, problem)
                gradients = added({name: step["d" + name] for name in PARAMETER_NAMES}, of_loss)
                gradients, of_optimizer = (self._rated(each) for each in (gradients, of_optimizer))
                rate = self.schedule(update) * problem.learning_rate
                now, memory = self.update(now, gradients, of_optimizer, memory, rate)
            after.append(now)
        for update, snapshot in enumerate(self.snapshots(after), start=1):
            tensors |= {f"{name} after update {update}": value for name, value in snapshot.items()}
        tensors |= {f"d{name}": tensors[f"d{name}"] + value for name, value in in_loss.items()}
        tensors |= {"X": X, "Y": Y, **start}
        tensors |= self._costs(
            tensors["Z3"], X, Y, self.reported(start, after, problem) if self.reported else start, problem
        )
        return tensors | decay_estimates(tensors, problem.learning_rate, parameters, tensors)

    def predict(self, X: NDArray, parameters: Parameters, keep_prob: float, rng: np.random.Generator) -> NDArray:
        """The class of each example, (1, m). rng: of the masks, if there are any."""
        D1 = D2 = None
        if self.dropout_at_evaluation:
            D1, D2 = (rng.random((len(parameters[b]), X.shape[-1])) < keep_prob for b in ("b1", "b2"))
        return self.classes(self._forward(X, parameters, D1, D2, keep_prob)[-1]).astype(np.int64)

    def _masks(self, port: Tensors, parameters: Parameters, m: int, *names: str):
        found = usable_masks(port, parameters, m, *names)
        return tuple(self.masks(D) for D in found) if found else None

    def _costs(self, Z3: NDArray, X, Y, parameters: Parameters, problem: Problem) -> dict[str, NDArray]:
        """What is reported, of the step's own logits or of those of these parameters without dropout."""
        own = Z3
        if self.evaluated or self.reported:
            Z3 = self._forward(X, parameters, None, None, 1.0)[-1]
        reported, penalty = self.cross_entropy(Z3, Y), self.penalty(parameters, problem.lambd, X.shape[-1])
        seen = self.cross_entropy(own, Y) if self.beside else reported
        return {"cross_entropy": seen, "l2_penalty": penalty, "cost": self.cost(reported, penalty)}

    def _rated(self, changes: Parameters) -> Parameters:
        return {name: self.rates[name] * value if name in self.rates else value for name, value in changes.items()}

    def _decay(self, parameters: Parameters, problem: Problem) -> tuple[Parameters, Parameters]:
        strength = self.strength(problem.lambd, problem.X.shape[-1])
        decay = {name: multiple * strength * self.shrunk(parameters[name]) for name, multiple in self.decayed.items()}
        return decay if self.in_loss else {}, decay if self.in_optimizer else {}

    def _forward(self, X, parameters: Parameters, D1, D2, keep_prob: float) -> tuple:
        W1, b1, W2, b2, W3, b3 = (parameters[name] for name in PARAMETER_NAMES)
        Z1 = self.linear(W1, X, b1)  # (20, m)
        A1 = self.activation(Z1) if D1 is None else self.drop(self.activation(Z1), D1, keep_prob)  # (20, m)
        Z2 = self.linear(W2, A1, b2)  # (3, m)
        A2 = self.activation(Z2) if D2 is None else self.drop(self.activation(Z2), D2, keep_prob)  # (3, m)
        return Z1, A1, Z2, A2, self.linear(W3, A2, b3)  # Z3 (1, m)

    def _pass(self, problem: Problem, parameters: Parameters, X, Y, D1, D2) -> dict[str, NDArray]:
        m, keep_prob = X.shape[-1], problem.keep_prob
        D1, D2 = (D if layer in self.dropped else None for layer, D in ((1, D1), (2, D2)))
        Z1, A1, Z2, A2, Z3 = self._forward(X, parameters, D1, D2, keep_prob)
        W2, W3 = parameters["W2"], parameters["W3"]

        dZ3 = self.dZ3(Z3, Y)  # (1, m)
        dA2 = self.dA(W3, dZ3) if D2 is None else self.undrop(self.dA(W3, dZ3), D2, keep_prob)  # (3, m)
        dZ2 = dA2 * self.gate(A2)  # (3, m)
        dA1 = self.dA(W2, dZ2) if D1 is None else self.undrop(self.dA(W2, dZ2), D1, keep_prob)  # (20, m)
        dZ1 = dA1 * self.gate(A1)  # (20, m)
        tensors = {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2, "Z3": Z3, "A3": self.probability(Z3)}
        for layer, dZ, A in ((3, dZ3, A2), (2, dZ2, A1), (1, dZ1, X)):
            tensors[f"dW{layer}"] = self.dW(dZ, A) / m  # (n_out, n_in)
            tensors[f"db{layer}"] = self.db(dZ) / m  # (n_out, 1)
        tensors |= {f"d{name}": scale * tensors[f"d{name}"] for name, scale in self.scales.items()}
        return tensors


def _all_kept(parameters: Parameters, m: int) -> Masks:
    return np.ones((len(parameters["b1"]), m), bool), np.ones((len(parameters["b2"]), m), bool)


def penalty_in_loss(step: Step) -> Step:
    """The penalty as a term of the loss, not in the optimizer: under plain gradient descent the same."""
    return replace(step, in_loss=True, in_optimizer=False)


def cost_of_probabilities(step: Step) -> Step:
    """The cross-entropy computed from probabilities, not from logits. Both agree as long as every |Z3| is well below 16."""
    return replace(step, cross_entropy=lambda Z3, Y: compute_cost(sigmoid(Z3), Y))


def gradient_by_difference(step: Step) -> Step:
    """The step with dZ3 as automatic differentiation gets it from (1 - Y) Z3 + softplus(-Z3).

    It is exact where A3 - Y is rounded, and rounded where that is exact.
    """
    return replace(step, dZ3=lambda Z3, Y: (1 - Y) - sigmoid(-Z3))


UNCLIPPED = 16.0
"""Keras clips probabilities at 1e-7, which is reached at a logit of 16.1."""

LEGAL: tuple[tuple[tuple[Effect, ...], float], ...] = (
    ((penalty_in_loss,), np.inf),
    ((gradient_by_difference,), np.inf),
    ((penalty_in_loss, gradient_by_difference), np.inf),
    ((cost_of_probabilities,), UNCLIPPED),
    ((cost_of_probabilities, penalty_in_loss), UNCLIPPED),
)
"""Other correct ways to write the step, each up to a size of the logits; what matches one in every tensor is correct."""
