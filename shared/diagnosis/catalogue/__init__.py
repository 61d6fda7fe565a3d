"""The catalogue of known mistakes, in the order in which a step is computed. Adding one is adding one entry to its list."""

from shared.diagnosis.catalogue import (
    cost,
    data,
    decay,
    dropout,
    initial,
    inputs,
    layers,
    losses,
    mask,
    penalty,
    predictions,
    products,
    rules,
    update,
)
from shared.diagnosis.mistake import Mistake

CATALOGUE: tuple[Mistake, ...] = (
    *data.MISTAKES, *inputs.MISTAKES, *initial.MISTAKES, *products.MISTAKES, *layers.MISTAKES, *dropout.MISTAKES,
    *mask.MISTAKES,
    *cost.MISTAKES, *losses.MISTAKES, *decay.MISTAKES, *penalty.MISTAKES, *update.MISTAKES, *rules.MISTAKES,
    *predictions.MISTAKES,
)  # fmt: skip
"""Every known mistake."""
