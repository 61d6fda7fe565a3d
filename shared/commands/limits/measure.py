"""`compare.py limits`: every implementation and precision, and what was found."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shared.commands.limits.tasks import Alarms, CountAlarms, FindLimits, Limits
from shared.config import DTYPES, Hyperparameters
from shared.harness.environment import describe
from shared.harness.inputs import write_arrays
from shared.harness.messages import Lost, Progressed, Task
from shared.harness.output import SCHEMA
from shared.harness.processes import THREADS, Processes
from shared.harness.progress import Progress
from shared.synthetic import make_dataset


def measure_limits(
    implementations: list[str], problems: int, whole_problems: int, jobs: int, progress: Progress | None = None
) -> dict:
    """The content of limits.json: false alarms on random problems, and detection limits on the built-in data.

    problems: single steps, whole_problems: whole runs, per implementation and dtype.
    """
    limits: dict[str, list[dict]] = {"false_alarms": [], "whole_problems": [], "detection": [], "incomplete": []}
    progress = progress or Progress()
    # Two dtypes; the detection limits report 14 times each.
    progress.add("measuring", 2 * (len(implementations) * (problems + whole_problems) + 14))
    with tempfile.TemporaryDirectory(prefix="samenet-") as name, Processes(jobs, THREADS, Path(name)) as processes:
        for dtype in DTYPES:
            folder = Path(name) / dtype
            folder.mkdir()
            write_arrays(folder, make_dataset(), dtype)
            processes.submit(FindLimits(str(folder), Hyperparameters(dtype=dtype)))
            for implementation in implementations:
                processes.submit(CountAlarms(implementation, dtype, problems))
                if whole_problems:
                    processes.submit(CountAlarms(implementation, dtype, whole_problems, whole=True))
        for task, message in processes.events():
            match message:
                case Progressed():
                    progress.update("measuring", message.updates)
                case Limits():
                    limits["detection"].append(message.found)
                case Alarms():
                    add_alarms(limits, task, message)
                case Lost():
                    limits["incomplete"].append(_what(task) | {"reason": message.reason})
    for kind in ("false_alarms", "whole_problems", "detection"):
        limits[kind].sort(key=lambda entry: (entry["dtype"] == "float32", entry.get("implementation", "")))
    return {"schema": SCHEMA, "verdict": verdict(limits), "environment": describe(THREADS), **limits}


def add_alarms(limits: dict[str, list[dict]], task: Task, alarms: Alarms) -> None:
    """Enter what came of random problems."""
    entry = _what(task) | asdict(alarms)
    if isinstance(task, CountAlarms) and task.whole:
        limits["whole_problems"].append(entry)
    else:
        single = {
            key: value for key, value in entry.items() if key not in ("uninformative", "problems_with_alarms", "diverged")
        }
        limits["false_alarms"].append(single)


def verdict(limits: dict[str, list[dict]]) -> str:
    """incomplete where something could not be measured, mismatch where a correct implementation raised an alarm."""
    counted = limits["false_alarms"] + limits["whole_problems"]
    if limits["incomplete"] or not all(entry["compared"] for entry in counted):
        return "incomplete"
    return "mismatch" if any(entry["alarms"] for entry in counted) else "match"


def _what(task: Task) -> dict[str, Any]:
    """What a task measures, as it stands in limits.json."""
    if isinstance(task, CountAlarms):
        return {"implementation": task.implementation, "dtype": task.dtype, "problems": task.problems}
    return {"dtype": task.hyper.dtype} if isinstance(task, FindLimits) else {}
