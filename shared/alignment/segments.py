"""Segments of a run, replayed together by the reference: first all of them, then those in doubt with more replicates."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from shared.alignment import fused
from shared.alignment.costs import cost_floor
from shared.alignment.floor import spread
from shared.alignment.judge import judge, tolerance_of
from shared.alignment.replay import Replicates, Watch, mask_reader, replay_with_replicates
from shared.alignment.run_masks import Dropped, Layers
from shared.alignment.shared_floors import Floors, SharedFloors
from shared.case import Problem
from shared.harness.records import Record
from shared.parameters import PARAMETER_NAMES, Parameters

SEGMENT_REPLICATES = 2
DOUBT_REPLICATES = (6, 56, 190)
"""Perturbed replicates beside the reference: per segment, and further ones for a segment in doubt."""

BAD_SEGMENTS = 3
"""How many segments in doubt are replayed together, the least bad first; if none of them is cleared, the others fail too."""

HOPELESS = 1e3
EARLY = 8
"""A cost that is off by so many times its tolerance, within so many updates, is never cleared by more replicates.

What they can find is a unit that crosses its kink an update earlier. It moves no cost before, and little soon after.
The last and largest number of replicates is for segments that are not so far off, at whatever update.
"""

DESPERATE = 1e9
"""A difference of so many tolerances is no rounding, wherever it is: replicates never spread that far apart."""

BATCH_BYTES = 2**19
"""Segments are replayed together, as many as keep one activation of all replicates within the processor's cache."""

DOUBT_BYTES = 2**25
"""The same for segments in doubt: they may leave the cache, not the memory."""


@dataclass
class ReplayedSegment:
    """A segment as the reference replays it, and how far its replicates are from that: more of them may come later.

    costs, cost_floors (length,); ends: the parameters after the last update, and the largest distance in each.
    """

    costs: NDArray
    cost_floors: NDArray
    ends: Parameters
    end_floors: dict[str, float]

    @property
    def floors(self) -> Floors:
        """The noise floors alone."""
        return self.cost_floors, self.end_floors

    def widen(self, other: Floors) -> None:
        """Take the floors of further replicates of the same segment in."""
        cost_floors, end_floors = other
        self.cost_floors = np.maximum(self.cost_floors, cost_floors)
        self.end_floors = {name: max(floor, end_floors[name]) for name, floor in self.end_floors.items()}

    def compared(self, record: Record, s: int) -> Iterator[tuple[str, NDArray, NDArray, NDArray | float]]:
        """Tensor, the port's, the reference's and its floor: the costs of segment s, and the parameters at its end."""
        during = slice(record.starts[s], record.starts[s] + record.lengths[s])
        yield "cost", record.costs[during], self.costs, self.cost_floors
        for name in PARAMETER_NAMES:
            yield name, record.snapshots[name][s + 1], self.ends[name], self.end_floors[name]


