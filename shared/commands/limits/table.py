"""The tables of `compare.py limits`, made from the content of limits.json."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.harness.tables import make_table

USED = "largest share of what is allowed"


def show_limits(limits: dict, console: Console) -> None:
    """False alarms, detection limits, and what could not be measured."""
    console.print(_alarms("", ["compared", "false alarms", USED], limits["false_alarms"]))
    if limits["whole_problems"]:  # whole runs, verified as the main command does it
        counts = ["diverged", "compared", "uninformative", "with a false alarm", USED]
        console.print(_alarms("whole problems", counts, limits["whole_problems"]))
    for entry in limits["false_alarms"] + limits["whole_problems"]:
        for alarm in entry["alarms"]:
            console.print(Text(f"{entry['implementation']}, {entry['dtype']}: {alarm}", "red"))

    table = _figures("one element off, relative", "dtype", "tried", "median", "9 in 10", "largest")
    for found in limits["detection"]:
        for stage, limit in found["elements"].items():
            sizes = (_size(limit[key]) for key in ("median", "nine_in_ten", "largest"))
            table.add_row(stage, found["dtype"], str(limit["tried"]), *sizes)
    console.print(table)

    table = _figures("times 1 + e", *(found["dtype"] for found in limits["detection"]))
    names = dict.fromkeys(name for found in limits["detection"] for name in found["hyperparameters"])
    for name in names:
        table.add_row(name, *(_size(found["hyperparameters"].get(name)) for found in limits["detection"]))
    rewrites = (f"{found['neighbours_budget_used']:.2f}" for found in limits["detection"])
    table.add_row("legal rewrites use, of what is allowed", *rewrites)
    console.print(table)
    for entry in limits["incomplete"]:
        what = ", ".join(str(value) for key, value in entry.items() if key != "reason")
        console.print(Text(f"not measured: {what}: {entry['reason']}", "yellow"))


def _alarms(what: str, counts: list[str], entries: list[dict]) -> Table:
    """What came of random problems, by implementation and precision."""
    table = _figures(what, "dtype", "problems", *counts)
    for entry in entries:
        cells = {
            "compared": f"{entry['compared']:,}",
            "diverged": str(entry.get("diverged", 0)),
            "uninformative": str(entry.get("uninformative")),
            "false alarms": str(len(entry["alarms"])),
            "with a false alarm": str(entry.get("problems_with_alarms")),
            USED: f"{entry['budget_used']:.2f}",
        }
        table.add_row(entry["implementation"], entry["dtype"], str(entry["problems"]), *(cells[name] for name in counts))
    return table


def _figures(first: str, *others: str) -> Table:
    return make_table(first, *(f" {heading}" for heading in others), gap=2, wrap=True)


def _size(value: float | None) -> str:
    return "never" if value is None or value == float("inf") else f"{value:.0e}"
