"""What the page of a check shows: what the file defines, what was compared of it, and what came of it."""

import math
from typing import Any

from shared.harness.checks import FREE_RUN, MASKS, STAGES, Call, Check, Status, Updates
from shared.harness.results import PortFile, Results

WHOLE_PORT = ("train", "trace")
"""Functions that are seen stage by stage; others are the course's, each compared by itself."""


def checked(results: Results) -> dict[str, Any]:
    """What the page of a check shows beside what both pages do."""
    port = results.port
    assert port is not None, "results of a check"
    return {"port": port, "verdict": _verdict(results, port), "numbers": _numbers(results, port),
            "rows": _rows(results, port), "unseen": _unseen(results)}  # fmt: skip


def _verdict(results: Results, port: PortFile) -> str:
    name = port.file.replace("\\", "/").rsplit("/", 1)[-1]
    if results.verdict == "match":
        return f"{name} is right: everything that it defines is what the reference computes, to rounding."
    if results.verdict == "incomplete":
        some = "what could be compared agrees, but not everything" if results.counts.compared else "nothing of it"
        return f"{name}: {some} could be compared."
    wrong = list(dict.fromkeys(what for what, _, checks in _groups(results, port) if any(c.failed for c in checks)))
    return f"{name} differs from the reference in {', '.join(wrong[:4])}{' and more' if len(wrong) > 4 else ''}."


def _numbers(results: Results, port: PortFile) -> list[tuple[str, str]]:
    counts = results.counts
    right = sum(row["result"] == "match" for row in _rows(results, port))
    return [
        (f"{right}", f"of {len(_rows(results, port))} functions and stages agree"),
        (f"{counts.compared - counts.failed:,}", f"of {counts.compared:,} comparisons agree"),
        (f"{counts.skipped:,}", "planned comparisons were not made" if counts.skipped != 1 else "comparison was not made"),
    ]


def _groups(results: Results, port: PortFile) -> list[tuple[str, str, list[Check]]]:
    """(what was compared, variant, its comparisons), in the order of checking."""
    groups: dict[tuple[str, str], list[Check]] = {}
    for check in results.checks:
        groups.setdefault((_what(check, port), check.variant), []).append(check)
    found = [(what, variant, checks) for (what, variant), checks in groups.items()]
    order = [*port.functions, *STAGES]
    return sorted(found, key=lambda group: order.index(group[0]) if group[0] in order else len(order))


def _what(check: Check, port: PortFile) -> str:
    """The function of the course that was called, or the stage that was looked at."""
    where = check.where
    called = where.function if isinstance(where, Call) else check.tensor
    if called in port.functions and called not in WHOLE_PORT:
        return called
    if isinstance(where, Updates):
        return "trajectory, in segments"
    return f"{check.stage}, {where}" if where in (FREE_RUN, MASKS) else check.stage


def _rows(results: Results, port: PortFile) -> list[dict[str, Any]]:
    rows = []
    for what, variant, checks in _groups(results, port):
        statuses = {check.status for check in checks}
        result = "differs" if Status.FAILED in statuses else "no answer" if Status.SKIPPED in statuses else "match"
        shares = [share for check in checks if check.passed and (share := check.share) is not None and math.isfinite(share)]
        wrong = list(dict.fromkeys(check.tensor for check in checks if check.failed))
        shown = "" if what in port.functions and what != "model" else variant  # others are called in no variant
        rows.append({"what": what, "variant": shown, "compared": len(checks), "share": max(shares, default=None),
                     "result": result, "wrong": wrong})  # fmt: skip
    return rows


def _unseen(results: Results) -> list[str]:
    """Why comparisons were not made, each reason once."""
    return list(dict.fromkeys(check.reason for check in results.checks if check.status is Status.SKIPPED))
