"""`compare.py page DIR`: its flags, and what it does with them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from shared.harness import flags
from shared.harness.command import Command, Options, later

if TYPE_CHECKING:
    from shared.harness.measured import Content
    from shared.harness.results import Results

ABOUT = """Make the page, index.html, from the results.json that a comparison or a check has left in DIR. Nothing is trained.

The exit code is that of the results: 0 match, 1 something differs, 3 incomplete; 2: there are no results to read."""


@dataclass(frozen=True)
class PageOptions(Options):
    """The flags of `compare.py page`."""

    out: Path = flags.flag(Path(), "the folder with results.json; index.html goes there", positional=True, metavar="DIR")

    @cached_property
    def read(self) -> "tuple[Results, Content]":
        """The results, and the content of their file; UsageError where the folder holds none of a comparison or a check."""
        from shared.harness.results_json import read_results

        return read_results(self.out / "results.json")

    def load(self) -> None:
        """Read the results."""
        _ = self.read


COMMAND = Command(
    name="page",
    summary="make index.html from the results.json in DIR",
    about=ABOUT,
    examples=(("page results", "the page of the last comparison, such as after an update of this program"),),
    options=PageOptions,
    work=later("shared.commands.page.again.work"),
    show=later("shared.commands.page.again.show"),
    answer=later("shared.commands.page.again.answer"),
    written=("results.json", "index.html"),
    draw=later("shared.page.build.draw"),
)
