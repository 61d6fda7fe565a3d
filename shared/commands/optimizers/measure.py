"""`compare.py optimizers`: train every setting, each framework in a process of its own, and judge every row."""

import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from shared.adapters import IMPLEMENTATIONS
from shared.alignment.judge import FACTOR
from shared.commands.optimizers.rows import ROWS, settings_of
from shared.commands.optimizers.runs import FRAMEWORKS, name_of
from shared.commands.optimizers.settings import ADAM_LEARNING_RATE, BETA_1, BETA_2, EPSILON, MOMENTUM, UPDATES, Setting
from shared.commands.optimizers.tasks import TrainOptimizers
from shared.commands.optimizers.verdicts import Run, judge_row
from shared.config import Hyperparameters
from shared.harness.environment import describe
from shared.harness.messages import Done, Lost, Progressed
from shared.harness.output import SCHEMA
from shared.harness.processes import THREADS, Processes
from shared.harness.progress import Progress
from shared.synthetic import make_dataset


def measure(jobs: int, progress: Progress | None = None) -> dict:
    """The content of optimizers.json. rows is empty where a process did not do its work; `incomplete` says why."""
    dataset, hyper = make_dataset(), Hyperparameters()
    incomplete: list[dict] = []
    runs: dict[str, Run] = {}
    progress = progress or Progress()
    # Every run is also repeated by hand.
    progress.add("training", 2 * sum(len(settings_of(framework)) for framework in FRAMEWORKS))
    with tempfile.TemporaryDirectory(prefix="samenet-") as name, Processes(jobs, THREADS, Path(name)) as processes:
        for array in ("X_train", "Y_train"):
            np.save(Path(name) / f"{array}.npy", getattr(dataset, array))
        tasks = [TrainOptimizers(name, hyper, implementation) for implementation in reversed(IMPLEMENTATIONS)]
        for each in tasks:  # the slowest first
            processes.submit(each)
        for task, message in processes.events():
            implementation = task.home
            match message:
                case Progressed():
                    progress.update("training", message.updates)
                case Done():
                    with np.load(Path(name) / f"optimizers-{implementation}.npz") as arrays:
                        runs[implementation] = dict(arrays)
                case Lost():
                    incomplete.append({"implementation": implementation, "reason": message.reason})
    rows = [] if incomplete else _judge(runs)
    return {
        "schema": SCHEMA,
        "verdict": verdict(rows, incomplete),
        "environment": describe(THREADS),
        "data": {"name": dataset.name, "sha256": dataset.sha256},
        "hyperparameters": asdict(hyper)
        | {"num_iterations": UPDATES[-1], "adam_learning_rate": ADAM_LEARNING_RATE, "momentum": MOMENTUM}
        | {"beta_1": BETA_1, "beta_2": BETA_2, "epsilon": EPSILON},
        "factor": FACTOR,
        "rows": rows,
        "incomplete": incomplete,
    }


def verdict(rows: list[dict], incomplete: list[dict]) -> str:
    """incomplete where a process did not do its work, mismatch where a row is not as claimed."""
    if incomplete:
        return "incomplete"
    return "match" if all(row["holds"] for row in rows) else "mismatch"


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
