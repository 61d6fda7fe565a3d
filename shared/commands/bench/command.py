"""`compare.py bench`: its flags, and what it does with them."""

from dataclasses import dataclass
from pathlib import Path

from shared.harness import flags
from shared.harness.command import Command, Options, later

ABOUT = """Measure how fast the implementations are, beside the course's plain NumPy loop, the matrix products alone,
scikit-learn and Keras fit; how time and memory grow; and what the whole command takes. It measures, and asserts nothing."""
MOST = 10_000_000
MEASURED = "what is measured"


@dataclass(frozen=True)
class BenchOptions(Options):
    """The flags of `compare.py bench`."""

    data: flags.DataFlags = flags.group(flags.DataFlags, flags.DATA)
    rounds: int = flags.count(5, "in each of which everything is measured once", 1, MOST, MEASURED)
    updates: int = flags.count(2000, "that an implementation does per round and variant", 1, MOST, MEASURED)
    growth: bool = flags.flag(True, "leave out how time and memory grow", flag="no_growth", under=MEASURED)
    whole: int = flags.count(30_000, "iterations of the whole command, 0 to leave it out", 0, MOST, MEASURED)
    implementations: list[str] = flags.implementations()
    out: Path = flags.out("bench.json and bench.png")

    def load(self) -> None:
        """Read the data."""
        _ = self.data.dataset


COMMAND = Command(
    name="bench",
    summary="measure speed and memory",
    about=ABOUT,
    examples=(
        ("bench --no-growth --whole 0", "the race alone"),
        ("bench --rounds 9", "medians of nine rounds"),
    ),
    options=BenchOptions,
    work=later("shared.commands.bench.measure.work"),
    show=later("shared.commands.bench.table.show"),
    answer=later("shared.commands.bench.table.answer"),
    written=("bench.json", "bench.png"),
    draw=later("shared.commands.bench.pictures.draw"),
)
