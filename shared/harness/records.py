"""The record of a run on disk: plain .npy files in a folder, written by the port's process, read by the reference's."""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.contract import Segment
from shared.parameters import PARAMETER_NAMES, Parameters

FIRST = "port"
"""The first of two attempts at a single step."""


class Record:
    """The folder of one run.

    It holds the costs (num_iterations,), the parameters at the start and after every segment, and the masks as bits; for a
    run that is compared, also its single steps, its predictions and the records of further trainings.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    @property
    def finished(self) -> bool:
        """Whether the run was written to its end."""
        return (self.folder / "lengths.json").exists()

    @cached_property
    def lengths(self) -> list[int]:
        """The updates of each segment."""
        return json.loads((self.folder / "lengths.json").read_text())

    @cached_property
    def costs(self) -> NDArray:
        """The cost before each update."""
        return np.load(self.folder / "costs.npy")

    @cached_property
    def snapshots(self) -> Parameters:
        """W1 (S + 1, 20, n_x), ...: row s is the start of segment s, row S the end of the run."""
        return {name: np.load(self.folder / f"{name}.npy") for name in PARAMETER_NAMES}

    @property
    def starts(self) -> list[int]:
        """The iteration at which each segment starts."""
        return [sum(self.lengths[:s]) for s in range(len(self.lengths))]

    @property
    def final_parameters(self) -> Parameters:
        """The parameters after the last update."""
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

    def write(
        self,
        start: Parameters,
        lengths: list[int],
        segments: Iterable[Segment],
        report: Callable[[int, float], None] = lambda done, cost: None,
    ) -> "Record":
        """Write a run as it happens; `report(iterations_done, cost)` is called after each segment."""
        self.folder.mkdir(parents=True, exist_ok=True)  # single steps may have been run before
        costs: list[NDArray] = []
        snapshots = [start]
        bits: dict[int, NDArray] = {}
        done = 0
        for segment in segments:
            if segment.costs.shape != (lengths[len(costs)],):
                raise ValueError(f"expected {lengths[len(costs)]} costs of a segment, got {segment.costs.shape}")
            end = done + len(segment.costs)
            for layer, D in enumerate(segment.masks or (), start=1):
                packed = np.packbits(D.reshape(len(D), -1), axis=-1)
                if layer not in bits:
                    (self.folder / f"D{layer}.json").write_text(json.dumps(D.shape[1:]))
                    shape = (sum(lengths), packed.shape[1])
                    bits[layer] = np.lib.format.open_memmap(self.folder / f"D{layer}.npy", "w+", np.uint8, shape)
                bits[layer][done:end] = packed
            costs.append(segment.costs)
            snapshots.append(segment.parameters)
            done = end
            report(done, float(segment.costs[-1]))
        _save(self.folder / "costs.npy", np.concatenate(costs))
        for name in PARAMETER_NAMES:
            _save(self.folder / f"{name}.npy", np.stack([snapshot[name] for snapshot in snapshots]))
        (self.folder / "lengths.json").write_text(json.dumps(lengths))  # last: its presence says that the record is whole
        return self

    # Beside the run

    def beside(self, training: str) -> "Record":
        """The record of another training of the same port, such as a second one of the first segment."""
        return Record(self.folder / training)

    def save_predictions(self, part: str, classes: NDArray) -> None:
        """Keep the classes that the port predicts of the inputs `part`."""
        _save(self.folder / f"predictions_{part}.npy", classes)

    def predictions(self, part: str) -> NDArray:
        """The classes that the port predicted of the inputs `part`."""
        return np.load(self.folder / f"predictions_{part}.npy")

    def save_step(self, state: str, attempt: str, tensors: Mapping[str, NDArray]) -> None:
        """Keep the tensors of a single step from a state; attempt: the first one, or the one that repeats it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        save_arrays(self.folder / f"{state}-{attempt}.npz", tensors)

    def has_step(self, state: str, attempt: str) -> bool:
        """Whether the tensors of a single step are recorded."""
        return (self.folder / f"{state}-{attempt}.npz").exists()

    def step(self, state: str, attempt: str = FIRST) -> dict[str, NDArray]:
        """The tensors of a single step from a state."""
        with np.load(self.folder / f"{state}-{attempt}.npz") as tensors:
            return dict(tensors)

    def save_checks(self, checks: list[dict[str, Any]]) -> None:
        """Keep the entries of the comparisons that were made before the training."""
        (self.folder / "checks.json").write_text(json.dumps(checks))

    @property
    def checks(self) -> list[dict[str, Any]]:
        """The entries of the comparisons that were made before the training; none where none were."""
        path = self.folder / "checks.json"
        return json.loads(path.read_text()) if path.exists() else []

    @property
    def reproduction(self) -> Path:
        """The script that shows the first failure of the run alone; its arrays have the same name."""
        return self.folder / "reproduction.py"


def record_of(folder: Path, variant: str, implementation: str) -> Record:
    """The record of a run in the folder of a command."""
    return Record(folder / implementation / variant)


def save_free_run(folder: Path, variant: str, costs: NDArray, ends: Parameters) -> None:
    """Keep the reference's free run of a variant, its costs and the parameters at its end, for other processes."""
    save_arrays(folder / f"reference-{variant}.npz", {"costs": costs, **ends})


def read_free_run(folder: Path, variant: str) -> tuple[NDArray, Parameters]:
    """The reference's free run of a variant."""
    with np.load(folder / f"reference-{variant}.npz") as saved:
        return saved["costs"], {name: saved[name] for name in PARAMETER_NAMES}


def _save(path: Path, array: NDArray) -> None:
    """Write an .npy of a plain array; one that would need pickle, such as of None, raises here, not where it is read."""
    np.save(path, array, allow_pickle=False)


def save_arrays(path: Path, arrays: Mapping[str, NDArray]) -> None:
    """Write an .npz of plain arrays; one that would need pickle raises."""
    keywords: dict[str, Any] = {**arrays, "allow_pickle": False}
    np.savez(path, **keywords)
