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


@dataclass(frozen=True)
class Place:
    """Where something is computed: the file, its functions (or Class.method), and the pattern of the line in them.

    In the pattern, {name} stands for the tensor, such as Z1, and {layer} for its number.
    """

    file: str
    functions: tuple[str, ...]
    line: str


@dataclass(frozen=True)
class Implementation:
    """One implementation of the network.

    name: on the command line and in results.json. package: its folder. requires: the Python packages whose versions a run
    depends on, beside NumPy. colour, line: in the pictures. places: what is computed (see shared/adapters/places.py) ->
    where. adapter(): looks into the package as it is imported now.
    """

    name: str
    package: str
    requires: tuple[str, ...]
    colour: str
    line: str
    places: Mapping[str, Place]
    adapter: Callable[[], "Adapter"]


class Adapter:
    """Drives an implementation's own functions and tells what they compute; arrays are NumPy's, in the course's layout."""

    modules = ("network", "cost", "training")

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
        """The tensors of the first step from `parameters`.

        X, Y, W1 ... b3 as the network sees them; Z1, A1, D1, Z2, A2, D2, Z3, A3 (D with dropout only); cross_entropy,
        l2_penalty, cost; dW1 ... db3 of the cross-entropy; decay_W1 ... decay_b3, what the penalty adds to them.
        """
        raise NotImplementedError

    def train_segments(
        self, problem: Problem, start: Parameters, lengths: Sequence[int], *, seed: int = 1, frozen: bool = False
    ) -> Iterator[Segment]:
        """Train from `start`; after so many updates as each of the lengths, yield a Segment (costs, parameters, masks).

        frozen: the masks are the same at every iteration: the generator is set back before each update.
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
    """The learning rate with which weight decay takes a whole weight off, and the scale that makes the decay of it again.

    So an update where all gradients are zero shows the decay, and nothing of it is lost to rounding.
    """
    return (m / lambd, lambd / m) if lambd else (1.0, 1.0)


def moved(before: Parameters, after: Parameters, scale: float) -> dict[str, NDArray]:
    """decay_W1 ... decay_b3, of an update where all gradients are zero."""
    return {f"decay_{name}": scale * (before[name] - after[name]) for name in before}


def columns(array: Any) -> NDArray:
    """A copy of a framework's array (m, n) in the course's layout (n, m)."""
    return np.array(np.asarray(array).T, order="C")
