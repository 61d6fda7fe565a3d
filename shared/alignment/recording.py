"""Run a port and leave a record of everything that is held against the reference afterwards."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.alignment.masks import all_on, sample_length
from shared.alignment.states import make_states
from shared.config import Hyperparameters, Variant
from shared.parameters import Parameters
from shared.records import RunRecord, save_arrays, write_record


def record_run(
    port: dict,
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
    """Train a port, given as its modules by name, and run its single steps; the record goes to `folder`.

    inputs: X_train, X_test and grid, to predict. Returns the seconds after which each segment was done.
    """
    settings = hyper.of(variant) | {"seed": hyper.seed}
    started = time.perf_counter()
    seconds: list[float] = []

    def timed(done: int, cost: float) -> None:
        seconds.append(time.perf_counter() - started)
        report(done, cost)

    def run(start, lengths, **settings):
        return port["training"].train_segments(X, Y, start, lengths=lengths, frozen=variant.frozen, **settings)

    write_record(folder, parameters, lengths, run(parameters, lengths, **settings), timed)
    write_record(folder / "again", parameters, lengths[:1], run(parameters, lengths[:1], **settings))
    if variant.dropout:
        # In two segments, so that a generator that is lost between them shows.
        start, half = all_on(parameters), sample_length(*hyper.hidden, X.shape[-1]) // 2
        steps = [half, half]
        write_record(folder / "masks", start, steps, run(start, steps, **settings | {"learning_rate": 1e-30}))
    record = RunRecord(folder)
    for part, examples in inputs.items():
        np.save(folder / f"predictions_{part}.npy", port["network"].predict(examples, record.final_parameters))
    for state, start in make_states(X, parameters, record.late_parameters).items():
        for attempt in ("port", "again"):
            save_arrays(folder / f"{state}-{attempt}.npz", single_step(port["trace"], X, Y, start, settings))
    return seconds


def single_step(tracing, X: NDArray, Y: NDArray, start: Parameters, settings: dict) -> dict[str, NDArray]:
    """The port's tensors of one step, and its parameters and masks after the first and the second update."""
    regularization = {name: value for name, value in settings.items() if name != "learning_rate"}
    tensors = dict(tracing.trace(X, Y, start, **regularization))
    for update, segment in enumerate(tracing.first_updates(X, Y, start, **settings), start=1):
        tensors |= {f"{name} after update {update}": value for name, value in segment.parameters.items()}
        for layer, D in enumerate(segment.masks or (), start=1):
            tensors[f"D{layer} of update {update}"] = D[0]
    return tensors
