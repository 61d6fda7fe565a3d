"""Mistakes in the inputs as the network sees them: scaled, in another order, dropped; and dropout on the output."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shared.alignment.masks import chance
from shared.alignment.step import Effect, Step
from shared.alignment.tensors import Tensors
from shared.case import Problem
from shared.diagnosis.hypothesis import Evidence
from shared.diagnosis.mistake import Mistake, Plant
from shared.parameters import Parameters

SCALINGS: dict[str, Callable[[NDArray], NDArray]] = {
    "X - mean, divided by the standard deviation, of each feature": lambda X: _over(X - _mean(X), X.std(axis=-1)),
    "X - mean, divided by the standard deviation with m - 1, of each feature": lambda X: _over(
        X - _mean(X), X.std(axis=-1) * (X.shape[-1] / max(1, X.shape[-1] - 1)) ** 0.5
    ),
    "X - mean of each feature": lambda X: X - _mean(X),
    "X between 0 and 1": lambda X: _over(X - X.min(axis=-1, keepdims=True), np.ptp(X, axis=-1)),
    "X between -1 and 1": lambda X: 2 * _over(X - X.min(axis=-1, keepdims=True), np.ptp(X, axis=-1)) - 1,
    "X divided by the largest |X| of each feature": lambda X: _over(X, np.abs(X).max(axis=-1)),
    "X divided by 255": lambda X: X / 255,
    "each example divided by its norm": lambda X: X / np.sqrt(np.sum(np.square(X), axis=-2, keepdims=True)),
}


def _mean(X: NDArray) -> NDArray:
    return np.mean(X, axis=-1, keepdims=True)


def _over(X: NDArray, size: NDArray) -> NDArray:
    return X / np.expand_dims(size, -1)


def given(data: Callable[[NDArray], NDArray]) -> Effect:
    return lambda step: replace(step, data=lambda X, Y: (data(X), Y))


def scalings(evidence: Evidence, step: Step) -> Iterator[tuple[str, Effect]]:
    """The usual scalings of the inputs; and where a trace shows Z1, the straight line through what X must have been."""
    for words, data in SCALINGS.items():
        yield f"the inputs are scaled: {words}; the given X is meant", given(data)
    X = evidence.problem.X
    for start, port in evidence.states.values():
        seen = seen_inputs(start, port, X)
        if seen is None or X.shape[-1] < 3:
            return
        columns = np.stack([X, np.ones_like(X)], axis=-1)  # (n_x, m, 2)
        found = np.array([np.linalg.lstsq(each, values, rcond=None)[0] for each, values in zip(columns, seen, strict=True)])
        said = "; ".join(f"{a:.6g} * X[{i}] + {b:.6g}" for i, (a, b) in enumerate(found))
        yield f"the inputs are scaled: {said}; the given X is meant", given(_line(found))
        return


def _line(found: NDArray) -> Callable[[NDArray], NDArray]:
    return lambda X: found[:, :1] * X + found[:, 1:]


def seen_inputs(start: Parameters, port: Tensors, X: NDArray) -> NDArray | None:
    """The inputs from which a traced Z1 comes, where W1 and b1 give them away."""
    Z1, W1 = port.get("Z1"), start["W1"]
    if not isinstance(Z1, np.ndarray) or Z1.shape != (len(W1), X.shape[-1]) or not np.isfinite(Z1).all():
        return None
    found, _, rank, _ = np.linalg.lstsq(W1, Z1 - start["b1"], rcond=None)
    right = rank == X.shape[0] and np.abs(W1 @ found + start["b1"] - Z1).max() <= 1e-9 * np.abs(Z1).max()
    return found if right else None


def dropped(start: Parameters, port: Tensors, problem: Problem) -> bool:
    """Inputs that are 0, or those given over keep_prob."""
    seen = seen_inputs(start, port, problem.X)
    if seen is None or problem.keep_prob == 1:
        return False
    size = 1e-9 * np.abs(problem.X).max()
    kept = np.abs(seen - problem.X / problem.keep_prob) <= size
    return bool(np.all(kept | (np.abs(seen) <= size)) and 0 < kept.mean() < 1)


def shuffled(start: Parameters, port: Tensors, problem: Problem) -> bool:
    """The given examples in another order."""
    seen = seen_inputs(start, port, problem.X)
    if seen is None:
        return False
    ours, its = (np.array(sorted(map(tuple, np.round(each.T, 9)))) for each in (problem.X, seen))
    return bool(np.allclose(ours, its, rtol=0, atol=1e-8) and not np.allclose(seen, problem.X, rtol=0, atol=1e-8))


def output_dropped(start: Parameters, port: Tensors, problem: Problem) -> bool:
    """Logits or probabilities that are exactly 0 about as often as units are dropped."""
    for name in ("Z3", "A3"):
        value = port.get(name)
        if isinstance(value, np.ndarray) and problem.keep_prob < 1 and 0 < np.mean(value == 0) < 0.9:
            return chance(int(np.sum(value != 0)), value.size, problem.keep_prob) > 1e-6
    return False


def another_order(step: Step) -> Step:
    """Shuffled inputs beside labels that are not."""

    def data(X: NDArray, Y: NDArray) -> tuple[NDArray, NDArray]:
        return X[..., np.random.default_rng().permutation(X.shape[-1])], Y

    return replace(step, data=data)


MISTAKES = (
    Mistake(
        name="inputs-scaled",
        title="the inputs are scaled before the first layer",
        written="a StandardScaler, a Normalization layer, X / 255",
        fitted=(scalings,),
        stage="data",
        torch="torch.tensor(X.T)", keras="tf.constant(X.T)", numpy="X as it is given",
        source="scikit-learn documentation of StandardScaler",
        plants=(Plant("torch", "none", (
            ("training.py", "cost = cross_entropy(network(X), Y)",
             "X = (X - X.mean(0)) / X.std(0)\n    cost = cross_entropy(network(X), Y)"),
        ), iterations=1000),),
    ),
    Mistake(
        name="inputs-shuffled",
        title="the examples of X are in another order than those of Y",
        written="X shuffled alone; two shuffles with different orders",
        random_effects=(another_order,),
        stage="data",
        torch="one order for both: order = torch.randperm(m); X[order], Y[order]",
        keras="Dataset.from_tensor_slices((X, Y)).shuffle",
        numpy="one order for both: X[:, order], Y[:, order]",
        source="keras-team/keras#4298",
        traced=shuffled,
        plants=(Plant("torch", "none", (
            ("training.py", "cost = cross_entropy(network(X), Y)",
             "X = X[torch.randperm(len(X), generator=torch.Generator().manual_seed(1))]\n"
             "    cost = cross_entropy(network(X), Y)"),
        ), iterations=1000),),
    ),
    Mistake(
        name="dropout-on-inputs",
        title="the inputs have dropout too: only A1 and A2 should",
        written="Dropout as the first layer",
        stage="data",
        torch="nn.Dropout after either relu", keras="Dropout after either hidden layer", numpy="Z1 = W1 @ X + b1",
        source="tensorflow/tensorflow#4253",
        traced=dropped,
        plants=(Plant("torch", "dropout", (
            ("network.py", "Z1 = self.linear1(X)", "Z1 = self.linear1(self.dropout1(X))"),
        ), iterations=1000),),
    ),
    Mistake(
        name="dropout-on-output",
        title="the output has dropout too: only A1 and A2 should",
        written="Dropout after every layer, the last one included",
        stage="forward",
        torch="nn.Dropout after either relu", keras="Dropout after either hidden layer", numpy="Z3 = W3 @ A2 + b3",
        source="Keras documentation of Dropout",
        traced=output_dropped,
        plants=(Plant("numpy", "dropout", (
            ("network.py", "    Z3 = W3 @ A2 + b3  # (1, m)\n    A3 = sigmoid(Z3)  # (1, m)\n\n    return A3, DropoutCache",
             "    Z3 = (W3 @ A2 + b3) * (np.random.default_rng(1).random((1, m)) < keep_prob) / keep_prob\n"
             "    A3 = sigmoid(Z3)  # (1, m)\n\n    return A3, DropoutCache"),
        ), iterations=1000),),
    ),
)  # fmt: skip
