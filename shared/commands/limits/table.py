"""The tables of `compare.py limits`, made from the content of limits.json."""

from rich.console import Console
from rich.table import Table
from rich.text import Text


def show_limits(limits: dict, console: Console) -> None:
    """False alarms, detection limits, and what could not be measured."""
    table = _table("", "dtype", "problems", "compared", "false alarms", "largest share of what is allowed")
    for entry in limits["false_alarms"]:
        used = f"{entry['budget_used']:.2f}"
        row = (
            entry["implementation"],
            entry["dtype"],
            entry["problems"],
            f"{entry['compared']:,}",
            len(entry["alarms"]),
            used,
        )
        table.add_row(*map(str, row))
    console.print(table)
    if limits["whole_problems"]:
        console.print(_whole_problems(limits["whole_problems"]))
    for entry in limits["false_alarms"] + limits["whole_problems"]:
        for alarm in entry["alarms"]:
            console.print(Text(f"{entry['implementation']}, {entry['dtype']}: {alarm}", "red"))

    table = _table("one element off, relative", "dtype", "tried", "median", "9 in 10", "largest")
    for found in limits["detection"]:
        for stage, limit in found["elements"].items():
            sizes = (_size(limit[key]) for key in ("median", "nine_in_ten", "largest"))
            table.add_row(stage, found["dtype"], str(limit["tried"]), *sizes)
    console.print(table)

    table = _table("times 1 + e", *(found["dtype"] for found in limits["detection"]))
    names = dict.fromkeys(name for found in limits["detection"] for name in found["hyperparameters"])
    for name in names:
        table.add_row(name, *(_size(found["hyperparameters"].get(name)) for found in limits["detection"]))
    rewrites = (f"{found['neighbours_budget_used']:.2f}" for found in limits["detection"])
    table.add_row("legal rewrites use, of what is allowed", *rewrites)
    console.print(table)
    for entry in limits["incomplete"]:
        what = ", ".join(str(value) for key, value in entry.items() if key != "reason")
        console.print(Text(f"not measured: {what}: {entry['reason']}", "yellow"))


def _whole_problems(entries: list[dict]) -> Table:
    """Whole runs, verified as the main command does it."""
    headings = "whole problems", "dtype", "problems", "compared", "uninformative", "with a false alarm"
    table = _table(*headings, "largest share of what is allowed")
    for entry in entries:
        row = entry["implementation"], entry["dtype"], entry["problems"], f"{entry['compared']:,}", entry["uninformative"]
        table.add_row(*map(str, row), str(entry["problems_with_alarms"]), f"{entry['budget_used']:.2f}")
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="right" if i else "left")
    return table


def _size(value: float | None) -> str:
    return "never" if value is None or value == float("inf") else f"{value:.0e}"
