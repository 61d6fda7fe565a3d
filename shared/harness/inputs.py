"""The data of a command on its way to its processes: laid out in a folder, read there, and described in the results."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.case import Case, case_of
from shared.config import Hyperparameters, Variant
from shared.data import Dataset
from shared.errors import DataError
from shared.harness.messages import Task
from shared.harness.results import Data, Settings
from shared.parameters import Parameters, initialize_parameters

GRID = 100
"""Points per side of the grid on which the decision of a network of two features is drawn."""
MAX_POINTS = 2000
"""Examples of each set that are kept for the pictures."""


def write_arrays(folder: Path, dataset: Dataset, dtype: str) -> list[list[float]] | None:
    """Lay out what the processes read; returns the grid's axes where the network has two features."""
    for name in ("X_train", "X_test"):
        if np.abs(getattr(dataset, name)).max() > np.finfo(dtype).max:
            raise DataError(f"--data: expected values within the range of {dtype}, got larger ones: scale them")
    for name in ("X_train", "Y_train", "X_test"):
        np.save(folder / f"{name}.npy", np.ascontiguousarray(getattr(dataset, name), dtype=dtype))
    if dataset.X_train.shape[0] != 2:
        np.save(folder / "grid.npy", np.ascontiguousarray(dataset.X_test[:, :1], dtype=dtype))
        return None
    axes = grid_axes(dataset)
    np.save(folder / "grid.npy", grid_points(axes).astype(dtype))
    return [axis.tolist() for axis in axes]


def grid_axes(dataset: Dataset) -> list[NDArray]:
    """The axes of the grid, which spans the examples of both sets and a margin."""
    both = np.concatenate([dataset.X_train, dataset.X_test], axis=1)
    low, high = both.min(axis=1), both.max(axis=1)
    margin = 0.05 * (high - low)
    return [np.linspace(low[i] - margin[i], high[i] + margin[i], GRID) for i in range(2)]


def grid_points(axes: list[NDArray]) -> NDArray:
    """The points of a grid (2, n * n), row by row of the second axis."""
    return np.stack([values.ravel() for values in np.meshgrid(*axes)])


@dataclass(frozen=True)
class OnData(Task):
    """A task on the data that is laid out in a folder (see `write_arrays`)."""

    folder: str
    hyper: Hyperparameters

    def problem(self) -> tuple[NDArray, NDArray, Parameters]:
        """X (n_x, m), Y (1, m) and the initial parameters."""
        X, Y = self.array("X_train"), self.array("Y_train")
        return X, Y, initialize_parameters(self.hyper.layers_dims(X.shape[0]), self.hyper.init_seed, self.hyper.dtype)

    def inputs(self) -> dict[str, NDArray]:
        """The inputs whose classes are predicted: those of both sets, and the grid of the pictures."""
        return {part: self.array(part) for part in ("X_train", "X_test", "grid")}

    def case(self, variant: Variant, lengths: list[int]) -> Case:
        """A run of the variant."""
        X, Y, start = self.problem()
        return case_of(self.hyper, variant, (X, Y, self.inputs()), start, lengths)

    def array(self, name: str) -> NDArray:
        """One of the arrays in the folder."""
        return np.load(Path(self.folder) / f"{name}.npy")


def describe_data(dataset: Dataset, grid_axes: list[list[float]] | None = None) -> Data:
    """What the results say of the data set."""
    return Data(
        name=dataset.name,
        source=dataset.source,
        train_examples=dataset.X_train.shape[1],
        test_examples=dataset.X_test.shape[1],
        features=dataset.X_train.shape[0],
        sha256=dataset.sha256,
        train=_points(dataset.X_train, dataset.Y_train),
        test=_points(dataset.X_test, dataset.Y_test),
        grid_axes=grid_axes,
        seed=dataset.seed,
    )


def settings_of(hyper: Hyperparameters, dataset: Dataset, variants: list[str]) -> Settings:
    """What the results say of the hyperparameters."""
    given = asdict(hyper) | {"hidden": list(hyper.hidden)}
    return Settings(**given, layers_dims=hyper.layers_dims(dataset.X_train.shape[0]), variants=variants)


def _points(X, Y) -> list[list[float]]:
    return np.concatenate([X, Y])[:, :MAX_POINTS].T.tolist()
