"""`compare.py limits`: every implementation and precision, and what was found."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.commands.limits.command import LimitsOptions
from shared.commands.limits.tasks import Alarms, CountAlarms, FindLimits, Limits
from shared.config import DTYPES, Hyperparameters
from shared.harness.command import Made
from shared.harness.environment import describe
from shared.harness.inputs import write_arrays
from shared.harness.measured import Measured
from shared.harness.messages import Lost, Progressed, Task
from shared.harness.processes import THREADS, Processes
from shared.harness.progress import Progress
from shared.synthetic import make_dataset


@dataclass(frozen=True)
class NotMeasured:
    """What could not be measured, and why."""

    dtype: str
    reason: str
    implementation: str | None = None
    problems: int | None = None


@dataclass
class Found(Measured):
    """The content of limits.json: false alarms on single steps and on whole problems, and detection limits."""

    environment: dict[str, Any]
    false_alarms: list[Alarms] = field(default_factory=list)
    whole_problems: list[Alarms] = field(default_factory=list)
    detection: list[Limits] = field(default_factory=list)
    incomplete: list[NotMeasured] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """incomplete where something could not be measured, mismatch where a correct implementation raised an alarm."""
        counted = self.false_alarms + self.whole_problems
        if self.incomplete or not all(entry.compared for entry in counted):
            return "incomplete"
        return "mismatch" if any(entry.alarms for entry in counted) else "match"

    def take(self, task: Task, message: Any) -> None:
        """Take in what a process said."""
        match message:
            case Limits():
                self.detection.append(message)
            case Alarms():
                whole = isinstance(task, CountAlarms) and task.whole
                (self.whole_problems if whole else self.false_alarms).append(message)
            case Lost():
                self.incomplete.append(_not_measured(task, message.reason))


def work(options: LimitsOptions, progress: Progress) -> Made:
    """Count false alarms on random problems, and find the detection limits on the built-in data."""
    found = Found(describe(THREADS))
    # Two dtypes; the detection limits report 14 times each.
    progress.add("measuring", 2 * (len(options.implementations) * (options.problems + options.whole_problems) + 14))
    with tempfile.TemporaryDirectory(prefix="samenet-") as name, Processes(options.jobs, THREADS, Path(name)) as processes:
        for dtype in DTYPES:
            folder = Path(name) / dtype
            folder.mkdir()
            write_arrays(folder, make_dataset(), dtype)
            processes.submit(FindLimits(str(folder), Hyperparameters(dtype=dtype)))
            for implementation in options.implementations:
                processes.submit(CountAlarms(implementation, dtype, options.problems))
                if options.whole_problems:
                    processes.submit(CountAlarms(implementation, dtype, options.whole_problems, whole=True))
        for task, message in processes.events():
            if isinstance(message, Progressed):
                progress.update("measuring", message.updates)
            found.take(task, message)
    for alarms in (found.false_alarms, found.whole_problems):
        alarms.sort(key=lambda entry: (DTYPES.index(entry.dtype), entry.implementation))
    found.detection.sort(key=lambda limits: DTYPES.index(limits.dtype))
    return Made(found)


def _not_measured(task: Task, reason: str) -> NotMeasured:
    if isinstance(task, CountAlarms):
        return NotMeasured(task.dtype, reason, task.implementation, task.problems)
    return NotMeasured(task.hyper.dtype if isinstance(task, FindLimits) else "", reason)
