"""The noise floor: how far rounding alone moves a result, measured by repeating the reference nudged by one ulp."""

import numpy as np
from numpy.typing import NDArray

from shared.parameters import Parameters


class Nudge:
    """Moves every number by -1, 0 or +1 unit in the last place, at random (seeded)."""

    def __init__(self, seed: int = 0):
        self._rng = np.random.default_rng(seed)
        # A pool read at random offsets is as good as fresh signs, and drawing them would cost more than the update does.
        self._pool = self._rng.integers(-1, 2, size=2**20).astype(np.int8)

    def __call__(self, values: NDArray) -> NDArray:
        """A nudged copy, same shape and dtype."""
        if values.size >= len(self._pool):
            signs = self._rng.integers(-1, 2, size=values.size, dtype=np.int8)
        else:
            offset = int(self._rng.integers(0, len(self._pool) - values.size))
            signs = self._pool[offset : offset + values.size]
        return values + signs.reshape(values.shape) * np.spacing(values)

    def replicates(self, parameters: Parameters) -> Parameters:
        """Nudge every replicate but the first along the leading axis, in place; the first stays the reference."""
        for values in parameters.values():
            values[1:] = self(values[1:])
        return parameters


def spread(replicates: NDArray) -> NDArray:
    """Largest distance of the nudged replicates (rows 1, 2, ...) from the reference (row 0), element by element."""
    return np.abs(replicates[1:] - replicates[0]).max(axis=0)
