"""The course's functions with the mistakes that people make in them: what each gives for the function's own arguments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from numpy_impl.network import relu, sigmoid

Outputs = dict[str, Any]

LAYERS = (1, 2, 3)


@dataclass(frozen=True)
class WrongBackward:
    """Mistakes in backward propagation.

    mean: gradients not divided by m. gate: layers without A > 0. bare: layers whose dA is not divided by keep_prob; kept:
    multiplied by it. times(m): {layer: multiple of lambd/m * W}. biases: layers whose db has lambd/m * b. sign: of dZ3.
    derived: dZ3 multiplied by the derivative of the sigmoid. db: layer -> another sum of dZ over m.
    """

    mean: tuple[str, ...] = ()
    gate: tuple[int, ...] = ()
    bare: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()
    times: Callable[[int], Mapping[int, float]] = lambda m: dict.fromkeys(LAYERS, 1.0)
    biases: tuple[int, ...] = ()
    sign: int = 1
    derived: bool = False
    db: Mapping[int, Callable] = field(default_factory=dict)


@dataclass(frozen=True)
class WrongForward:
    """Mistakes in forward propagation.

    bare: layers not divided by keep_prob; twice: divided by it twice; multiplied: multiplied by it. undropped: layers
    without their mask; turned: with it turned round. activation: layer -> another one. without_bias: layers. last: of Z3.
    """

    bare: tuple[int, ...] = ()
    twice: tuple[int, ...] = ()
    multiplied: tuple[int, ...] = ()
    undropped: tuple[int, ...] = ()
    turned: tuple[int, ...] = ()
    activation: Mapping[int, Callable] = field(default_factory=dict)
    without_bias: tuple[int, ...] = ()
    last: Callable = sigmoid


def backward(X, Y, cache, lambd=0.0, keep_prob=None, wrong: WrongBackward | None = None) -> Outputs:
    """Backward propagation with mistakes."""
    wrong = wrong or WrongBackward()
    D = {}
    if len(cache) == 14:
        (_, D[1], A1, W1, b1, _, D[2], A2, W2, b2, _, A3, W3, b3) = cache
    else:
        (_, A1, W1, b1, _, A2, W2, b2, _, A3, W3, b3) = cache
    A, W, b = {0: X, 1: A1, 2: A2}, {1: W1, 2: W2, 3: W3}, {1: b1, 2: b2, 3: b3}
    m = X.shape[-1]
    multiple = wrong.times(m)
    dZ = wrong.sign * (A3 - Y)
    dZ = dZ * A3 * (1 - A3) if wrong.derived else dZ
    out: Outputs = {"dZ3": dZ}
    for i in (3, 2, 1):
        out[f"dW{i}"] = dZ @ A[i - 1].T / (1 if f"dW{i}" in wrong.mean else m)
        out[f"db{i}"] = np.sum(dZ, axis=1, keepdims=True) / (1 if f"db{i}" in wrong.mean else m)
        if i in wrong.db:
            out[f"db{i}"] = wrong.db[i](dZ, m)
        if lambd:
            if multiple[i]:
                out[f"dW{i}"] = out[f"dW{i}"] + multiple[i] * lambd / m * W[i]
            if i in wrong.biases:
                out[f"db{i}"] = out[f"db{i}"] + lambd / m * b[i]
        if i > 1:
            dA = W[i].T @ dZ
            if D:
                dA = dA * D[i - 1]
                dA = dA if i - 1 in wrong.bare else dA * keep_prob if i - 1 in wrong.kept else dA / keep_prob
            out[f"dA{i - 1}"] = dA
            dZ = dA if i - 1 in wrong.gate else dA * (A[i - 1] > 0)
            out[f"dZ{i - 1}"] = dZ
    return out


def forward(X, parameters, keep_prob=None, masks=None, wrong: WrongForward | None = None) -> Outputs:
    """Forward propagation with mistakes."""
    wrong = wrong or WrongForward()
    out: Outputs = {}
    A = X
    for i in LAYERS:
        W, b = parameters[f"W{i}"], parameters[f"b{i}"]
        Z = W @ A if i in wrong.without_bias else W @ A + b
        if i == 3:
            A = wrong.last(Z)
        else:
            A = wrong.activation.get(i, relu)(Z)
            if masks is not None:
                D = masks[i - 1]
                out[f"D{i}"] = D
                A = A if i in wrong.undropped else A * (1 - D) if i in wrong.turned else A * D
                for _ in range(0 if i in wrong.bare else 2 if i in wrong.twice else 1):
                    A = A * keep_prob if i in wrong.multiplied else A / keep_prob
        out |= {f"Z{i}": Z, f"A{i}": A, f"W{i}": W, f"b{i}": b}
    return out | {"returned A3": A}


def entropy(A3, Y):
    """The cross-entropy of the probabilities A3."""
    return -np.sum(Y * np.log(A3) + (1 - Y) * np.log(1 - A3)) / Y.shape[1]
