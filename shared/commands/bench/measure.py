"""`compare.py bench`: the race, the growth and the whole command, one after the other."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from shared.commands.bench.command import BenchOptions
from shared.commands.bench.growth import FLOOR, POINTS
from shared.commands.bench.tasks import Grow, Grown, Race, Raced
from shared.config import Hyperparameters
from shared.harness.command import Made
from shared.harness.environment import available_cores, describe
from shared.harness.inputs import describe_data, write_arrays
from shared.harness.messages import Lost, Progressed, Task
from shared.harness.output import SCHEMA
from shared.harness.processes import ROOT, THREADS, Processes
from shared.harness.progress import Progress

OTHERS = ("products alone", "scikit-learn", "Keras fit")
"""Contestants beside the plain loop and the implementations: the floor, and what people would otherwise use."""

SHORT = 100
"""Iterations of the short run."""

YARDSTICK = ("none", "l2", "frozen-dropout")
"""The plain loop's three runs that the whole command is compared with: the course's."""


def work(options: BenchOptions, progress: Progress) -> Made:
    """Measure speed and memory."""
    return Made(measure(options, progress))


def measure(options: BenchOptions, progress: Progress) -> dict:
    """The content of bench.json."""
    hyper, dataset, implementations = Hyperparameters(), options.data.dataset, options.implementations
    results: dict = {
        "schema": SCHEMA,
        "environment": describe(THREADS) | {"growth_threads": min(2, available_cores())},
        "data": asdict(describe_data(dataset)),
        "hyperparameters": asdict(hyper),
        "rounds": options.rounds,
        "speed": [],
        "missing": [],
        "growth": [],
        "whole": None,
        "short": None,
    }
    progress.add("measuring", doing="starting")
    others = [name for name in OTHERS if name != "Keras fit" or "tensorflow" in implementations]
    _run(lambda folder: [Race(folder, hyper, [*implementations, *others], options.updates, options.rounds)],
         THREADS, options, results, progress)  # fmt: skip
    if options.growth:
        tasks = [Grow(name, what) for name in (*implementations, FLOOR) for what in POINTS]
        _run(lambda folder: tasks, results["environment"]["growth_threads"], options, results, progress)
    for name, what, iterations in (("whole", "the whole command", options.whole), ("short", "a short run", SHORT)):
        if options.whole:
            progress.update("measuring", doing=what)
            results[name] = _whole(options, iterations, results["speed"])
            if results[name]["exit_code"] not in (0, 1):
                reason = f"it ended with exit code {results[name]['exit_code']}"
                results["missing"].append({"contestant": what, "reason": reason})
                results[name] = None
    return results | {"verdict": "incomplete" if results["missing"] else "match"}


def _run(
    make: Callable[[str], Sequence[Task]], threads: int, options: BenchOptions, results: dict, progress: Progress
) -> None:
    """One process after the other; what they measured goes into results. make(folder with the data): the tasks."""
    with tempfile.TemporaryDirectory(prefix="samenet-") as name, Processes(1, threads, Path(name)) as processes:
        write_arrays(Path(name), options.data.dataset, Hyperparameters().dtype)
        for each in make(name):
            processes.submit(each)
        for task, message in processes.events():
            match message:
                case Raced():
                    results["speed"] = message.speed
                    results["missing"] += message.missing
                case Grown():
                    results["growth"].append(message.result)
                case Progressed():
                    progress.update("measuring", doing=task.home)
                case Lost():
                    who = f"growth of {task.name}" if isinstance(task, Grow) else "the race"
                    results["missing"].append({"contestant": who, "reason": message.reason})


def _whole(options: BenchOptions, iterations: int, speed: list[dict]) -> dict:
    """The command in a process of its own, beside the plain loop's three runs of the course's iterations.

    process_seconds: where its processes spent their time, each as long as it lasted, side by side; drawing: what the command
    takes beside its work, which is mostly that.
    """
    data = options.data
    data_flags = [f"--data={data.data}"] if data.data else ["--data-seed", str(data.seed)]
    with tempfile.TemporaryDirectory(prefix="samenet-") as out:
        command = [sys.executable, str(ROOT / "compare.py"), *data_flags, "--iterations", str(iterations),
                   "--implementations", *options.implementations, "--out", out]  # fmt: skip
        seconds, peak, code = _timed(command)
        path = Path(out) / "results.json"
        inside = json.loads(path.read_text()) if path.exists() else {"verdict": None, "seconds": {}}
        again, _, _ = _timed(command)
    per_update = {row["variant"]: row["microseconds"]["median"] for row in speed if row["contestant"] == "plain loop"}
    course = 1e-6 * Hyperparameters().num_iterations
    plain = course * sum(per_update[variant] for variant in YARDSTICK) if per_update else None
    return {
        "iterations": iterations,
        "verdict": inside["verdict"],
        "exit_code": code,
        "seconds": seconds,
        "seconds_of_a_second_run": again,
        "process_seconds": _split(seconds, inside["seconds"]),
        "peak_bytes_of_the_largest_process": peak,
        "plain_loop_seconds": plain,
        "ratio": seconds / plain if plain else None,
    }


def _split(whole: float, inside: dict[str, float]) -> dict[str, float]:
    """The parts of a command's seconds; nothing where it did not end."""
    if not inside:
        return {}
    training = inside["ports"] - inside["imports"] - inside["compiling"]
    parts = {"imports": inside["imports"], "compiling": inside["compiling"], "training": training}
    return parts | {"replaying": inside["reference"], "drawing": whole - inside["all"]}


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
