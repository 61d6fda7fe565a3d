"""The table of `compare.py mistakes`, made from the results."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.commands.mistakes.mistakes import Found
from shared.commands.mistakes.tasks import Planted, Sizes
from shared.harness.tables import STYLES, make_table

COLUMNS = (
    "found at: the first stage that differs; d1, d10, d1000, end: the largest difference of any parameter from the correct "
    "run after so many updates; test: what it does to the accuracy on the test set, in points"
)
WIDE = 100
"""Columns of a terminal from which on the tensor is shown beside the stage."""

SHORT = {"numpy": "NumPy", "torch": "torch", "tensorflow": "Keras"}


def show(results: Found, console: Console) -> None:
    """Every mistake: where it was found, how it was named, how large it grew; and what is none."""
    tried = [planted for planted in results.mistakes if planted.tried]
    console.print(_table([planted for planted in tried if not planted.legal], wide=console.width >= WIDE))
    console.print(COLUMNS, style="dim", highlight=False)
    legal = [planted for planted in tried if planted.legal]
    if legal:
        table = make_table("not a mistake", "in", "", wrap=True)
        for planted in legal:
            flagged = "not flagged" if planted.right else f"FLAGGED at {_where(planted)}"
            table.add_row(planted.title, _in(planted), Text(flagged, "green" if planted.right else "red"))
        console.print(table)
    for planted in results.mistakes:
        if not planted.tried:
            console.print(Text(f"not tried: {planted.name} in {_in(planted)}: {planted.reason}", "yellow"))
        elif not planted.right and not planted.legal:
            console.print(Text(f"{planted.name} in {_in(planted)}: {_missing(planted)}", "red"))
    _show_ties(tried, console)


def answer(results: Found) -> Text:
    """How many mistakes were found and named, in one line."""
    mistakes = [planted for planted in results.mistakes if not planted.legal]
    named = sum(planted.right for planted in mistakes)
    kinds = len({planted.name for planted in mistakes})
    clear = sum(planted.right for planted in results.mistakes if planted.legal)
    return Text(results.verdict.upper(), STYLES[results.verdict]) + Text(
        f": {kinds} mistakes in {len(mistakes)} plantings: {named} found and named; "
        f"{clear} of {len(results.mistakes) - len(mistakes)} that are none not flagged"
    )


def _table(mistakes: list[Planted], wide: bool) -> Table:
    table = make_table("mistake", "in", "found at", " d1", " d10", " d1000", " end", " test")
    for planted in mistakes:
        where = _where(planted) if wide or not planted.found else planted.found.stage
        style = "green" if planted.right else "red"
        table.add_row(planted.name, _in(planted), Text(where, style), *_sizes(planted.sizes))
    return table


def _in(planted: Planted) -> str:
    return f"{SHORT[planted.implementation]} {planted.variant}"


def _where(planted: Planted) -> str:
    return f"{planted.found.stage}, {planted.found.tensor}" if planted.found else "nowhere"


def _sizes(sizes: Sizes | None) -> list[str]:
    """The largest difference after 1, 10, 1000 and all updates, and the points of test accuracy that it costs."""
    if sizes is None:
        return ["-"] * 5
    cells = [_size(sizes.differences.get(str(done))) for done in (1, 10, 1000, sizes.updates)]
    gained = -100 * sizes.accuracy_lost
    return [*cells, f"{gained:+.1f}" if abs(gained) >= 0.05 else "0"]


def _size(value: float | None) -> str:
    if value is None:
        return "-"
    return "0" if value == 0 else f"{value:.0e}"


def _missing(planted: Planted) -> str:
    if planted.found is None:
        return "not found"
    named = ", ".join(str(diagnosis.mistake) for diagnosis in planted.diagnoses) or "nothing"
    return f"found at {_where(planted)} ({planted.found.scope}), explained by {named}"


def _show_ties(tried: list[Planted], console: Console) -> None:
    """Mistakes that give the same numbers are all named."""
    for planted in tried:
        others = sorted({str(diagnosis.mistake) for diagnosis in planted.diagnoses} - {planted.name})
        if planted.right and others:
            said = f"{planted.name} in {_in(planted)} is equally well explained by {', '.join(others)}"
            console.print(Text(said, "dim"))
