"""The tables of `compare.py limits`, made from the results."""

from collections.abc import Callable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.commands.limits.measure import Found
from shared.commands.limits.tasks import Alarms
from shared.harness.tables import TOLERANCE, answer_of, make_table

MEANING = {
    "match": "no correct implementation raised an alarm",
    "mismatch": "a correct implementation raised an alarm",
    "incomplete": "not everything could be measured",
}
ALARMS = (
    "alarms: problems on which a correct implementation differs; share: the largest share of the tolerance that one "
    "used; " + TOLERANCE
)
ELEMENTS = (
    "the smallest relative fault of one element of one tensor that is seen: median, nine in ten and largest over the "
    "elements tried"
)
FACTORS = "the smallest e by which a hyperparameter must be off to be seen at a stage"
COLUMNS: dict[str, Callable[[Alarms], str]] = {
    "dtype": lambda alarms: alarms.dtype,
    "problems": lambda alarms: str(alarms.problems),
    "diverged": lambda alarms: str(alarms.diverged),
    "compared": lambda alarms: f"{alarms.compared:,}",
    "uninformative": lambda alarms: f"{alarms.uninformative:,}",
    "alarms": lambda alarms: str(alarms.problems_with_alarms),
    "share": lambda alarms: f"{alarms.budget_used:.2f}",
}


def show(results: Found, console: Console) -> None:
    """False alarms, detection limits, and what could not be measured."""
    for what, counted in (("single steps", results.false_alarms), ("whole problems", results.whole_problems)):
        if counted:
            table = make_table(what, *(f" {column}" for column in COLUMNS))
            for alarms in counted:
                table.add_row(alarms.implementation, *(cell(alarms) for cell in COLUMNS.values()))
            console.print(table)
    console.print(ALARMS, style="dim", highlight=False)
    for alarms in results.false_alarms + results.whole_problems:
        for alarm in alarms.alarms:
            console.print(Text(f"{alarms.implementation}, {alarms.dtype}: {alarm}", "red"))

    table = _figures("one element off, relative", "dtype", "tried", "median", "9 in 10", "largest")
    for found in results.detection:
        for stage, smallest in found.elements.items():
            sizes = map(_size, (smallest.median, smallest.nine_in_ten, smallest.largest))
            table.add_row(stage, found.dtype, str(smallest.tried), *sizes)
    console.print(table)
    console.print(ELEMENTS, style="dim", highlight=False)

    table = _figures("times 1 + e", *(found.dtype for found in results.detection))
    for name in dict.fromkeys(name for found in results.detection for name in found.hyperparameters):
        table.add_row(name, *(_size(found.hyperparameters.get(name)) for found in results.detection))
    rewrites = (f"{found.neighbours_budget_used:.2f}" for found in results.detection)
    table.add_row("correct rewrites use, of the tolerance", *rewrites)
    console.print(table)
    console.print(FACTORS, style="dim", highlight=False)
    for entry in results.incomplete:
        of = (entry.implementation, entry.dtype, f"{entry.problems} problems" if entry.problems else None)
        console.print(Text(f"not measured: {', '.join(filter(None, of))}: {entry.reason}", "yellow"))


def answer(results: Found) -> Text:
    """Whether a correct implementation raised an alarm, in one line."""
    return answer_of(results.verdict, MEANING)


def _figures(first: str, *others: str) -> Table:
    return make_table(first, *(f" {heading}" for heading in others), gap=2, wrap=True)


def _size(value: float | None) -> str:
    return "never" if value is None else f"{value:.0e}"