def replay_all(
    problem: Problem,
    record: Record,
    report: Callable[[int], None],
    doubt: tuple[int, ...],
    frozen: bool,
    shared: SharedFloors | None = None,
) -> tuple[dict[int, ReplayedSegment], dict[int, tuple[Layers, Layers]]]:
    """Every segment of the run; and, of a run with frozen masks, the units proven dropped in each (see `Dropped`).

    doubt: further replicates for segments that do not agree. shared: noise floors of another run of the variant, used where
    it agrees; only the reference itself is replayed there.
    """
    lengths = np.array(record.lengths)
    replayed: dict[int, ReplayedSegment] = {}
    dropped: dict[int, tuple[Layers, Layers]] = {}
    known = shared.of(record) if shared else {}
    measured = np.array([s not in known for s in range(len(lengths))])
    for length, count in product(sorted(set(record.lengths), reverse=True), (SEGMENT_REPLICATES, 0)):
        segments = np.flatnonzero((lengths == length) & (measured == (count > 0)))
        compiled = not frozen and fused.is_worth(int(length) * len(segments) * count)  # lanes that need no room in an array
        batch = together(problem, record, 1 if compiled else 1 + count, BATCH_BYTES)
        for chosen in np.array_split(segments, -(-len(segments) // batch)) if len(segments) else ():
            watch = Dropped() if frozen else None
            replayed |= _replay(problem, record, chosen, count, 0, watch)
            if watch:
                dropped |= dict(zip(chosen, watch.segments(), strict=True))
            report(int(length) * len(chosen))
    for s, floors in known.items():
        replayed[s].widen(floors)
    _doubt(problem, record, replayed, doubt)
    if shared:
        shared.keep(record, [replayed[s].floors for s in range(len(lengths))])
    return replayed, dropped


def replay_segments(
    problem: Problem, record: Record, chosen: NDArray, count: int, seed: int = 0, watch: Watch | None = None
) -> tuple[NDArray, Parameters]:
    """Replay segments of one length together: costs (length, 1 + count, S) and parameters (1 + count, S, ...)."""
    start = {name: record.snapshots[name][chosen] for name in PARAMETER_NAMES}
    length = record.lengths[chosen[0]]
    masks = mask_reader(record, np.array(record.starts)[chosen]) if problem.keep_prob < 1 else None
    return replay_with_replicates(problem, start, length, masks, Replicates(count, seed), watch=watch)


def surely_dropped(problem: Problem, record: Record, dropped: list[tuple[Layers, Layers]]) -> list[Layers]:
    """Of each segment, the units that are proven dropped; where that contradicts the run, by further replicates as well.

    dropped: those of its first update, and of all, as the first replicates prove it. Of a unit that is about 0 they may all
    be on one side, and the port on the other. The first update starts from the port's own parameters: it needs no more.
    """
    bits = [record.mask_bits(slice(None), layer) for layer in (1, 2)]
    kept = [np.bitwise_or.reduce(layer, axis=0) for layer in bits]

    def contradicted(layers: Layers) -> bool:
        return any(np.any(D & K) for D, K in zip(layers, kept, strict=True))

    settled = any(contradicted(first) for first, _ in dropped)  # one contradiction is enough
    sure: list[Layers] = []
    for s, (_, ever) in enumerate(dropped):
        for seed, count in enumerate(DOUBT_REPLICATES, start=1):
            if settled or not contradicted(ever):
                break
            for part, lanes in portions(problem, record, 1, count):
                watch = Dropped()
                replay_segments(problem, record, np.array([s]), lanes, 1000 * seed + part, watch)
                [(_, again)] = watch.segments()
                ever = ever[0] & again[0], ever[1] & again[1]
        settled = settled or contradicted(ever)
        sure.append(ever)
    return sure


def _replay(
    problem: Problem, record: Record, chosen: NDArray, count: int, seed: int, watch: Watch | None = None
) -> dict[int, ReplayedSegment]:
    costs, ends = replay_segments(problem, record, chosen, count, seed, watch)
    return {
        s: ReplayedSegment(
            costs[:, 0, i],
            cost_floor(costs[:, :, i]),
            {name: value[0, i] for name, value in ends.items()},
            {name: float(spread(value[:, i]).max()) for name, value in ends.items()},
        )
        for i, s in enumerate(chosen)
    }


def together(problem: Problem, record: Record, lanes: int, size: int) -> int:
    """How many segments of so many lanes keep one activation within so many bytes; at least one."""
    units = max(record.snapshots[name][0].size for name in ("b1", "b2"))
    return max(1, size // (units * problem.X.shape[-1] * problem.X.itemsize * lanes))


def portions(problem: Problem, record: Record, segments: int, count: int) -> Iterator[tuple[int, int]]:
    """Replicates of so many segments, in portions that memory bears: the number of each, for other signs, and its size."""
    lanes = min(count, together(problem, record, segments, DOUBT_BYTES))
    yield from ((part, lanes) for part in range(-(-count // lanes)))


def _doubt(problem: Problem, record: Record, replayed: dict[int, ReplayedSegment], doubt: tuple[int, ...]) -> None:
    """Replay the segments that do not agree with more replicates, the least bad first, as long as that clears any.

    A unit that crosses its kink one update earlier is rounding too, but rare: two replicates can miss it.
    """
    used = {s: _used(record, s, segment) for s, segment in replayed.items()}
    # What is not finite, infinitely bad, stays so whatever the floor.
    in_doubt = [s for s, share in used.items() if 1 < share < np.inf and not _hopeless(record, s, replayed[s])]
    in_doubt.sort(key=lambda s: used[s])
    for first in range(0, len(in_doubt), BAD_SEGMENTS):
        group = in_doubt[first : first + BAD_SEGMENTS]
        for seed, count in enumerate(doubt, start=1):
            most = np.inf if seed < len(doubt) else HOPELESS
            again = {s: replayed[s] for s in group if 1 < used[s] <= most}
            _widen(problem, record, again, count, seed)
            used |= {s: _used(record, s, segment) for s, segment in again.items()}
        if sum(used[s] > 1 for s in group) == BAD_SEGMENTS:
            break


def _widen(problem: Problem, record: Record, segments: dict[int, ReplayedSegment], count: int, seed: int) -> None:
    """Replay the segments with so many further replicates, as many at once as memory bears."""
    for length in sorted({record.lengths[s] for s in segments}):
        chosen = np.array([s for s in segments if record.lengths[s] == length])
        for part, lanes in portions(problem, record, len(chosen), count):
            for s, more in _replay(problem, record, chosen, lanes, 1000 * seed + part).items():
                segments[s].widen(more.floors)


def _used(record: Record, s: int, segment: ReplayedSegment) -> float:
    """The largest share of a tolerance; infinite where something cannot be compared."""
    used = 0.0
    for _, port, reference, floor in segment.compared(record, s):
        outcome = judge(port, reference, floor)
        if outcome.failed:
            used = max(used, outcome.share if outcome.tolerance and outcome.share is not None else np.inf)
    return used


def _hopeless(record: Record, s: int, segment: ReplayedSegment) -> bool:
    if _used(record, s, segment) > DESPERATE:
        return True
    port = record.costs[record.starts[s] :][: min(EARLY, record.lengths[s])]
    reference, floors = segment.costs[: len(port)], segment.cost_floors[: len(port)]
    return bool((np.abs(port - reference) > HOPELESS * tolerance_of(reference, floors)).any())
