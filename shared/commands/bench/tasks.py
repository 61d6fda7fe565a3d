"""What the processes of `compare.py bench` do."""

from dataclasses import dataclass
from typing import Any

from shared.harness.inputs import OnData
from shared.harness.messages import Progressed, Send, Task


@dataclass(frozen=True)
class Raced:
    """What the race measured (see race.py)."""

    speed: list[dict[str, Any]]
    missing: list[dict[str, Any]]


@dataclass(frozen=True)
class Grown:
    """How time and memory grew (see growth.py)."""

    result: dict[str, Any]


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

        send(Raced(**race(*self.problem(), self.hyper, self.names, self.updates, self.rounds, lambda: send(Progressed()))))


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

        send(Grown(grow(self.name, self.grows, lambda: send(Progressed()))))
