"""The stage `trajectory`: every update of a run repeated by the reference, in segments; and the free run beside it.

Training amplifies rounding, so the ends of two correct runs prove nothing. The reference starts every segment from the
port's own parameters, repeats it with the port's own masks, and must arrive where the port arrived.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shared.alignment.checks import Check, allowance, judge
from shared.alignment.costs import cost_check, cost_floor, horizon, say_if_blind
from shared.alignment.floor import spread
from shared.alignment.plan import FREE_RUN, segment_scope
from shared.alignment.problem import Problem
from shared.alignment.replay import Watch, mask_reader, repeat
from shared.alignment.run_masks import Dropped, Layers
from shared.parameters import PARAMETER_NAMES, Parameters
from shared.records import RunRecord

SEGMENT_NUDGED = 2
DOUBT_NUDGED = (6, 56, 190)
FREE_NUDGED = 4
"""Nudged replicates beside the reference: per segment, further ones for a segment in doubt, and in the free run."""

BAD_SEGMENTS = 3
"""So many segments in doubt are repeated together, the least bad first; where none of them is cleared, doubt ends."""

HOPELESS = 1e3
EARLY = 8
"""A cost that is off by so many times what is allowed, within so many updates, is never cleared by more replicates.

What they can find is a unit that crosses its kink an update earlier. It moves no cost before, and little soon after.
"""

BATCH_BYTES = 2**19
"""Segments are repeated together, as many as keep one activation of all replicates within the processor's cache."""

DOUBT_BYTES = 2**25
"""The same for segments in doubt: they may leave the cache, not the memory."""


@dataclass
class Repeated:
    """A segment as the reference repeats it, and how far its replicates are from that: more of them may come later.

    costs, cost_floors (length,); ends: the parameters after the last update, and the largest distance in each.
    """

    costs: NDArray
    cost_floors: NDArray
    ends: Parameters
    end_floors: dict[str, float]

    def widen(self, other: "Repeated") -> None:
        """Take the floors of further replicates of the same segment in."""
        self.cost_floors = np.maximum(self.cost_floors, other.cost_floors)
        self.end_floors = {name: max(floor, other.end_floors[name]) for name, floor in self.end_floors.items()}


@dataclass
class SegmentResult:
    """The checks of all segments; per iteration the cost's difference and noise floor (num_iterations,).

    first_ends: the noise floor of each parameter at the end of the first segment. evidence: what was compared where it
    failed, by scope and tensor, in the first segments that did. dropped: the units of each example that are proven dropped
    in each segment, where that was asked for.
    """

    checks: list[Check]
    differences: NDArray
    floors: NDArray
    first_ends: dict[str, float]
    evidence: dict[tuple[str, str], dict[str, NDArray]] = field(default_factory=dict)
    dropped: list[Layers] = field(default_factory=list)


