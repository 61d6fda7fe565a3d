"""Run a port and leave a record of everything that is compared with the reference afterwards."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from shared.adapters import Adapter
from shared.alignment.masks import all_on, sample_length
from shared.alignment.states import make_states
from shared.alignment.tensors import after
from shared.case import Case, Problem
from shared.contract import Segment
from shared.harness.records import FIRST, Record
from shared.parameters import Parameters

AGAIN, OWN, FRESH, MASKS = "again", "own", "fresh", "masks"
"""Trainings beside the run: the first segment once more; the first updates by its own `train`, and by the adapter with
fresh masks, where the run has frozen ones; one that draws masks and moves nothing."""

FEW = 2
"""Updates by which `train` is compared where it cannot make the run itself."""


def _silent(done: int, cost: float) -> None:
    pass


def record_run(port: Adapter, case: Case, record: Record, report: Callable[[int, float], None] = _silent) -> list[float]:
    """Train a port, and run its single steps; everything goes to `record`, what its own `train` does beside it.

    Returns the seconds after which each segment was done.
    """
    problem, variant, start = case.problem, case.variant, case.start
    started = time.perf_counter()
    seconds: list[float] = []

    def timed(done: int, cost: float) -> None:
        seconds.append(time.perf_counter() - started)
        report(done, cost)

    record.write(start, case.lengths, _train(port, case, start, case.lengths), timed)
    _record_train(port, case, record)
    if variant.dropout:
        # In two segments, so that a generator that is lost between them shows.
        all_units, half = all_on(start), sample_length(len(start["b1"]), len(start["b2"]), problem.X.shape[-1]) // 2
        still = replace(case, problem=replace(problem, learning_rate=1e-30))
        lengths = [half, half]
        # As the run draws them: with a last segment, never reached, that is compiled where the run is.
        drawn = _train(port, still, all_units, [*lengths, *([max(case.lengths)] if port.compiled_masks_differ else [])])
        record.beside(MASKS).write(all_units, lengths, islice(drawn, 2))
    for part, examples in case.inputs.items():
        record.save_predictions(part, port.predict(examples, record.final_parameters))
    record_steps(port, case, record, make_states(problem.X, start, record.late_parameters))
    return seconds


def record_steps(port: Adapter, case: Case, record: Record, states: dict[str, Parameters]) -> None:
    """Run a port's single steps from the states, each twice; those that are recorded already stay."""
    for state, parameters in states.items():
        for attempt in (FIRST, AGAIN):
            if not record.has_step(state, attempt):
                record.save_step(state, attempt, single_step(port, case.problem, parameters, case.seed))


def _train(port: Adapter, case: Case, start: Parameters, lengths: list[int]) -> Iterator[Segment]:
    return port.train_segments(case.problem, start, lengths, seed=case.seed, frozen=case.variant.frozen)


def _record_train(port: Adapter, case: Case, record: Record) -> None:
    """Beside the run, what the port's own `train` makes of its first segment; less with frozen masks, which it has not."""
    problem, start, lengths = case.problem, case.start, case.lengths[:1]

    def own(length: int) -> list[Segment]:
        settings = problem.step | {"seed": case.seed, "num_iterations": length}
        ends, costs = port.train(problem.X, problem.Y, start, **settings)
        return [Segment(costs, ends, None)]

    if not case.variant.frozen:
        record.beside(AGAIN).write(start, lengths, own(lengths[0]))
        return
    few = [min(FEW, lengths[0])]
    record.beside(AGAIN).write(start, lengths, _train(port, case, start, lengths))
    record.beside(FRESH).write(start, few, port.train_segments(problem, start, few, seed=case.seed))
    record.beside(OWN).write(start, few, own(few[0]))


def single_step(port: Adapter, problem: Problem, start: Parameters, seed: int) -> dict[str, NDArray]:
    """The port's tensors of one step, and its parameters and masks after the first and the second update."""
    tensors = dict(port.trace(problem.X, problem.Y, start, seed=seed, **problem.regularization))
    for update, segment in enumerate(port.first_updates(problem, start, seed=seed), start=1):
        tensors |= {after(name, update): value for name, value in segment.parameters.items()}
        for layer, D in enumerate(segment.masks or (), start=1):
            tensors[f"D{layer} of update {update}"] = D[0]
    return tensors


def port_tensors(port: Adapter, problem: Problem, parameters: Parameters, seed: int = 1) -> dict[str, NDArray]:
    """What a port's `trace` and `first_updates` give: a step's tensors, parameters and masks after both updates."""
    return {name: np.asarray(value) for name, value in single_step(port, problem, parameters, seed).items()}
