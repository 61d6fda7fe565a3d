"""What the tables of several commands share: the words of a verdict, and columns that fit the terminal."""

from collections.abc import Callable

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

VERDICTS = {
    "match": ("MATCH", "bold green", "every update of every run agrees to rounding"),
    "mismatch": ("MISMATCH", "bold red", "some updates differ by more than rounding explains"),
    "incomplete": ("INCOMPLETE", "bold yellow", "not everything planned could be compared"),
}


def fitting(make: Callable[[tuple[str, ...]], Table], expendable: tuple[str, ...], console: Console) -> Table:
    """make(columns left out) with as many of the expendable columns as the terminal is wide enough for."""
    unbounded = console.options.update(width=1000)
    for count in range(len(expendable) + 1):
        table = make(expendable[:count])
        if Measurement.get(console, unbounded, table).maximum <= console.width:
            break
    return table
