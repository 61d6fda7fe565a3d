"""The masks of the run itself: drawn anew at every iteration, or the same throughout; said only where units prove it.

A mask is read back from what the layer lets through, so that a unit that is off reads as dropped. Read as kept, a unit was
kept. Read as dropped, it was dropped only if it was on: this the reference knows, which replays every update.
"""

from collections.abc import Iterator

import numpy as np
import scipy
from numpy.typing import NDArray

from shared.alignment.judge import FACTOR
from shared.alignment.masks import FALSE_ALARM, LIMIT
from shared.harness.checks import MASKS, Cause, Check, Outcome, RunId
from shared.harness.records import Record

RUN_TESTS = ("D1 of the run", "D2 of the run")

PAIRS = 100
"""Pairs of iterations of each distance that are looked at in each segment of a run."""

LONGEST = 100
"""The largest distance of two iterations of a segment whose masks are compared."""

Layers = tuple[NDArray, NDArray]


class Dropped:
    """Collects, while segments are replayed, which units of which examples are dropped beyond doubt: on, and yet 0.

    A unit is on where its Z is above 0 by more than rounding explains in any unit of its layer.
    """

    def __init__(self) -> None:
        self.first: list[NDArray] = []
        self.ever: list[NDArray] = []

    def __call__(self, step: int, cache: tuple) -> None:
        """The course's cache with dropout: Z1, D1, A1, W1, b1, Z2, D2, ...; Z (R, S, h, m), D (S, h, m)."""
        seen = [_is_on(cache[i]) & (cache[i + 1] == 0) for i in (0, 5)]
        if step == 0:
            self.first, self.ever = seen, [layer.copy() for layer in seen]
        for ever, now in zip(self.ever, seen, strict=True):
            ever |= now

    def segments(self) -> Iterator[tuple[Layers, Layers]]:
        """For each segment, which bits of D1 and D2 are dropped at its first update, and which at any update; packed."""
        layers = [[np.packbits(D.reshape(len(D), -1), axis=-1) for D in kind] for kind in (self.first, self.ever)]
        (first1, first2), (ever1, ever2) = layers
        yield from zip(zip(first1, first2, strict=True), zip(ever1, ever2, strict=True), strict=True)


def _is_on(Z: NDArray) -> NDArray:
    """Where Z[0] (S, h, m) is above 0 by more than rounding explains; the replicates Z[1:] measure the rounding."""
    moved = np.abs(Z[1:] - Z[0]).max(axis=(0, 2, 3), keepdims=True)[0]  # (S, 1, 1)
    size = np.abs(Z[0]).max(axis=(1, 2), keepdims=True)
    return Z[0] > FACTOR * np.maximum(moved, np.finfo(Z.dtype).eps * size)


def frozen_mask_checks(record: Record, dropped: list[Layers], run: RunId) -> Iterator[Check]:
    """A mask that must stay the same: no unit of an example is kept at one iteration and dropped at another.

    dropped: of each segment, the bits of D1 and D2 that are proven dropped (see `Dropped`). There is no chance in it.
    """
    for layer, test in enumerate(RUN_TESTS, start=1):
        kept_so_far = dropped_so_far = np.zeros_like(dropped[0][layer - 1])
        where: tuple = ()
        for s, start in enumerate(record.starts):
            last = start + record.lengths[s] - 1
            kept = np.bitwise_or.reduce(record.mask_bits(slice(start, last + 1), layer), axis=0)
            inside = np.any(kept & dropped[s][layer - 1])
            kept_so_far, dropped_so_far = kept_so_far | kept, dropped_so_far | dropped[s][layer - 1]
            if not where and np.any(kept_so_far & dropped_so_far):
                where = "within" if inside else "from the updates before to", start, last
        count, of = _ones(kept_so_far & dropped_so_far), _ones(dropped_so_far)
        outcome = Outcome(difference=float(count), tolerance=0.0)
        if where:
            what = "are drawn anew" if count > of / 2 else "change"
            outcome = outcome.because(Cause.MASKS_CHANGE, what, *where, of, count)
        elif not of or not _ones(kept_so_far):
            outcome = outcome.because(Cause.NONE_DROPPED)
        yield outcome.of(run.at("forward", MASKS, test))


