"""`compare.py` itself, where no other command is named: its flags, and what it does with them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shared.config import DEFAULT_VARIANTS, VARIANTS, Hyperparameters
from shared.harness import flags
from shared.harness.command import Command, Content, Files, Made, Options

if TYPE_CHECKING:
    from shared.harness.console import Console
    from shared.harness.progress import Progress

ABOUT = "samenet: train one regularized network in NumPy, PyTorch and TensorFlow, and prove that it is the same network."
RESULTS, SUMMARY, PAGE = "results.json", "summary.md", "index.html"
REPRODUCTIONS = ("reproduce_*.py", "reproduce_*.npz")
PICTURES = ("cost_curves.png", "decision_boundary.png", "noise_floor.png")


@dataclass(frozen=True)
class CompareOptions(Options):
    """The flags of the comparison."""

    data: flags.DataFlags = flags.group(flags.DataFlags)
    variants: list[str] = flags.variants(tuple(VARIANTS), DEFAULT_VARIANTS)
    hyperparameters: Hyperparameters = flags.group(Hyperparameters)
    implementations: list[str] = flags.implementations()
    fresh: bool = flags.flag(False, "run everything again, also what was proved before and has not changed")
    quiet: bool = flags.flag(False, "show the verdict alone", alone="shown")
    json: bool = flags.flag(False, "show results.json instead of the table", alone="shown")
    out: Path = flags.out("index.html, results.json, summary.md and the pictures")
    jobs: int = flags.jobs()

    def load(self) -> None:
        """Read the data."""
        _ = self.data.dataset


def work(options: CompareOptions, progress: "Progress") -> Made:
    """Run the comparison."""
    from shared.commands.compare.comparison import compare

    return compare(options, progress)


def show(results: Content, console: "Console") -> None:
    """Show the table of runs, what went wrong, and the verdict."""
    from shared.commands.compare import table

    table.show(results, console)


def brief(results: Content, console: "Console") -> None:
    """Show the verdict alone."""
    from shared.commands.compare.table import show_verdict

    show_verdict(results, console)


def draw(results: Content) -> Files:
    """The summary, the pictures and the page."""
    from shared.commands.compare.markdown import markdown
    from shared.commands.compare.page import build
    from shared.commands.compare.pictures import pictures

    yield SUMMARY, markdown(results).encode()
    yield from pictures(results).items()
    yield PAGE, build.page(results).encode()


COMMAND = Command(
    name="compare",
    summary="compare all implementations on the built-in data, or on yours",
    about=ABOUT,
    options=CompareOptions,
    work=work,
    show=show,
    brief=brief,
    written=(RESULTS, SUMMARY, *PICTURES, PAGE, *REPRODUCTIONS),
    draw=draw,
)
