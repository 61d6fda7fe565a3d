"""What a command is: one description, from which its flags, its help, its run and its exit code are made."""

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from shared.harness import flags

if TYPE_CHECKING:
    from shared.harness.console import Console
    from shared.harness.progress import Progress

EXIT = {"match": 0, "mismatch": 1, "incomplete": 3}
"""Verdict -> exit code, of every command. 2 is wrong usage."""

Content = dict[str, Any]
"""The content of a command's JSON file; its `verdict` decides the exit code."""


class Options:
    """What every command is asked; each has a dataclass of its own, whose fields are its flags."""

    out: Path
    quiet: bool = False
    """Show the verdict alone."""
    json: bool = False
    """Show the JSON instead of the tables."""

    def load(self) -> None:
        """Read what the options name, before anything is written: what cannot be read is wrong usage."""


S = TypeVar("S", bound=Options)
Files = Iterable[tuple[str, bytes]]
"""Names and contents of files beside the JSON."""


@dataclass(frozen=True)
class Made:
    """What the work of a command gives: its results, and files that cannot be made from them alone."""

    results: Content
    files: dict[str, bytes] = field(default_factory=dict)


def _no_files(results: Content) -> Files:
    return ()


@dataclass(frozen=True)
class Command(Generic[S]):
    """A command. Its functions import what they need when they are called: `--help` needs none of it.

    name, summary: as listed by `--help`; about: the text of its own help. options: the dataclass of its flags.
    work: computes the results. show: prints them; brief: prints the verdict alone. draw: pictures and pages, in their order.
    written: the files that it may write into the folder --out, the JSON first, * for any letters; kept: what work writes.
    """

    name: str
    summary: str
    about: str
    options: type[S]
    work: Callable[[S, "Progress"], Made]
    show: Callable[[Content, "Console"], None]
    written: tuple[str, ...]
    draw: Callable[[Content], Files] = _no_files
    kept: tuple[str, ...] = ()
    brief: Callable[[Content, "Console"], None] | None = None

    @property
    def usage(self) -> str:
        """The command's name and its required arguments, as `--help` lists them."""
        return " ".join([self.name, *flags.positional(self.options)])

    def parse(self, arguments: list[str], program: str, epilog: str | None = None) -> S:
        """The options from the command line; UsageError where it is wrong. program: what the command calls itself."""
        parser = flags.Parser(prog=program, description=self.about, epilog=epilog)
        flags.add_flags(parser, self.options)
        given: argparse.Namespace = parser.parse_args(arguments)
        return flags.read_flags(given, self.options)
