"""What the tables of several commands share: the words of a verdict, and columns that fit the terminal."""

from collections.abc import Callable
from typing import Literal

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

VERDICTS = {
    "match": ("MATCH", "bold green", "every update of every run agrees to rounding"),
    "mismatch": ("MISMATCH", "bold red", "some updates differ by more than rounding explains"),
    "incomplete": ("INCOMPLETE", "bold yellow", "not everything planned could be compared"),
}


def make_table(*headings: str, gap: int = 1, wrap: bool = False) -> Table:
    """A table without lines. A space before a heading: a column of figures, which stand to the right.

    gap: spaces between columns. wrap: whether others than the first may take several lines.
    """
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="bold")
    for place, heading in enumerate(headings):
        justify: Literal["left", "right"] = "right" if heading.startswith(" ") else "left"
        table.add_column(heading.strip(), justify=justify, no_wrap=place > 0 and not wrap, overflow="fold")
    return table


def fitting(make: Callable[[tuple[str, ...]], Table], expendable: tuple[str, ...], console: Console) -> Table:
    """make(columns left out) with as many of the expendable columns as the terminal is wide enough for."""
    unbounded = console.options.update(width=1000)
    for count in range(len(expendable) + 1):
        table = make(expendable[:count])
        if Measurement.get(console, unbounded, table).maximum <= console.width:
            break
    return table
