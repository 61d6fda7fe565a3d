"""The stage `trajectory`: every update of a run repeated by the reference, in segments; and the free run beside it.

Training amplifies rounding, so the ends of two correct runs prove nothing. The reference starts every segment from the
port's own parameters, repeats it with the port's own masks, and must arrive where the port arrived.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.alignment.checks import Check, allowance, judge
from shared.alignment.floor import Nudge, spread
from shared.alignment.plan import FREE_RUN, segment_scope
from shared.alignment.problem import Problem
from shared.alignment.replay import LOGITS, Masks, costs_of, replay, replicate
from shared.parameters import PARAMETER_NAMES, Parameters
from shared.records import RunRecord

SEGMENT_NUDGED = 2
DOUBT_NUDGED = (62, 254)
FREE_NUDGED = 4
"""Nudged replicates beside the reference: per segment, for a segment in doubt (twice), and in the free run."""

BAD_SEGMENTS = 3
"""Doubt ends with so many segments that failed in spite of it: that is not chance any more."""

BLIND = 1e-3
"""A noise floor beyond this share of the value hides what one would like to see."""

BATCH_BYTES = 2**19
"""Segments are repeated together, as many as keep one activation of all replicates within the processor's cache."""

UNPACKED_BYTES = 2**26
"""Masks are unpacked for as many steps ahead as fit in this."""


@dataclass(frozen=True)
class SegmentResult:
    """The checks of all segments; per iteration the cost's difference and noise floor (num_iterations,).

    first_ends: the noise floor of each parameter at the end of the first segment. evidence: what was compared where it
    failed, by scope and tensor, in the first segments that did.
    """

    checks: list[Check]
    differences: NDArray
    floors: NDArray
    first_ends: dict[str, float]
    evidence: dict[tuple[str, str], dict[str, NDArray]]


