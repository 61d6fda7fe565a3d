"""The optimizers from scratch, as each framework writes them: what explains the differences, and what measures the floor.

g is the gradient of the cross-entropy; where the decay is coupled, g + c W with c = lambd / m. Where it is decoupled,
W <- W - lr c W comes first, and the same update follows.

    SGD       W <- W - lr g
    momentum  v <- mu v + g;  W <- W - lr v
    Nesterov  v <- mu v + g;  W <- W - lr (g + mu v)
    Adam      m <- m + (1 - beta_1) (g - m);  v <- v + (1 - beta_2) (g^2 - v)
              W <- W - lr m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)                    PyTorch
              W <- W - lr sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)                  Keras

So Keras's epsilon is PyTorch's times sqrt(1 - beta_2^t): 32 times smaller at the first update (beta_2 = 0.999). Kingma
and Ba (2015) have both, as epsilon in Algorithm 1 and as epsilon hat above section 2.1. Coupled and decoupled decay:
Loshchilov and Hutter (2019).
"""

from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl.gradients import propagate
from shared.alignment.floor import Perturbation, spread
from shared.commands.optimizers.settings import BETA_1, BETA_2, UPDATES, Setting
from shared.parameters import Parameters

REPLICATES = 8
"""Replicates with every parameter moved by at most one unit in the last place, at the start and after each update."""


@dataclass
class Rule:
    """How a framework updates the parameters under a Setting. beta_1, beta_2: as the bias correction sees them."""

    optimizer: str
    coupled: bool
    learning_rate: float
    decay: float
    momentum: float
    beta_1: float
    beta_2: float
    epsilon: float
    epsilon_hat: bool
    memory: dict[str, Any] = field(default_factory=dict)

    def update(self, parameters: Parameters, gradients: Parameters, t: int) -> Parameters:
        """The parameters after update t = 1, 2, ...; both with a leading axis of replicates, or without."""
        after = {}
        for name, W in parameters.items():
            g = gradients["d" + name]
            if name.startswith("W"):
                g, W = (g + self.decay * W, W) if self.coupled else (g, W - self.learning_rate * (self.decay * W))
            after[name] = W - self._step(name, g, t)
        return after

    def _step(self, name: str, g: NDArray, t: int) -> NDArray:
        if self.optimizer in ("Adam", "AdamW"):
            m, v = self.memory.get(name, (np.zeros_like(g), np.zeros_like(g)))
            m, v = m + (1 - BETA_1) * (g - m), v + (1 - BETA_2) * (g * g - v)
            self.memory[name] = m, v
            root = sqrt(1 - self.beta_2**t)
            epsilon = self.epsilon if self.epsilon_hat else self.epsilon * root
            return self.learning_rate * root / (1 - self.beta_1**t) * m / (np.sqrt(v) + epsilon)
        v = self.memory[name] = self.momentum * self.memory.get(name, 0.0) + g
        return self.learning_rate * (g + self.momentum * v if self.optimizer == "Nesterov" else v)


def rule_of(implementation: str, setting: Setting, learning_rate: float, decay: float) -> Rule:
    """What `implementation` makes of a setting. learning_rate: of SGD; decay: lambd / m."""
    keras = implementation == "tensorflow"
    own = setting.decay == "weight_decay"

    def seen(name: str, value: float) -> float:
        return float(np.float32(value)) if keras and setting.plain_float == name else value

    return Rule(
        optimizer=setting.optimizer,
        coupled=not keras and setting.optimizer != "AdamW" if own else setting.decay in ("penalty", "regularizer"),
        learning_rate=seen("learning_rate", setting.learning_rate(learning_rate)),
        # The regularizer's l2 is half of this, which float32 rounds alike.
        decay=float(np.float32(decay)) if setting.decay == "regularizer" else seen("weight_decay", decay),
        momentum=seen("momentum", setting.momentum),
        beta_1=seen("beta_1", BETA_1),
        beta_2=seen("beta_2", BETA_2),
        # Exact as a Python float too: Keras adds it to a float64 tensor without a cast.
        epsilon=setting.epsilon_in(implementation),
        epsilon_hat=keras != setting.swapped,
    )


def train(rule: Rule, X: NDArray, Y: NDArray, parameters: Parameters) -> dict[str, NDArray]:
    """Train by hand: the parameters after each of UPDATES ("W1 after 2"), and their noise floors ("floor of W1 after 2")."""
    perturb = Perturbation()
    start = {name: np.repeat(value[np.newaxis], 1 + REPLICATES, axis=0) for name, value in parameters.items()}
    replicates = perturb.replicates(start)
    arrays = {}
    for t in range(1, UPDATES[-1] + 1):
        gradients, _ = propagate(X, Y, replicates)
        replicates = perturb.replicates(rule.update(replicates, gradients, t))
        if t in UPDATES:
            for name, values in replicates.items():
                arrays[f"{name} after {t}"] = values[0].copy()
                arrays[f"floor of {name} after {t}"] = spread(values).max()
    return arrays
