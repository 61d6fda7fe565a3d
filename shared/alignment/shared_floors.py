"""Noise floors of the segments of a variant without dropout, measured once for all runs that go the same way."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.harness.records import Record, save_arrays
from shared.parameters import PARAMETER_NAMES

AGREE = 1e-12
"""Runs that agree to this share of the largest element at both ends of a segment, and in its costs, have one noise floor."""

Floors = tuple[NDArray, dict[str, float]]
"""Of one segment: the noise floor of each cost (length,), and of each parameter at the end."""


class SharedFloors:
    """The floors in a file: of the run that was verified first, with where that run was. There may be none yet."""

    def __init__(self, path: Path):
        self._path = path

    def of(self, record: Record) -> dict[int, Floors]:
        """The floors of those segments of a run that agree with the first run's."""
        if not self._path.exists():
            return {}
        with np.load(self._path) as arrays:
            kept = dict(arrays)
        known: dict[int, Floors] = {}
        for s, (start, length) in enumerate(zip(record.starts, record.lengths, strict=True)):
            during, ends = slice(start, start + length), slice(s, s + 2)
            pairs = [(record.costs[during], kept["costs"][during])]
            pairs += [(record.snapshots[name][ends], kept[name][ends]) for name in PARAMETER_NAMES]
            if all(_agree(*pair) for pair in pairs):
                known[s] = kept["cost_floors"][during], {name: float(kept[f"end {name}"][s]) for name in PARAMETER_NAMES}
        return known

    def keep(self, record: Record, floors: list[Floors]) -> None:
        """Keep the floors of all segments of a run, unless those of another run are kept."""
        if self._path.exists():
            return
        ends = {f"end {name}": np.array([end[name] for _, end in floors]) for name in PARAMETER_NAMES}
        costs = {"costs": record.costs, "cost_floors": np.concatenate([floor for floor, _ in floors])}
        unfinished = self._path.with_name(f"{os.getpid()}-{self._path.name}")
        save_arrays(unfinished, record.snapshots | costs | ends)
        unfinished.replace(self._path)  # another process reads it whole or not at all


def _agree(one: NDArray, other: NDArray) -> bool:
    if not (np.isfinite(one).all() and np.isfinite(other).all()):  # an infinity would allow every difference
        return False
    return bool(np.abs(one - other).max() <= AGREE * np.abs(other).max())
