"""`compare.py optimizers`: its flags, and what it does with them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shared.harness import flags
from shared.harness.command import Command, Content, Made, Options

if TYPE_CHECKING:
    from shared.harness.console import Console
    from shared.harness.progress import Progress

ABOUT = """Measure where weight_decay means the same in PyTorch and in Keras (SGD, momentum, Nesterov, Adam, AdamW),
how far they part where it does not, and what to write to make them equal. Exit code 1: something is not as claimed."""


@dataclass(frozen=True)
class OptimizersOptions(Options):
    """The flags of `compare.py optimizers`."""

    out: Path = flags.out("optimizers.json")
    jobs: int = flags.jobs()


def work(options: OptimizersOptions, progress: "Progress") -> Made:
    """Measure where the frameworks' optimizers are equal."""
    from shared.commands.optimizers.measure import measure

    return Made(measure(options.jobs, progress))


def show(results: Content, console: "Console") -> None:
    """Show the tables."""
    from shared.commands.optimizers.table import show_optimizers

    show_optimizers(results, console)


COMMAND = Command(
    name="optimizers",
    summary="measure where weight_decay means the same in PyTorch and in Keras, and where not",
    about=ABOUT,
    options=OptimizersOptions,
    work=work,
    show=show,
    written=("optimizers.json",),
)
