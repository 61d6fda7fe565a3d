"""What is trained: the data and hyperparameters (Problem), and everything else that one run depends on (Case)."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from shared.config import Hyperparameters, Variant
from shared.parameters import Parameters


@dataclass(frozen=True)
class Problem:
    """X (n_x, m), Y (1, m), and what the ports are given to train with."""

    X: NDArray
    Y: NDArray
    learning_rate: float
    lambd: float = 0.0
    keep_prob: float = 1.0

    @property
    def regularization(self) -> dict[str, Any]:
        """The keyword arguments of `trace`."""
        return {"lambd": self.lambd, "keep_prob": self.keep_prob}

    @property
    def step(self) -> dict[str, Any]:
        """The keyword arguments of an update."""
        return {"learning_rate": self.learning_rate, **self.regularization}


@dataclass(frozen=True)
class Case:
    """A run to be made: what is trained, from which parameters and in which segments, and what is predicted at its end.

    seed: of the dropout masks. lengths: updates of each segment. inputs: X_train, X_test and grid, (n_x, m) each.
    """

    problem: Problem
    variant: Variant
    start: Parameters
    seed: int
    lengths: list[int]
    inputs: dict[str, NDArray]


def case_of(
    hyper: Hyperparameters,
    variant: Variant,
    data: tuple[NDArray, NDArray, dict[str, NDArray]],
    start: Parameters,
    lengths: list[int],
) -> Case:
    """The run of a variant with these hyperparameters. data: X, Y, and the inputs to predict."""
    X, Y, inputs = data
    return Case(Problem(X, Y, **hyper.of(variant)), hyper.effective(variant), start, hyper.seed, lengths, inputs)
