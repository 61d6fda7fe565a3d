"""The masks inside `train`, read off its costs: with weights made for it, each cost belongs to one choice of masks.

With a learning rate that moves nothing, the cost of every iteration depends on its masks alone. Few units and examples
count in a design, the others have weights of 0, and the costs of all their masks are further apart than rounding.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numpy_impl.cost import cross_entropy
from shared.alignment.judge import FACTOR
from shared.parameters import Parameters

ITERATIONS = 1000
"""Costs that are read for each design."""

FACTORS = {
    1 / np.log(2): "the reported cost has logarithms of base 2",
    1 / np.log(10): "the reported cost has logarithms of base 10",
    2.0: "the reported cost is twice what it should be",
    0.5: "the reported cost is half of what it should be",
}


@dataclass(frozen=True)
class Design:
    """Data and parameters whose costs tell the masks.

    units: of either layer, that count. D1 (T, u, m), D2 (T, v, m): choices of masks, and costs (T,), those that they give.
    plain: the cost without dropout. tolerance: how far rounding moves a cost.
    """

    X: NDArray
    Y: NDArray
    parameters: Parameters
    units: tuple[list[int], list[int]]
    D1: NDArray
    D2: NDArray
    costs: NDArray
    plain: float
    tolerance: float


@dataclass(frozen=True)
class Read:
    """What the costs (n,) of a port show. off (n,): without dropout. entry (n,): of the design, of those that are on.

    factor: what the costs were divided by to be read. unread: how many are none that masks can give.
    """

    off: NDArray
    entry: NDArray
    factor: float
    unread: int
    inexact: bool


def designs(sizes: tuple[int, int, int], keep_prob: float, dtype: np.dtype) -> Iterator[Design]:
    """Two examples and a few units of either layer; then one example, and all units in groups. sizes: n_x, h1, h2.

    The examples have different labels: two that lose everything would cost the same otherwise.
    """
    _, h1, h2 = sizes
    single = np.dtype(dtype) == np.float32
    u, v = (min(2, h1), 1) if single else (min(2, h1), min(2, h2))
    yield _design(sizes, (list(range(u)), list(range(v))), 2, keep_prob, dtype)
    u, v = (3, min(2, h2)) if single else (6, min(3, h2))
    for first in range(0, min(h1, 4 * u), u):
        second = (first // u * v) % h2
        group = list(range(first, min(first + u, h1))), sorted({(second + j) % h2 for j in range(v)})
        yield _design(sizes, group, 1, keep_prob, dtype)


def _design(sizes: tuple[int, int, int], units: tuple[list[int], list[int]], m: int, keep_prob: float, dtype) -> Design:
    """The first of many random ones whose costs are far enough apart."""
    best: Design | None = None
    for seed in range(200):
        design = _drawn(np.random.default_rng(seed), sizes, units, m, keep_prob, dtype)
        apart = np.diff(np.sort([*design.costs, design.plain])).min() / design.tolerance
        if apart > 8:
            return design
        best = best or design
    assert best is not None
    return best


def _drawn(rng: np.random.Generator, sizes: tuple[int, int, int], units: tuple[list[int], list[int]], m: int,
           keep_prob: float, dtype) -> Design:  # fmt: skip
    (n_x, h1, h2), (first, second) = sizes, units
    X = rng.uniform(0.2, 1, (n_x, m))
    p = {"W1": rng.uniform(0.1, 1, (h1, n_x)) / n_x, "b1": rng.uniform(0.1, 1, (h1, 1)), "b2": rng.uniform(0.1, 1, (h2, 1)),
         "W2": np.zeros((h2, h1)), "W3": np.zeros((1, h2)), "b3": rng.normal(size=(1, 1)) / 4}  # fmt: skip
    p["W2"][np.ix_(second, first)] = rng.uniform(0.2, 1.5, (len(second), len(first))) / len(first)
    p["W3"][0, second] = rng.uniform(0.5, 1.5, len(second)) * rng.choice([-1, 1], len(second)) / len(second)
    X, p = X.astype(dtype), {name: p[name].astype(dtype) for name in ("W1", "b1", "W2", "b2", "W3", "b3")}
    Y = (np.arange(m) % 2).astype(dtype)[np.newaxis]
    bits = (len(first) + len(second)) * m
    every = (np.arange(2**bits)[:, np.newaxis] >> np.arange(bits)) & 1
    D1 = every[:, : len(first) * m].reshape(-1, len(first), m)
    D2 = every[:, len(first) * m :].reshape(-1, len(second), m)
    told = np.all(
        np.all(D1, axis=1) | np.any(D2, axis=1), axis=1
    )  # where the second layer drops everything, the first is not seen
    D1, D2 = D1[told], D2[told]
    wide = {name: value.astype(np.float64) for name, value in p.items()}

    def costs(D1: NDArray | float, D2: NDArray | float) -> NDArray:
        A1 = (wide["W1"] @ X + wide["b1"])[first] * D1
        A2 = (wide["W2"][np.ix_(second, first)] @ A1 + wide["b2"][second]) * D2
        return cross_entropy(wide["W3"][:, second] @ A2 + wide["b3"], Y.astype(np.float64))

    values = costs(D1 / keep_prob, D2 / keep_prob)
    tolerance = 2 * FACTOR * float(np.finfo(dtype).eps) * float(np.abs(values).max())
    return Design(X, Y, p, units, D1.astype(bool), D2.astype(bool), values, float(costs(1.0, 1.0)), tolerance)


def read(design: Design, costs: NDArray) -> Read:
    """The masks of each cost; the costs may be off by a factor, which is then said."""
    best = None
    for factor in (1.0, *FACTORS, float(design.X.shape[1])):
        found = _read(design, costs.astype(np.float64) / factor, factor)
        if best is None or found.unread < best.unread:
            best = found
        if not best.unread:
            break
    assert best is not None
    return best


def _read(design: Design, costs: NDArray, factor: float) -> Read:
    order = np.argsort(design.costs)
    known = design.costs[order]
    gap = np.diff(known).min() / 4
    after = np.clip(np.searchsorted(known, costs), 1, len(known) - 1)
    nearest = np.where(np.abs(costs - known[after - 1]) <= np.abs(costs - known[after]), after - 1, after)
    distance = np.abs(costs - known[nearest])
    off = np.abs(costs - design.plain) <= np.minimum(distance, gap)
    unread = ~off & ~(distance <= gap)
    inexact = bool(np.any(~off & ~unread & (distance > design.tolerance)))
    return Read(off, order[nearest[~off & ~unread]], factor, int(unread.sum()), inexact)


def updates_off(off: NDArray) -> str:
    """Which updates are without dropout, counted from 1: "from update 2", or "in 40 of 50 updates, first 11 to 50"."""
    where = np.flatnonzero(off)
    first = int(where[0])
    if off[first:].all():
        return f"from update {first + 1}" if first else "in every update"
    last = first + int(np.argmin(off[first:]))
    return f"in {len(where):,} of {len(off):,} updates, first in {first + 1:,} to {last:,}"
