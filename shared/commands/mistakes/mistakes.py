"""`compare.py mistakes`: every planting tried, several side by side, and what came of them."""

import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from shared.commands.mistakes.command import MistakesOptions
from shared.commands.mistakes.tasks import Tried, TryMistake
from shared.commands.mistakes.trial import TRIALS
from shared.harness.command import Made
from shared.harness.environment import describe
from shared.harness.inputs import describe_data, write_arrays
from shared.harness.messages import Lost
from shared.harness.output import SCHEMA
from shared.harness.processes import THREADS, Processes
from shared.harness.progress import Progress

CHUNK = 8
"""Plantings that one process tries: what they import and compile is not piled up for ever."""


def work(options: MistakesOptions, progress: Progress) -> Made:
    """Plant every mistake: what came of every planting, in the order of the catalogue."""
    dataset, hyper = options.data.dataset, options.hyperparameters
    outcomes: dict[int, dict] = {}
    wanted = [i for i, trial in enumerate(TRIALS) if trial.plant.implementation in options.implementations]
    progress.add("planting", len(wanted))
    with (
        tempfile.TemporaryDirectory(prefix="samenet-") as name,
        Processes(options.jobs, THREADS, Path(name), served=CHUNK) as processes,
    ):
        write_arrays(Path(name), dataset, hyper.dtype)
        np.save(Path(name) / "Y_test.npy", dataset.Y_test)
        for i in wanted:
            processes.submit(TryMistake(name, hyper, TRIALS[i].plant.implementation, i))
        for task, message in processes.events():
            assert isinstance(task, TryMistake)
            match message:
                case Tried():
                    outcomes[task.trial] = message.result
                    progress.update("planting", 1, TRIALS[task.trial].name)
                case Lost():
                    outcomes[task.trial] = {"reason": message.reason}
                    progress.update("planting", 1)
    results = [_entry(i, outcomes.get(i)) for i in wanted]
    return Made(
        {
            "schema": SCHEMA,
            "verdict": verdict(results),
            "environment": describe(THREADS),
            "data": asdict(describe_data(dataset)),
            "hyperparameters": asdict(hyper),
            "mistakes": results,
        }
    )


def verdict(results: list[dict]) -> str:
    """mismatch where one is not as it must be; incomplete where one could not be tried, or none was."""
    if any(not result["right"] for result in results if "reason" not in result):
        return "mismatch"
    return "incomplete" if not results or any("reason" in result for result in results) else "match"


def _entry(number: int, outcome: dict | None) -> dict:
    trial = TRIALS[number]
    known = {
        "name": trial.name,
        "title": trial.title,
        "legal": trial.legal,
        "implementation": trial.plant.implementation,
        "variant": trial.plant.variant,
        "changes": [list(change) for change in trial.plant.changes],
    }
    return known | (outcome or {"reason": "never tried"})
