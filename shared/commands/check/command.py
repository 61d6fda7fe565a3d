"""`compare.py check FILE`: its flags, and what it does with them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shared.config import Hyperparameters
from shared.errors import UsageError
from shared.harness import flags
from shared.harness.command import Command, Content, Made, Options

if TYPE_CHECKING:
    from shared.harness.console import Console
    from shared.harness.progress import Progress

VARIANTS = ("none", "l2", "dropout", "l2-dropout", "frozen-dropout")
ABOUT = """Hold someone's own port against the reference: a Python file (or a notebook) that defines any of

  trace(X, Y, parameters, *, lambd, keep_prob, seed)                                  one step from inside
  train(X, Y, parameters, *, learning_rate, num_iterations, lambd, keep_prob, seed)   a whole run
  predict(X, parameters)                                                              the classes
  the course's functions, such as backward_propagation_with_dropout(X, Y, cache, keep_prob)

The file is executed, in a process of its own, with your rights: check only what you would run.
Of a notebook, and of a script that does not run as a whole, the imports, the definitions and the assignments that
these need are. Exit code 0: everything that it defines was judged and agrees; 1: something differs; 3: something that it
defines could not be read, is unfinished, raised, or was not compared; 2: it is no port."""


def _seconds(value: float, flag: str) -> float:
    if not 0 < value <= 1e6:
        raise UsageError(f"{flag}: expected seconds > 0 and <= 1e6, got {value}")
    return value


@dataclass(frozen=True)
class CheckOptions(Options):
    """The flags of `compare.py check`."""

    file: Path = flags.flag(Path(), "the port: .py or .ipynb; it is executed", positional=True, metavar="FILE")
    data: flags.DataFlags = flags.group(flags.DataFlags)
    variants: list[str] = flags.variants(VARIANTS, VARIANTS[:3])
    hyperparameters: Hyperparameters = flags.group(Hyperparameters)
    time_limit: float = flags.flag(600.0, "that one call of the port may take", then=_seconds, metavar="SECONDS")
    out: Path = flags.out("results.json")

    def load(self) -> None:
        """Read the data."""
        _ = self.data.dataset


def work(options: CheckOptions, progress: "Progress") -> Made:
    """Check the port."""
    from shared.commands.check.checking import check
    from shared.commands.check.table import failure_text
    from shared.harness.output import plain

    wanted = options.hyperparameters, options.variants, options.time_limit
    results = plain(check(options.file, options.data.dataset, *wanted, progress))
    return Made(results | {"message": failure_text(results)})


def show(results: Content, console: "Console") -> None:
    """Show the table."""
    from shared.commands.check.table import show_check

    show_check(results, console)


COMMAND = Command(
    name="check",
    summary="hold your own port, or your functions of the course, against the reference",
    about=ABOUT,
    options=CheckOptions,
    work=work,
    show=show,
    written=("results.json",),
)
