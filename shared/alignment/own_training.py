"""The port against itself: its own `train` beside the run, which its adapter makes of its `update`.

What only `train` does (a learning rate, a seed, a conversion) would be seen nowhere else. It makes the same updates: bit for
bit where both are compiled alike or not at all; where one is compiled, to rounding, with the same masks.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from shared.alignment.costs import cost_floor
from shared.alignment.floor import spread
from shared.alignment.judge import judge
from shared.alignment.recording import AGAIN, FRESH, OWN
from shared.alignment.segments import DOUBT_REPLICATES, replay_segments
from shared.alignment.trajectory import SegmentResult, repeat_check
from shared.case import Problem
from shared.harness.checks import Cause, Check, RunId
from shared.harness.records import Record
from shared.parameters import PARAMETER_NAMES


def own_training_check(problem: Problem, record: Record, segments: SegmentResult, run: RunId) -> Check:
    """The check `repeat` of the training. With frozen masks, which `train` has not, two runs; and `train` without them."""
    again = record.beside(AGAIN)
    if record.beside(OWN).finished:
        check = repeat_check(record, again, segments, run)
        return check if check.failed else _first_updates(record, check)
    check = repeat_check(record, again, segments, run, Cause.OWN_TRAINING)
    more = _floors(problem, record, segments)
    while check.failed and check.difference is not None and (floors := next(more, None)):
        check = repeat_check(record, again, floors, run, Cause.OWN_TRAINING)
    return check


def _floors(problem: Problem, record: Record, segments: SegmentResult) -> Iterator[SegmentResult]:
    """The noise floors of the first segment from more replicates: few can miss a unit that crosses its kink earlier."""
    for count in DOUBT_REPLICATES:
        costs, ends = replay_segments(problem, record, np.array([0]), count)
        last = {name: float(spread(ends[name][:, 0]).max()) for name in PARAMETER_NAMES}
        yield replace(segments, floors=cost_floor(costs[:, :, 0]), first_ends=last)


def _first_updates(record: Record, check: Check) -> Check:
    own, fresh = record.beside(OWN), record.beside(FRESH)
    pairs = [(own.costs, fresh.costs), *((own.final_parameters[n], fresh.final_parameters[n]) for n in PARAMETER_NAMES)]
    for its, expected in pairs:
        if not np.array_equal(its, expected, equal_nan=True):
            outcome = judge(its, expected, 0.0)
            if outcome.failed:
                return outcome.because(Cause.OWN_TRAINING, outcome.reason).of(check.key, check.iteration)
    return check
