"""Looking into numpy_impl: its functions give everything away; long runs compute their costs together."""

import importlib
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.adapters.implementation import Adapter, Implementation, Place
from shared.contract import Segment
from shared.parameters import WEIGHTS, Parameters

NUMBERS = 2**18
"""Logits (and weights, with L2) of past updates that are kept before their costs are computed together."""


class Replayed:
    """A generator from which the course's own function draws given masks, D1 and D2 in turn: it asks for random() < p."""

    def __init__(self, D1: NDArray, D2: NDArray):
        self._masks = itertools.cycle((_Drawn(D1), _Drawn(D2)))

    def random(self, shape: Sequence[int]) -> "_Drawn":
        return next(self._masks)


class _Drawn:
    """Numbers below any keep_prob where a mask is 1; the mask may have leading axes, and be of numbers or bool."""

    def __init__(self, D: NDArray):
        self._D = D

    def __lt__(self, keep_prob: float) -> NDArray:
        return self._D


class NumpyAdapter(Adapter):
    """numpy_impl as the harness sees it. What it computes by hand, functions return; its masks can be given."""

    modules = ("network", "cost", "training")

    def __init__(self, package: str = "numpy_impl"):
        super().__init__(package)
        self.gradients = importlib.import_module(f"{package}.gradients")

    def trace(self, X, Y, parameters, *, lambd=0.0, keep_prob=1.0, seed=1, masks=None) -> dict[str, NDArray]:
        """The tensors of the first step. `masks` (D1, D2) replays a step with given masks."""
        m = X.shape[-1]
        rng: Any = Replayed(*masks) if masks else np.random.default_rng(seed)
        gradients, cache = self.gradients.propagate(X, Y, parameters, 0.0, keep_prob, rng)
        tensors = {name: value for name, value in cache._asdict().items() if name[0] in "ZAD"}
        cross_entropy, penalty = self.cost.cross_entropy(cache.Z3, Y), self.cost.l2_penalty(parameters, lambd, m)
        tensors |= {"cross_entropy": cross_entropy, "l2_penalty": penalty, "cost": cross_entropy + penalty}
        tensors |= {"d" + name: gradients["d" + name] for name in parameters}
        decay = self.gradients.decay(parameters, lambd, m)
        tensors |= {"decay_" + name: decay.get("d" + name, np.zeros_like(b)) for name, b in parameters.items()}
        return {"X": X, "Y": Y, **parameters, **tensors}

    def train_segments(self, problem, start, lengths, *, seed=1, frozen=False) -> Iterator[Segment]:
        """See Adapter. Frozen masks are the course's where the seed is 1: drawn from the legacy stream."""
        X, Y, lambd, keep_prob, parameters = problem.X, problem.Y, problem.lambd, problem.keep_prob, start
        propagate, update_parameters = self.gradients.propagate, self.training.update_parameters
        rng: Any = np.random.RandomState(seed) if frozen else np.random.default_rng(seed)
        kept = Y.size + (sum(parameters[name].size for name in WEIGHTS) if lambd else 0)
        for length in lengths:
            costs, D1s, D2s = [], [], []
            for batch in _batches(length, kept):
                Z3s, before = [], []
                for _ in range(batch):
                    gradients, cache = propagate(X, Y, parameters, lambd, keep_prob, rng)
                    Z3s.append(cache.Z3)
                    if lambd:
                        before.append(parameters)
                    if keep_prob < 1:
                        D1s.append(cache.D1)
                        D2s.append(cache.D2)
                        if frozen:
                            rng = Replayed(cache.D1, cache.D2)  # drawing the same again would only take time
                    parameters = update_parameters(parameters, gradients, problem.learning_rate)
                costs.append(self.costs(Z3s, Y, before, lambd))
            masks = (np.stack(D1s), np.stack(D2s)) if keep_prob < 1 else None
            yield Segment(np.concatenate(costs), {name: value.copy() for name, value in parameters.items()}, masks)

    def costs(self, Z3s: list[NDArray], Y: NDArray, before: list[Parameters], lambd: float) -> NDArray:
        """The costs of n updates, (n, ...), from their logits Z3 and the parameters before each; penalty included.

        One by one they would take a third of the training's time, most of it for calling.
        """
        costs = self.cost.cross_entropy(np.stack(Z3s), Y)
        if lambd:
            weights = {name: np.stack([parameters[name] for parameters in before]) for name in WEIGHTS}
            costs = costs + self.cost.l2_penalty(weights, lambd, Y.shape[-1])
        return costs


def _batches(length: int, numbers: int) -> list[int]:
    """The sizes of the batches of updates of which so many numbers each are kept, at most NUMBERS in all."""
    longest = max(1, NUMBERS // numbers)
    return [min(longest, length - done) for done in range(0, length, longest)]


IMPLEMENTATION = Implementation(
    name="numpy",
    package="numpy_impl",
    requires=(),
    colour="#0072b2",
    line="-",
    adapter=NumpyAdapter,
    places={
        "Data": Place("network.py", ("forward_propagation",), "Z1 = "),
        "Initial parameters": Place("network.py", ("initialize_parameters",), "return"),
        "Forward pass": Place("network.py", ("forward_propagation",), r"\b{name} = "),
        "Dropout": Place("network.py", ("forward_propagation_with_dropout",), r"\b{name} = "),
        "Cost": Place("cost.py", ("cross_entropy",), "return"),
        "L2 penalty": Place("cost.py", ("l2_penalty",), "return"),
        "Reported cost": Place("training.py", ("update",), "l2_penalty"),
        "Weight decay": Place("gradients.py", ("decay",), "return"),
        "Gradients": Place("gradients.py", ("_backward",), r"\b{name} = "),
        "Update": Place("training.py", ("update_parameters",), "return"),
        "Training loop": Place("training.py", ("update", "train"), "(?!)"),
        "Prediction": Place("network.py", ("predict",), "0.5"),
    },
)
