"""What the harness scores; a port never reports its own accuracy."""

import numpy as np
from numpy.typing import NDArray


def accuracy(predictions: NDArray, Y: NDArray) -> float:
    """Share of examples whose predicted class is their label; both (1, m)."""
    return float(np.mean(predictions == Y))
