"""`compare.py limits`: its flags, and what it does with them."""

from dataclasses import dataclass
from pathlib import Path

from shared.harness import flags
from shared.harness.command import Command, Options, later

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


COMMAND = Command(
    name="limits",
    summary="measure what the comparison can see: false alarms and smallest faults",
    about=ABOUT,
    options=LimitsOptions,
    work=later("shared.commands.limits.measure.work"),
    show=later("shared.commands.limits.table.show"),
    written=("limits.json",),
)
