"""The noise floor: how far rounding alone moves a result, measured by repeating the reference with every rounding shaken.

Two measurements. For a single step, Monte Carlo arithmetic (Parker 1997): the reference runs on arrays that move the result
of every operation by at most one unit in the last place and sum in random order. For a run of many updates, where that
would cost too much, every parameter is moved by at most one unit in the last place after each update.
"""

import numpy as np
from numpy.typing import NDArray

from shared.parameters import Parameters

FAINT = 2.0**20
"""In units of the smallest normal number: what comes so near to it may be lost on the way."""


class Nudge:
    """Moves every number by -1, 0 or +1 unit in the last place, at random (seeded); zero stays zero."""

    def __init__(self, seed: int = 0):
        self.rng = np.random.default_rng(seed)
        # A pool read at random offsets is as good as fresh signs, and drawing them would cost more than the update does.
        self._pool = self.rng.integers(-1, 2, size=2**20).astype(np.int8)

    def __call__(self, values: NDArray) -> NDArray:
        """A nudged copy, same shape and dtype."""
        if values.size >= len(self._pool):
            signs = self.rng.integers(-1, 2, size=values.size, dtype=np.int8)
        else:
            offset = int(self.rng.integers(0, len(self._pool) - values.size))
            signs = self._pool[offset : offset + values.size]
        # spacing(0) is the smallest subnormal number, which would turn units on (A > 0); spacing(inf) is not a number.
        with np.errstate(over="ignore", invalid="ignore"):
            spacing = np.minimum(np.spacing(np.abs(values)), np.abs(values) * np.finfo(values.dtype).eps)
        ulp = np.where(np.isfinite(values) & (values != 0), spacing, 0)
        return values + signs.reshape(values.shape) * ulp

    def replicates(self, parameters: Parameters) -> Parameters:
        """Nudge every replicate but the first along the leading axis, in place; the first stays the reference."""
        for values in parameters.values():
            values[1:] = self(values[1:])
        return parameters


class Shaken(np.ndarray):
    """An array whose every operation is rounded at random: Monte Carlo arithmetic, for code that knows nothing of it."""

    nudge: Nudge

    def __array_finalize__(self, parent) -> None:
        if parent is not None and hasattr(parent, "nudge"):
            self.nudge = parent.nudge

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        nudge = self.nudge
        plain = [x.view(np.ndarray) if isinstance(x, Shaken) else x for x in inputs]
        if out is not None:
            kwargs["out"] = tuple(x.view(np.ndarray) if isinstance(x, Shaken) else x for x in out)
        if ufunc is np.matmul:
            order = nudge.rng.permutation(plain[0].shape[-1])
            plain = [plain[0][..., order], plain[1][..., order, :]]
        elif ufunc is np.add and method == "reduce":
            result = _add_one_by_one(plain[0], kwargs.get("axis", 0), kwargs.get("keepdims", False), nudge.rng)
            return shaken(nudge(result), nudge)
        result = np.asarray(getattr(ufunc, method)(*plain, **kwargs))
        return shaken(_flushed(nudge(result), nudge.rng), nudge) if result.dtype.kind == "f" else result


def shaken(values: NDArray, nudge: Nudge) -> Shaken:
    """The same values as a Shaken array."""
    view = np.asarray(values).view(Shaken)
    view.nudge = nudge
    return view


def spread(replicates: NDArray) -> NDArray:
    """Largest distance of the nudged replicates (rows 1, 2, ...) from the reference (row 0), element by element."""
    return np.abs(replicates[1:] - replicates[0]).max(axis=0)


def _flushed(values: NDArray, rng: np.random.Generator) -> NDArray:
    """Numbers that are subnormal, or nearly, set to zero now and then: some frameworks do, once they have divided by m."""
    faint = (values != 0) & (np.abs(values) < FAINT * np.finfo(values.dtype).tiny)
    return np.where(faint & (rng.random() < 0.5), 0, values) if faint.any() else values


def _add_one_by_one(values: NDArray, axis, keepdims: bool, rng: np.random.Generator) -> NDArray:
    """A sum one by one in random order, the least accurate a framework may use; NumPy's own is pairwise."""
    axes = tuple(range(values.ndim)) if axis is None else np.atleast_1d(axis)
    for one in axes:
        values = np.add.accumulate(rng.permuted(values, axis=one), axis=one).take([-1], axis=one)
    return values if keepdims else np.squeeze(values, axis=tuple(int(one) for one in axes))
