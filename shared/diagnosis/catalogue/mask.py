"""Mistakes in the masks themselves: drawn from another distribution, shared along an axis or between layers, or frozen."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from shared.alignment.masks import chance
from shared.diagnosis.catalogue.dropout import KERAS_DROPOUT
from shared.diagnosis.mistake import Mistake, Plant

KERAS_FROZEN = (
    "keras.layers.Lambda(lambda A: keras.random.dropout(A, 1 - keep_prob, seed={i}), dtype=dtype)(keras.ops.relu(Z{i}))"
)


def of_randn(D1: NDArray, D2: NDArray, keep_prob: float) -> bool:
    """Masks drawn from a normal distribution keep its share below keep_prob."""
    share = float(special.ndtr(keep_prob))
    return all(chance(int(D.sum()), D.size, share) > 1e-3 for D in (D1, D2))


def of_units(D1: NDArray, D2: NDArray, keep_prob: float) -> bool:
    """One draw for all examples, in either layer."""
    return any(D.shape[2] > 1 and 0 < D.mean() < 1 and bool((D[:, :, :1] == D).all()) for D in (D1, D2))


def of_examples(D1: NDArray, D2: NDArray, keep_prob: float) -> bool:
    """One draw for all units, in either layer."""
    return any(D.shape[1] > 1 and 0 < D.mean() < 1 and bool((D[:, :1] == D).all()) for D in (D1, D2))


def never_change(D1: NDArray, D2: NDArray, keep_prob: float) -> bool:
    """The masks of all iterations are those of the first, and are masks."""
    return all(bool((D[:1] == D).all()) and 0 < D[0].mean() < 1 for D in (D1, D2))


def same_bits(D1: NDArray, D2: NDArray, keep_prob: float) -> bool:
    """The second layer's masks are the beginning of the first one's, unit by unit or in the order of the layout."""
    if D1.mean() in (0, 1):
        return False
    units = min(D1.shape[1], D2.shape[1])
    if np.array_equal(D1[:, :units], D2[:, :units]):
        return True
    for order in ((0, 1, 2), (0, 2, 1)):
        flat = [D.transpose(order).reshape(len(D), -1) for D in (D1, D2)]
        bits = min(part.shape[1] for part in flat)
        if np.array_equal(flat[0][:, :bits], flat[1][:, :bits]):
            return True
    return False


MISTAKES = (
    Mistake(
        name="masks-frozen",
        title="the masks are the same at every iteration",
        written="a seed set inside the forward pass, or NumPy's randomness inside a traced function",
        stage="forward",
        torch="set the seed once, before training",
        keras="keras.layers.Dropout(..., seed=...), and no seed in the loop",
        numpy="np.random.seed once, before the loop, never in the forward pass",
        source='course, "Regularization", section 3: np.random.seed(1) in forward_propagation_with_dropout',
        masks=never_change,
        of_fresh=True,
        plants=(
            Plant("torch", "dropout", (
                ("network.py", "Z1 = self.linear1(X)", "torch.manual_seed(1)\n        Z1 = self.linear1(X)"),
            )),
            Plant("tensorflow", "dropout", tuple(
                ("network.py", layer, KERAS_FROZEN.format(i=i)) for i, layer in enumerate(KERAS_DROPOUT, start=1)
            )),
        ),
    ),
    Mistake(
        name="same-masks",
        title="both dropout layers draw the same bits",
        written="the same seed given to two Keras layers",
        stage="forward",
        torch="one generator for all layers, seeded once",
        keras="another seed for every Dropout layer",
        numpy="one generator for both masks, seeded once",
        source="Keras documentation of Dropout",
        masks=same_bits,
        plants=(Plant("tensorflow", "dropout", (("network.py", "seed=2 * seed + 1", "seed=2 * seed"),)),),
    ),
    Mistake(
        name="mask-from-randn",
        title="the masks are drawn from randn, which is normal; rand is uniform: too many units are kept",
        written="np.random.randn(...) < keep_prob",
        stage="forward",
        torch="torch.rand(...) < keep_prob", keras="keras.random.uniform",
        numpy="np.random.rand(...) < keep_prob",
        source="NumPy documentation of randn",
        masks=of_randn,
        plants=(Plant("numpy", "dropout", (("network.py", "rng.random(", "rng.standard_normal("),), iterations=1000),),
    ),
    Mistake(
        name="masks-of-units",
        title="one mask for all examples: whole units are dropped, the same in every example",
        written="rand(n, 1); noise_shape=(1, n)",
        stage="forward",
        torch="nn.Dropout, which draws for every element", keras="Dropout without noise_shape",
        numpy="np.random.rand(*A1.shape) < keep_prob",
        source="Keras documentation of Dropout",
        masks=of_units,
        plants=(Plant("torch", "dropout", (
            ("network.py", "self.dropout1(torch.relu(Z1))", "torch.relu(Z1) * self.dropout1(torch.ones_like(Z1[:1]))"),
        ), iterations=1000),),
    ),
    Mistake(
        name="masks-of-examples",
        title="one mask for all units of a layer: whole examples are dropped",
        written="rand(1, m); noise_shape=(None, 1)",
        stage="forward",
        torch="nn.Dropout, which draws for every element", keras="Dropout without noise_shape",
        numpy="np.random.rand(*A1.shape) < keep_prob",
        source="Keras documentation of Dropout",
        masks=of_examples,
        plants=(Plant("torch", "dropout", (
            ("network.py", "self.dropout1(torch.relu(Z1))", "torch.relu(Z1) * self.dropout1(torch.ones_like(Z1[:, :1]))"),
        ), iterations=1000),),
    ),
)  # fmt: skip
