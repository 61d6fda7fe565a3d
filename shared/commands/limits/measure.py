"""`compare.py limits`: every implementation and precision in a process of its own, and what they found."""

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from shared.config import DTYPES, Hyperparameters
from shared.harness.environment import describe
from shared.harness.inputs import write_arrays
from shared.harness.output import SCHEMA
from shared.harness.workers import THREADS, Message, Task, Workers
from shared.synthetic import make_dataset

TASKS = "shared.commands.limits.tasks"
"""The module of what the processes do."""

Listener = Callable[[Task, Message], None]


def measure_limits(
    implementations: list[str],
    problems: int,
    whole_problems: int,
    jobs: int,
    listen: Listener = lambda task, message: None,
) -> dict:
    """The content of limits.json: false alarms on random problems, and detection limits on the built-in data.

    problems: single steps, whole_problems: whole runs, per implementation and dtype.
    """
    limits: dict = {
        "schema": SCHEMA,
        "environment": describe(THREADS),
        "false_alarms": [],
        "whole_problems": [],
        "detection": [],
        "incomplete": [],
    }
    dataset = make_dataset()
    with tempfile.TemporaryDirectory(prefix="samenet-") as name, Workers(TASKS, jobs, THREADS, Path(name)) as workers:
        for dtype in DTYPES:
            folder = Path(name) / dtype
            folder.mkdir()
            write_arrays(folder, dataset, dtype)
            base = {"folder": str(folder), "hyperparameters": asdict(Hyperparameters(dtype=dtype)), "dtype": dtype}
            workers.submit(base | {"task": "limits"})
            for implementation in implementations:
                workers.submit(base | {"task": "alarms", "implementation": implementation, "problems": problems})
                if whole_problems:
                    task = {"task": "whole alarms", "implementation": implementation, "problems": whole_problems}
                    workers.submit(base | task)
        for task, message in workers.events():
            listen(task, message)
            content = {key: value for key, value in message.items() if key != "event"}
            what = {key: task[key] for key in ("implementation", "dtype", "problems") if key in task}
            if message["event"] == "found":
                limits["detection"].append(content)
            elif message["event"] == "counted":
                limits["whole_problems" if task["task"] == "whole alarms" else "false_alarms"].append(what | content)
            elif message["event"] in ("missing", "crashed"):
                task["reason"] = message["reason"]
            elif message["event"] == "ended" and message["reason"]:
                limits["incomplete"].append(what | {"reason": task.get("reason", message["reason"])})
    for entries in (limits["false_alarms"], limits["whole_problems"], limits["detection"]):
        entries.sort(key=lambda entry: (entry["dtype"] == "float32", entry.get("implementation", "")))
    return limits
