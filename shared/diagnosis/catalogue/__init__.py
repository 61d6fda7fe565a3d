"""The catalogue of known mistakes, in the order in which a step is computed. Adding one is adding one entry to its list."""

from shared.diagnosis.catalogue import cost, data, decay, dropout, initial, predictions, products, update
from shared.diagnosis.mistake import Mistake

CATALOGUE: tuple[Mistake, ...] = (
    *data.MISTAKES, *initial.MISTAKES, *products.MISTAKES, *dropout.MISTAKES, *cost.MISTAKES, *decay.MISTAKES,
    *update.MISTAKES, *predictions.MISTAKES,
)  # fmt: skip
"""Every known mistake."""
