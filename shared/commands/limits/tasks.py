"""What the processes of `compare.py limits` do: count false alarms, and find the smallest faults that are seen."""

from dataclasses import dataclass

from shared.case import Problem
from shared.config import VARIANTS
from shared.harness.inputs import OnData
from shared.harness.messages import Progressed, Send, Task


@dataclass(frozen=True)
class Alarms:
    """What came of random problems: comparisons, and false alarms in words; how many problems raised one.

    budget_used: the largest share of the tolerance that one used. uninformative: comparisons that passed where rounding
    hides everything. diverged: problems on which training diverges, which are not compared.
    """

    implementation: str
    dtype: str
    problems: int
    compared: int
    alarms: list[str]
    budget_used: float
    uninformative: int = 0
    problems_with_alarms: int = 0
    diverged: int = 0


@dataclass(frozen=True)
class Smallest:
    """The smallest relative faults of single elements that are seen at a stage; None: a fault of any size is not."""

    tried: int
    median: float | None
    nine_in_ten: float | None
    largest: float | None


@dataclass(frozen=True)
class Limits:
    """The detection limits in one precision (see detection.py).

    elements: stage -> the smallest faults. hyperparameters: which, and the stage that sees it -> the smallest
    factor, less 1. neighbours_budget_used: the largest share of the tolerance that a correct rewrite of the step uses.
    """

    dtype: str
    factor: float
    elements: dict[str, Smallest]
    hyperparameters: dict[str, float | None]
    neighbours_budget_used: float


@dataclass(frozen=True)
class CountAlarms(Task):
    """Count the false alarms of one implementation on random problems: single steps, or whole runs, verified."""

    answers = (Alarms,)
    implementation: str
    dtype: str
    problems: int
    whole: bool = False

    @property
    def home(self) -> str:
        return self.implementation

    def run(self, send: Send) -> None:
        from shared.commands.limits.false_alarms import false_alarms
        from shared.commands.limits.whole import whole_alarms

        count = whole_alarms if self.whole else false_alarms
        send(count(self.implementation, self.problems, self.dtype, lambda: send(Progressed(1))))


@dataclass(frozen=True)
class FindLimits(OnData):
    """Find the smallest faults that are seen, in one precision."""

    answers = (Limits,)

    @property
    def home(self) -> str:
        return "numpy"

    def run(self, send: Send) -> None:
        from shared.commands.limits.detection import summary

        X, Y, _ = self.problem()
        problem = Problem(X, Y, **self.hyper.of(VARIANTS["l2-dropout"]))
        send(summary(self.hyper.dtype, problem, lambda: send(Progressed(1))))
