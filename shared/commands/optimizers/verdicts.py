"""What a row's runs say: equal, differs, or neither. Nothing here is chosen: rounding is measured (shared/alignment)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from shared.alignment.costs import HIDING
from shared.alignment.judge import judge
from shared.commands.optimizers.rows import DIFFERS, EQUAL, REMEDIES, Row
from shared.commands.optimizers.settings import UPDATES
from shared.parameters import PARAMETER_NAMES

Run = Mapping[str, NDArray]
"""The arrays of one setting by name: "W1 after 2", ...; if it is written by hand, also "floor of W1 after 2", ..."""

UNKNOWN = "cannot say"


@dataclass(frozen=True)
class Compared:
    """Two runs after an update: equal, differs or UNKNOWN; the largest difference of a parameter, and its share."""

    update: int
    verdict: str
    difference: float | None = None
    budget_used: float | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Judged(Row):
    """A row, and what was measured of it.

    write: remedy -> the code. by_hand: implementation -> its run compared with NumPy's by hand; reproduced: all are equal.
    holds: what was measured is what is claimed, and nothing but the rules is in the difference.
    """

    write: dict[str, str]
    measured: list[Compared]
    by_hand: dict[str, list[Compared]]
    reproduced: bool
    holds: bool


def judge_row(row: Row, torch: Run, keras: Run, torch_by_hand: Run, keras_by_hand: Run) -> Judged:
    """Compare both frameworks with each other, and each with NumPy's run of its rule by hand."""
    measured = [compare(keras, torch, torch_by_hand, t) for t in UPDATES]
    by_hand = {
        "torch": [compare(torch, torch_by_hand, torch_by_hand, t) for t in UPDATES],
        "tensorflow": [compare(keras, keras_by_hand, keras_by_hand, t) for t in UPDATES],
    }
    reproduced = all(one.verdict == EQUAL for comparisons in by_hand.values() for one in comparisons)
    claimed = tuple(one.verdict for one in measured) == row.claim
    return Judged(
        **{field.name: getattr(row, field.name) for field in fields(row)},
        write={remedy: REMEDIES[remedy] for remedy in row.remedies},
        measured=measured,
        by_hand=by_hand,
        reproduced=reproduced,
        holds=reproduced and claimed,
    )


def compare(run: Run, reference: Run, floors: Run, update: int) -> Compared:
    """Two runs after an update: the largest difference of any parameter, and the largest share of a tolerance.

    floors: a run by hand; its noise floor times FACTOR is the tolerance. What is missing, not finite or of another shape is
    neither equal nor different, and so is what agrees where rounding would hide anything.
    """
    differences, used, verdict, reason = [], [], EQUAL, ""
    for name in PARAMETER_NAMES:
        key = f"{name} after {update}"
        expected, floor = reference.get(key), floors.get(f"floor of {key}")
        if expected is None or floor is None:
            return Compared(update, UNKNOWN, reason=f"{name}: nothing to compare with")
        outcome = judge(run.get(key), expected, floor)
        if outcome.difference is None or outcome.share is None:
            return Compared(update, UNKNOWN, reason=f"{name}: {outcome.reason}")
        differences.append(float(np.abs(run[key] - expected).max()))
        used.append(outcome.share)
        if outcome.failed:
            verdict = DIFFERS
        elif not floor <= HIDING * np.abs(expected).max():
            reason = reason or f"{name}: rounding alone moves it by {float(floor):.1g}"
    if verdict == EQUAL and reason:
        return Compared(update, UNKNOWN, reason=reason)
    return Compared(update, verdict, max(differences), max(used))
