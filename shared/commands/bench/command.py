"""`compare.py bench`: its flags, and what it does with them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shared.harness import flags
from shared.harness.command import Command, Content, Files, Made, Options

if TYPE_CHECKING:
    from shared.harness.console import Console
    from shared.harness.progress import Progress

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


def work(options: BenchOptions, progress: "Progress") -> Made:
    """Measure speed and memory."""
    from shared.commands.bench.measure import measure

    return Made(measure(options, progress))


def show(results: Content, console: "Console") -> None:
    """Show the tables."""
    from shared.commands.bench.table import show_bench

    show_bench(results, console)


def draw(results: Content) -> Files:
    """Draw the plot."""
    from shared.commands.bench.pictures import bench_picture

    yield "bench.png", bench_picture(results)


COMMAND = Command(
    name="bench",
    summary="measure speed and memory",
    about=ABOUT,
    options=BenchOptions,
    work=work,
    show=show,
    written=("bench.json", "bench.png"),
    draw=draw,
)
