"""What a student's line does to the gradients, in the course's words: other ways to write backward propagation."""

from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np

from shared.commands.check.rewrites import LAYERS, Outputs, WrongBackward, backward
from shared.errors import listed

Alternative = tuple[str, str, Callable[..., Outputs]]
"""The name of a mistake, what is said of it, and what computes its outputs from the function's own arguments."""

MULTIPLES = (
    ("lost", "lacks the term lambd/m * W{i}", lambda m: 0.0),
    ("halved", "has the term lambd/(2m) * W{i}; it should be lambd/m * W{i}", lambda m: 0.5),
    ("doubled", "has the term 2 * lambd/m * W{i}; it should be lambd/m * W{i}", lambda m: 2.0),
    ("undivided", "has the term lambd * W{i}, not divided by m; it should be lambd/m * W{i}", lambda m: float(m)),
    ("subtracted", "has the term -lambd/m * W{i}; it should be added", lambda m: -1.0),
)


DBS: dict[str, Callable] = {
    "divided by m twice": lambda dZ, m: np.sum(dZ, axis=1, keepdims=True) / m / m,
    "summed over all units (np.sum without axis=1)": lambda dZ, m: np.sum(dZ) / m + 0 * dZ[:, :1],
    "doubled": lambda dZ, m: 2 * np.sum(dZ, axis=1, keepdims=True) / m,
    "halved": lambda dZ, m: np.sum(dZ, axis=1, keepdims=True) / (2 * m),
}


def subsets(items) -> Iterator[tuple]:
    """All of them first, then every smaller choice."""
    for size in range(len(items), 0, -1):
        yield from combinations(items, size)


def wrong_decay() -> Iterator[Alternative]:
    """Other multiples of the penalty's gradient, and biases that have it."""

    def of(wrong: WrongBackward):
        return lambda X, Y, cache, lambd: backward(X, Y, cache, lambd, wrong=wrong)

    for slug, words, factor in MULTIPLES:
        for layers in subsets(LAYERS):

            def times(m, layers=layers, factor=factor):
                return {i: factor(m) if i in layers else 1.0 for i in LAYERS}

            yield f"term-{slug}", "; ".join(f"dW{i} {words.format(i=i)}" for i in layers), of(WrongBackward(times=times))
    for layers in subsets(LAYERS):
        said = "; ".join(f"db{i} has the term lambd/m * b{i}, which belongs to the weights alone" for i in layers)
        yield "biases-decayed", said, of(WrongBackward(biases=layers))


def wrong_undrop() -> Iterator[Alternative]:
    """What is not divided by keep_prob in the backward pass."""

    def of(wrong: WrongBackward):
        return lambda X, Y, cache, keep_prob: backward(X, Y, cache, 0, keep_prob, wrong)

    for layers in subsets((1, 2)):
        names = listed([f"dA{i}" for i in layers])
        yield "not-divided", f"{names} not divided by keep_prob", of(WrongBackward(bare=layers))
        said = f"{names} multiplied by keep_prob; it should be divided by it"
        yield "multiplied", said, of(WrongBackward(kept=layers))


def wrong_backward(name: str) -> Iterator[Alternative]:
    """What can be wrong in every backward propagation."""
    dropout, l2 = name.endswith("dropout"), name.endswith("regularization")

    def of(wrong: WrongBackward):
        if dropout:
            return lambda X, Y, cache, keep_prob: backward(X, Y, cache, 0, keep_prob, wrong)
        if l2:
            return lambda X, Y, cache, lambd: backward(X, Y, cache, lambd, wrong=wrong)
        return lambda X, Y, cache: backward(X, Y, cache, wrong=wrong)

    for layers in subsets((1, 2)):
        said = listed([f"dZ{i}" for i in layers])
        yield "gate-lost", f"{said} without the factor A > 0, the derivative of ReLU", of(WrongBackward(gate=layers))
    yield "sign", "dZ3 is Y - A3; it should be A3 - Y", of(WrongBackward(sign=-1))
    for names in (
        *(tuple(f"{d}{i}" for i in LAYERS) for d in ("dW", "db")),
        *((f"{d}{i}",) for d in ("dW", "db") for i in LAYERS),
    ):
        yield "not-mean", f"{listed(names)} not divided by m", of(WrongBackward(mean=names))
    yield "sigmoid-derived", "dZ3 is multiplied by A3 * (1 - A3); it should be A3 - Y alone", of(WrongBackward(derived=True))
    for word, db in DBS.items():
        for layers in subsets(LAYERS):
            yield "db-wrong", f"{listed([f'db{i}' for i in layers])} {word}", of(WrongBackward(db=dict.fromkeys(layers, db)))
    every = tuple(f"{d}{i}" for d in ("dW", "db") for i in LAYERS)
    yield "not-mean", "no gradient is divided by m", of(WrongBackward(mean=every))
