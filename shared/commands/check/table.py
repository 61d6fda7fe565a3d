"""The summary of `compare.py check` on the terminal, made from the results."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.commands.check.loading import CHECKABLE, COURSE
from shared.diagnosis.failure import diagnoses_of, explanation, message
from shared.harness.checks import FREE_RUN, MASKS, Call, Check, Status, Updates
from shared.harness.results import Results
from shared.harness.tables import TOLERANCE, answer_of, make_table

MEANING = {
    "match": "everything that this file defines is what the reference computes, to rounding",
    "mismatch": "something differs by more than rounding explains",
    "incomplete": "not everything could be compared",
}
BY_ITSELF = {*COURSE, "predict"} - {"model"}
"""Functions that are called in no variant, each with arguments of its own."""
COLOURS = {"match": "green", "differs": "red", "no answer": "yellow"}


def show(results: Results, console: Console) -> None:
    """What was compared and what came of it, remarks, the first difference of each variant, and counts."""
    port, counts = results.port, results.counts
    assert port is not None, "results of a check"
    console.print(Text(f"{port.file} defines {', '.join(port.functions) or 'nothing that can be called'}"))
    if port.not_checked:
        console.print(Text(f"not defined, so not checked: {', '.join(port.not_checked)}", "dim"))
    console.print(_table(results.checks))
    console.print(Text(f"share: the largest share of the tolerance that a tensor that matches used; {TOLERANCE}", "dim"))
    for remark in results.remarks:
        console.print(Text(f"note: {remark}", "dim"))
    _show_failures(results, console)
    console.print(
        Text(f"comparisons: {counts.planned:,} planned, {counts.compared:,} made, ")
        + Text(f"{counts.failed:,} failed, {counts.skipped:,} skipped")
    )
    if counts.uninformative:
        said = f"{counts.uninformative:,} of them uninformative: rounding, or too few units seen, would hide a difference"
        console.print(Text(said, "yellow"))
    _show_judged(results, console)


def answer(results: Results) -> Text:
    """The verdict, in one line."""
    return answer_of(results.verdict, MEANING, results.counts.uninformative)


def failure_text(results: Results) -> str:
    """All that went wrong, as plain text: for a test's message."""
    lines: list[str] = []
    for failure in results.failures:
        lines += message(failure, results.diagnoses)
    lines += [f"{check.where}: {check.reason}" for check in results.checks if check.status is Status.SKIPPED]
    return "\n".join(lines)


def _table(checks: list[Check]) -> Table:
    table = make_table("compared", "variant", " tensors", " share", " result")
    groups: dict[tuple[str, str], list[Check]] = {}
    for check in checks:
        groups.setdefault((check.variant, _what(check)), []).append(check)
    for (variant, what), group in groups.items():
        statuses = {check.status for check in group}
        result = "differs" if Status.FAILED in statuses else "no answer" if Status.SKIPPED in statuses else "match"
        used = max((check.share or 0 for check in group if check.passed), default=0)
        table.add_row(
            what, "" if what in BY_ITSELF else variant, str(len(group)), f"{used:.2f}", Text(result, COLOURS[result])
        )
    return table


def _what(check: Check) -> str:
    """The function that was called, or the stage that was looked at."""
    where = check.where
    if isinstance(where, Updates):
        return "trajectory, in segments"
    called = where.function if isinstance(where, Call) else check.tensor
    if called in (*COURSE, "predict"):
        return called
    return f"{check.stage}, {where}" if where in (FREE_RUN, MASKS, Call("masks", "train")) else check.stage


def _show_judged(results: Results, console: Console) -> None:
    """The last lines: what was judged, in which variants, and what was not, and why."""
    judged: dict[str, list[str]] = {}
    for check in results.checks:
        if check.status is not Status.SKIPPED:
            name = _function(check, results.port.functions if results.port else [])
            variants = judged.setdefault(name, [])
            variants += [check.variant] if check.variant not in variants and name not in BY_ITSELF else []
    if judged:
        said = [f"{name} ({', '.join(variants)})" if variants else name for name, variants in judged.items()]
        console.print(Text(f"judged: {'; '.join(said)}"))
    for reason in dict.fromkeys(check.reason for check in results.checks if check.status is Status.SKIPPED):
        console.print(Text(f"not judged: {reason}", "yellow"))


def _function(check: Check, functions: list[str]) -> str:
    """The function of the port that a comparison is of."""
    if isinstance(check.where, Call) and check.where.function in CHECKABLE:
        return check.where.function
    if check.stage == "predictions":
        return "predict"
    return "train" if check.stage in ("update", "trajectory") or "trace" not in functions else "trace"


def _show_failures(results: Results, console: Console) -> None:
    for i, failure in enumerate(results.failures):
        headline, *lines = message(failure, results.diagnoses)
        console.print(Text("first difference: " if i == 0 else "also: ", "bold red") + Text(headline))
        for line in lines:
            console.print(Text(f"  {line}"))
    told = [diagnosis for failure in results.failures for diagnosis in diagnoses_of(failure, results.diagnoses)]
    for diagnosis in results.diagnoses:
        if diagnosis not in told:
            for line in explanation(diagnosis):
                console.print(Text(f"{diagnosis.function or diagnosis.variant}: {line}"))