def repeat_in_segments(
    problem: Problem,
    record: RunRecord,
    place: dict,
    report: Callable[[int], None] = lambda updates: None,
    doubt: tuple[int, ...] = DOUBT_NUDGED,
    frozen: bool = False,
) -> SegmentResult:
    """Repeat every segment of the run; compare its costs, one by one, and the parameters at its end.

    doubt: further replicates for segments that do not agree. frozen: say which units are proven dropped.
    """
    lengths = np.array(record.lengths)
    repeated: dict[int, Repeated] = {}
    dropped: dict[int, tuple[Layers, Layers]] = {}
    batch = _together(problem, record, 1 + SEGMENT_NUDGED, BATCH_BYTES)
    for length in sorted(set(record.lengths), reverse=True):
        segments = np.flatnonzero(lengths == length)
        for chosen in np.array_split(segments, -(-len(segments) // batch)):
            watch = Dropped() if frozen else None
            repeated |= _repeat(problem, record, chosen, SEGMENT_NUDGED, 0, watch)
            if watch:
                dropped |= dict(zip(chosen, watch.segments(), strict=True))
            report(int(length) * len(chosen))
    _doubt(problem, record, repeated, doubt)
    return _result(record, repeated, dropped, place)


def repeat_segments(
    problem: Problem, record: RunRecord, chosen: NDArray, nudged: int, seed: int = 0, watch: Watch | None = None
) -> tuple[NDArray, Parameters]:
    """Repeat segments of one length together: costs (length, 1 + nudged, S) and parameters (1 + nudged, S, ...)."""
    start = {name: record.snapshots[name][chosen] for name in PARAMETER_NAMES}
    length = record.lengths[chosen[0]]
    masks = mask_reader(record, np.array(record.starts)[chosen], length, problem.X.dtype) if problem.keep_prob < 1 else None
    return repeat(problem, start, length, masks, nudged, seed=seed, watch=watch)


def _repeat(
    problem: Problem, record: RunRecord, chosen: NDArray, nudged: int, seed: int, watch: Watch | None = None
) -> dict[int, Repeated]:
    costs, ends = repeat_segments(problem, record, chosen, nudged, seed, watch)
    return {
        s: Repeated(
            costs[:, 0, i],
            cost_floor(costs[:, :, i]),
            {name: value[0, i] for name, value in ends.items()},
            {name: float(spread(value[:, i]).max()) for name, value in ends.items()},
        )
        for i, s in enumerate(chosen)
    }


def _together(problem: Problem, record: RunRecord, lanes: int, size: int) -> int:
    """How many segments of so many lanes keep one activation within so many bytes; at least one."""
    units = max(record.snapshots[name][0].size for name in ("b1", "b2"))
    return max(1, size // (units * problem.X.shape[-1] * problem.X.itemsize * lanes))


def _doubt(problem: Problem, record: RunRecord, repeated: dict[int, Repeated], doubt: tuple[int, ...]) -> None:
    """Repeat the segments that do not agree with more replicates, the least bad first, as long as that clears any.

    A unit that crosses its kink one update earlier is rounding too, but rare: two replicates can miss it.
    """
    used = {s: _used(record, s, segment) for s, segment in repeated.items()}
    open_ = sorted((s for s in used if used[s] > 1 and not _hopeless(record, s, repeated[s])), key=lambda s: used[s])
    for first in range(0, len(open_), BAD_SEGMENTS):
        group = open_[first : first + BAD_SEGMENTS]
        for seed, nudged in enumerate(doubt, start=1):
            _widen(problem, record, {s: repeated[s] for s in group}, nudged, seed)
            group = [s for s in group if _used(record, s, repeated[s]) > 1]
        if len(group) == BAD_SEGMENTS:
            break


def _widen(problem: Problem, record: RunRecord, segments: dict[int, Repeated], nudged: int, seed: int) -> None:
    """Repeat the segments with so many further replicates, as many at once as memory bears."""
    for length in sorted({record.lengths[s] for s in segments}):
        chosen = np.array([s for s in segments if record.lengths[s] == length])
        lanes = min(nudged, _together(problem, record, len(chosen), DOUBT_BYTES))
        for part in range(-(-nudged // lanes)):
            # Every part with other signs.
            for s, more in _repeat(problem, record, chosen, lanes, 1000 * seed + part).items():
                segments[s].widen(more)


def _compared(record: RunRecord, s: int, segment: Repeated) -> Iterator[tuple[str, NDArray, NDArray, NDArray | float]]:
    """Tensor, the port's, the reference's and its floor: of the costs of a segment, and of the parameters at its end."""
    during = slice(record.starts[s], record.starts[s] + record.lengths[s])
    yield "cost", record.costs[during], segment.costs, segment.cost_floors
    for name in PARAMETER_NAMES:
        yield name, record.snapshots[name][s + 1], segment.ends[name], segment.end_floors[name]


def _used(record: RunRecord, s: int, segment: Repeated) -> float:
    """The largest share of what is allowed; infinite where something cannot be compared."""
    used = 0.0
    for _, port, reference, floor in _compared(record, s, segment):
        outcome = judge(port, reference, floor)
        if outcome["status"] == "failed":
            allowed = outcome.get("allowed", 0)
            used = max(used, outcome["difference"] / allowed if allowed else np.inf)
    return used


def _hopeless(record: RunRecord, s: int, segment: Repeated) -> bool:
    port = record.costs[record.starts[s] :][: min(EARLY, record.lengths[s])]
    reference, floors = segment.costs[: len(port)], segment.cost_floors[: len(port)]
    # What is not finite stays so, whatever the floor.
    return not (np.abs(port - reference) <= HOPELESS * allowance(reference, floors)).all()


def _result(
    record: RunRecord, repeated: dict[int, Repeated], dropped: dict[int, tuple[Layers, Layers]], place: dict
) -> SegmentResult:
    """Judge all segments, in the order of the run."""
    result = SegmentResult([], np.empty(len(record.costs)), np.empty(len(record.costs)), repeated[0].end_floors)
    bad = 0
    for s in range(len(record.lengths)):
        segment = repeated[s]
        during = slice(record.starts[s], record.starts[s] + record.lengths[s])
        here = place | {"stage": "trajectory", "scope": segment_scope(record.starts[s], record.lengths[s])}
        result.differences[during] = np.abs(record.costs[during] - segment.costs)
        result.floors[during] = segment.cost_floors
        checks = [cost_check(here, during.start, record.costs[during], segment.costs, segment.cost_floors)]
        for name, port, reference, floor in list(_compared(record, s, segment))[1:]:
            outcome = judge(port, reference, floor)
            say_if_blind(outcome, float(floor), float(np.abs(reference).max()))
            checks.append(Check(**here, tensor=name, iteration=during.stop, **outcome))
        failed = [check.tensor for check in checks if check.status == "failed"]
        bad += bool(failed)
        if failed and bad <= BAD_SEGMENTS:
            result.evidence |= _evidence(record, s, segment, failed, here["scope"])
        if dropped:
            # Only the start of a segment that does not agree is known to be the port's.
            first, ever = dropped[s]
            result.dropped.append(first if failed else ever)
        result.checks.extend(checks)
    return result


def _evidence(record: RunRecord, s: int, segment: Repeated, failed: list[str], scope: str) -> dict:
    start = {f"start_{name}": record.snapshots[name][s] for name in PARAMETER_NAMES}
    return {
        (scope, name): {"port": port, "reference": reference, "allowed": allowance(reference, floor)} | start
        for name, port, reference, floor in _compared(record, s, segment)
        if name in failed
    }


def repeat_check(record: RunRecord, again: RunRecord, result: SegmentResult, place: dict) -> Check:
    """The port's first segment against a second run of it: within the floor that holds for the reference."""
    length = len(again.costs)
    place = place | {"stage": "repeat", "scope": segment_scope(0, length), "tensor": "training", "iteration": length}
    pairs: list[tuple[NDArray, NDArray, NDArray | float]] = [(again.costs, record.costs[:length], result.floors[:length])]
    pairs += [(again.snapshots[name][1], record.snapshots[name][1], result.first_ends[name]) for name in PARAMETER_NAMES]
    outcome: dict = {"difference": 0.0, "allowed": 0.0, "status": "passed"}
    for second, first, floor in pairs:
        if outcome["status"] == "passed" and not np.array_equal(second, first, equal_nan=True):
            outcome = judge(second, first, floor)
    if outcome["status"] == "failed":
        outcome["reason"] = f"two runs of the port differ: {outcome['reason']}"
    return Check(**place, **outcome)


def free_run(
    problem: Problem,
    parameters: Parameters,
    num_iterations: int,
    record: RunRecord | None,
    report: Callable[[int], None],
) -> tuple[NDArray, Parameters]:
    """The reference's own run from the initial parameters, with nudged replicates: costs (n, R) and the parameters then.

    It ends with the first iterations beyond the horizon, or with the last one.
    """
    start = {name: value[np.newaxis] for name, value in parameters.items()}
    dropout = record and problem.keep_prob < 1
    reader = mask_reader(record, np.zeros(1, int), num_iterations, problem.X.dtype) if record and dropout else None

    def parted(costs: NDArray) -> bool:
        return horizon(costs[:, :, 0]) < len(costs)

    costs, ends = repeat(problem, start, num_iterations, reader, FREE_NUDGED, report, parted)
    report(num_iterations - len(costs))
    return costs[:, :, 0], {name: value[:, 0] for name, value in ends.items()}


def free_run_checks(costs: NDArray, ends: Parameters, record: RunRecord, place: dict) -> Iterator[Check]:
    """Compare the costs of the free run, one by one, up to the horizon; and the final parameters, if it reaches them."""
    end = horizon(costs)
    last = len(record.costs)
    place = place | {"stage": "trajectory", "scope": FREE_RUN}
    yield cost_check(place, 0, record.costs[:end], costs[:end, 0], cost_floor(costs[:end]))
    for name, final in record.final_parameters.items():
        outcome = judge(final, ends[name][0], spread(ends[name]).max() if end == last else np.inf)
        if end < last and outcome["status"] == "passed":
            outcome["reason"] = (
                f"beyond the horizon of {end:,} iterations, where two correct runs part: only finite is asked"
            )
        yield Check(**place, tensor=name, iteration=last, **outcome)


def free_run_difference(costs: NDArray, record_costs: NDArray) -> NDArray:
    """How far the costs of a run (num_iterations,) are from the reference's free run (n, R), up to its horizon."""
    end = horizon(costs)
    return np.abs(record_costs[:end] - costs[:end, 0])
