"""What the processes of `compare.py bench` do."""

from dataclasses import dataclass

from shared.harness.inputs import OnData
from shared.harness.messages import Progressed, Send, Task


@dataclass(frozen=True)
class Spread:
    """A figure over the rounds."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Speed:
    """The speed of one contestant in one variant.

    updates: in a block. microseconds: per update; rounds: those of each round. ratio: to the plain loop of the
    variant in the same round. first_block_seconds: the block before them, which compiles and warms up; costs: after each.
    """

    contestant: str
    variant: str
    updates: int
    microseconds: Spread
    ratio: Spread
    rounds: list[float]
    first_block_seconds: float
    costs: list[float | None]


@dataclass(frozen=True)
class Missing:
    """What could not be measured, and why."""

    contestant: str
    reason: str


@dataclass(frozen=True)
class Raced:
    """What the race measured."""

    speed: list[Speed]
    missing: list[Missing]


@dataclass(frozen=True)
class Point:
    """Time and memory at one size.

    bytes: the process's peak beyond what it held before the run; None where the system does not tell.
    """

    value: int
    updates: int
    seconds_per_update: float
    bytes: int | None


@dataclass(frozen=True)
class Exponents:
    """The exponents b of the power laws y = a x^b that are fitted to the points; None of fewer than two."""

    seconds_per_update: float | None
    bytes: float | None


@dataclass(frozen=True)
class Grown:
    """How time and memory of an implementation grow with one size (see POINTS in growth.py)."""

    implementation: str
    grows: str
    points: list[Point]
    exponents: Exponents


@dataclass(frozen=True)
class Race(OnData):
    """Measure the speed of all contestants side by side in one process, so that they meet the same conditions."""

    answers = (Raced,)
    names: list[str]
    updates: int
    rounds: int

    @property
    def home(self) -> str:
        return "the race"

    def run(self, send: Send) -> None:
        from shared.commands.bench.race import race

        send(race(*self.problem(), self.hyper, self.names, self.updates, self.rounds, lambda: send(Progressed())))


@dataclass(frozen=True)
class Grow(Task):
    """Measure how time and memory of one contestant grow with one size, in a process that has held nothing else."""

    answers = (Grown,)
    name: str
    grows: str

    @property
    def home(self) -> str:
        return f"{self.name}: {self.grows}"

    def run(self, send: Send) -> None:
        from shared.commands.bench.growth import grow

        send(grow(self.name, self.grows, lambda: send(Progressed())))
