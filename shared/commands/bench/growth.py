"""How time and memory grow with the number of examples, the width of the network, and the iterations."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from shared.adapters import IMPLEMENTATIONS
from shared.case import Problem
from shared.commands.bench.contestants import products
from shared.commands.bench.tasks import Exponents, Grown, Point
from shared.contract import segment_lengths
from shared.parameters import initialize_parameters

FLOOR = "products and passes"
"""Beside the implementations: the matrix products alone, and one pass over each array of a step."""

POINTS = {
    "examples": (211, 2_000, 20_000, 200_000),
    "hidden": (20, 200, 2_000),
    "iterations": (3_000, 10_000, 30_000),
}
"""What grows: m; units of the first hidden layer; updates of the run. The others stay at 211 and 20."""

WORK = 4e8
"""Numbers of the first hidden layer that are computed in all at one point of examples and hidden: at least 3 updates."""


def grow(implementation: str, what: str, report: Callable[[], None] = lambda: None) -> Grown:
    """Seconds per update and peak memory at every point, and the exponents fitted to them."""
    _measure(implementation, what, POINTS[what][0])  # what a framework holds after its first run is its own
    points = []
    for value in POINTS[what]:
        points.append(_measure(implementation, what, value))
        report()
    seconds, memory = ([(p.value, getattr(p, key)) for p in points] for key in ("seconds_per_update", "bytes"))
    return Grown(implementation, what, points, Exponents(exponent(seconds), exponent(memory)))


def exponent(pairs: list) -> float | None:
    """The exponent b of the power law y = a x^b, a least-squares fit of the logarithms; None for fewer than two points."""
    known = [(x, y) for x, y in pairs if y]
    if len(known) < 2:
        return None
    x, y = np.log(np.array(known)).T
    return float(np.polyfit(x, y, 1)[0])


def _measure(implementation: str, what: str, value: int) -> Point:
    m = value if what == "examples" else 211
    h1 = value if what == "hidden" else 20
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2, m))
    Y = (np.sum(X, axis=0, keepdims=True) > 0).astype(float)
    parameters = initialize_parameters([2, h1, 3, 1])
    updates = value if what == "iterations" else int(np.clip(WORK / (m * h1), 3, 1000))
    lengths = segment_lengths(updates) if what == "iterations" else [max(1, updates // 3)] * 3
    before = _reset_peak()
    seconds = _run(implementation, X, Y, parameters, lengths)
    peak = _status("VmHWM")
    steady = seconds[1:] or seconds  # the first holds tracing and compiling
    return Point(
        value,
        sum(lengths),
        float(np.median(np.array(steady) / lengths[-len(steady) :])),
        peak - before if peak is not None and before is not None else None,
    )


def _run(implementation: str, X, Y, parameters, lengths: list[int]) -> list[float]:
    """The seconds of every segment."""
    seconds = []
    if implementation == FLOOR:
        W1, W2, W3 = (parameters[name] for name in ("W1", "W2", "W3"))
        A1, A2, dZ3 = (np.ones((len(parameters[b]), X.shape[1])) for b in ("b1", "b2", "b3"))
        for length in lengths:
            started = time.perf_counter()
            for _ in range(length):
                products(W1, W2, W3, X, A1, A2, dZ3)
                for array in (X, A1, A1, A2, A2, dZ3, Y, A2, A2, A1, A1):  # X, Z1, A1, Z2, A2, Z3, Y, dA2, dZ2, dA1, dZ1
                    np.negative(array)
            seconds.append(time.perf_counter() - started)
        return seconds
    adapter = IMPLEMENTATIONS[implementation].adapter()
    started = time.perf_counter()
    for _ in adapter.train_segments(Problem(X, Y, 0.3), parameters, lengths):
        seconds.append(time.perf_counter() - started)
        started = time.perf_counter()
    return seconds


def _reset_peak() -> int | None:
    """Forget the process's peak (Linux); the memory it holds now, bytes."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    return _status("VmRSS")


def _status(key: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(key + ":")), None)
