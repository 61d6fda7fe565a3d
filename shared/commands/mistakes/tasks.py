"""What a process of `compare.py mistakes` does, and what comes of it."""

import functools
from dataclasses import dataclass, field, replace
from typing import Any

from shared.adapters import IMPLEMENTATIONS
from shared.harness.inputs import OnData
from shared.harness.messages import Send
from shared.harness.results import Diagnosis
from shared.harness.typed import fields_as_json


@dataclass(frozen=True)
class Place:
    """Where the first difference was found."""

    stage: str
    scope: str
    tensor: str


@dataclass(frozen=True)
class Sizes:
    """How large a mistake grew, against the correct run of the same implementation.

    differences: number of updates -> the largest difference of a parameter after them. updates: of the run. At its end:
    accuracy_lost, on the test set; finite, whether all parameters are.
    """

    differences: dict[str, float | None]
    updates: int
    accuracy_lost: float
    finite: bool


@dataclass(frozen=True)
class Planted:
    """A mistake, or what is none (legal), written into an implementation, and what the comparison says of it.

    changes: file, right line, wrong line. named: whether a diagnosis names it. right: a mistake is found and named; what is
    none is not found. reason: why it could not be tried; then the other results mean nothing.
    """

    name: str
    title: str
    legal: bool
    implementation: str
    variant: str
    changes: list[list[str]]
    found: Place | None = None
    named: bool = False
    right: bool = False
    diagnoses: list[Diagnosis] = field(default_factory=list)
    sizes: Sizes | None = None
    reason: str | None = None

    @property
    def tried(self) -> bool:
        return self.reason is None

    def as_json(self) -> dict[str, Any]:
        """The entry of mistakes.json: the results, or the reason why there are none."""
        left_out = {"reason"} if self.tried else {"found", "named", "right", "diagnoses", "sizes"}
        return {name: value for name, value in fields_as_json(self).items() if name not in left_out}


@dataclass(frozen=True)
class TryMistake(OnData):
    """Plant one mistake and see what the comparison says; trial: its number among TRIALS."""

    answers = (Planted,)
    implementation: str
    trial: int

    @property
    def home(self) -> str:
        return self.implementation

    def run(self, send: Send) -> None:
        from shared.commands.mistakes.trial import TRIALS, try_out

        trial = TRIALS[self.trial]
        correct = None if trial.legal else _correct(replace(self, trial=0), trial.plant.variant)
        send(try_out(trial, self.hyper, *_data(self), correct))


def _data(task: TryMistake) -> tuple[dict, dict]:
    """X_train, Y_train, X_test, Y_test, grid; and the initial parameters."""
    _, Y, parameters = task.problem()
    return task.inputs() | {"Y_train": Y, "Y_test": task.array("Y_test")}, parameters


@functools.cache  # a process trains it once
def _correct(task: TryMistake, variant: str) -> Any:
    from shared.commands.mistakes.trial import correct_run

    port = IMPLEMENTATIONS[task.implementation].adapter()
    return correct_run(port, variant, task.hyper, *_data(task))