def fresh_mask_checks(record: Record, keep_prob: float, run: RunId) -> Iterator[Check]:
    """Masks that must be drawn anew: of the units that one mask keeps, another one keeps no more than chance lets through.

    Compared are iterations up to LONGEST apart, and the same place in neighbouring segments. Units that go
    off make it fewer. The probabilities are those of the least likely of all these tests (Bonferroni).
    """
    for layer, test in enumerate(RUN_TESTS, start=1):
        counts = list(_counts(record, layer))
        chances = [len(counts) * repeated(kept, of, keep_prob) for kept, of, _ in counts]
        least = min(chances, default=1.0)
        # Shown as the normal deviate of the same probability, so that it can be compared with a limit like the rest.
        deviate = abs(float(scipy.special.ndtri(min(0.5, max(least / 2, 1e-300)))))
        outcome = Outcome(difference=deviate, tolerance=LIMIT)
        if least < FALSE_ALARM:
            kept, of, where = next(found for found, chance in zip(counts, chances, strict=True) if chance < FALSE_ALARM)
            outcome = outcome.because(Cause.MASKS_REPEAT, where, of, kept / of)
        elif all(len(counts) * repeated(of, of, keep_prob) >= FALSE_ALARM for _, of, _ in counts):
            outcome = outcome.because(Cause.FEW_UNITS)
        yield outcome.of(run.at("forward", MASKS, test))


def repeated(kept: int, of: int, keep_prob: float) -> float:
    """A bound for the probability that of so many units, so many or more are kept again where the masks are independent.

    The units looked at depend on the masks before, so the count is not quite binomial. A bet on it is a fair game all the
    same: the likelihood under any larger share, over that under keep_prob, has at most the mean 1, and so has its average
    over all larger shares. It exceeds 1 / p with a probability of at most p, whatever units are off (Ville 1939).
    """
    if not of:
        return 1.0
    larger = scipy.special.betaincc(kept + 1, of - kept + 1, keep_prob)
    if larger == 0:  # far fewer than keep_prob of them
        return 1.0
    log_average = scipy.special.betaln(kept + 1, of - kept + 1) + np.log(larger) - np.log1p(-keep_prob)
    log_likelihood = scipy.special.xlogy(kept, keep_prob) + scipy.special.xlog1py(of - kept, -keep_prob)
    return float(np.exp(min(0.0, log_likelihood - log_average)))


def _counts(record: Record, layer: int) -> Iterator[tuple[int, int, str]]:
    """Units kept again, units kept before, and where: within each segment, and from one to the next.

    Segments that diverge are left out: a unit that is no number is read as kept.
    """
    starts, lengths = record.starts, record.lengths
    before = None
    for start, length in zip(starts, lengths, strict=True):
        if not np.isfinite(record.costs[start : start + length]).all():
            before = None
            continue
        bits = record.mask_bits(slice(start, start + length), layer)
        last = start + length - 1
        for distance in range(1, min(length - 1, LONGEST) + 1):
            firsts = np.unique(np.linspace(0, length - 1 - distance, PAIRS).astype(int))
            where = f"within the updates {start} to {last}" + (f", {distance} updates later" if distance > 1 else "")
            yield *_kept_again(bits, bits, firsts, distance), where
        if before is not None and len(before) == length:
            where = f"from the segment before in the updates {start} to {last}"
            yield *_kept_again(before, bits, np.unique(np.linspace(0, length - 1, PAIRS).astype(int)), 0), where
        before = bits


def _kept_again(before: NDArray, after: NDArray, firsts: NDArray, distance: int) -> tuple[int, int]:
    kept = before[firsts]
    return _ones(kept & after[firsts + distance]), _ones(kept)


def _ones(bits: NDArray) -> int:
    return int(np.bitwise_count(bits).sum(dtype=np.int64))