def repeat_in_segments(
    problem: Problem,
    record: RunRecord,
    place: dict,
    report: Callable[[int], None] = lambda updates: None,
    doubt: tuple[int, ...] = DOUBT_NUDGED,
) -> SegmentResult:
    """Repeat every segment of the run; compare its costs, one by one, and the parameters at its end."""
    result = SegmentResult([], np.empty(len(record.costs)), np.empty(len(record.costs)), {}, {})
    lengths = np.array(record.lengths)
    rows = max(1, BATCH_BYTES // (record.snapshots["b1"][0].size * problem.X.shape[-1] * problem.X.itemsize))
    batch = max(1, rows // (1 + SEGMENT_NUDGED))
    bad = 0
    for length in sorted(set(record.lengths), reverse=True):
        segments = np.flatnonzero(lengths == length)
        for chosen in np.array_split(segments, -(-len(segments) // batch)):
            repeated = repeat_segments(problem, record, chosen, SEGMENT_NUDGED)
            for i, s in enumerate(chosen):
                here = place | {"stage": "trajectory", "scope": segment_scope(record.starts[s], length)}
                checks = list(_judge_segment(record, s, repeated, i, here, result))
                for nudged in doubt:
                    # A unit that crosses its kink one update earlier is rounding too, but rare: two replicates can miss it.
                    if all(check.status == "passed" for check in checks) or bad == BAD_SEGMENTS:
                        break
                    again = repeat_segments(problem, record, chosen[i : i + 1], nudged)
                    checks = list(_judge_segment(record, s, again, 0, here, result))
                if doubt and any(check.status == "failed" for check in checks) and bad < BAD_SEGMENTS:
                    bad += 1
                    _keep_evidence(result, record, s, again, checks)
                result.checks.extend(checks)
            report(int(length) * len(chosen))
    return result


def repeat_segments(problem: Problem, record: RunRecord, chosen: NDArray, nudged: int) -> tuple[NDArray, Parameters]:
    """Repeat segments of one length together: costs (length, 1 + nudged, S) and parameters (1 + nudged, S, ...)."""
    start = {name: record.snapshots[name][chosen] for name in PARAMETER_NAMES}
    length = record.lengths[chosen[0]]
    masks = _mask_reader(record, np.array(record.starts)[chosen], length, problem.X.dtype) if problem.keep_prob < 1 else None
    return repeat(problem, start, length, masks, nudged)


def _judge_segment(
    record: RunRecord, s: int, repeated: tuple[NDArray, Parameters], i: int, place: dict, result: SegmentResult
) -> Iterator[Check]:
    costs, ends = repeated
    during = slice(record.starts[s], record.starts[s] + record.lengths[s])
    result.differences[during] = np.abs(record.costs[during] - costs[:, 0, i])
    result.floors[during] = cost_floor(costs[:, :, i])
    yield cost_check(place, during.start, record.costs[during], costs[:, :, i])
    for name in PARAMETER_NAMES:
        replicates = ends[name][:, i]
        floor = float(spread(replicates).max())
        if s == 0:
            result.first_ends[name] = floor
        outcome = judge(record.snapshots[name][s + 1], replicates[0], floor)
        _say_if_blind(outcome, floor, float(np.abs(replicates[0]).max()))
        yield Check(**place, tensor=name, iteration=during.stop, **outcome)


def _say_if_blind(outcome: dict, floor: float, size: float) -> None:
    if outcome["status"] == "passed" and not floor <= BLIND * size and floor > 0:
        outcome["reason"] = f"says little: rounding alone moves it by {floor:.1g}"


def _keep_evidence(result: SegmentResult, record: RunRecord, s: int, repeated: tuple, checks: list[Check]) -> None:
    costs, ends = repeated
    during = slice(record.starts[s], record.starts[s] + record.lengths[s])
    start = {f"start_{name}": record.snapshots[name][s] for name in PARAMETER_NAMES}
    for check in checks:
        if check.status == "failed":
            if check.tensor == "cost":
                port, reference, floor = record.costs[during], costs[:, 0, 0], cost_floor(costs[:, :, 0])
            else:
                replicates = ends[check.tensor][:, 0]
                port, reference, floor = record.snapshots[check.tensor][s + 1], replicates[0], spread(replicates).max()
            compared = {"port": port, "reference": reference, "allowed": allowance(reference, floor)}
            result.evidence[check.scope, check.tensor] = compared | start


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
    reader = _mask_reader(record, np.zeros(1, int), num_iterations, problem.X.dtype) if record and dropout else None

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
    yield cost_check(place, 0, record.costs[:end], costs[:end])
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


def horizon(costs: NDArray) -> int:
    """How many iterations of a free run a comparison can still say something about: the floor stays below BLIND."""
    blind = ~(cost_floor(costs) <= BLIND * np.abs(costs[:, 0]))
    return max(1, int(np.argmax(blind))) if blind.any() else len(costs)


def cost_floor(costs: NDArray) -> NDArray:
    """The floor of each cost, from costs (length, R): the largest spread so far, at least one unit in the last place."""
    reference = costs[:, 0]
    return np.maximum(np.maximum.accumulate(spread(costs.T)), np.spacing(np.abs(reference)))


def cost_check(place: dict, first: int, port: NDArray, costs: NDArray) -> Check:
    """Compare the port's costs (length,) with the reference's (length, R), which start at iteration `first`."""
    floor = cost_floor(costs)
    outcome = judge(port, costs[:, 0], floor)
    where = 0
    if outcome["status"] == "failed" and len(port):  # the first bad iteration
        where = int(np.argmax(~(np.abs(port - costs[:, 0]) <= allowance(costs[:, 0], floor))))
    elif len(port):  # the one that comes closest
        where = int(np.argmax(np.abs(port - costs[:, 0]) / floor))
    _say_if_blind(outcome, float(floor[-1]), float(np.abs(costs[-1, 0])))
    return Check(**place, tensor="cost", iteration=first + where, **outcome)


def repeat(
    problem: Problem,
    start: Parameters,
    length: int,
    masks: Callable[[int], Masks] | None,
    nudged: int,
    report: Callable[[int], None] = lambda updates: None,
    enough: Callable[[NDArray], bool] = lambda costs: False,
) -> tuple[NDArray, Parameters]:
    """Repeat segments together from start (S, ...), until `enough` of the costs so far, asked now and then.

    Returns the costs (length, 1 + nudged, S) and the parameters at the end (1 + nudged, S, ...).
    """
    parameters = replicate(start, 1 + nudged)
    nudge = Nudge()
    nudge.replicates(parameters)  # the port's last rounding before the start is as good as the reference's
    kept = problem.Y.size * parameters["b3"].size  # numbers of an update
    if problem.lambd:
        kept += sum(parameters[name].size for name in ("W1", "W2", "W3"))
    stretch = max(1, LOGITS // kept)
    costs: list[NDArray] = []
    Z3s: list[NDArray] = []
    before: list[Parameters] = []
    # A diverged run is repeated as it is: the comparison, not a warning, says that it is not finite.
    with np.errstate(all="ignore"):
        for step, (Z3, after) in enumerate(replay(problem, parameters, length, masks, nudge), start=1):
            Z3s.append(Z3)
            if problem.lambd:
                before.append(parameters)
            parameters = after
            if len(Z3s) == stretch or step == length:
                costs.append(costs_of(Z3s, before, problem))
                report(len(Z3s))
                if enough(np.concatenate(costs)):
                    break
                Z3s, before = [], []
    return np.concatenate(costs), parameters


def _mask_reader(record: RunRecord, starts: NDArray, length: int, dtype: np.dtype) -> Callable[[int], Masks]:
    """masks(step) -> D1 (S, h1, m), D2 (S, h2, m) of the segments that begin at `starts`, unpacked a stretch at a time."""
    per_step = len(starts) * sum(record.masks(slice(0, 1), layer).size for layer in (1, 2))
    stretch = max(1, UNPACKED_BYTES // per_step)
    held: dict[int, list[NDArray]] = {}

    def read(step: int) -> Masks:
        block = step // stretch
        if block not in held:
            held.clear()
            steps = np.arange(block * stretch, min(length, (block + 1) * stretch))
            iterations = (steps[:, np.newaxis] + starts).ravel()  # (steps * S,)
            held[block] = [
                D.reshape(len(steps), len(starts), *D.shape[1:]) for D in (record.masks(iterations, i) for i in (1, 2))
            ]
        D1, D2 = held[block]
        # As numbers: every replicate multiplies by them, and converting them each time would take longer.
        return D1[step % stretch].astype(dtype), D2[step % stretch].astype(dtype)

    return read
