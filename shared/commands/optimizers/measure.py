"""`compare.py optimizers`: train every setting, each framework in a process of its own, and judge every row."""

import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from shared.adapters import IMPLEMENTATIONS
from shared.alignment.judge import FACTOR
from shared.commands.optimizers.command import OptimizersOptions
from shared.commands.optimizers.rows import ROWS, settings_of
from shared.commands.optimizers.runs import FRAMEWORKS, name_of
from shared.commands.optimizers.settings import ADAM_LEARNING_RATE, BETA_1, BETA_2, EPSILON, MOMENTUM, UPDATES, Setting
from shared.commands.optimizers.tasks import TrainOptimizers
from shared.commands.optimizers.verdicts import Judged, Run, judge_row
from shared.config import Hyperparameters
from shared.harness.command import Made
from shared.harness.environment import describe
from shared.harness.measured import Measured
from shared.harness.messages import Done, Lost, Progressed
from shared.harness.processes import THREADS, Processes
from shared.harness.progress import Progress
from shared.synthetic import make_dataset


@dataclass(frozen=True)
class NotMeasured:
    """An implementation whose process did not do its work, and why."""

    implementation: str
    reason: str


@dataclass
class Found(Measured):
    """The content of optimizers.json; no rows where a process did not do its work. factor: noise floors to a tolerance."""

    environment: dict[str, Any]
    data: dict[str, str]
    hyperparameters: dict[str, Any]
    factor: float = FACTOR
    rows: list[Judged] = field(default_factory=list)
    incomplete: list[NotMeasured] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """incomplete where a process did not do its work, mismatch where a row is not as claimed."""
        if self.incomplete:
            return "incomplete"
        return "match" if all(row.holds for row in self.rows) else "mismatch"


def work(options: OptimizersOptions, progress: Progress) -> Made:
    """Train every setting, and judge every row."""
    dataset, hyper = make_dataset(), Hyperparameters()
    used = {
        "num_iterations": UPDATES[-1], "adam_learning_rate": ADAM_LEARNING_RATE, "momentum": MOMENTUM,
        "beta_1": BETA_1, "beta_2": BETA_2, "epsilon": EPSILON,
    }  # fmt: skip
    data = {"name": dataset.name, "sha256": dataset.sha256}
    found = Found(describe(THREADS), data, asdict(hyper) | used)
    runs: dict[str, Run] = {}
    # Every run is also replayed by hand.
    progress.add("training", 2 * sum(len(settings_of(framework)) for framework in FRAMEWORKS))
    with tempfile.TemporaryDirectory(prefix="samenet-") as name, Processes(options.jobs, THREADS, Path(name)) as processes:
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
                    found.incomplete.append(NotMeasured(implementation, message.reason))
    if not found.incomplete:
        found.rows = _judge(runs)
    return Made(found)


def _judge(runs: dict[str, Run]) -> list[Judged]:
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
