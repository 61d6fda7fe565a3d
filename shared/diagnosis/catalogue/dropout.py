"""Mistakes in dropout: shares, scales, masks that never change, and where it is switched on."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shared.alignment.step import Step
from shared.diagnosis.mistake import Mistake, Plant

TORCH_DROPOUT = "nn.Dropout(p=1 - keep_prob)"
KERAS_DROPOUT = (
    'dropout(seed=2 * seed, name="A1")(keras.ops.relu(Z1))',
    'dropout(seed=2 * seed + 1, name="A2")(keras.ops.relu(Z2))',
)
KERAS_FROZEN = (
    "keras.layers.Lambda(lambda A: keras.random.dropout(A, 1 - keep_prob, seed={i}), dtype=dtype)(keras.ops.relu(Z{i}))"
)


def share_dropped(step: Step) -> Step:
    """The layer keeps 1 - keep_prob and divides by it."""
    return replace(
        step,
        kept=lambda keep_prob: 1 - keep_prob,
        drop=lambda A, D, keep_prob: step.drop(A, D, 1 - keep_prob),
        undrop=lambda dA, D, keep_prob: step.undrop(dA, D, 1 - keep_prob),
    )


def unscaled(step: Step) -> Step:
    return replace(step, drop=lambda A, D, keep_prob: A * D, undrop=lambda dA, D, keep_prob: dA * D)


def scaled_twice(step: Step) -> Step:
    return replace(step, drop=lambda A, D, keep_prob: A * D / keep_prob / keep_prob,
                   undrop=lambda dA, D, keep_prob: dA * D / keep_prob / keep_prob)  # fmt: skip


def scaled_forward_only(step: Step) -> Step:
    return replace(step, undrop=lambda dA, D, keep_prob: dA * D)


def switched_off(step: Step) -> Step:
    return replace(step, masks=np.ones_like, kept=lambda keep_prob: 1.0,
                   drop=lambda A, D, keep_prob: A, undrop=lambda dA, D, keep_prob: dA)  # fmt: skip


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


def torch_forward(first: str, second: str) -> tuple[tuple[str, str, str], ...]:
    """Changes to the lines of torch_impl's dropout."""
    return (
        ("network.py", "A1 = self.dropout1(torch.relu(Z1))", f"A1 = {first}"),
        ("network.py", "A2 = self.dropout2(torch.relu(Z2))", f"A2 = {second}"),
    )


BY_HAND = "torch.relu(Z{i}) * (torch.rand_like(Z{i}) >= self.dropout{i}.p)"

MISTAKES = (
    Mistake(
        name="keep-prob-as-rate",
        title="keep_prob is given as the share to drop: 14 % of the units are kept where 86 % are meant",
        written="nn.Dropout(keep_prob): both frameworks take the share dropped, and accept any number",
        effects=(share_dropped,),
        stage="forward",
        torch="nn.Dropout(p=1 - keep_prob)",
        keras="keras.layers.Dropout(rate=1 - keep_prob)",
        source="aymericdamien/TensorFlow-Examples#205",
        plants=(
            Plant("torch", "dropout", (("network.py", TORCH_DROPOUT, "nn.Dropout(p=keep_prob)"),)),
            Plant("tensorflow", "dropout", (("network.py", "rate=1 - keep_prob", "rate=keep_prob"),)),
        ),
    ),
    Mistake(
        name="dropout-unscaled",
        title="what is kept is not divided by keep_prob: A1 and A2 are too small in training",
        written="the mask multiplied in by hand, without the division (it is not inverted dropout then)",
        effects=(unscaled,),
        stage="forward",
        torch="nn.Dropout(p=1 - keep_prob), which divides",
        keras="keras.layers.Dropout(rate=1 - keep_prob), which divides",
        source="PyTorch documentation of nn.Dropout",
        plants=(Plant("torch", "dropout", torch_forward(BY_HAND.format(i=1), BY_HAND.format(i=2))),),
    ),
    Mistake(
        name="dropout-scaled-twice",
        title="what is kept is divided by keep_prob twice",
        written="A1 / keep_prob after a dropout layer that has divided already",
        effects=(scaled_twice,),
        stage="forward",
        torch="nn.Dropout(p=1 - keep_prob) alone",
        keras="keras.layers.Dropout(rate=1 - keep_prob) alone",
        source="PyTorch documentation of nn.Dropout",
        plants=(
            Plant("torch", "dropout", torch_forward("self.dropout1(torch.relu(Z1)) / (1 - self.dropout1.p)",
                                                    "self.dropout2(torch.relu(Z2)) / (1 - self.dropout2.p)")),
            Plant("tensorflow", "dropout", tuple(
                ("network.py", layer, f"{layer} / np.float64(keep_prob)") for layer in KERAS_DROPOUT
            )),
        ),
    ),
    Mistake(
        name="dropout-forward-only",
        title="the division by keep_prob is missing in the backward pass: dA1 and dA2 are too small",
        written="dA2 = dA2 * D2 without / keep_prob; a division under no_grad, or on .data",
        effects=(scaled_forward_only,),
        stage="gradients",
        torch="nn.Dropout, and autograd",
        keras="keras.layers.Dropout, and GradientTape",
        source='course, "Regularization", section 3.2',
        plants=(
            Plant("torch", "dropout", (
                ("network.py", "Z2 = self.linear2(A1)",
                 "A1 = A1 * (1 - self.dropout1.p) + (A1 * self.dropout1.p).detach()\n        Z2 = self.linear2(A1)"),
                ("network.py", "return self.linear3(A2)",
                 "A2 = A2 * (1 - self.dropout2.p) + (A2 * self.dropout2.p).detach()\n        return self.linear3(A2)"),
            )),
            Plant("numpy", "dropout", (
                ("gradients.py", "lambda dA1: dA1 * D1 / keep_prob, lambda dA2: dA2 * D2 / keep_prob",
                 "lambda dA1: dA1 * D1, lambda dA2: dA2 * D2"),
            )),
        ),
    ),
    Mistake(
        name="dropout-off",
        title="dropout is switched off in training: no unit is dropped, bit for bit the run without dropout",
        written="training=True forgotten in a hand-written Keras loop; eval() never taken back in PyTorch",
        effects=(switched_off,),
        stage="forward",
        torch="network.train() before every training step",
        keras="network(X, training=True) in the tape",
        source="tensorflow/tensorflow#36936",
        plants=(
            Plant("tensorflow", "dropout", (("training.py", "network(X, training=True)", "network(X, training=False)"),)),
            Plant("torch", "dropout", (
                ("training.py", "optimizer.zero_grad()", "network.eval()\n    optimizer.zero_grad()"),
            )),
        ),
    ),
    Mistake(
        name="masks-frozen",
        title="the masks are the same at every iteration",
        written="a seed set inside the forward pass, or NumPy's randomness inside a traced function",
        stage="forward",
        torch="set the seed once, before training",
        keras="keras.layers.Dropout(..., seed=...), and no seed in the loop",
        source='course, "Regularization", section 3: np.random.seed(1) in forward_propagation_with_dropout',
        masks=never_change,
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
        source="Keras documentation of Dropout",
        masks=same_bits,
        plants=(Plant("tensorflow", "dropout", (("network.py", "seed=2 * seed + 1", "seed=2 * seed"),)),),
    ),
)  # fmt: skip
