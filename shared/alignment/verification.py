"""Everything that is held against the reference in one run of one implementation."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.alignment.masks import mask_checks
from shared.alignment.own_training import own_training_check
from shared.alignment.problem import Problem
from shared.alignment.reproduction import step_evidence, write_reproduction
from shared.alignment.run_masks import fresh_mask_checks, frozen_mask_checks
from shared.alignment.stages import prediction_check, single_step_checks
from shared.alignment.states import make_states
from shared.alignment.tensors import STAGE_OF
from shared.alignment.trajectory import (
    cost_floor,
    free_run,
    free_run_checks,
    free_run_difference,
    horizon,
    repeat_in_segments,
)
from shared.config import Variant
from shared.contract import recorded_iterations
from shared.harness.checks import Check, RunId, Where
from shared.harness.ledger import first_failed
from shared.harness.records import RunRecord
from shared.harness.results import Run
from shared.parameters import Parameters


def verify_run(
    problem: Problem,
    parameters: Parameters,
    inputs: dict[str, NDArray],
    folder: Path,
    reference: Path,
    variant: Variant,
    implementation: str,
    seed: int,
    report: Callable[[int], None],
) -> tuple[list[Check], Run]:
    """The checks of a run recorded in `folder`, and what is shown of it beside them.

    inputs: X_train, X_test and grid, of which the port's predictions are recorded. reference: where the reference's free
    run is, for variants without dropout; with dropout it is repeated with the port's own masks. report(updates repeated).
    Where something failed, folder/reproduction.py and .npz show the first of it.
    """
    run = RunId(variant.name, implementation)
    record = RunRecord(folder)
    last = len(record.costs)
    checks: list[Check] = []

    states = make_states(problem.X, parameters, record.late_parameters)
    for state, start in states.items():
        with np.load(folder / f"{state}-port.npz") as port, np.load(folder / f"{state}-again.npz") as again:
            checks += single_step_checks(problem, Where(state), start, dict(port), dict(again), run)
    kept = None
    if variant.dropout:
        masks = RunRecord(folder / "masks")
        D1, D2 = (masks.masks(slice(None), layer) for layer in (1, 2))
        kept = {"D1": float(D1.mean()), "D2": float(D2.mean())}
        checks += mask_checks(D1, D2, problem.keep_prob, variant.frozen, run)

    segments = repeat_in_segments(problem, record, run, report, frozen=variant.frozen)
    if variant.frozen:
        checks += frozen_mask_checks(record, segments.dropped, run)
    elif variant.dropout:
        checks += fresh_mask_checks(record, problem.keep_prob, run)
    checks += [own_training_check(problem, record, folder, segments, run), *segments.checks]
    if variant.dropout:
        costs, ends = free_run(problem, parameters, last, record, report)
    else:
        with np.load(reference) as saved:
            ends = dict(saved)
            costs = ends.pop("costs")
    checks += free_run_checks(costs, ends, record, run)
    for part, X in inputs.items():
        predictions = np.load(folder / f"predictions_{part}.npy")
        checks.append(prediction_check(X, record.final_parameters, predictions, part.removeprefix("X_"), last, run))

    for first in first_failed(checks):
        evidence = segments.evidence.get(first.key)
        if first.stage in STAGE_OF and first.where.name in states:
            with np.load(folder / f"{first.where.name}-port.npz") as port:
                evidence = step_evidence(first, problem, states[first.where.name], dict(port))
        if evidence:
            write_reproduction(folder / "reproduction", first, problem, evidence, seed)

    apart = free_run_difference(costs, record.costs)
    recorded = recorded_iterations(last)
    return checks, Run(
        implementation,
        variant.name,
        segment_difference=float(segments.differences.max()),
        free_run_difference=float(apart.max()),
        horizon=horizon(costs),
        kept_share=kept,
        segments=_curve(segments.differences, segments.floors, recorded),
        free_run=_curve(apart, cost_floor(costs)[: len(apart)], recorded),
    )


def _curve(differences: NDArray, floors: NDArray, recorded: list[int]) -> list[list[float]]:
    """[iteration, largest difference, largest floor] of the cost, since the recorded iteration before; as far as it goes."""
    last = len(differences) - 1
    stops = sorted({min(i, last) for i in recorded})
    starts = [0, *(i + 1 for i in stops[:-1])]
    return [
        [stop, float(differences[start : stop + 1].max()), float(floors[start : stop + 1].max())]
        for start, stop in zip(starts, stops, strict=True)
    ]
