"""Dropout masks as random numbers: what a framework's generator must be like, whatever bits it draws.

Each test counts what is binomial if every unit of every example is kept independently with probability keep_prob, and fails
where such a count has a probability below FALSE_ALARM. The seeds are fixed, so a run that passed passes again.
"""

from collections.abc import Iterator
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import scipy  # scipy.special is imported where it is used first: that takes longer than many a run
from numpy.typing import NDArray

from shared.harness.checks import MASKS, Cause, Check, RunId, Where, because
from shared.parameters import Parameters

FALSE_ALARM = 1e-9
"""Probability that one test fails for correct masks; a default run makes about a hundred."""

LIMIT = -NormalDist().inv_cdf(FALSE_ALARM / 2)
BITS = 1_000_000
"""Mask bits drawn for the tests, about: a kept share that is off by 0.2 % is seen."""

FRESH_TESTS = ("iterations", "kept per iteration")
LAYER_TESTS = ("kept share", "units", "examples", "kept per unit", "kept per example")


AXES = ("iteration", "unit", "example")
"""What the axes of masks (n, h, m) count."""


class Chance(NamedTuple):
    """How likely what was counted is for correct masks, and what it was."""

    likely: float
    seen: str


def mask_tests(frozen: bool) -> list[str]:
    """The tensors of the plan: layer and test."""
    per_layer = [*LAYER_TESTS, *(("frozen",) if frozen else FRESH_TESTS)]
    return [f"{layer}: {test}" for layer in ("D1", "D2") for test in per_layer] + ["D1 and D2: independence"]


def all_on(parameters: Parameters) -> Parameters:
    """Parameters under which every hidden unit is on for every example, so that its mask can be read."""
    return {n: np.zeros_like(value) if n.startswith("W") else np.ones_like(value) for n, value in parameters.items()}


