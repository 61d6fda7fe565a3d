"""What a command is: one description, from which its flags, its help, its run and its exit code are made."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from shared.harness import flags

if TYPE_CHECKING:
    from rich.text import Text

    from shared.harness.console import Console
    from shared.harness.measured import Measured
    from shared.harness.progress import Progress

EXIT = {"match": 0, "mismatch": 1, "incomplete": 3}
"""Verdict -> exit code, of every command. 2 is wrong usage."""


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
Files = Iterable[tuple[str, Callable[[], bytes]]]
"""Names of files beside the JSON, and what makes the content of each."""


@dataclass(frozen=True)
class Made:
    """What the work of a command gives: its results, and files that need not, or cannot, be made from them."""

    results: "Measured"
    files: dict[str, bytes] = field(default_factory=dict)


def later(where: str) -> Callable[..., Any]:
    """The function `where`, such as shared.commands.bench.table.show, whose module is imported when it is first called."""
    module, name = where.rsplit(".", 1)
    return lambda *given: getattr(import_module(module), name)(*given)


def _no_files(results: Any) -> Files:
    return ()


@dataclass(frozen=True)
class Command(Generic[S]):
    """A command. Its functions are given as `later`, so that `--help` imports none of them.

    name, summary: as listed by `--help`; about, examples: of its own help. options: the dataclass of its flags.
    work: computes the results. show: prints them; answer: what they say, in a line. draw: pictures and pages.
    written: the files that it may write into the folder --out, the JSON first, * for any letters; kept: what work writes.
    """

    name: str
    summary: str
    about: str
    options: type[S]
    work: Callable[[S, "Progress"], Made]
    show: Callable[[Any, "Console"], None]
    answer: Callable[[Any], "str | Text"]
    written: tuple[str, ...]
    draw: Callable[[Any], Files] = _no_files
    kept: tuple[str, ...] = ()
    examples: tuple[tuple[str, str], ...] = ()
    """What follows the program's name on a command line, and what it does."""

    @property
    def usage(self) -> str:
        """The command's name and its required arguments, as `--help` lists them."""
        return " ".join([self.name, *flags.positional(self.options)])

    def parse(self, arguments: list[str], called: str, program: str = "compare.py", epilog: str = "") -> S:
        """The options from the command line; UsageError where it is wrong. called: what the command calls itself."""
        examples = "".join(f"  {program} {given}\n      {what}\n" for given, what in self.examples)
        parser = flags.Parser(prog=called, description=self.about, epilog=f"examples:\n{examples}{epilog}")
        flags.add_flags(parser, self.options)
        return flags.read_flags(parser.parse(arguments), self.options)


def spelled(settings: dict[str, Any]) -> list[str]:
    """Settings by name, as a command line: keep_prob=0.8, fresh=True -> --keep-prob=0.8 --fresh; without None and False."""
    words: list[str] = []
    for name, value in settings.items():
        flag = f"--{name.replace('_', '-')}"
        if value is None or isinstance(value, bool):
            words += [flag] if value else []
        elif isinstance(value, list | tuple):
            words += [flag, *map(str, value)]
        else:
            words.append(f"{flag}={value}")
    return words
