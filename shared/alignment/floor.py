"""The noise floor: how far rounding alone moves a result, measured by replaying the reference with every rounding perturbed.

Two measurements. For a single step, Monte Carlo arithmetic (Parker 1997): the reference runs on arrays that move the result
of every operation by at most one unit in the last place and sum in random order. For a run of many updates, where that
would cost too much, every parameter is moved by at most one unit in the last place after each update.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from shared.parameters import Parameters

FAINT = 2.0**20
"""Values below FAINT times the smallest normal number may underflow on the way to a result."""


POOL = 2**20
"""How many random signs are drawn once, to be used again and again."""


class Perturbation:
    """Moves every number by -1, 0 or +1 unit in the last place, at random (seeded); zero stays zero."""

    def __init__(self, seed: int = 0):
        self.rng = np.random.default_rng(seed)
        self._seed = seed
        self._pools: dict[np.dtype, NDArray] = {}

    def __call__(self, values: NDArray) -> NDArray:
        """A perturbed copy, same shape and dtype."""
        shares = self._shares(values.size, values.dtype).reshape(values.shape)
        with np.errstate(over="ignore", invalid="ignore"):
            moved = values + values * shares
        # inf * 0 is not a number.
        return moved if np.isfinite(moved).all() else np.where(np.isfinite(values), moved, values)

    def replicates(self, parameters: Parameters) -> Parameters:
        """Perturb every replicate but the first along the leading axis, in place; the first stays the reference."""
        moved = self(np.concatenate([values[1:].ravel() for values in parameters.values()]))
        done = 0
        for values in parameters.values():
            size = values[1:].size
            values[1:] = moved[done : done + size].reshape(values[1:].shape)
            done += size
        return parameters

    def pool(self, dtype: np.dtype, size: int = 0) -> tuple[NDArray, int]:
        """Many shares, -1, 0 or 1 times half the relative rounding error, and where in them to read the next `size`.

        What a share takes of a number rounds to its last place. A pool read at random offsets is as good as fresh signs, and
        drawing them would cost more than an update does.
        """
        if dtype not in self._pools:
            first = not self._pools
            self._pools[dtype], state = _pool(self._seed, dtype)
            if first:
                self.rng.bit_generator.state = state
        return self._pools[dtype], int(self.rng.integers(0, POOL - size))

    def _shares(self, size: int, dtype: np.dtype) -> NDArray:
        if size >= POOL:
            return (self.rng.integers(-1, 2, size=size) * (np.finfo(dtype).eps / 2)).astype(dtype)
        pool, offset = self.pool(dtype, size)
        return pool[offset : offset + size]


@lru_cache(4)
def _pool(seed: int, dtype: np.dtype) -> tuple[NDArray, dict]:
    """A pool of signs times half the relative rounding error, and the generator's state after it; kept: many ask for it."""
    rng = np.random.default_rng(seed)
    pool = (rng.integers(-1, 2, size=POOL) * (np.finfo(dtype).eps / 2)).astype(dtype)
    return pool, dict(rng.bit_generator.state)


class Perturbed(np.ndarray):
    """An array whose every operation is rounded at random: Monte Carlo arithmetic, for code that knows nothing of it."""

    perturb: Perturbation

    def __array_finalize__(self, parent) -> None:
        if parent is not None and hasattr(parent, "perturb"):
            self.perturb = parent.perturb

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        perturb = self.perturb
        plain = [x.view(np.ndarray) if isinstance(x, Perturbed) else x for x in inputs]
        if out is not None:
            kwargs["out"] = tuple(x.view(np.ndarray) if isinstance(x, Perturbed) else x for x in out)
        if ufunc is np.matmul:
            order = perturb.rng.permutation(plain[0].shape[-1])
            plain = [plain[0][..., order], plain[1][..., order, :]]
        elif ufunc is np.add and method == "reduce":
            result = _add_one_by_one(plain[0], kwargs.get("axis", 0), kwargs.get("keepdims", False), perturb.rng)
            return perturbed(perturb(result), perturb)
        result = np.asarray(getattr(ufunc, method)(*plain, **kwargs))
        return perturbed(_flushed(perturb(result), perturb.rng), perturb) if result.dtype.kind == "f" else result


def perturbed(values: NDArray, perturb: Perturbation) -> Perturbed:
    """The same values as a Perturbed array."""
    view = np.asarray(values).view(Perturbed)
    view.perturb = perturb
    return view


def spread(replicates: NDArray) -> NDArray:
    """Largest distance of the perturbed replicates (rows 1, 2, ...) from the reference (row 0), element by element.

    It is 0 without replicates, and infinite where one diverges and the reference does not: rounding alone can take such a
    run anywhere.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(replicates[1:] - replicates[0]).max(axis=0, initial=0)
    return np.where(np.isnan(distance) & np.isfinite(replicates[0]), np.inf, distance)


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
