"""`compare.py` itself, where no other command is named: its flags, and what it does with them."""

from dataclasses import dataclass
from pathlib import Path

from shared.config import DEFAULT_VARIANTS, VARIANTS, Hyperparameters
from shared.harness import flags
from shared.harness.command import Command, Options, later

ABOUT = """samenet: train one regularized network in NumPy, PyTorch and TensorFlow, and say whether
the three are the same network: every tensor, cost and update is compared."""
RESULTS, SUMMARY, PAGE = "results.json", "summary.md", "index.html"
REPRODUCTIONS = ("reproduce_*.py", "reproduce_*.npz")
PICTURES = ("cost_curves.png", "decision_boundary.png", "noise_floor.png")


@dataclass(frozen=True)
class CompareOptions(Options):
    """The flags of the comparison."""

    data: flags.DataFlags = flags.group(flags.DataFlags, flags.DATA)
    variants: list[str] = flags.variants(tuple(VARIANTS), DEFAULT_VARIANTS)
    hyperparameters: Hyperparameters = flags.group(Hyperparameters, flags.TRAINING)
    implementations: list[str] = flags.implementations()
    fresh: bool = flags.flag(False, "run everything again, verified runs too", under=flags.OUTPUT)
    fail_fast: bool = flags.flag(False, "stop at the first difference, and skip the rest", under=flags.OUTPUT)
    quiet: bool = flags.flag(False, "show the verdict alone", under=flags.OUTPUT, alone="shown")
    json: bool = flags.flag(False, "show results.json instead of the table", under=flags.OUTPUT, alone="shown")
    out: Path = flags.out("index.html, results.json, summary.md and the pictures")
    jobs: int = flags.jobs()

    def load(self) -> None:
        """Read the data."""
        _ = self.data.dataset


COMMAND = Command(
    name="compare",
    summary="compare all implementations on the built-in data, or on yours",
    about=ABOUT,
    examples=(
        ("--variants l2 --iterations 1000", "one variant, a short run"),
        ("--data my_data.csv --lambd 0.1 --keep-prob 0.8", "other data, with a column y and a column split"),
        ("--implementations numpy torch --dtype float32 --fresh", "two implementations in float32, everything run again"),
    ),
    options=CompareOptions,
    work=later("shared.commands.compare.comparison.work"),
    show=later("shared.commands.compare.table.show"),
    answer=later("shared.commands.compare.table.answer"),
    written=(RESULTS, SUMMARY, *PICTURES, PAGE, *REPRODUCTIONS),
    draw=later("shared.commands.compare.comparison.draw"),
)
