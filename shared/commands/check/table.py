"""The summary of `compare.py check` on the terminal, made from the content of results.json."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.commands.check.loading import COURSE
from shared.diagnosis.failure import explanation, message
from shared.harness.tables import VERDICTS

MEANING = {
    "match": "everything that this file defines is what the reference computes, to rounding",
    "mismatch": "something differs by more than rounding explains",
    "incomplete": "not everything could be compared",
}
COLOURS = {"match": "green", "differs": "red", "no answer": "yellow"}


def show_check(results: dict, console: Console) -> None:
    """What was compared and what came of it, remarks, the first divergence of each variant, counts and verdict."""
    port = results["port"]
    console.print(Text(f"{port['file']} defines {', '.join(port['functions'])}"))
    if port["not_checked"]:
        console.print(Text(f"not defined, so not checked: {', '.join(port['not_checked'])}", "dim"))
    console.print(_table(results["checks"]))
    for remark in results["remarks"]:
        console.print(Text(f"note: {remark}", "dim"))
    _show_skipped(results, console)
    _show_failures(results, console)
    counts = results["counts"]
    word, style, _ = VERDICTS[results["verdict"]]
    console.print(
        Text(f"{counts['planned']:,} planned, {counts['compared']:,} compared, ")
        + Text(f"{counts['failed']:,} failed, {counts['skipped']:,} skipped")
    )
    if results["beyond_horizon"]:
        said = f"{results['beyond_horizon']:,} of them beyond the horizon, where rounding alone hides any difference"
        console.print(Text(said, "yellow"))
    console.print(Text(word, style) + Text(f": {MEANING[results['verdict']]}"))


def failure_text(results: dict) -> str:
    """All that went wrong, as plain text: for a test's message."""
    lines: list[str] = []
    for failure in results["failures"]:
        lines += message(failure, _of_function(failure, results["diagnoses"]))
    lines += [f"{check['scope']}: {check['reason']}" for check in results["checks"] if check["status"] == "skipped"]
    return "\n".join(lines)


def _table(checks: list[dict]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("compared", overflow="fold")
    table.add_column("variant", no_wrap=True)
    for heading in ("tensors", "budget", "result"):
        table.add_column(heading, justify="right", no_wrap=True)
    groups: dict[tuple[str, str], list[dict]] = {}
    for check in checks:
        groups.setdefault((check["variant"], _what(check)), []).append(check)
    for (variant, what), group in groups.items():
        statuses = {check["status"] for check in group}
        result = "differs" if "failed" in statuses else "no answer" if "skipped" in statuses else "match"
        used = max((check["budget_used"] or 0 for check in group if check["status"] == "passed"), default=0)
        table.add_row(what, variant, str(len(group)), f"{used:.2f}", Text(result, COLOURS[result]))
    return table


def _what(check: dict) -> str:
    """The function that was called, or the stage that was looked at."""
    scope, stage = check["scope"], check["stage"]
    function = scope.split(",")[0]
    if function in (*COURSE, "predict"):
        return function
    if scope.startswith("updates "):
        return "trajectory, in segments"
    return f"{stage}, {scope}" if scope in ("free run", "masks") or scope.startswith("train, masks") else stage


def _show_skipped(results: dict, console: Console) -> None:
    for reason in dict.fromkeys(check["reason"] for check in results["checks"] if check["status"] == "skipped"):
        console.print(Text(f"no answer: {reason}", "yellow"))


def _show_failures(results: dict, console: Console) -> None:
    for i, failure in enumerate(results["failures"]):
        headline, *lines = message(failure, _of_function(failure, results["diagnoses"]))
        console.print(Text("first divergence: " if i == 0 else "also: ", "bold red") + Text(headline))
        for line in lines:
            console.print(Text(f"  {line}"))
    told = {id(d) for failure in results["failures"] for d in _of_function(failure, results["diagnoses"])}
    for diagnosis in results["diagnoses"]:
        if id(diagnosis) not in told:
            for line in explanation(diagnosis):
                console.print(Text(f"{diagnosis.get('function', diagnosis['variant'])}: {line}"))


def _of_function(failure: dict, diagnoses: list[dict]) -> list[dict]:
    """The diagnoses of the function that failed: those of a student's other functions explain nothing of it."""
    return [d for d in diagnoses if "function" not in d or failure["scope"].startswith(f"{d['function']},")]
