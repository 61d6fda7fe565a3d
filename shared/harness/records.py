"""The record of a run on disk: plain .npy files in a folder, written by the port's process, read by the reference's."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.contract import Segment
from shared.parameters import PARAMETER_NAMES, Parameters


class RunRecord:
    """costs (num_iterations,), parameters at the start, after every segment, and the masks as bits (memory-mapped)."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.lengths: list[int] = json.loads((folder / "lengths.json").read_text())
        self.costs = np.load(folder / "costs.npy")
        self.snapshots = {name: np.load(folder / f"{name}.npy") for name in PARAMETER_NAMES}
        """W1 (S + 1, 20, n_x), ...: row s is the start of segment s, row S the end of the run."""

    @property
    def starts(self) -> list[int]:
        """The iteration at which each segment starts."""
        return [sum(self.lengths[:s]) for s in range(len(self.lengths))]

    @property
    def final_parameters(self) -> Parameters:
        return {name: rows[-1] for name, rows in self.snapshots.items()}

    @property
    def late_parameters(self) -> Parameters:
        """Late in training: the end of the run, or the start of its last segment where the end is not finite."""
        finite = all(np.isfinite(rows[-1]).all() for rows in self.snapshots.values())
        return self.final_parameters if finite else {name: rows[-2] for name, rows in self.snapshots.items()}

    def masks(self, iterations: NDArray | slice, layer: int) -> NDArray:
        """The masks D1 (n, h1, m) or D2 (n, h2, m), bool, of the given iterations."""
        shape = json.loads((self.folder / f"D{layer}.json").read_text())
        bits = self.mask_bits(iterations, layer)
        return np.unpackbits(bits, axis=-1, count=shape[0] * shape[1]).reshape(-1, *shape).view(bool)

    def mask_bits(self, iterations: NDArray | slice, layer: int) -> NDArray:
        """The same masks as they are kept: eight units of examples to a byte (n, bytes)."""
        return np.load(self.folder / f"D{layer}.npy", mmap_mode="r")[iterations]


def save_arrays(path: Path, arrays: Mapping[str, NDArray]) -> None:
    """Write an .npz of plain arrays; one that would need pickle raises."""
    keywords: dict[str, Any] = {**arrays, "allow_pickle": False}
    np.savez(path, **keywords)


def write_record(
    folder: Path, parameters: Parameters, lengths: list[int], segments: Iterable[Segment], report=lambda done, cost: None
) -> None:
    """Write a run as it happens; `report(iterations_done, cost)` is called after each segment."""
    folder.mkdir(parents=True)
    costs: list[NDArray] = []
    snapshots = [parameters]
    bits: dict[int, NDArray] = {}
    done = 0
    for segment in segments:
        if segment.costs.shape != (lengths[len(costs)],):
            raise ValueError(f"expected {lengths[len(costs)]} costs of a segment, got {segment.costs.shape}")
        end = done + len(segment.costs)
        for layer, D in enumerate(segment.masks or (), start=1):
            packed = np.packbits(D.reshape(len(D), -1), axis=-1)
            if layer not in bits:
                (folder / f"D{layer}.json").write_text(json.dumps(D.shape[1:]))
                shape = (sum(lengths), packed.shape[1])
                bits[layer] = np.lib.format.open_memmap(folder / f"D{layer}.npy", "w+", np.uint8, shape)
            bits[layer][done:end] = packed
        costs.append(segment.costs)
        snapshots.append(segment.parameters)
        done = end
        report(done, float(segment.costs[-1]))
    np.save(folder / "costs.npy", np.concatenate(costs))
    for name in PARAMETER_NAMES:
        np.save(folder / f"{name}.npy", np.stack([snapshot[name] for snapshot in snapshots]))
    (folder / "lengths.json").write_text(json.dumps(lengths))  # last: its presence says that the record is whole
