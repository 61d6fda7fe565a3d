"""The built-in data over 20 seeds, all variants: the figures of the README. `pytest -m full -s tests/test_synthetic.py`."""

import numpy as np
import pytest

from numpy_impl.network import forward_propagation
from shared.alignment.problem import Problem
from shared.alignment.replay import replay, replicate
from shared.config import VARIANTS, Hyperparameters
from shared.parameters import initialize_parameters
from shared.synthetic import make_dataset

SEEDS = range(20)


@pytest.fixture(scope="module")
def accuracies():
    """variant -> (train, test), each in percent per seed: 20 data sets trained side by side along a leading axis."""
    data = [make_dataset(seed) for seed in SEEDS]
    X, Y, X_test, Y_test = (
        np.stack([getattr(d, name) for d in data]) for name in ("X_train", "Y_train", "X_test", "Y_test")
    )
    hyper = Hyperparameters()
    found = {}
    for name in ("none", "l2", "dropout", "frozen-dropout"):
        variant = VARIANTS[name]
        parameters = replicate(initialize_parameters([2, 20, 3, 1]), len(SEEDS))
        for _, after in replay(Problem(X, Y, **hyper.of(variant)), parameters, hyper.num_iterations, _masks(variant, X)):
            parameters = after
        found[name] = tuple(
            100 * np.mean((forward_propagation(x, parameters)[0] > 0.5) == y, axis=(-2, -1))
            for x, y in ((X, Y), (X_test, Y_test))
        )
    for name, (train, test) in found.items():
        gap = train - test
        error = gap.std(ddof=1) / np.sqrt(len(gap))
        print(f"| {name} | {train.mean():.1f} % | {test.mean():.1f} % | {gap.mean():.1f} +- {error:.1f} |")
    return found


def _masks(variant, X):
    """Masks of the NumPy implementation: the data sets' generators are seeded one by one, 1, 2, 3, ..."""
    if not variant.dropout:
        return None
    keep_prob, m = Hyperparameters().keep_prob, X.shape[-1]

    def draw(rng):
        return rng.random((20, m)) < keep_prob, rng.random((3, m)) < keep_prob

    if variant.frozen:
        frozen = draw(np.random.RandomState(1))
        return lambda step: frozen
    rngs = [np.random.default_rng(seed + 1) for seed in SEEDS]
    return lambda step: tuple(np.stack(layer) for layer in zip(*(draw(rng) for rng in rngs), strict=True))


@pytest.mark.full
def test_the_unregularized_network_does_clearly_better_on_train_than_on_test(accuracies):
    train, test = accuracies["none"]
    gap = train - test
    assert gap.mean() > 3 * gap.std(ddof=1) / np.sqrt(len(gap))
    assert gap.mean() > 2  # percentage points


@pytest.mark.full
def test_l2_narrows_the_gap_between_train_and_test(accuracies):
    narrowed = np.subtract(*accuracies["none"]) - np.subtract(*accuracies["l2"])  # seed by seed
    assert narrowed.mean() > 3 * narrowed.std(ddof=1) / np.sqrt(len(narrowed))


@pytest.mark.full
def test_the_measure_of_the_gap_can_fail(accuracies):
    train, _ = accuracies["none"]
    gap = train - train
    assert not gap.mean() > 2
