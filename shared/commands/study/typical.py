"""The accuracies on the built-in data over its seeds, and the seed nearest to their averages.

`python -m shared.commands.study.typical` prints them; it trains 80 networks of NumPy in some minutes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared.adapters.numpy import NumpyAdapter
from shared.alignment.replay import replicate
from shared.case import Problem
from shared.config import DEFAULT_VARIANTS, VARIANTS, Hyperparameters
from shared.contract import segment_lengths
from shared.data import Dataset
from shared.parameters import initialize_parameters
from shared.synthetic import make_dataset

SEEDS = range(20)

Accuracies = dict[str, NDArray]
"""Variant -> accuracy in percent, (2, seeds): on the training and on the test examples."""


def measure(datasets: Sequence[Dataset], hyper: Hyperparameters, variants: Sequence[str] = DEFAULT_VARIANTS) -> Accuracies:
    """Train the variants on every data set with the same initial weights and masks, and score them.

    The data sets, all of one size, are trained side by side along a leading axis: each as if it were alone.
    """
    X, Y, X_test, Y_test = (
        np.stack([getattr(dataset, name) for dataset in datasets]) for name in ("X_train", "Y_train", "X_test", "Y_test")
    )  # (seeds, 2 or 1, m)
    start = replicate(initialize_parameters(hyper.layers_dims(X.shape[1]), hyper.init_seed), len(datasets))
    reference, accuracies = NumpyAdapter(), {}
    for name in variants:
        variant = VARIANTS[name]
        lengths = segment_lengths(hyper.num_iterations)
        problem = Problem(X, Y, **hyper.of(variant))
        for segment in reference.train_segments(problem, start, lengths, seed=hyper.seed, frozen=variant.frozen):
            parameters = segment.parameters
        parts = (X, Y), (X_test, Y_test)
        accuracies[name] = 100 * np.array([np.mean(reference.predict(x, parameters) == y, axis=(1, 2)) for x, y in parts])
    return accuracies


def distances(accuracies: Accuracies) -> NDArray:
    """For each seed, the sum of the squared differences of its accuracies from the means over the seeds."""
    values = np.concatenate(list(accuracies.values()))  # (2 * variants, seeds)
    return np.sum(np.square(values - values.mean(axis=1, keepdims=True)), axis=0)


def nearest_seed(accuracies: Accuracies, seeds: Sequence[int] = SEEDS) -> int:
    """The seed whose accuracies lie nearest to the averages; of several, the first."""
    return seeds[int(np.argmin(distances(accuracies)))]


def mean_and_error(values: NDArray) -> tuple[float, float]:
    """The mean over the seeds and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def table(accuracies: Accuracies, seeds: Sequence[int] = SEEDS) -> str:
    """The accuracies per seed, their means and standard errors, what each variant gains on test, and the nearest seed."""
    names = list(accuracies)
    values = np.concatenate([accuracies[name] for name in names]).T  # (seeds, 2 * variants)
    rows = [["data seed", *(f"{name} {part}" for name in names for part in ("train", "test")), "distance"]]
    rows.append(["---"] * len(rows[0]))
    for seed, row, distance in zip(seeds, values, distances(accuracies), strict=True):
        rows.append([str(seed), *(f"{value:.1f}" for value in row), f"{distance:.1f}"])
    summary = [mean_and_error(column) for column in values.T]
    rows.append(["mean", *(f"{mean:.1f}" for mean, _ in summary), ""])
    rows.append(["standard error", *(f"{error:.1f}" for _, error in summary), ""])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    for name in names[1:]:
        mean, error = mean_and_error(accuracies[name][1] - accuracies[names[0]][1])
        lines.append(f"{name} - {names[0]}, test: {mean:+.1f} +- {error:.1f} points")
    lines.append("Distance: the sum of the squared differences from the means, in points, over variants, train and test.")
    lines.append(f"Nearest to the means: seed {nearest_seed(accuracies, seeds)}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(measure([make_dataset(seed) for seed in SEEDS], Hyperparameters())))
