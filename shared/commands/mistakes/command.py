"""`compare.py mistakes`: its flags, and what it does with them."""

from dataclasses import dataclass
from pathlib import Path

from shared.config import Hyperparameters
from shared.harness import flags
from shared.harness.command import Command, Options, later

ABOUT = """Plant every known mistake in one of the implementations, written as people write it, and see whether
the comparison finds and names it; and that other correct ways to write the network are not flagged."""


@dataclass(frozen=True)
class MistakesOptions(Options):
    """The flags of `compare.py mistakes`."""

    data: flags.DataFlags = flags.group(flags.DataFlags, flags.DATA)
    iterations: int = flags.flag(
        30_000, "of the runs that show how large a mistake grows", under=flags.TRAINING, metavar="N"
    )
    implementations: list[str] = flags.implementations()
    out: Path = flags.out("mistakes.json")
    jobs: int = flags.jobs()

    @property
    def hyperparameters(self) -> Hyperparameters:
        """The course's, with as many iterations as are asked for."""
        return Hyperparameters(num_iterations=self.iterations)

    def load(self) -> None:
        """Read the data; complain of iterations that make no sense."""
        _ = self.hyperparameters, self.data.dataset


COMMAND = Command(
    name="mistakes",
    summary="plant every known mistake in a port: each must be found and named",
    about=ABOUT,
    examples=(
        ("mistakes --iterations 1000", "all of them, with shorter runs"),
        ("mistakes --implementations numpy --iterations 20", "those of NumPy alone"),
    ),
    options=MistakesOptions,
    work=later("shared.commands.mistakes.mistakes.work"),
    show=later("shared.commands.mistakes.table.show"),
    answer=later("shared.commands.mistakes.table.answer"),
    written=("mistakes.json",),
)
