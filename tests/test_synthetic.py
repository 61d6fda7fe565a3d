"""The built-in data shows the lesson: how the variants do over 20 seeds, and which seed is the default."""

import numpy as np
import pytest

from numpy_impl.network import predict
from shared import synthetic
from shared.alignment.tensors import REFERENCE
from shared.commands.study.typical import SEEDS, distances, mean_and_error, measure, nearest_seed, table
from shared.config import DEFAULT_DATA_SEED, DEFAULT_VARIANTS, VARIANTS, Hyperparameters
from shared.metrics import accuracy
from shared.parameters import initialize_parameters
from shared.synthetic import make_dataset
from tests.helpers.accuracies import TABLE
from tests.helpers.training import in_segments

LESSON = 3.0
"""Percentage points of test accuracy that L2 gains at least, on average over the seeds."""

# Accuracies of three seeds, in percent: on train, on test.
THREE = {
    "none": np.array([[90.0, 92.0, 94.0], [70.0, 76.0, 76.0]]),
    "l2": np.array([[80.0, 84.0, 82.0], [78.0, 79.0, 83.0]]),
}


def gain(accuracies, variant):
    """What a variant gains over `none` in test accuracy, seed by seed, in points."""
    return accuracies[variant][1] - accuracies["none"][1]


# The measure


@pytest.mark.parametrize("name", DEFAULT_VARIANTS)
def test_data_sets_trained_side_by_side_are_trained_as_if_alone(name):
    hyper, variant = Hyperparameters(num_iterations=300, seed=4, init_seed=5), VARIANTS[name]
    datasets = [make_dataset(seed) for seed in (3, 8)]
    measured = measure(datasets, hyper, [name])[name]
    for dataset, found in zip(datasets, measured.T, strict=True):
        start = initialize_parameters([2, 20, 3, 1], 5)
        [run] = in_segments(REFERENCE, dataset.X_train, dataset.Y_train, start, lengths=[300], seed=4,
                                         frozen=variant.frozen, **hyper.of(variant))  # fmt: skip
        parts = (dataset.X_train, dataset.Y_train), (dataset.X_test, dataset.Y_test)
        assert found == pytest.approx([100 * accuracy(predict(X, run.parameters), Y) for X, Y in parts])


def test_the_nearest_seed_has_the_smallest_sum_of_squares():
    # Means: 92, 74, 82, 80.
    assert distances(THREE) == pytest.approx([4 + 16 + 4 + 4, 0 + 4 + 4 + 1, 4 + 4 + 0 + 9])
    assert nearest_seed(THREE, [5, 6, 7]) == 6


def test_the_table_says_means_errors_gains_and_the_nearest_seed():
    lines = table(THREE, [5, 6, 7]).splitlines()
    assert lines[0] == "| data seed | none train | none test | l2 train | l2 test | distance |"
    assert "| 6 | 92.0 | 76.0 | 84.0 | 79.0 | 9.0 |" in lines
    assert "| mean | 92.0 | 74.0 | 82.0 | 80.0 |  |" in lines
    assert "| standard error | 1.2 | 2.0 | 1.2 | 1.5 |  |" in lines
    assert "l2 - none, test: +6.0 +- 1.5 points" in lines  # of 8, 3 and 7
    assert lines[-1] == "Nearest to the means: seed 6"


# What it gives on the built-in data, in full


@pytest.fixture
def accuracies():
    """The default variants on the 20 seeds, 30,000 iterations: minutes of work, measured once."""
    assert list(TABLE) == list(SEEDS)
    columns = np.array(list(TABLE.values())).T
    return {variant: columns[2 * i : 2 * i + 2] for i, variant in enumerate(DEFAULT_VARIANTS)}


@pytest.mark.full
def test_the_table_is_still_what_is_measured(accuracies):
    seeds = [DEFAULT_DATA_SEED, SEEDS[0]]
    found = measure([make_dataset(seed) for seed in seeds], Hyperparameters())
    for variant, (train, test) in found.items():
        expected = accuracies[variant][:, seeds]
        assert train == pytest.approx(expected[0], abs=1.01), variant  # one of 100 examples: the order of sums differs
        assert test == pytest.approx(expected[1], abs=1.01), variant


def test_the_unregularized_network_does_much_better_on_train_than_on_test(accuracies):
    mean, error = mean_and_error(np.subtract(*accuracies["none"]))
    assert mean > 10
    assert mean > 3 * error


def test_l2_gains_three_points_of_test_accuracy(accuracies):
    mean, error = mean_and_error(gain(accuracies, "l2"))
    assert mean >= LESSON
    assert mean > 3 * error


@pytest.mark.full
def test_l2_gains_nothing_where_no_label_is_wrong(monkeypatch):
    monkeypatch.setattr(synthetic, "NOISE", 0.0)
    few = measure([make_dataset(seed) for seed in SEEDS[:4]], Hyperparameters(), ["none", "l2"])
    mean, _ = mean_and_error(gain(few, "l2"))
    assert mean < LESSON / 3


def test_the_default_seed_lies_nearest_to_the_averages(accuracies):
    assert nearest_seed(accuracies) == DEFAULT_DATA_SEED
    assert list(accuracies) == list(DEFAULT_VARIANTS)
