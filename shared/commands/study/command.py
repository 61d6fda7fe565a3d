"""`compare.py study`: its flags, and what it does with them."""

from dataclasses import dataclass
from functools import cached_property
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.commands.study.options import grid_of, seeds, sizes
from shared.config import DEFAULT_DATA_SEED, DEFAULT_VARIANTS, VARIANTS, Hyperparameters
from shared.errors import UsageError
from shared.harness import flags
from shared.harness.command import Command, Options, later

if TYPE_CHECKING:
    from shared.commands.study.grid import Grid
    from shared.data import Dataset

ABOUT = """Train every combination of the values given, over many seeds, and say what is luck (mean and interval over seeds),
which lambd and keep_prob do best on a dev part split off the training examples (one-standard-error rule), and whether the
implementations are equivalent where each draws its own masks (TOST). Lists of seeds go side by side: the first runs take the
first of each. What is finished is kept in DIR/study.sqlite; given again, the command goes on where it was.

Exit code 1: implementations differ; 3: runs are missing, or too few to tell."""
COURSE = Hyperparameters()
MARGIN_COST, MARGIN_ACCURACY = 0.01, 0.01
"""The largest mean difference that is equivalent, of the training cost and of the accuracy on the test examples."""
AXES = {"lambd": "study_lambd.png", "keep_prob": "study_keep_prob.png"}
"""What may have several values -> the picture of the curves over it."""


def _several(default: Any, help: str, kind: Any, shown: Any = None) -> Any:
    words = f"{help} (default: {default if shown is None else shown})"
    return flags.flag([default], words, under=flags.TRAINING, type=kind, nargs="+", metavar="V")


def _seeds(help: str, shown: Any) -> Any:
    return flags.flag(None, help, shown=shown, under="the seeds", type=seeds, nargs="+", metavar="S")


def _margin(default: float, of: str) -> Any:
    def then(value: float, flag: str) -> float:
        if not 0 < value < inf:
            raise UsageError(f"{flag}: expected a number > 0, got {value}")
        return value

    return flags.flag(
        default, f"largest mean difference of the {of} that is equivalent", then=then, under=flags.COMPARED, metavar="M"
    )


@dataclass(frozen=True)
class StudyOptions(Options):
    """The flags of `compare.py study`."""

    data: str | None = flags.flag(
        None, "data set, as of the comparison; default: the built-in one", under=flags.DATA, metavar="PATH"
    )
    variants: list[str] = flags.variants(tuple(VARIANTS), DEFAULT_VARIANTS)
    implementations: list[str] = flags.implementations()
    lambd: list[float] = _several(COURSE.lambd, "strengths of the L2 penalty", flags.number)
    keep_prob: list[float] = _several(COURSE.keep_prob, "shares of hidden units kept", flags.number)
    learning_rate: list[float] = _several(COURSE.learning_rate, "step sizes", flags.number)
    hidden: list[tuple[int, int]] = _several(
        COURSE.hidden, "units of the hidden layers, such as 20,3 40,5", sizes, ",".join(map(str, COURSE.hidden))
    )
    init_seeds: list[list[int]] | None = _seeds(
        "of the initial weights; 1-30: from 1 to 30", "1-30, or as many as other seeds given"
    )
    seeds: list[list[int]] | None = _seeds("of the dropout masks", "as of --init-seeds")
    data_seeds: list[list[int]] | None = _seeds("of the built-in data", DEFAULT_DATA_SEED)
    split_seeds: list[list[int]] | None = _seeds("of the dev part", "as of --init-seeds; crossed: 0")
    crossed: bool = flags.flag(False, "every combination of the seeds, instead of side by side", under="the seeds")
    dev_share: float | None = flags.flag(
        None, "of the training examples that go into the dev part", type=flags.number, metavar="S",
        shown="0.2 where there is something to choose, else none", under=flags.DATA,
    )  # fmt: skip
    iterations: int = flags.flag(COURSE.num_iterations, "updates per run", under=flags.TRAINING, metavar="N")
    dtype: str = flags.flag(COURSE.dtype, "precision", under=flags.TRAINING, metavar="float64|float32")
    margin_cost: float = _margin(MARGIN_COST, "training cost at the end of the runs")
    margin_accuracy: float = _margin(MARGIN_ACCURACY, "accuracy on the test examples")
    scheduler: str | None = flags.flag(
        None, "run on the workers of this Dask scheduler", under=flags.OUTPUT, metavar="tcp://HOST:PORT"
    )
    out: Path = flags.out("study.sqlite, study.csv, study.json and the pictures")
    jobs: int = flags.jobs()

    @cached_property
    def grid(self) -> "Grid":
        """Every run that is asked for; UsageError where that makes no sense."""
        return grid_of(self)

    @cached_property
    def dataset(self) -> "Dataset | None":
        """The data set in a file; None for the built-in one."""
        return None if self.data is None else flags.load(self.data)

    @property
    def margins(self) -> dict[str, float]:
        """Measure -> the largest mean difference that is called equivalent."""
        return {"training_cost": self.margin_cost, "test_accuracy": self.margin_accuracy}

    def load(self) -> None:
        """Read the data, and see whether the grid makes sense."""
        _ = self.grid, self.dataset


COMMAND = Command(
    name="study",
    summary="many seeds: what is luck, which lambd and keep_prob, is dropout equivalent",
    about=ABOUT,
    examples=(
        (
            "study --implementations numpy --variants none l2 --init-seeds 1-20 --iterations 3000",
            "what 20 seeds of the initial weights make of it",
        ),
        (
            "study --implementations numpy --variants l2 --lambd 0 0.3 0.7 1.5 --split-seeds 1-10",
            "which lambd does best on a dev part",
        ),
        ("study --variants dropout --init-seeds 1-20 --seeds 1-20", "whether dropout is equivalent in the three"),
    ),
    options=StudyOptions,
    work=later("shared.commands.study.study.work"),
    show=later("shared.commands.study.table.show"),
    answer=later("shared.commands.study.table.answer"),
    written=("study.json", "study.csv", "study_seeds.png", *AXES.values()),
    draw=later("shared.commands.study.pictures.draw"),
    kept=("study.sqlite",),
)
