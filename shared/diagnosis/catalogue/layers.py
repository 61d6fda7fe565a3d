"""Mistakes in the layers: biases left out, other activations, derivatives and sums that are not those of the layer."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from numpy_impl.network import relu
from shared.alignment.step import Effect, Step
from shared.diagnosis.estimates import constant, gradient_scales
from shared.diagnosis.mistake import Mistake, Plant

BIASES = ("b1", "b2", "b3")
LINEAR = "nn.Linear(n_in, n_out)"


def without_biases(moving: bool) -> Effect:
    """Z = W A. moving: the biases are updated all the same."""
    still = {} if moving else dict.fromkeys(BIASES, 0.0)
    return lambda step: replace(step, linear=lambda W, A, b: W @ A, rates=dict(step.rates) | still)


def activated(activation: Callable[[NDArray], NDArray], gate: Callable[[NDArray], NDArray] | None = None) -> Effect:
    """Another activation of the hidden layers; gate: its derivative, from its value."""
    return lambda step: replace(step, activation=activation, gate=gate or step.gate)


def leaky(slope: float) -> Effect:
    return activated(lambda Z: np.where(Z > 0, Z, slope * Z), lambda A: np.where(A > 0, 1.0, slope))


def elu(Z: NDArray) -> NDArray:
    return np.where(Z > 0, Z, np.expm1(np.minimum(Z, 0)))


OTHERS: dict[str, tuple[Callable[[NDArray], NDArray], Callable[[NDArray], NDArray]]] = {
    "tanh": (np.tanh, lambda A: 1 - A * A),
    "the sigmoid": (lambda Z: 1 / (1 + np.exp(-Z)), lambda A: A * (1 - A)),
    "nothing": (lambda Z: Z, np.ones_like),
    "ELU": (elu, lambda A: np.where(A > 0, 1, A + 1)),
    "softplus": (lambda Z: np.logaddexp(0, Z), lambda A: 1 - np.exp(-A)),
    "ReLU6": (lambda Z: np.clip(Z, 0, 6), lambda A: (A > 0) & (A < 6)),
}


def other_activation(evidence, step):
    """The activations of which the derivative can be told from the value; each also with the derivative of ReLU."""
    for name, (activation, gate) in OTHERS.items():
        words = f"A1 and A2 are those of {name}; they should be relu(Z)"
        yield words, activated(activation, gate)
        yield f"{words}, whose derivative is taken", activated(activation)
        yield f"dZ1 and dZ2 have the derivative of {name}; A1 and A2 are relu(Z)", activated(relu, gate)


def gates_lost(step: Step) -> Step:
    return replace(step, gate=np.ones_like)


def divided_again(step: Step) -> Step:
    return replace(step, db=lambda dZ: step.db(dZ) / dZ.shape[-1])


def undivided(step: Step) -> Step:
    return replace(step, db=lambda dZ: step.db(dZ) * dZ.shape[-1])


def over_units(step: Step) -> Step:
    """np.sum(dZ) without an axis: one number for all units."""
    return replace(step, db=lambda dZ: step.db(dZ) * 0 + np.sum(dZ, axis=(-2, -1), keepdims=True))


MISTAKES = (
    Mistake(
        name="biases-left-out",
        title="Z lacks + b: the biases are left out of every layer",
        written="Z = W @ A; nn.Linear(..., bias=False); Dense(use_bias=False)",
        effects=(without_biases(False), without_biases(True)),
        stage="forward",
        torch=LINEAR, keras="Dense(n_out), with its bias", numpy="Z1 = W1 @ X + b1",
        source="PyTorch documentation of nn.Linear",
        plants=(
            Plant("numpy", "none", tuple(
                ("network.py", f"Z{i} = W{i} @ {A} + b{i}", f"Z{i} = W{i} @ {A}")
                for i, A in ((1, "X"), (2, "A1"), (3, "A2"))
            ), iterations=1000),
        ),
    ),
    Mistake(
        name="leaky-relu",
        title="the hidden layers are leaky: relu(Z) is 0 where Z < 0",
        written="LeakyReLU, negative_slope=0.01",
        fitted=(constant(lambda value, said, evidence: f"the hidden layers are leaky: {said} * Z where Z < 0; relu(Z) is 0",
                         leaky, (0.01, 0.02)),),
        stage="forward",
        torch="torch.relu", keras="activation='relu'", numpy="np.maximum(0, Z)",
        source="PyTorch documentation of nn.LeakyReLU, Keras documentation of LeakyReLU",
        plants=(Plant("torch", "none", (
            ("network.py", "torch.relu(Z1)", "nn.functional.leaky_relu(Z1)"),
            ("network.py", "torch.relu(Z2)", "nn.functional.leaky_relu(Z2)"),
        ), iterations=1000),),
    ),
    Mistake(
        name="other-activation",
        title="the hidden layers have another activation than ReLU",
        written="activation='tanh', as in the network before; or none at all",
        fitted=(other_activation,),
        stage="forward",
        torch="torch.relu", keras="activation='relu'", numpy="np.maximum(0, Z)",
        source="Keras documentation of Dense: activation=None is the default",
        plants=(Plant("torch", "none", (
            ("network.py", "torch.relu(Z1)", "torch.tanh(Z1)"), ("network.py", "torch.relu(Z2)", "torch.tanh(Z2)"),
        ), iterations=1000),),
    ),
    Mistake(
        name="gates-lost",
        title="dZ1 and dZ2 lack the factor A > 0, the derivative of ReLU",
        written="dZ2 = W3.T @ dZ3 alone",
        effects=(gates_lost,),
        stage="gradients",
        torch="autograd", keras="GradientTape", numpy="dZ2 = W3.T @ dZ3 * (A2 > 0)",
        source='course, "Backpropagation intuition"',
        plants=(Plant("numpy", "none", (
            ("gradients.py", "dZ2 = dA2 * (A2 > 0)", "dZ2 = dA2"), ("gradients.py", "dZ1 = dA1 * (A1 > 0)", "dZ1 = dA1"),
        ), iterations=1000),),
    ),
    Mistake(
        name="db-divided-twice",
        title="every db is divided by m twice",
        written="np.mean(dZ) / m",
        effects=(divided_again,),
        stage="gradients",
        torch="autograd", keras="GradientTape", numpy="db = np.sum(dZ, axis=1, keepdims=True) / m",
        source='course, "Gradient descent for neural networks"',
        plants=(Plant("numpy", "none", (("gradients.py", ".sum(axis=-1, keepdims=True) / m",
                                         ".mean(axis=-1, keepdims=True) / m"),), iterations=1000),),
    ),
    Mistake(
        name="db-undivided",
        title="no db is divided by m",
        written="np.sum(dZ, axis=1, keepdims=True) alone",
        effects=(undivided,),
        stage="gradients",
        torch="autograd", keras="GradientTape", numpy="db = np.sum(dZ, axis=1, keepdims=True) / m",
        source='course, "Gradient descent for neural networks"',
        plants=(Plant("numpy", "none", (("gradients.py", ".sum(axis=-1, keepdims=True) / m",
                                         ".sum(axis=-1, keepdims=True)"),), iterations=1000),),
    ),
    Mistake(
        name="db-over-units",
        title="every db is the sum over all units of its layer, the same for each of them",
        written="np.sum(dZ) without axis=1",
        effects=(over_units,),
        stage="gradients",
        torch="autograd", keras="GradientTape", numpy="db = np.sum(dZ, axis=1, keepdims=True) / m",
        source="NumPy documentation of sum",
        plants=(Plant("numpy", "none", tuple(
            ("gradients.py", f"db{i} = dZ{i}.sum(axis=-1, keepdims=True) / m",
             f"db{i} = 0 * dZ{i}[..., :1] + dZ{i}.sum() / m")
            for i in (1, 2)
        ), iterations=1000),),
    ),
    Mistake(
        name="gradients-scaled",
        title="some gradients are multiples of what they should be",
        written="a factor too much in one line, such as 2 * np.sum(dZ1)",
        fitted=(gradient_scales,),
        stage="gradients",
        torch="autograd", keras="GradientTape", numpy="dW = dZ @ A.T / m; db = np.sum(dZ, axis=1, keepdims=True) / m",
        source="BVLC/caffe#4831",
        plants=(Plant("numpy", "l2", (("gradients.py", "db1 = dZ1.sum", "db1 = 2 * dZ1.sum"),), iterations=1000),),
    ),
)  # fmt: skip
