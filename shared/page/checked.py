"""What the page of a check shows: what the file defines, what was compared of it, and what came of it."""

import math
from dataclasses import dataclass
from typing import Any

from shared.harness.checks import FREE_RUN, MASKS, STAGES, Call, Check, Status, Updates
from shared.harness.results import PortFile, Results

WHOLE_PORT = ("train", "trace")
"""Functions that are seen stage by stage; others are the course's, each compared by itself."""


@dataclass(frozen=True)
class Row:
    """The comparisons of a function, or of a stage, in one variant."""

    what: str
    variant: str
    checks: list[Check]

    @property
    def result(self) -> str:
        """match, differs or no answer."""
        statuses = {check.status for check in self.checks}
        return "differs" if Status.FAILED in statuses else "no answer" if Status.SKIPPED in statuses else "match"

    @property
    def share(self) -> float | None:
        """The largest share of the tolerance that a tensor that matches used; None where none is a number."""
        shares = [check.share for check in self.checks if check.passed and check.share is not None]
        return max(filter(math.isfinite, shares), default=None)

    @property
    def shown_variant(self) -> str:
        """The variant; nothing where a function was called by itself, which has none."""
        by_itself = any(isinstance(check.where, Call) and check.where.function == self.what for check in self.checks)
        return "" if by_itself and self.what != "model" else self.variant

    @property
    def wrong(self) -> list[str]:
        """The tensors that differ."""
        return list(dict.fromkeys(check.tensor for check in self.checks if check.failed))


def checked(results: Results) -> dict[str, Any]:
    """What the page of a check shows beside what both pages do."""
    port = results.port
    assert port is not None, "results of a check"
    return {"port": port, "verdict": _verdict(results, port), "numbers": _numbers(results),
            "rows": rows_of(results), "unseen": _unseen(results)}  # fmt: skip


def _verdict(results: Results, port: PortFile) -> str:
    name = port.file.replace("\\", "/").rsplit("/", 1)[-1]
    if results.verdict == "match":
        return f"{name} is right: everything that it defines is what the reference computes, to rounding."
    if results.verdict == "incomplete":
        some = "what could be compared agrees, but not everything" if results.counts.compared else "nothing of it"
        return f"{name}: {some} could be compared."
    wrong = list(dict.fromkeys(row.what for row in rows_of(results) if row.result == "differs"))
    return f"{name} differs from the reference in {', '.join(wrong[:4])}{' and more' if len(wrong) > 4 else ''}."


def _numbers(results: Results) -> list[tuple[str, str]]:
    counts, rows = results.counts, rows_of(results)
    right = sum(row.result == "match" for row in rows)
    return [
        (f"{right}", f"of {len(rows)} functions and stages agree"),
        (f"{counts.compared - counts.failed:,}", f"of {counts.compared:,} comparisons agree"),
        (f"{counts.skipped:,}", "planned comparisons were not made" if counts.skipped != 1 else "comparison was not made"),
    ]


def rows_of(results: Results) -> list[Row]:
    """What was compared of a port and what came of it, in the order of its functions and of the stages."""
    groups: dict[tuple[str, str], list[Check]] = {}
    for check in results.checks:
        groups.setdefault((_what(check, results), check.variant), []).append(check)
    order = [*(results.port.functions if results.port else []), *STAGES]
    rows = [Row(what, variant, checks) for (what, variant), checks in groups.items()]
    return sorted(rows, key=lambda row: order.index(row.what) if row.what in order else len(order))


def _what(check: Check, results: Results) -> str:
    """The function that was called by itself, or the stage that was looked at."""
    where, functions = check.where, results.port.functions if results.port else []
    called = where.function if isinstance(where, Call) else check.tensor
    if called not in WHOLE_PORT and (isinstance(where, Call) or called in functions):
        return called
    if isinstance(where, Updates):
        return "trajectory, in segments"
    return f"{check.stage}, {where}" if where in (FREE_RUN, MASKS, Call("masks", "train")) else check.stage


def _unseen(results: Results) -> list[str]:
    """Why comparisons were not made, each reason once."""
    return list(dict.fromkeys(check.reason for check in results.checks if check.status is Status.SKIPPED))
