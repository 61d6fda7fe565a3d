"""Run a port and leave a record of everything that is held against the reference afterwards."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.adapters import Adapter
from shared.alignment.masks import all_on, sample_length
from shared.alignment.problem import Problem
from shared.alignment.states import make_states
from shared.config import Hyperparameters, Variant
from shared.contract import Segment
from shared.harness.records import RunRecord, save_arrays, write_record
from shared.parameters import Parameters

FEW = 2
"""Updates by which `train` is compared where it cannot make the run itself."""


def record_run(
    port: Adapter,
    X: NDArray,
    Y: NDArray,
    parameters: Parameters,
    hyper: Hyperparameters,
    variant: Variant,
    lengths: list[int],
    inputs: dict[str, NDArray],
    folder: Path,
    report: Callable[[int, float], None],
) -> list[float]:
    """Train a port, and run its single steps; the record goes to `folder`, what its own `train` does beside it.

    inputs: X_train, X_test and grid, to predict. Returns the seconds after which each segment was done.
    """
    settings = hyper.of(variant) | {"seed": hyper.seed}
    started = time.perf_counter()
    seconds: list[float] = []

    def timed(done: int, cost: float) -> None:
        seconds.append(time.perf_counter() - started)
        report(done, cost)

    def run(start, lengths, frozen=variant.frozen, **settings):
        return port.train_segments(X, Y, start, lengths=lengths, frozen=frozen, **settings)

    def own(length):
        ends, costs = port.train(X, Y, parameters, num_iterations=length, **settings)
        return [Segment(costs, ends, None)]

    write_record(folder, parameters, lengths, run(parameters, lengths, **settings), timed)
    if variant.frozen:  # which `train` itself is not: there its first updates are compared with fresh masks
        few = [min(FEW, lengths[0])]
        write_record(folder / "again", parameters, lengths[:1], run(parameters, lengths[:1], **settings))
        write_record(folder / "fresh", parameters, few, run(parameters, few, frozen=False, **settings))
        write_record(folder / "own", parameters, few, own(few[0]))
    else:
        write_record(folder / "again", parameters, lengths[:1], own(lengths[0]))
    if variant.dropout:
        # In two segments, so that a generator that is lost between them shows.
        start, half = all_on(parameters), sample_length(*hyper.hidden, X.shape[-1]) // 2
        steps = [half, half]
        write_record(folder / "masks", start, steps, run(start, steps, **settings | {"learning_rate": 1e-30}))
    record = RunRecord(folder)
    for part, examples in inputs.items():
        np.save(folder / f"predictions_{part}.npy", port.predict(examples, record.final_parameters))
    for state, start in make_states(X, parameters, record.late_parameters).items():
        for attempt in ("port", "again"):
            save_arrays(folder / f"{state}-{attempt}.npz", single_step(port, X, Y, start, settings))
    return seconds


def single_step(port: Adapter, X: NDArray, Y: NDArray, start: Parameters, settings: dict) -> dict[str, NDArray]:
    """The port's tensors of one step, and its parameters and masks after the first and the second update."""
    regularization = {name: value for name, value in settings.items() if name != "learning_rate"}
    tensors = dict(port.trace(X, Y, start, **regularization))
    for update, segment in enumerate(port.first_updates(X, Y, start, **settings), start=1):
        tensors |= {f"{name} after update {update}": value for name, value in segment.parameters.items()}
        for layer, D in enumerate(segment.masks or (), start=1):
            tensors[f"D{layer} of update {update}"] = D[0]
    return tensors


def port_tensors(port: Adapter, problem: Problem, parameters: Parameters, seed: int = 1) -> dict[str, NDArray]:
    """What a port's `trace` and `first_updates` give: a step's tensors, parameters and masks after both updates."""
    tensors = single_step(port, problem.X, problem.Y, parameters, problem.step | {"seed": seed})
    return {name: np.asarray(value) for name, value in tensors.items()}
