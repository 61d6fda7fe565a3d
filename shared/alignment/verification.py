"""Everything that is held against the reference in one run of one implementation."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.alignment.checks import Check, rank
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
from shared.harness.records import RunRecord
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
) -> dict:
    """The checks of a run recorded in `folder`, and what the report shows of it.

    inputs: X_train, X_test and grid, of which the port's predictions are recorded. reference: where the reference's free
    run is, for variants without dropout; with dropout it is repeated with the port's own masks. report(updates repeated).
    Where something failed, folder/reproduction.py and .npz show the first of it.
    """
    place = {"variant": variant.name, "implementation": implementation}
    record = RunRecord(folder)
    last = len(record.costs)
    checks: list[Check] = []

    states = make_states(problem.X, parameters, record.late_parameters)
    for state, start in states.items():
        with np.load(folder / f"{state}-port.npz") as port, np.load(folder / f"{state}-again.npz") as again:
            checks += single_step_checks(problem, state, start, dict(port), dict(again), place)
    kept = None
    if variant.dropout:
        masks = RunRecord(folder / "masks")
        D1, D2 = (masks.masks(slice(None), layer) for layer in (1, 2))
        kept = {"D1": float(D1.mean()), "D2": float(D2.mean())}
        checks += mask_checks(D1, D2, problem.keep_prob, variant.frozen, place)

    segments = repeat_in_segments(problem, record, place, report, frozen=variant.frozen)
    if variant.frozen:
        checks += frozen_mask_checks(record, segments.dropped, place)
    elif variant.dropout:
        checks += fresh_mask_checks(record, problem.keep_prob, place)
    checks += [own_training_check(problem, record, folder, segments, place), *segments.checks]
    if variant.dropout:
        costs, ends = free_run(problem, parameters, last, record, report)
    else:
        with np.load(reference) as saved:
            ends = dict(saved)
            costs = ends.pop("costs")
    checks += free_run_checks(costs, ends, record, place)
    for part, X in inputs.items():
        predictions = np.load(folder / f"predictions_{part}.npy")
        checks.append(prediction_check(X, record.final_parameters, predictions, part.removeprefix("X_"), last, place))

    failed = [check for check in checks if check.status == "failed"]
    if failed:
        first = min(failed, key=lambda check: rank(check.stage, check.iteration))
        evidence = segments.evidence.get((first.scope, first.tensor))
        if first.stage in STAGE_OF and first.scope in states:
            with np.load(folder / f"{first.scope}-port.npz") as port:
                evidence = step_evidence(first, problem, states[first.scope], dict(port))
        if evidence:
            write_reproduction(folder / "reproduction", first, problem, evidence, seed)

    apart = free_run_difference(costs, record.costs)
    recorded = recorded_iterations(last)
    return {
        "checks": [check.as_dict() for check in checks],
        "segment_difference": float(segments.differences.max()),
        "free_run_difference": float(apart.max()),
        "horizon": horizon(costs),
        "kept_share": kept,
        "segments": _curve(segments.differences, segments.floors, recorded),
        "free_run": _curve(apart, cost_floor(costs)[: len(apart)], recorded),
    }


def _curve(differences: NDArray, floors: NDArray, recorded: list[int]) -> list[list[float]]:
    """[iteration, largest difference, largest floor] of the cost, since the recorded iteration before; as far as it goes."""
    last = len(differences) - 1
    stops = sorted({min(i, last) for i in recorded})
    starts = [0, *(i + 1 for i in stops[:-1])]
    return [
        [stop, float(differences[start : stop + 1].max()), float(floors[start : stop + 1].max())]
        for start, stop in zip(starts, stops, strict=True)
    ]
