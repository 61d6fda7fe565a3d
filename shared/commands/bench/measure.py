"""`compare.py bench`: the race, the growth and the whole command, one after the other."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.commands.bench.command import BenchOptions
from shared.commands.bench.contestants import PLAIN
from shared.commands.bench.growth import FLOOR, POINTS
from shared.commands.bench.tasks import Grow, Grown, Missing, Race, Raced, Speed
from shared.config import Hyperparameters
from shared.harness.command import EXIT, Made
from shared.harness.environment import available_cores, describe
from shared.harness.inputs import describe_data, write_arrays
from shared.harness.measured import Measured
from shared.harness.messages import Lost, Progressed, Task
from shared.harness.processes import ROOT, THREADS, Processes
from shared.harness.progress import Progress
from shared.harness.results import Data

OTHERS = ("products alone", "scikit-learn", "Keras fit")
"""Contestants beside the plain loop and the implementations: the floor, and what people would otherwise use."""

SHORT = 100
"""Iterations of the short run."""

YARDSTICK = ("none", "l2", "frozen-dropout")
"""The plain loop's three runs that the whole command is compared with: the course's."""


@dataclass(frozen=True)
class Whole:
    """The command in a process of its own, run twice, beside the plain loop's three runs of the course's iterations.

    process_seconds: where its processes spent their time, each as long as it lasted, side by
    side; drawing: what the command takes beside its work, which is mostly that. ratio: seconds / plain_loop_seconds.
    """

    iterations: int
    verdict: str
    exit_code: int
    seconds: float
    seconds_of_a_second_run: float
    process_seconds: dict[str, float]
    peak_bytes_of_the_largest_process: int | None
    plain_loop_seconds: float | None
    ratio: float | None


@dataclass
class Found(Measured):
    """The content of bench.json."""

    environment: dict[str, Any]
    data: Data
    hyperparameters: Hyperparameters
    rounds: int
    speed: list[Speed] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    growth: list[Grown] = field(default_factory=list)
    whole: Whole | None = None
    short: Whole | None = None

    @property
    def verdict(self) -> str:
        """Incomplete where something could not be measured."""
        return "incomplete" if self.missing else "match"

    def take(self, task: Task, message: Any) -> None:
        """Take in what a process said."""
        match message:
            case Raced():
                self.speed += message.speed
                self.missing += message.missing
            case Grown():
                self.growth.append(message)
            case Lost():
                who = f"growth of {task.name}" if isinstance(task, Grow) else "the race"
                self.missing.append(Missing(who, message.reason))


def work(options: BenchOptions, progress: Progress) -> Made:
    """Measure speed and memory."""
    return Made(measure(options, progress))


def measure(options: BenchOptions, progress: Progress) -> Found:
    """Everything that is asked for, one after the other."""
    hyper, implementations, growth_threads = Hyperparameters(), options.implementations, min(2, available_cores())
    environment = describe(THREADS) | {"growth_threads": growth_threads}
    found = Found(environment, describe_data(options.data.dataset), hyper, options.rounds)
    progress.add("measuring", doing="starting")
    others = [name for name in OTHERS if name != "Keras fit" or "tensorflow" in implementations]
    _run(lambda folder: [Race(folder, hyper, [*implementations, *others], options.updates, options.rounds)],
         THREADS, options, found, progress)  # fmt: skip
    if options.growth:
        tasks = [Grow(name, what) for name in (*implementations, FLOOR) for what in POINTS]
        _run(lambda folder: tasks, growth_threads, options, found, progress)
    if options.whole:
        found.whole = _whole(options, "the whole command", options.whole, found, progress)
        found.short = _whole(options, "a short run", SHORT, found, progress)
    return found


def _run(
    make: Callable[[str], Sequence[Task]], threads: int, options: BenchOptions, found: Found, progress: Progress
) -> None:
    """One process after the other. make(folder with the data): the tasks."""
    with tempfile.TemporaryDirectory(prefix="samenet-") as name, Processes(1, threads, Path(name)) as processes:
        write_arrays(Path(name), options.data.dataset, found.hyperparameters.dtype)
        for each in make(name):
            processes.submit(each)
        for task, message in processes.events():
            if isinstance(message, Progressed):
                progress.update("measuring", doing=task.home)
            found.take(task, message)


def _whole(options: BenchOptions, what: str, iterations: int, found: Found, progress: Progress) -> Whole | None:
    """The command with so many iterations; None where it broke off, which is said."""
    progress.update("measuring", doing=what)
    data = options.data
    data_flags = [f"--data={data.data}"] if data.data else ["--data-seed", str(data.seed)]
    with tempfile.TemporaryDirectory(prefix="samenet-") as out:
        command = [sys.executable, str(ROOT / "compare.py"), *data_flags, "--iterations", str(iterations),
                   "--implementations", *options.implementations, "--out", out]  # fmt: skip
        seconds, peak, code = _timed(command)
        if code not in (EXIT["match"], EXIT["mismatch"]):
            found.missing.append(Missing(what, f"it ended with exit code {code}"))
            return None
        inside = json.loads((Path(out) / "results.json").read_text())
        again, _, _ = _timed(command)
    per_update = {row.variant: row.microseconds.median for row in found.speed if row.contestant == PLAIN}
    course = 1e-6 * Hyperparameters().num_iterations
    plain = course * sum(per_update[variant] for variant in YARDSTICK) if per_update else None
    return Whole(
        iterations,
        inside["verdict"],
        code,
        seconds,
        again,
        _split(seconds, inside["seconds"]),
        peak_bytes_of_the_largest_process=peak,
        plain_loop_seconds=plain,
        ratio=seconds / plain if plain else None,
    )


def _split(whole: float, inside: dict[str, float]) -> dict[str, float]:
    """The parts of a command's seconds."""
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
