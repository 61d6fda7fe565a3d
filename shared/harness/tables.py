"""What the tables of several commands share: the verdict, and columns that fit the terminal."""

from collections.abc import Callable, Mapping
from typing import Literal

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

TOLERANCE = "the tolerance is 16 times the noise floor, which is how far rounding alone moves a number"
"""What a share of the tolerance is explained with (16: FACTOR of alignment/judge.py)."""

STYLES = {"match": "bold green", "mismatch": "bold red", "incomplete": "bold yellow"}
"""Verdict -> how it is shown."""


def answer_of(verdict: str, sentences: Mapping[str, str], uninformative: int = 0) -> Text:
    """The verdict, and what it means here: the last line of a command. sentences: verdict -> the meaning.

    uninformative: how many of the comparisons that make a match are.
    """
    told = f" ({uninformative:,} comparison{'s' * (uninformative != 1)} uninformative)"
    return Text(verdict.upper(), STYLES[verdict]) + Text(
        f": {sentences[verdict]}{told if uninformative and verdict == 'match' else ''}"
    )


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
