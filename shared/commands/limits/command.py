"""`compare.py limits`: its flags, and what it does with them."""

from dataclasses import dataclass
from pathlib import Path

from shared.harness import flags
from shared.harness.command import Command, Options, later

ABOUT = """Measure what the comparison can see: false alarms of correct implementations on random problems,
and the smallest fault of each kind that is seen."""
MOST = 100_000
MEASURED = "what is measured"


@dataclass(frozen=True)
class LimitsOptions(Options):
    """The flags of `compare.py limits`."""

    problems: int = flags.count(200, "random problems per implementation and dtype", 1, MOST, MEASURED)
    whole_problems: int = flags.count(
        10, "the same, trained for 300 to 3,000 iterations and verified as the main command does it", 0, MOST, MEASURED
    )
    implementations: list[str] = flags.implementations()
    out: Path = flags.out("limits.json")
    jobs: int = flags.jobs()


COMMAND = Command(
    name="limits",
    summary="measure what the comparison can see: false alarms and smallest faults",
    about=ABOUT,
    examples=(
        ("limits --problems 20 --whole-problems 2", "a quick look"),
        ("limits --implementations torch", "PyTorch alone"),
    ),
    options=LimitsOptions,
    work=later("shared.commands.limits.measure.work"),
    show=later("shared.commands.limits.table.show"),
    answer=later("shared.commands.limits.table.answer"),
    written=("limits.json",),
)
