"""The built-in data set: synthetic, for everyone who has no copy of the course's football data."""

import numpy as np

from shared.data import Dataset, dataset_from_arrays

TRAIN_EXAMPLES, TEST_EXAMPLES = 211, 200
LOWEST, HIGHEST = [[-0.6], [-0.7]], [[0.3], [0.6]]
NOISE = 0.08


BUILT_IN = "built-in, generated (synthetic)"
"""The source of the built-in data."""


def make_dataset(seed: int = 0) -> Dataset:
    """Uniform points on a field, two classes, a noisy diagonal between them. Generated, not measured.

    Class 1 lies above the line x2 = 2 x1 + 0.25, which halves the field. Each label is given after a normal
    step of NOISE across the line, so labels near it are often wrong and labels far from it are right. What an
    unregularized network learns by heart there is of no use on the test points, drawn in the same way.

    Sizes, ranges, slope and class balance follow the course's data; nothing of it is copied. The recipe was
    settled on seeds 1000 to 1019, so that seeds 0, 1, 2, ... say something new.

    seed: a non-negative integer for np.random.default_rng. Returns X_train (2, 211) and X_test (2, 200).
    """
    rng = np.random.default_rng(seed)
    X = rng.uniform(LOWEST, HIGHEST, (2, TRAIN_EXAMPLES + TEST_EXAMPLES))  # (2, 411)
    distance = (X[1:] - 2 * X[:1] - 0.25) / np.sqrt(5)  # (1, 411), signed, from the line
    Y = distance + NOISE * rng.standard_normal(distance.shape) > 0  # (1, 411)
    X_train, X_test = np.split(X, [TRAIN_EXAMPLES], axis=1)
    Y_train, Y_test = np.split(Y, [TRAIN_EXAMPLES], axis=1)
    return dataset_from_arrays(
        f"built-in noisy diagonal, seed {seed}",
        BUILT_IN,
        (X_train, Y_train, X_test, Y_test),
    )