def sample_length(h1: int, h2: int, m: int) -> int:
    """Iterations to draw masks in: two at least, and as many as make BITS."""
    return max(2, min(1000, BITS // ((h1 + h2) * m)))


def mask_checks(D1: NDArray, D2: NDArray, keep_prob: float, frozen: bool, run: RunId) -> Iterator[Check]:
    """Test the masks D1 (n, h1, m), D2 (n, h2, m) of n iterations; bool."""
    chances: dict[str, Chance] = {}
    for layer, D in (("D1", D1), ("D2", D2)):
        chances |= layer_chances(layer, D, keep_prob, frozen)
    first = slice(0, 1) if frozen else slice(None)
    chances["D1 and D2: independence"] = _layers_independence(D1[first], D2[first], keep_prob)
    yield from outcomes_of(chances, keep_prob, run, MASKS)


def layer_chances(layer: str, D: NDArray, keep_prob: float, frozen: bool) -> dict[str, Chance]:
    """Test -> how likely the masks D (n, h, m) of one layer are, by themselves."""
    chances: dict[str, Chance] = {}
    if frozen:
        other = int(np.sum(np.any(D[:1] != D, axis=(1, 2))))
        chances[f"{layer}: frozen"] = Chance(float(not other), f"{other:,} of {len(D):,} iterations have other masks")
        D = D[:1]
    kept = int(D.sum())
    likely = chance(kept, D.size, keep_prob)
    chances[f"{layer}: kept share"] = Chance(likely, f"{kept:,} of {D.size:,} ({kept / D.size:.2%}) are kept")
    chances[f"{layer}: units"] = _independence(D, 1, keep_prob)
    chances[f"{layer}: examples"] = _independence(D, 2, keep_prob)
    chances[f"{layer}: kept per unit"] = _each(D, 1, keep_prob)
    chances[f"{layer}: kept per example"] = _each(D, 2, keep_prob)
    if not frozen:
        chances[f"{layer}: iterations"] = _independence(D, 0, keep_prob)
        chances[f"{layer}: kept per iteration"] = _each(D, 0, keep_prob)
    return chances


def outcomes_of(chances: dict[str, Chance], keep_prob: float, run: RunId, where: Where) -> Iterator[Check]:
    """The comparisons of such tests: each fails where it is less likely than FALSE_ALARM."""
    for test, (probability, seen) in chances.items():
        cause = Cause.AGREES if probability >= FALSE_ALARM else Cause.UNLIKELY
        # Shown as the normal deviate of the same probability, so that it can be compared with a limit like the rest.
        deviate = abs(float(scipy.special.ndtri(max(probability, 1e-300) / 2)))
        outcome = because(cause, seen, FALSE_ALARM, keep_prob, difference=deviate, tolerance=LIMIT)
        yield outcome.of(run.at("forward", where, test))


def chance(kept: NDArray | int, of: int, probability: float) -> float:
    """Compute how likely counts as far from the expected one as these are: the exact two-sided binomial probability.

    kept: one count of `of`, or several, of which the most unlikely one counts (Bonferroni).
    """
    kept = np.atleast_1d(kept)
    return float(min(1.0, 2 * _tails(kept, of, probability).min() * kept.size))


def least(chances: list[Chance]) -> Chance:
    """The least likely of several, as likely as that is of so many."""
    first = min(chances, default=Chance(1.0, ""))
    return Chance(min(1.0, len(chances) * first.likely), first.seen)


def _tails(kept: NDArray, of: int, probability: float) -> NDArray:
    """The smaller of the probabilities of so few and of so many."""
    return np.minimum(scipy.special.bdtr(kept, of, probability), scipy.special.bdtrc(kept - 1, of, probability))


def _each(D: NDArray, axis: int, keep_prob: float) -> Chance:
    """Every unit, example or iteration by itself is kept as often as it should be."""
    kept, of = D.sum(axis=tuple(i for i in range(3) if i != axis)), D.size // D.shape[axis]
    worst = int(_tails(kept, of, keep_prob).argmin())
    seen = f"{AXES[axis]} {worst + 1} of {len(kept):,} is kept in {kept[worst]:,} of {of:,} cases"
    return Chance(chance(kept, of, keep_prob), seen)


def _independence(D: NDArray, axis: int, keep_prob: float) -> Chance:
    """Neighbours along an axis, in pairs that share no bit, agree as often as independent ones do."""
    pairs = D.shape[axis] // 2
    if not pairs:
        return Chance(1.0, "")
    # Neighbours, and one half against the other: a generator that starts again half way is seen by the second alone.
    couples = ((range(0, 2 * pairs, 2), range(1, 2 * pairs, 2)), (range(pairs), range(pairs, 2 * pairs)))
    what = f"pairs of {AXES[axis]}s"
    return least([_agreement(D.take(one, axis), D.take(two, axis), keep_prob, what) for one, two in couples])


def _layers_independence(D1: NDArray, D2: NDArray, keep_prob: float) -> Chance:
    """Two layers with the same seed draw the same bits: unit by unit, or in the order of either layout, n x m or m x n."""
    units = min(D1.shape[1], D2.shape[1])
    pairs = [(D1[:, :units], D2[:, :units])]
    for order in ((0, 1, 2), (0, 2, 1)):
        left, right = (D.transpose(order).reshape(len(D), -1) for D in (D1, D2))
        bits = min(left.shape[1], right.shape[1])
        pairs.append((left[:, :bits], right[:, :bits]))
    return least([_agreement(left, right, keep_prob, "D1 and D2") for left, right in pairs])


def _agreement(left: NDArray, right: NDArray, keep_prob: float, what: str) -> Chance:
    equal, expected = int(np.sum(left == right)), keep_prob**2 + (1 - keep_prob) ** 2
    seen = f"{what} agree in {equal / left.size:.2%} of {left.size:,} places, independent ones in {expected:.2%}"
    return Chance(chance(equal, left.size, expected), seen)
