"""What a process of `compare.py mistakes` does."""

import functools
from dataclasses import dataclass, replace
from typing import Any

from shared.adapters import IMPLEMENTATIONS
from shared.harness.inputs import OnData
from shared.harness.messages import Send


@dataclass(frozen=True)
class Tried:
    """What came of a planting (see trial.py)."""

    result: dict[str, Any]


@dataclass(frozen=True)
class TryMistake(OnData):
    """Plant one mistake and see what the comparison says; trial: its number among TRIALS."""

    answers = (Tried,)
    implementation: str
    trial: int

    @property
    def home(self) -> str:
        return self.implementation

    def run(self, send: Send) -> None:
        from shared.commands.mistakes.trial import TRIALS, try_out

        trial = TRIALS[self.trial]
        correct = None if trial.legal else _correct(replace(self, trial=0), trial.plant.variant)
        send(Tried(try_out(trial, self.hyper, *_data(self), correct)))


def _data(task: TryMistake) -> tuple[dict, dict]:
    """X_train, Y_train, X_test, Y_test, grid; and the initial parameters."""
    _, Y, parameters = task.problem()
    return task.inputs() | {"Y_train": Y, "Y_test": task.array("Y_test")}, parameters


@functools.cache  # a process trains it once
def _correct(task: TryMistake, variant: str) -> Any:
    from shared.commands.mistakes.trial import correct_run

    port = IMPLEMENTATIONS[task.implementation].adapter()
    return correct_run(port, variant, task.hyper, *_data(task))
