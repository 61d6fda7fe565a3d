"""`compare.py optimizers`: train every setting, each framework in a process of its own, and judge every row."""

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from shared.adapters import IMPLEMENTATIONS
from shared.alignment.judge import FACTOR
from shared.commands.optimizers.rows import ROWS
from shared.commands.optimizers.runs import name_of
from shared.commands.optimizers.settings import ADAM_LEARNING_RATE, BETA_1, BETA_2, EPSILON, MOMENTUM, UPDATES, Setting
from shared.commands.optimizers.verdicts import Run, judge_row
from shared.config import Hyperparameters
from shared.harness.environment import describe
from shared.harness.output import SCHEMA
from shared.harness.workers import THREADS, Message, Task, Workers
from shared.synthetic import make_dataset

TASKS = "shared.commands.optimizers.tasks"
"""The module of what the processes do."""


def measure(jobs: int, listen: Callable[[Task, Message], None] = lambda task, message: None) -> dict:
    """The content of optimizers.json. rows is empty where a process did not do its work; `incomplete` says why."""
    dataset, hyper = make_dataset(), Hyperparameters()
    incomplete: list[dict] = []
    runs: dict[str, Run] = {}
    with tempfile.TemporaryDirectory(prefix="samenet-") as name, Workers(TASKS, jobs, THREADS, Path(name)) as workers:
        for array in ("X_train", "Y_train"):
            np.save(Path(name) / f"{array}.npy", getattr(dataset, array))
        for implementation in reversed(IMPLEMENTATIONS):  # the slowest first
            task = {"task": "optimizers", "implementation": implementation}
            workers.submit(task | {"folder": name, "hyperparameters": asdict(hyper)})
        for task, message in workers.events():
            listen(task, message)
            implementation = task["implementation"]
            if message["event"] == "optimized":
                with np.load(Path(name) / f"optimizers-{implementation}.npz") as arrays:
                    runs[implementation] = dict(arrays)
            elif message["event"] in ("missing", "crashed"):
                task["reason"] = message["reason"]
            elif message["event"] == "ended" and implementation not in runs:
                reason = task.get("reason", message["reason"] or "it left nothing behind")
                incomplete.append({"implementation": implementation, "reason": reason})
    return {
        "schema": SCHEMA,
        "environment": describe(THREADS),
        "data": {"name": dataset.name, "sha256": dataset.sha256},
        "hyperparameters": asdict(hyper)
        | {"num_iterations": UPDATES[-1], "adam_learning_rate": ADAM_LEARNING_RATE, "momentum": MOMENTUM}
        | {"beta_1": BETA_1, "beta_2": BETA_2, "epsilon": EPSILON},
        "factor": FACTOR,
        "rows": [] if incomplete else _judge(runs),
        "incomplete": incomplete,
    }


def _judge(runs: dict[str, Run]) -> list[dict]:
    def run(source: str, framework: str, setting: Setting) -> Run:
        start = name_of(framework, setting, "")
        return {name.removeprefix(start): array for name, array in runs[source].items() if name.startswith(start)}

    return [
        judge_row(
            row,
            run("torch", "torch", row.torch),
            run("tensorflow", "tensorflow", row.keras),
            run("numpy", "torch", row.torch),
            run("numpy", "tensorflow", row.keras),
        )
        for row in ROWS
    ]
