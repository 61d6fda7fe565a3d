"""The stage `trajectory`: every update of a run replayed by the reference, in segments; and the free run beside it.

Training amplifies rounding, so the ends of two correct runs prove nothing. The reference starts every segment from the
port's own parameters, replays it with the port's own masks, and must arrive where the port arrived.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shared.alignment.costs import cost_check, cost_floor, horizon, informed
from shared.alignment.floor import spread
from shared.alignment.judge import judge, tolerance_of
from shared.alignment.replay import Replicates, mask_reader, replay_with_replicates
from shared.alignment.run_masks import Layers
from shared.alignment.segments import DOUBT_REPLICATES, ReplayedSegment, portions, replay_all
from shared.alignment.shared_floors import SharedFloors
from shared.case import Problem
from shared.harness.checks import FREE_RUN, Cause, Check, Key, Outcome, RunId, Updates
from shared.harness.records import Record
from shared.parameters import PARAMETER_NAMES, Parameters

FREE_REPLICATES = Replicates(2, fused_reference=True)
FREE_DOUBT_REPLICATES = (6, 56)
"""Perturbed replicates beside the reference in the free run; and further ones where it differs though no segment does."""

FreeRun = tuple[NDArray, Parameters]
"""The costs of the reference's free run and its replicates, and the parameters at its end (see `free_run`)."""

EVIDENCE = 3
"""For how many failed segments the compared arrays are kept, as evidence for the diagnosis."""


@dataclass
class SegmentResult:
    """The checks of all segments; per iteration the cost's difference and noise floor (num_iterations,).

    first_ends: the noise floor of each parameter at the end of the first segment. evidence: what was compared where it
    failed, in the first segments that did. dropped: the units of each example that are proven dropped
    in each segment, where that was asked for. exact: every segment was replayed bit for bit.
    """

    checks: list[Check]
    differences: NDArray
    floors: NDArray
    first_ends: dict[str, float]
    exact: bool = False
    evidence: dict[Key, dict[str, NDArray]] = field(default_factory=dict)
    dropped: list[tuple[Layers, Layers]] = field(default_factory=list)


def replay_in_segments(
    problem: Problem,
    record: Record,
    run: RunId,
    report: Callable[[int], None] = lambda updates: None,
    doubt: tuple[int, ...] = DOUBT_REPLICATES,
    frozen: bool = False,
    shared: SharedFloors | None = None,
) -> SegmentResult:
    """Replay every segment of the run; compare its costs, one by one, and the parameters at its end.

    doubt: further replicates for segments that do not agree. frozen: say which units are proven dropped. shared: noise
    floors that another run of the variant has measured.
    """
    return _result(record, *replay_all(problem, record, report, doubt, frozen, shared), run)


def _result(
    record: Record, replayed: dict[int, ReplayedSegment], dropped: dict[int, tuple[Layers, Layers]], run: RunId
) -> SegmentResult:
    """Judge all segments, in the order of the run."""
    result = SegmentResult([], np.empty(len(record.costs)), np.empty(len(record.costs)), replayed[0].end_floors)
    bad = 0
    result.exact = True
    for s in range(len(record.lengths)):
        segment = replayed[s]
        result.exact &= all(np.array_equal(port, reference) for _, port, reference, _ in segment.compared(record, s))
        during = slice(record.starts[s], record.starts[s] + record.lengths[s])
        here = Updates.of(record.starts[s], record.lengths[s])
        result.differences[during] = np.abs(record.costs[during] - segment.costs)
        result.floors[during] = segment.cost_floors
        key = run.at("trajectory", here, "cost")
        checks = [cost_check(key, during.start, record.costs[during], segment.costs, segment.cost_floors)]
        for name, port, reference, floor in list(segment.compared(record, s))[1:]:
            outcome = informed(judge(port, reference, floor), float(floor), float(np.abs(reference).max()))
            checks.append(outcome.of(run.at("trajectory", here, name), during.stop))
        failed = [check.key for check in checks if check.failed]
        bad += bool(failed)
        if failed and bad <= EVIDENCE:
            result.evidence |= _evidence(record, s, segment, failed)
        if dropped:
            # Only the start of a segment that does not agree is known to be the port's.
            first, ever = dropped[s]
            result.dropped.append((first, first if failed else ever))
        result.checks.extend(checks)
    return result


def _evidence(record: Record, s: int, segment: ReplayedSegment, failed: list[Key]) -> dict:
    keys = {key.tensor: key for key in failed}
    start = {f"start_{name}": record.snapshots[name][s] for name in PARAMETER_NAMES}
    return {
        keys[name]: {"port": port, "reference": reference, "tolerance": tolerance_of(reference, floor)} | start
        for name, port, reference, floor in segment.compared(record, s)
        if name in keys
    }


