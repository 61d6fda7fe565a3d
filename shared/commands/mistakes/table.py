"""The table of `compare.py mistakes`, made from the content of mistakes.json."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.harness.tables import STYLES, make_table

COLUMNS = (
    "found at: the first stage that differs; d1, d10, d1000, end: the largest difference of any parameter from the correct "
    "run after so many updates; test: what it does to the accuracy on the test set, in points"
)
WIDE = 100
"""Columns of a terminal from which on the tensor is shown beside the stage."""

SHORT = {"numpy": "NumPy", "torch": "torch", "tensorflow": "Keras"}


def show(results: dict, console: Console) -> None:
    """Every mistake: where it was found, how it was named, how large it grew; and what is none."""
    tried = [entry for entry in results["mistakes"] if "reason" not in entry]
    console.print(_table([entry for entry in tried if not entry["legal"]], wide=console.width >= WIDE))
    console.print(COLUMNS, style="dim", highlight=False)
    legal = [entry for entry in tried if entry["legal"]]
    if legal:
        table = make_table("not a mistake", "in", "", wrap=True)
        for entry in legal:
            flagged = "not flagged" if entry["right"] else f"FLAGGED at {_where(entry)}"
            table.add_row(entry["title"], _in(entry), Text(flagged, "green" if entry["right"] else "red"))
        console.print(table)
    for entry in results["mistakes"]:
        if "reason" in entry:
            console.print(Text(f"not tried: {entry['name']} in {_in(entry)}: {entry['reason']}", "yellow"))
        elif not entry["right"] and not entry["legal"]:
            console.print(Text(f"{entry['name']} in {_in(entry)}: {_missing(entry)}", "red"))
    _show_ties(tried, console)


def answer(results: dict) -> Text:
    """How many mistakes were found and named, in one line."""
    mistakes = [entry for entry in results["mistakes"] if not entry["legal"]]
    named = sum(entry.get("right", False) for entry in mistakes)
    kinds = len({entry["name"] for entry in mistakes})
    clear = sum(entry.get("right", False) for entry in results["mistakes"] if entry["legal"])
    return Text(results["verdict"].upper(), STYLES[results["verdict"]]) + Text(
        f": {kinds} mistakes in {len(mistakes)} plantings: {named} found and named; "
        f"{clear} of {len(results['mistakes']) - len(mistakes)} that are none not flagged"
    )


def _table(entries: list[dict], wide: bool) -> Table:
    table = make_table("mistake", "in", "found at", " d1", " d10", " d1000", " end", " test")
    for entry in entries:
        where = _where(entry) if wide else entry["found"]["stage"] if entry["found"] else "nowhere"
        style = "green" if entry["right"] else "red"
        table.add_row(entry["name"], _in(entry), Text(where, style), *_sizes(entry["sizes"]))
    return table


def _in(entry: dict) -> str:
    return f"{SHORT[entry['implementation']]} {entry['variant']}"


def _where(entry: dict) -> str:
    found = entry["found"]
    return f"{found['stage']}, {found['tensor']}" if found else "nowhere"


def _sizes(sizes: dict | None) -> list[str]:
    """The largest difference after 1, 10, 1000 and all updates, and the points of test accuracy that it costs."""
    if sizes is None:
        return ["-"] * 5
    differences = {int(done): size for done, size in sizes["differences"].items()}
    cells = [_size(differences.get(done)) for done in (1, 10, 1000)]
    end = _size(differences.get(sizes["updates"]))
    gained = -100 * sizes["accuracy_lost"]
    return [*cells, end, f"{gained:+.1f}" if abs(gained) >= 0.05 else "0"]


def _size(value: float | None) -> str:
    if value is None:
        return "-"
    return "0" if value == 0 else f"{value:.0e}"


def _missing(entry: dict) -> str:
    if entry["found"] is None:
        return "not found"
    named = ", ".join(str(d["mistake"]) for d in entry["diagnoses"]) or "nothing"
    return f"found at {_where(entry)} ({entry['found']['scope']}), explained by {named}"


def _show_ties(entries: list[dict], console: Console) -> None:
    """Mistakes that give the same numbers are all named."""
    for entry in entries:
        others = sorted({str(d["mistake"]) for d in entry["diagnoses"]} - {entry["name"]})
        if entry["right"] and others:
            console.print(Text(f"{entry['name']} in {_in(entry)} is equally well explained by {', '.join(others)}", "dim"))
