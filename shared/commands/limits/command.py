"""`compare.py limits`: its flags, and what it does with them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shared.harness import flags
from shared.harness.command import Command, Content, Made, Options

if TYPE_CHECKING:
    from shared.harness.console import Console
    from shared.harness.progress import Progress

ABOUT = """Measure what the comparison can see: false alarms of correct implementations on random problems,
and the smallest fault of each kind that turns red."""


@dataclass(frozen=True)
class LimitsOptions(Options):
    """The flags of `compare.py limits`."""

    problems: int = flags.flag(
        200, "random problems per implementation and dtype", then=flags.between(1, 100_000), metavar="N"
    )  # fmt: skip
    whole_problems: int = flags.flag(
        10, "random problems that are trained for 300 to 3,000 iterations and verified as a whole, per implementation and "
        "dtype", then=flags.between(0, 100_000), metavar="N",
    )  # fmt: skip
    implementations: list[str] = flags.implementations()
    out: Path = flags.out("limits.json")
    jobs: int = flags.jobs()


def work(options: LimitsOptions, progress: "Progress") -> Made:
    """Measure false alarms and detection limits."""
    from shared.commands.limits.measure import measure_limits

    wanted = options.implementations, options.problems, options.whole_problems
    return Made(measure_limits(*wanted, options.jobs, progress))


def show(results: Content, console: "Console") -> None:
    """Show the tables."""
    from shared.commands.limits.table import show_limits

    show_limits(results, console)


COMMAND = Command(
    name="limits",
    summary="measure what the comparison can see: false alarms and smallest faults",
    about=ABOUT,
    options=LimitsOptions,
    work=work,
    show=show,
    written=("limits.json",),
)
