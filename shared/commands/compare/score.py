"""The summary of a trained run: how it ended, its costs, its accuracies and its predicted classes."""

import numpy as np

from shared.commands.compare.command import CompareOptions
from shared.commands.compare.film import accuracies, film
from shared.contract import recorded_iterations
from shared.harness.checks import RunId
from shared.harness.inputs import GRID, MAX_POINTS, grid_axes
from shared.harness.records import Record
from shared.harness.results import Run
from shared.metrics import accuracy


def score(record: Record, options: CompareOptions, run: RunId) -> Run:
    """Summarize a recorded run: costs, accuracies, predicted classes, and whether it diverged."""
    dataset, iterations = options.data.dataset, options.hyperparameters.num_iterations
    finite = bool(np.isfinite(record.costs).all()) and all(np.isfinite(W).all() for W in record.final_parameters.values())
    on_grid = record.predictions("grid")
    classes = {"train": record.predictions("X_train"), "test": record.predictions("X_test")}
    labels = {"train": dataset.Y_train, "test": dataset.Y_test}
    both = [(dataset.X_train, dataset.Y_train), (dataset.X_test, dataset.Y_test)]
    # Predictions of another shape fail in their own comparison; here they have no accuracy and no picture.
    fit = all(classes[part].shape == labels[part].shape for part in labels)
    return Run(
        run.implementation,
        run.variant,
        status="completed" if finite else "diverged",
        costs=[[i, float(record.costs[i])] for i in recorded_iterations(iterations)],
        train_accuracy=accuracy(classes["train"], labels["train"]) if fit else None,
        test_accuracy=accuracy(classes["test"], labels["test"]) if fit else None,
        predictions={part: "".join(map(str, row[0, :MAX_POINTS])) for part, row in classes.items()} if fit else None,
        accuracies=accuracies(record, both),
        film=film(record, grid_axes(dataset)) if dataset.X_train.shape[0] == 2 else None,
        grid=["".join(map(str, row)) for row in on_grid.reshape(GRID, GRID)] if on_grid.size == GRID**2 else None,
    )
