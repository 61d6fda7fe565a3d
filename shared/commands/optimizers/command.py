"""`compare.py optimizers`: its flags, and what it does with them."""

from dataclasses import dataclass
from pathlib import Path

from shared.harness import flags
from shared.harness.command import Command, Options, later

ABOUT = """Measure where weight_decay means the same in PyTorch and in Keras (SGD, momentum, Nesterov, Adam, AdamW),
how far they differ where it does not, and what to write to make them equal. Exit code 1: something is not as claimed."""


@dataclass(frozen=True)
class OptimizersOptions(Options):
    """The flags of `compare.py optimizers`."""

    out: Path = flags.out("optimizers.json")
    jobs: int = flags.jobs()


COMMAND = Command(
    name="optimizers",
    summary="measure where weight_decay means the same in PyTorch and in Keras, and where not",
    about=ABOUT,
    examples=(("optimizers", "every setting: half a minute"),),
    options=OptimizersOptions,
    work=later("shared.commands.optimizers.measure.work"),
    show=later("shared.commands.optimizers.table.show"),
    answer=later("shared.commands.optimizers.table.answer"),
    written=("optimizers.json",),
)
