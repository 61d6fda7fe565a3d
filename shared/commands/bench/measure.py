"""`compare.py bench`: the race, the growth and the whole command, one after the other."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from shared.commands.bench.growth import FLOOR, POINTS
from shared.config import Hyperparameters
from shared.data import Dataset
from shared.harness.environment import available_cores, describe
from shared.harness.inputs import describe_data, write_arrays
from shared.harness.output import SCHEMA
from shared.harness.workers import ROOT, THREADS, Message, Task, Workers

TASKS = "shared.commands.bench.tasks"
"""The module of what the processes do."""

Listener = Callable[[Task, Message], None]

OTHERS = ("products alone", "scikit-learn", "Keras fit")
"""Contestants beside the plain loop and the implementations: the floor, and what people would otherwise use."""

YARDSTICK = ("none", "l2", "frozen-dropout")
"""The plain loop's three runs that the whole command is held against: the course's."""


def measure(
    dataset: Dataset,
    implementations: list[str],
    updates: int,
    rounds: int,
    growth: bool,
    whole: int,
    data_flags: list[str],
    listen: Listener = lambda task, message: None,
) -> dict:
    """The content of bench.json.

    updates: of a block of the race. whole: iterations of the whole command, 0 to leave it out; data_flags: its data.
    """
    hyper = Hyperparameters()
    results: dict = {
        "schema": SCHEMA,
        "environment": describe(THREADS) | {"growth_threads": min(2, available_cores())},
        "data": asdict(describe_data(dataset)),
        "hyperparameters": asdict(hyper),
        "rounds": rounds,
        "speed": [],
        "missing": [],
        "growth": [],
        "whole": None,
    }
    others = [name for name in OTHERS if name != "Keras fit" or "tensorflow" in implementations]
    race = {"task": "race", "names": [*implementations, *others], "updates": updates, "rounds": rounds}
    _run([race], THREADS, dataset, hyper, results, listen)
    if growth:
        tasks = [{"task": "grow", "name": name, "grows": what} for name in (*implementations, FLOOR) for what in POINTS]
        _run(tasks, results["environment"]["growth_threads"], dataset, hyper, results, listen)
    if whole:
        listen({"task": "whole"}, {"event": "begin"})
        results["whole"] = _whole(implementations, whole, data_flags, results["speed"])
        if results["whole"]["exit_code"] not in (0, 1):
            reason = f"it ended with exit code {results['whole']['exit_code']}"
            results["missing"].append({"contestant": "the whole command", "reason": reason})
            results["whole"] = None
    return results


def _run(tasks: list[Task], threads: int, dataset: Dataset, hyper: Hyperparameters, results: dict, listen: Listener) -> None:
    """One process after the other; what they measured goes into results."""
    with tempfile.TemporaryDirectory(prefix="samenet-") as name, Workers(TASKS, 1, threads, Path(name)) as workers:
        write_arrays(Path(name), dataset, hyper.dtype)
        for task in tasks:
            workers.submit({"folder": name, "hyperparameters": asdict(hyper)} | task)
        for task, message in workers.events():
            listen(task, message)
            if message["event"] == "raced":
                results["speed"] = message["speed"]
                results["missing"] += message["missing"]
            elif message["event"] == "grown":
                results["growth"].append(message["result"])
            elif message["event"] in ("missing", "crashed"):
                task["reason"] = message["reason"]
            elif message["event"] == "ended" and message["reason"]:
                who = f"growth of {task['name']}" if task["task"] == "grow" else "the race"
                results["missing"].append({"contestant": who, "reason": task.get("reason", message["reason"])})


def _whole(implementations: list[str], iterations: int, data_flags: list[str], speed: list[dict]) -> dict:
    """The command in a process of its own, beside the plain loop's three runs of so many iterations."""
    with tempfile.TemporaryDirectory(prefix="samenet-") as out:
        command = [sys.executable, str(ROOT / "compare.py"), *data_flags, "--iterations", str(iterations),
                   "--implementations", *implementations, "--out", out]  # fmt: skip
        seconds, peak, code = _timed(command)
        path = Path(out) / "results.json"
        inside = json.loads(path.read_text()) if path.exists() else {"verdict": None, "seconds": {}}
        again, _, _ = _timed(command)
    per_update = {row["variant"]: row["microseconds"]["median"] for row in speed if row["contestant"] == "plain loop"}
    plain = 1e-6 * iterations * sum(per_update[variant] for variant in YARDSTICK) if per_update else None
    return {
        "iterations": iterations,
        "verdict": inside["verdict"],
        "exit_code": code,
        "seconds": seconds,
        "seconds_of_a_second_run": again,
        "process_seconds": {key: inside["seconds"].get(key) for key in ("ports", "reference")},
        "peak_bytes_of_the_largest_process": peak,
        "plain_loop_seconds": plain,
        "ratio": seconds / plain if plain else None,
    }


def _timed(command: list[str]) -> tuple[float, int | None, int]:
    """Seconds, the peak memory (see `_wait`), and the exit code."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        peak = _wait(process)
    except BaseException:
        process.terminate()  # it ends its own processes
        process.wait()
        raise
    return time.perf_counter() - started, peak, process.returncode


def _wait(process: subprocess.Popen) -> int | None:
    """Wait; the peak memory of the largest of it and its processes, bytes; None where the system does not tell."""
    if not hasattr(os, "wait4"):
        process.wait()
        return None
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
