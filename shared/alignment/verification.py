"""Everything that is compared with the reference in one run of one implementation."""

from collections.abc import Callable, Iterator, Mapping

from numpy.typing import NDArray

from shared.alignment.masks import mask_checks
from shared.alignment.own_training import own_training_check
from shared.alignment.recording import AGAIN, MASKS
from shared.alignment.reproduction import Evidence, step_evidence, write_reproduction
from shared.alignment.run_masks import fresh_mask_checks, frozen_mask_checks
from shared.alignment.segments import surely_dropped
from shared.alignment.shared_floors import SharedFloors
from shared.alignment.stages import prediction_check, single_step_checks
from shared.alignment.states import EARLY, make_states
from shared.alignment.tensors import STAGE_OF
from shared.alignment.trajectory import (
    FreeRun,
    SegmentResult,
    as_the_run_itself,
    compare_free_run,
    cost_floor,
    free_run,
    free_run_difference,
    horizon,
    replay_in_segments,
)
from shared.case import Case
from shared.contract import recorded_iterations
from shared.harness.checks import Check, Key, RunId, Where
from shared.harness.ledger import first_failed
from shared.harness.records import Record
from shared.harness.results import Curve, Run
from shared.harness.results_json import check_from_json
from shared.parameters import Parameters


def _silent(updates: int) -> None:
    pass


def verify_run(
    case: Case,
    record: Record,
    implementation: str,
    reference: FreeRun | None = None,
    report: Callable[[int], None] = _silent,
    shared: SharedFloors | None = None,
) -> tuple[list[Check], Run]:
    """The checks of a recorded run, and what is shown of it beside them.

    reference: its free run, for variants without dropout, where it was made before; with dropout it is replayed with the
    port's own masks. shared: noise floors that another run of a variant without dropout has measured.
    report(updates replayed). Where something failed, the record's reproduction shows the first of it.
    """
    problem, variant, run = case.problem, case.variant, RunId(case.variant.name, implementation)
    segments = replay_in_segments(problem, record, run, report, frozen=variant.frozen, shared=shared)
    early = [check_from_json(entry) for entry in record.checks] or early_checks(case, record, run)
    late = {state: start for state, start in states_of(case, record).items() if state not in EARLY}
    checks = [*early, *_step_checks(case, record, run, late), *_mask_checks(case, record, run, segments)]
    checks += [own_training_check(problem, record, segments, run), *segments.checks]
    last = len(record.costs)
    free = reference or free_run(problem, case.start, last, record if variant.dropout else None, report)
    if segments.exact:
        free = as_the_run_itself(free, record)
    costs, alone = compare_free_run(problem, case.start, free, record, segments.checks, run)
    checks += alone
    for part, X in case.inputs.items():
        predictions = record.predictions(part)
        checks.append(prediction_check(X, record.final_parameters, predictions, part.removeprefix("X_"), last, run))
    reproduce(case, record, checks, segments.evidence)
    apart = free_run_difference(costs, record.costs)
    recorded = recorded_iterations(last)
    return checks, Run(
        implementation,
        variant.name,
        segment_difference=float(segments.differences.max()),
        free_run_difference=float(apart.max()),
        horizon=horizon(costs),
        kept_share=_kept_share(record) if variant.dropout else None,
        segments=_curve(segments.differences, segments.floors, recorded),
        free_run=_curve(apart, cost_floor(costs)[: len(apart)], recorded),
    )


def states_of(case: Case, record: Record) -> dict[str, Parameters]:
    """The states from which the single steps of a recorded run were made: those that need no training, before it is made."""
    return make_states(case.problem.X, case.start, record.late_parameters) if record.finished else early_states(case)


def early_states(case: Case) -> dict[str, Parameters]:
    """The states that need no training."""
    states = make_states(case.problem.X, case.start, case.start)
    return {state: states[state] for state in EARLY}


def early_checks(case: Case, record: Record, run: RunId) -> list[Check]:
    """The comparisons of the single steps that need no training."""
    return list(_step_checks(case, record, run, early_states(case)))


def sampled_masks(record: Record) -> tuple[NDArray, NDArray]:
    """The masks D1 (n, h1, m) and D2 (n, h2, m) that were drawn beside the run, with every unit on."""
    masks = record.beside(MASKS)
    return masks.masks(slice(None), 1), masks.masks(slice(None), 2)


def _step_checks(case: Case, record: Record, run: RunId, states: dict[str, Parameters]) -> Iterator[Check]:
    for state, start in states.items():
        port, again = record.step(state), record.step(state, AGAIN)
        yield from single_step_checks(case.problem, Where(state), start, port, again, run)


def _mask_checks(case: Case, record: Record, run: RunId, segments: SegmentResult) -> Iterator[Check]:
    if not case.variant.dropout:
        return
    keep_prob, frozen = case.problem.keep_prob, case.variant.frozen
    yield from mask_checks(*sampled_masks(record), keep_prob, frozen, run)
    if frozen:
        yield from frozen_mask_checks(record, surely_dropped(case.problem, record, segments.dropped), run)
    else:
        yield from fresh_mask_checks(record, keep_prob, run)


def _kept_share(record: Record) -> dict[str, float]:
    return {layer: float(D.mean()) for layer, D in zip(("D1", "D2"), sampled_masks(record), strict=True)}


def reproduce(case: Case, record: Record, checks: list[Check], segments: Mapping[Key, Evidence] | None = None) -> None:
    """Write what shows the first failure alone, where there is one that can be shown.

    segments: what shows the bad ones. What was written before, of fewer checks, goes.
    """
    record.reproduction.unlink(missing_ok=True)
    for first in first_failed(checks):
        evidence = (segments or {}).get(first.key)
        states = states_of(case, record)
        if first.stage in STAGE_OF and first.where.name in states:
            state = first.where.name
            evidence = step_evidence(first, case.problem, states[state], record.step(state))
        if evidence:
            write_reproduction(record.reproduction, first, case.problem, evidence, case.seed)


def _curve(differences: NDArray, floors: NDArray, recorded: list[int]) -> Curve:
    """[iteration, largest difference, largest floor] of the cost, since the recorded iteration before; as far as it goes."""
    last = len(differences) - 1
    stops = sorted({min(i, last) for i in recorded})
    starts = [0, *(i + 1 for i in stops[:-1])]
    return [
        [stop, float(differences[start : stop + 1].max()), float(floors[start : stop + 1].max())]
        for start, stop in zip(starts, stops, strict=True)
    ]
