"""What an adapter declares of its implementation, and what it can do with it."""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.case import Problem
from shared.contract import Segment
from shared.parameters import Parameters

COMPILE_FROM = 1000
"""Updates in a segment from which a run is compiled; None: never. Compiling takes seconds: few updates do not earn them."""


def is_compiled(lengths: Sequence[int]) -> bool:
    """Whether a run in segments of these lengths is compiled; the same for a run and for any of its longest segments."""
    return COMPILE_FROM is not None and max(lengths, default=0) >= COMPILE_FROM


@dataclass(frozen=True)
class Place:
    """Where something is computed: the file, its functions (or Class.method), and the pattern of the line in them.

    The pattern is a regular expression, searched in each line; {name} stands for the tensor, such as Z1, and {layer} for
    its number. A pattern that matches nothing, such as (?!), points to the first line of the functions.
    """

    file: str
    functions: tuple[str, ...]
    line: str


@dataclass(frozen=True)
class Implementation:
    """One implementation of the network.

    name: on the command line, in results.json, and of its file in shared/adapters. package: its folder. requires: the
    Python packages whose versions a run depends on, beside NumPy. colour, line: colour and line style in the pictures,
    as in Matplotlib. adapter(): a new Adapter of the package as it is imported now.
    places: where each of these is computed, in this order: Data, Initial parameters, Forward pass, Dropout, Cost, L2
    penalty, Reported cost, Weight decay, Gradients, Update, Training loop, Prediction. Where a forward pass with dropout
    is a function of its own, the pattern of Dropout holds {name}, and all its tensors are looked up there.
    """

    name: str
    package: str
    requires: tuple[str, ...]
    colour: str
    line: str
    places: Mapping[str, Place]
    adapter: Callable[[], "Adapter"]


class Adapter:
    """Drives an implementation's own functions and tells what they compute; arrays are NumPy's, in the course's layout.

    A new one writes `trace` and `train_segments`, and gives `__init__` its package as the default. `modules` are the files
    that every implementation has. Arrays that the next update would change are handed over as copies.
    """

    modules = ("network", "cost", "training")
    compiled_masks_differ = False
    """Whether a compiled run draws other masks than an uncompiled one."""

    def __init__(self, package: str):
        self.network, self.cost, self.training = (importlib.import_module(f"{package}.{name}") for name in self.modules)

    def predict(self, X: NDArray, parameters: Parameters) -> NDArray:
        """The implementation's own classes, int64 (1, m)."""
        return self.network.predict(X, parameters)

    def train(self, X: NDArray, Y: NDArray, parameters: Parameters, **settings: Any) -> tuple[Parameters, NDArray]:
        """The implementation's own `train`: the final parameters and all costs."""
        return self.training.train(X, Y, parameters, **settings)

    def trace(
        self, X: NDArray, Y: NDArray, parameters: Parameters, *, lambd: float = 0.0, keep_prob: float = 1.0, seed: int = 1
    ) -> dict[str, NDArray]:
        """The tensors of the first step from `parameters`, by name; the step is the implementation's own `update`.

        X, Y, W1 ... b3 as the network sees them; Z1, A1, D1, Z2, A2, D2, Z3, A3 (D1 and D2, bool, with dropout only; A1
        and A2 after it); cross_entropy, l2_penalty and their sum, cost; dW1 ... db3 of the cross-entropy alone;
        decay_W1 ... decay_b3, what the penalty adds to them, zeros for the biases.
        """
        raise NotImplementedError

    def train_segments(
        self, problem: Problem, start: Parameters, lengths: Sequence[int], *, seed: int = 1, frozen: bool = False
    ) -> Iterator[Segment]:
        """Train one run from `start`, in segments of so many updates as `lengths` says; yield a Segment after each.

        seed: of the dropout masks; cutting the run into other lengths changes no mask. frozen: the masks are the same at
        every iteration, because the generator is set back before each update. Masks are those that the implementation's
        own dropout drew, read back from it.
        """
        raise NotImplementedError

    def first_updates(self, problem: Problem, start: Parameters, *, seed: int = 1) -> list[Segment]:
        """The first two updates from `start`, as two Segments: some mistakes show only at the second."""
        return list(self.train_segments(problem, start, [1, 1], seed=seed))


@contextmanager
def overheard(module: ModuleType, *names: str) -> Iterator[dict[str, tuple[tuple, Any]]]:
    """While this lasts, what `module` first calls these functions of its own with, and what they return: name -> both."""
    heard: dict[str, tuple[tuple, Any]] = {}
    own = {name: getattr(module, name) for name in names}

    def listen(name: str) -> Callable:
        def call(*args: Any, **kwargs: Any) -> Any:
            result = own[name](*args, **kwargs)
            heard.setdefault(name, (args, result))
            return result

        return call

    for name in names:
        setattr(module, name, listen(name))
    try:
        yield heard
    finally:
        for name, function in own.items():
            setattr(module, name, function)


def full_decay(lambd: float, m: int) -> tuple[float, float]:
    """A learning rate, m / lambd, with which weight decay sets a weight W to 0, and the factor lambd / m.

    The factor turns this change of W into the decay's gradient, lambd / m * W. An update in which all other gradients are
    zero thus shows the decay alone, and rounding takes no digit off it.
    """
    return (m / lambd, lambd / m) if lambd else (1.0, 1.0)


def moved(before: Parameters, after: Parameters, scale: float) -> dict[str, NDArray]:
    """decay_W1 ... decay_b3, of an update where all gradients are zero."""
    return {f"decay_{name}": scale * (before[name] - after[name]) for name in before}


def columns(array: Any) -> NDArray:
    """Copy a framework's array (m, n) into the course's layout (n, m)."""
    return np.array(np.asarray(array).T, order="C")
