"""`compare.py mistakes`: every planting tried, several side by side, and what came of them."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from shared.commands.mistakes.command import MistakesOptions
from shared.commands.mistakes.tasks import Planted, TryMistake
from shared.commands.mistakes.trial import TRIALS
from shared.config import Hyperparameters
from shared.harness.command import Made
from shared.harness.environment import describe
from shared.harness.inputs import describe_data, write_arrays
from shared.harness.measured import Measured
from shared.harness.messages import Lost
from shared.harness.processes import THREADS, Processes
from shared.harness.progress import Progress
from shared.harness.results import Data

CHUNK = 8
"""Plantings that one process tries: what they import and compile is not piled up for ever."""


@dataclass(frozen=True)
class Found(Measured):
    """The content of mistakes.json: what came of every planting, in the order of the catalogue."""

    environment: dict[str, Any]
    data: Data
    hyperparameters: Hyperparameters
    mistakes: list[Planted]

    @property
    def verdict(self) -> str:
        """Mismatch where one is not as it must be; incomplete where one could not be tried, or none was."""
        if any(each.tried and not each.right for each in self.mistakes):
            return "mismatch"
        return "match" if self.mistakes and all(each.tried for each in self.mistakes) else "incomplete"


def work(options: MistakesOptions, progress: Progress) -> Made:
    """Plant every mistake, several side by side."""
    dataset, hyper = options.data.dataset, options.hyperparameters
    wanted = [i for i, trial in enumerate(TRIALS) if trial.plant.implementation in options.implementations]
    plantings = {i: replace(TRIALS[i].planted, reason="never tried") for i in wanted}
    progress.add("planting", len(wanted))
    with (
        tempfile.TemporaryDirectory(prefix="samenet-") as name,
        Processes(options.jobs, THREADS, Path(name), served=CHUNK) as processes,
    ):
        write_arrays(Path(name), dataset, hyper.dtype)
        np.save(Path(name) / "Y_test.npy", dataset.Y_test)
        for i in plantings:
            processes.submit(TryMistake(name, hyper, TRIALS[i].plant.implementation, i))
        for task, message in processes.events():
            assert isinstance(task, TryMistake)
            match message:
                case Planted():
                    plantings[task.trial] = message
                    progress.update("planting", 1, message.name)
                case Lost():
                    plantings[task.trial] = replace(plantings[task.trial], reason=message.reason)
                    progress.update("planting", 1)
    return Made(Found(describe(THREADS), describe_data(dataset), hyper, list(plantings.values())))
