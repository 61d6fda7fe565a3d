"""The summary of `compare.py check` on the terminal, made from the results."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.commands.check.loading import CHECKABLE, COURSE
from shared.diagnosis.failure import diagnoses_of, explanation, message
from shared.harness.checks import Call, Check, Status
from shared.harness.results import Results
from shared.harness.tables import TOLERANCE, answer_of, make_table
from shared.page.checked import Row, rows_of

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
    console.print(_table(rows_of(results)))
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


def _table(rows: list[Row]) -> Table:
    table = make_table("compared", "variant", " tensors", " share", " result")
    for row in rows:
        share = f"{row.share or 0:.2f}"
        table.add_row(row.what, row.shown_variant, str(len(row.checks)), share, Text(row.result, COLOURS[row.result]))
    return table


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
