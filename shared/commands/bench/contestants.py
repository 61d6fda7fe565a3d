"""Who races: each contestant is a generator that does a block of updates whenever its turn comes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from shared.adapters import IMPLEMENTATIONS
from shared.case import Problem
from shared.commands.bench import plain_loop
from shared.config import VARIANTS, Hyperparameters
from shared.contract import segment_lengths
from shared.parameters import Parameters

PLAIN = "plain loop"


@dataclass(frozen=True)
class Contestant:
    """name, variant, and what a block is. blocks(): yields the cost after every block of so many updates."""

    name: str
    variant: str
    updates: int
    blocks: Callable[[], Iterator[float]]


def contestants(
    X: NDArray, Y: NDArray, parameters: Parameters, hyper: Hyperparameters, names: list[str], updates: int, rounds: int
) -> Iterator[Contestant]:
    """The plain loop and the implementations in every variant; then what people would otherwise use, and the floor.

    X (n_x, m), Y (1, m). rounds: how many blocks each will be asked for. ImportError where a package is not there.
    """
    for variant in ("none", "l2", "dropout", "frozen-dropout"):
        for name in (PLAIN, *(name for name in names if name in IMPLEMENTATIONS)):
            settings = hyper.of(VARIANTS[variant]) | {"frozen": VARIANTS[variant].frozen}
            problem = Problem(X, Y, **hyper.of(VARIANTS[variant]))
            mask_bytes = sum(hyper.hidden) * X.shape[1] if VARIANTS[variant].dropout else 0
            segments = segment_lengths(updates, mask_bytes, longest=updates)
            if name == PLAIN:
                blocks = partial(_plain, X, Y, parameters, updates, settings)
            else:
                blocks = partial(_port, name, problem, parameters, segments, rounds, VARIANTS[variant].frozen)
            yield Contestant(name, variant, updates, blocks)
    few, fewer = max(1, updates // 4), max(1, updates // 200)
    others = {
        "products alone": (updates, partial(_products, X, parameters, updates)),
        "scikit-learn": (few, partial(_sklearn, X, Y, hyper, few)),
        "Keras fit": (fewer, partial(_keras_fit, X, Y, parameters, hyper, fewer)),
    }
    for name, (block, blocks) in others.items():
        if name in names:
            yield Contestant(name, "none", block, blocks)


def _plain(X, Y, parameters, updates, settings) -> Iterator[float]:
    state = np.random.get_state()
    while True:
        costs, parameters = plain_loop.train(X, Y, parameters, updates, **settings)
        np.random.set_state(state)
        yield float(costs[-1])


def _port(name, problem, parameters, block, rounds, frozen) -> Iterator[float]:
    """block: the lengths of its segments, of which only one holds its masks at a time."""
    segments = IMPLEMENTATIONS[name].adapter().train_segments(problem, parameters, block * rounds, frozen=frozen)
    for _ in range(rounds):
        for _ in block:
            cost = float(next(segments).costs[-1])
        yield cost


def _products(X, parameters, updates) -> Iterator[float]:
    """The eight products of one update, on arrays of the right shapes: nothing in NumPy can be faster."""
    W1, W2, W3 = (parameters[name] for name in ("W1", "W2", "W3"))
    A1, A2, dZ3 = (np.ones((len(parameters[b]), X.shape[1]), X.dtype) for b in ("b1", "b2", "b3"))
    while True:
        for _ in range(updates):
            products(W1, W2, W3, X, A1, A2, dZ3)
        yield 0.0


def products(W1, W2, W3, X, A1, A2, dZ3) -> None:
    """Z1, Z2, Z3, dW3, dA2, dW2, dA1, dW1, with A2 and A1 where dZ2 and dZ1 would stand: they have the same shapes."""
    _ = W1 @ X, W2 @ A1, W3 @ A2, dZ3 @ A2.T, W3.T @ dZ3, A2 @ A1.T, W2.T @ A2, A1 @ X.T


def _sklearn(X, Y, hyper, updates) -> Iterator[float]:
    import warnings

    from sklearn.neural_network import MLPClassifier

    X, Y = np.ascontiguousarray(X.T), Y[0]
    while True:
        network = MLPClassifier(
            hyper.hidden, solver="sgd", momentum=0.0, alpha=0.0, batch_size=len(X), learning_rate_init=hyper.learning_rate,
            max_iter=updates, tol=0.0, n_iter_no_change=updates + 1, shuffle=False, random_state=1,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has not converged
            network.fit(X, Y)
        yield float(network.loss_)


def _keras_fit(X, Y, parameters, hyper, updates) -> Iterator[float]:
    import keras

    dtype = str(X.dtype)
    layers = [keras.layers.Dense(n, activation="relu", dtype=dtype) for n in hyper.hidden]
    network = keras.Sequential([keras.Input((X.shape[0],), dtype=dtype), *layers, keras.layers.Dense(1, dtype=dtype)])
    network.set_weights([parameters[f"{kind}{i}"].T.reshape(shape) for i in (1, 2, 3)
                         for kind, shape in (("W", parameters[f"W{i}"].T.shape), ("b", (-1,)))])  # fmt: skip
    loss = keras.losses.BinaryCrossentropy(from_logits=True, dtype=dtype)
    network.compile(keras.optimizers.SGD(hyper.learning_rate), loss=loss)
    while True:
        history = network.fit(X.T, Y.T, batch_size=X.shape[1], epochs=updates, shuffle=False, verbose=0)
        yield float(history.history["loss"][-1])
