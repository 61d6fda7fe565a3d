"""Many replicates' updates as one compiled loop where Numba is installed: what `replay` computes, several times as fast.

Replicates measure rounding: they need not be numpy_impl bit for bit, but are numpy_impl up to rounding. One replicate of one
segment goes through all updates before the next one does, so that all it needs stays in the processor's cache.
"""

from functools import cache
from importlib.util import find_spec
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from shared.alignment.floor import Perturbation
from shared.case import Problem
from shared.parameters import PARAMETER_NAMES, WEIGHTS, Parameters

WORTH = 10_000
"""Updates of replicates that earn the second in which Numba and the loop are loaded; the first time, it is compiled."""


def is_worth(updates: int) -> bool:
    """Whether so many updates are to be made here: where Numba can be had, and there are enough of them."""
    return updates >= WORTH and _loop() is not None


def advance(
    problem: Problem,
    parameters: Parameters,
    masks: tuple[NDArray, NDArray] | None,
    steps: int,
    perturb: Perturbation,
    still: int = 0,
) -> tuple[NDArray, Parameters, Parameters]:
    """Make `steps` updates of all replicates, each moved by at most one unit in the last place after every update.

    problem: X (R, 1, n_x, m), Y and the learning rate of each replicate. parameters (R, S, ...) are not changed. masks: D1
    (steps, S, h1, m) and D2, bool. still: so many of the first replicates are not moved. Returns the logits Z3
    (steps, R, S, 1, m) before each update, with L2 the weights then (steps, R, S, ...), and the parameters after the last.
    """
    X, dtype = problem.X[:, 0], problem.X.dtype
    shape = (steps, *parameters["b3"].shape[:2])
    ends = {name: np.array(parameters[name], dtype, order="C") for name in PARAMETER_NAMES}
    Z3 = np.empty((*shape, 1, X.shape[-1]), dtype)
    before = {name: np.empty((steps if problem.lambd else 0, *ends[name].shape), dtype) for name in WEIGHTS}
    loop = _loop()
    assert loop is not None
    data = (np.ascontiguousarray(X), np.ascontiguousarray(problem.Y[:, 0, 0]), np.ravel(problem.learning_rate))
    layers = tuple((ends[f"W{layer}"], ends[f"b{layer}"]) for layer in (1, 2, 3))
    loop.advance(
        (*data, dtype.type(problem.lambd / X.shape[-1]), dtype.type(problem.keep_prob)),
        layers,
        masks or (np.empty((0, 1, 1, 1), bool), np.empty((0, 1, 1, 1), bool)),
        (*perturb.pool(dtype), still),
        (Z3, *before.values()),
    )
    return Z3, before if problem.lambd else {}, ends


@cache
def _loop() -> ModuleType | None:
    """The compiled loop; None without Numba, or where it cannot work: with this NumPy, or with nothing to keep it in."""
    if find_spec("numba") is None:
        return None
    try:
        from shared.alignment import fused_loop
    except (ImportError, OSError, RuntimeError):
        return None
    return fused_loop if fused_loop.COMPILED else None