def repeat_check(record: Record, again: Record, result: SegmentResult, run: RunId, cause: Cause = Cause.TWO_RUNS) -> Check:
    """Compare the port's first segment with a second run of it: within the floor that holds for the reference.

    cause: which two runs they are.
    """
    length = len(again.costs)
    pairs: list[tuple[NDArray, NDArray, NDArray | float]] = [(again.costs, record.costs[:length], result.floors[:length])]
    pairs += [(again.snapshots[name][1], record.snapshots[name][1], result.first_ends[name]) for name in PARAMETER_NAMES]
    outcome = Outcome(difference=0.0, tolerance=0.0)
    for second, first, floor in pairs:
        if outcome.passed and not np.array_equal(second, first, equal_nan=True):
            outcome = judge(second, first, floor)
    if outcome.failed:
        outcome = outcome.because(cause, outcome.reason)
    return outcome.of(run.at("repeat", Updates.of(0, length), "training"), length)


def free_run(
    problem: Problem,
    parameters: Parameters,
    num_iterations: int,
    record: Record | None,
    report: Callable[[int], None],
    replicates: Replicates = FREE_REPLICATES,
) -> FreeRun:
    """The reference's own run from the initial parameters, with perturbed replicates: costs (n, R) and the parameters then.

    It ends with the first iterations beyond the horizon, or with the last one. record: of the port, for its masks.
    """
    start = {name: value[np.newaxis] for name, value in parameters.items()}
    dropout = record and problem.keep_prob < 1
    reader = mask_reader(record, np.zeros(1, int)) if record and dropout else None

    def parted(costs: NDArray) -> bool:
        return horizon(costs[:, :, 0]) < len(costs)

    costs, ends = replay_with_replicates(problem, start, num_iterations, reader, replicates, report, parted)
    report(num_iterations - len(costs))
    return costs[:, :, 0], {name: value[:, 0] for name, value in ends.items()}


def as_the_run_itself(free: FreeRun, record: Record) -> FreeRun:
    """The free run, where all segments of the run are replayed bit for bit (`SegmentResult.exact`): the run itself."""
    costs, ends = free
    costs = np.concatenate([record.costs[: len(costs), np.newaxis], costs[:, 1:]], axis=1)
    final = record.final_parameters
    return costs, {name: np.concatenate([final[name][np.newaxis], value[1:]]) for name, value in ends.items()}


def compare_free_run(
    problem: Problem, parameters: Parameters, free: FreeRun, record: Record, segments: list[Check], run: RunId
) -> tuple[NDArray, list[Check]]:
    """Compare a run with the reference's free run, and once more, with further replicates, where that is in doubt.

    A unit that crosses its kink an update earlier moves the rest of the run by far more than rounding, and a few replicates
    may all miss it. There is no doubt where a segment differs, or where no replicate helps: what is not finite stays red.
    segments: the checks of the segments. Returns the costs of the free run, further replicates included, and its checks.
    """
    costs, ends = free
    checks = list(free_run_checks(costs, ends, record, run))
    failed = [check for check in checks if check.failed]
    hopeless = any(check.difference is None for check in failed) or any(check.failed for check in segments)
    for number in FREE_DOUBT_REPLICATES if not hopeless else ():
        if any(check.failed for check in checks):
            costs, ends = _with_further_replicates(problem, parameters, (costs, ends), record, number)
            checks = list(free_run_checks(costs, ends, record, run))
    return costs, checks


def _with_further_replicates(
    problem: Problem, parameters: Parameters, free: FreeRun, record: Record, number: int
) -> FreeRun:
    """The free run with so many further replicates beside those that it has, as many at once as memory bears."""
    costs, ends = free
    for part, lanes in portions(problem, record, 1, number):
        others = FREE_REPLICATES._replace(number=lanes, seed=costs.shape[1] + part)  # other signs than those before
        more, more_ends = free_run(problem, parameters, len(record.costs), record, lambda updates: None, others)
        n = min(len(costs), len(more))
        costs = np.concatenate([costs[:n], more[:n, 1:]], axis=1)
        ends = {name: np.concatenate([value, more_ends[name][1:]]) for name, value in ends.items()}
    return costs, ends


def free_run_checks(costs: NDArray, ends: Parameters, record: Record, run: RunId) -> Iterator[Check]:
    """Compare the costs of the free run, one by one, up to the horizon; and the final parameters, if it reaches them."""
    end = horizon(costs)
    last = len(record.costs)
    key = run.at("trajectory", FREE_RUN, "cost")
    yield cost_check(key, 0, record.costs[:end], costs[:end, 0], cost_floor(costs[:end]))
    for name, final in record.final_parameters.items():
        outcome = judge(final, ends[name][0], spread(ends[name]).max() if end == last else np.inf)
        if end < last and outcome.passed:
            outcome = outcome.because(Cause.HORIZON, end)
        yield outcome.of(run.at("trajectory", FREE_RUN, name), last)


def free_run_difference(costs: NDArray, record_costs: NDArray) -> NDArray:
    """How far the costs of a run (num_iterations,) are from the reference's free run (n, R), up to its horizon."""
    end = horizon(costs)
    return np.abs(record_costs[:end] - costs[:end, 0])
