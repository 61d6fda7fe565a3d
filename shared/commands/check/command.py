"""`compare.py check FILE`: its flags, and what it does with them."""

from dataclasses import dataclass
from pathlib import Path

from shared.config import Hyperparameters
from shared.errors import UsageError
from shared.harness import flags
from shared.harness.command import Command, Options, later

VARIANTS = ("none", "l2", "dropout", "l2-dropout", "frozen-dropout")
ABOUT = """Compare someone's own port with the reference: a Python file (or a notebook) that defines any of

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
    data: flags.DataFlags = flags.group(flags.DataFlags, flags.DATA)
    variants: list[str] = flags.variants(VARIANTS, VARIANTS[:3])
    hyperparameters: Hyperparameters = flags.group(Hyperparameters, flags.TRAINING)
    time_limit: float = flags.flag(
        600.0, "that one call of the port may take", then=_seconds, under=flags.OUTPUT, metavar="SECONDS"
    )
    quiet: bool = flags.flag(False, "show the verdict alone", under=flags.OUTPUT, alone="shown")
    json: bool = flags.flag(False, "show results.json instead of the table", under=flags.OUTPUT, alone="shown")
    fail_fast: bool = flags.flag(False, "stop at the first stage that differs", under=flags.OUTPUT)
    out: Path = flags.out("results.json and index.html")

    def load(self) -> None:
        """Read the data."""
        _ = self.data.dataset


COMMAND = Command(
    name="check",
    summary="compare your own port, or your functions of the course, with the reference",
    about=ABOUT,
    examples=(
        ("check my_port.py --iterations 1000", "a first look, with short runs"),
        ("check my_port.py --variants none l2", "a port without dropout"),
        ("check notebook.ipynb", "the course's notebook: its functions, each by itself"),
    ),
    options=CheckOptions,
    work=later("shared.commands.check.checking.work"),
    show=later("shared.commands.check.table.show"),
    answer=later("shared.commands.check.table.answer"),
    written=("results.json", "index.html"),
    draw=later("shared.page.build.draw"),
)
