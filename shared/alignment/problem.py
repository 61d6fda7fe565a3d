"""What is trained: the data and hyperparameters of one variant."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class Problem:
    """X (n_x, m), Y (1, m), and what the ports are given to train with."""

    X: NDArray
    Y: NDArray
    learning_rate: float
    lambd: float
    keep_prob: float

    @property
    def regularization(self) -> dict[str, Any]:
        """The keyword arguments of `trace`."""
        return {"lambd": self.lambd, "keep_prob": self.keep_prob}

    @property
    def step(self) -> dict[str, Any]:
        """The keyword arguments of an update."""
        return {"learning_rate": self.learning_rate, **self.regularization}
