"""The race, in one process: in every round each contestant does one block, one after the other."""

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from shared.commands.bench.contestants import PLAIN, Contestant, contestants
from shared.commands.bench.tasks import Missing, Raced, Speed, Spread
from shared.config import Hyperparameters
from shared.parameters import Parameters


def race(
    X: NDArray,
    Y: NDArray,
    parameters: Parameters,
    hyper: Hyperparameters,
    names: list[str],
    updates: int,
    rounds: int,
    report: Callable[[], None] = lambda: None,
) -> Raced:
    """Race the named contestants beside the plain loop: what was measured of each, and who could not race."""
    running: list[tuple[Contestant, Iterator[float], float, list[float], list[float]]] = []
    missing: dict[str, str] = {}
    for contestant in contestants(X, Y, parameters, hyper, names, updates, rounds + 1):
        if contestant.name in missing:
            continue
        blocks = contestant.blocks()
        started = time.perf_counter()
        try:
            first = next(blocks)
        except ImportError as error:
            missing[contestant.name] = f"Python package {error.name} is not installed" if error.name else str(error)
            continue
        except Exception as error:  # the others can still race
            missing[contestant.name] = f"{type(error).__name__}: {error}"
            continue
        running.append((contestant, blocks, time.perf_counter() - started, [first], []))
        report()
    for _ in range(rounds):
        for contestant, blocks, _, costs, seconds in running:
            started = time.perf_counter()
            costs.append(next(blocks))
            seconds.append((time.perf_counter() - started) / contestant.updates)
        report()
    plain = {contestant.variant: np.array(seconds) for contestant, _, _, _, seconds in running if contestant.name == PLAIN}
    rows = [
        Speed(
            contestant.name,
            contestant.variant,
            contestant.updates,
            microseconds=spread(1e6 * np.array(seconds)),
            ratio=spread(np.array(seconds) / plain[contestant.variant]),
            rounds=[1e6 * value for value in seconds],
            first_block_seconds=first_seconds,
            costs=list(costs),
        )
        for contestant, _, first_seconds, costs, seconds in running
    ]
    return Raced(rows, [Missing(name, reason) for name, reason in missing.items()])


def spread(values: NDArray) -> Spread:
    """Median, lowest and highest."""
    return Spread(float(np.median(values)), float(np.min(values)), float(np.max(values)))
