"""`compare.py bench`: its flags, and what it does with them."""

from dataclasses import dataclass
from pathlib import Path

from shared.harness import flags
from shared.harness.command import Command, Options, later

ABOUT = """Measure how fast the implementations are, beside the course's plain NumPy loop, the matrix products alone,
scikit-learn and Keras fit; how time and memory grow; and what the whole command takes. It measures, and asserts nothing."""
MOST = 10_000_000


@dataclass(frozen=True)
class BenchOptions(Options):
    """The flags of `compare.py bench`."""

    data: flags.DataFlags = flags.group(flags.DataFlags)
    rounds: int = flags.flag(5, "in each of which everything is measured once", then=flags.between(1, MOST), metavar="N")
    updates: int = flags.flag(
        2000, "that an implementation does per round and variant", then=flags.between(1, MOST), metavar="N"
    )
    growth: bool = flags.flag(True, "leave out how time and memory grow", flag="no_growth")
    whole: int = flags.flag(
        30_000, "iterations of the whole command, 0 to leave it out", then=flags.between(0, MOST), metavar="N"
    )
    implementations: list[str] = flags.implementations()
    out: Path = flags.out("bench.json and bench.png")

    def load(self) -> None:
        """Read the data."""
        _ = self.data.dataset


COMMAND = Command(
    name="bench",
    summary="measure speed and memory",
    about=ABOUT,
    options=BenchOptions,
    work=later("shared.commands.bench.measure.work"),
    show=later("shared.commands.bench.table.show"),
    written=("bench.json", "bench.png"),
    draw=later("shared.commands.bench.pictures.draw"),
)
