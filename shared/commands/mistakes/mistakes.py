"""`compare.py mistakes`: every planting tried, several side by side, and what came of them."""

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from shared.commands.mistakes.trial import TRIALS
from shared.config import Hyperparameters
from shared.data import Dataset
from shared.harness.environment import describe
from shared.harness.inputs import describe_data, write_arrays
from shared.harness.output import SCHEMA
from shared.harness.workers import THREADS, Message, Task, Workers

TASKS = "shared.commands.mistakes.tasks"
"""The module of what the processes do."""

Listener = Callable[[Task, Message], None]

CHUNK = 8
"""Plantings that one process tries: a framework is imported once for all of them."""


def try_all(
    dataset: Dataset,
    hyper: Hyperparameters,
    implementations: list[str],
    jobs: int,
    listen: Listener = lambda task, message: None,
) -> dict:
    """The content of mistakes.json: what came of every planting, in the order of the catalogue."""
    outcomes: dict[int, dict] = {}
    with tempfile.TemporaryDirectory(prefix="samenet-") as name, Workers(TASKS, jobs, THREADS, Path(name)) as workers:
        write_arrays(Path(name), dataset, hyper.dtype)
        np.save(Path(name) / "Y_test.npy", dataset.Y_test)
        base = {"task": "mistakes", "folder": name, "hyperparameters": asdict(hyper), "again": False}
        for implementation in implementations:
            own = [i for i, trial in enumerate(TRIALS) if trial.plant.implementation == implementation]
            for first in range(0, len(own), CHUNK):
                workers.submit(base | {"implementation": implementation, "trials": own[first : first + CHUNK]})
        for task, message in workers.events():
            listen(task, message)
            if message["event"] == "begin":
                task["trying"] = message["trial"]
            elif message["event"] == "tried":
                outcomes[message["trial"]] = message.get("result") or {"reason": message["reason"]}
            elif message["event"] in ("missing", "crashed"):
                task["reason"] = message["reason"]
            elif message["event"] == "ended" and message["reason"]:
                _go_on(workers, task, message["reason"], outcomes)
    results = [_entry(i, outcomes.get(i)) for i, trial in enumerate(TRIALS) if trial.plant.implementation in implementations]
    return {
        "schema": SCHEMA,
        "verdict": verdict(results),
        "environment": describe(THREADS),
        "data": asdict(describe_data(dataset)),
        "hyperparameters": asdict(hyper),
        "mistakes": results,
    }


def verdict(results: list[dict]) -> str:
    """mismatch where one is not as it must be; incomplete where one could not be tried, or none was."""
    if any(not result["right"] for result in results if "reason" not in result):
        return "mismatch"
    return "incomplete" if not results or any("reason" in result for result in results) else "match"


def _go_on(workers: Workers, task: Task, reason: str, outcomes: dict[int, dict]) -> None:
    """A process died: what it was trying is given up; what it had not begun is tried by another one."""
    reason = task.get("reason", reason)
    left = [number for number in task["trials"] if number not in outcomes]
    if "trying" not in task:  # the framework itself is missing, or cannot be imported
        outcomes |= {number: {"reason": reason} for number in left}
        return
    outcomes.setdefault(task["trying"], {"reason": reason})
    left = [number for number in left if number not in outcomes]
    if left:
        workers.submit({key: value for key, value in task.items() if key != "trying"} | {"trials": left})


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
