"""Processes side by side, which do tasks one after the other. What ends one of them takes down nothing but its task."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from shared.harness.messages import MOST, BadMessage, Done, Lost, Task, decode, encode_task

ROOT = Path(__file__).resolve().parents[2]
THREADS = 1
"""How many threads each process computes with, by default."""
PATIENCE = 10.0
"""Seconds for a process that says no more to end by itself."""
IDLE = 3
"""Processes without a task that are kept at least, so that no framework is imported twice."""
AHEAD = 1000
"""Lines that are read before the parent has looked at them; a process that says more waits."""


@dataclass(eq=False)
class Process:
    """A process, and the task that it is at."""

    popen: subprocess.Popen
    home: str
    task: Task | None = None
    served: int = 0
    asked: float = field(default_factory=time.monotonic)
    heard: float = field(default_factory=time.monotonic)
    silent: str = ""

    def ask(self, task: Task) -> None:
        """Give it a task."""
        self.task = task
        self.heard = time.monotonic()
        assert self.popen.stdin is not None
        self.popen.stdin.write(encode_task(task))
        self.popen.stdin.flush()

    def end(self) -> None:
        """End it and what it has started."""
        with contextlib.suppress(OSError):
            if self.popen.stdin is not None:
                self.popen.stdin.close()
        try:
            os.killpg(self.popen.pid, signal.SIGKILL)
        except (AttributeError, ProcessLookupError):
            self.popen.kill()
        self.popen.wait()


class Processes:
    """Does tasks (see messages.py); `events()` yields what is said. Leaving the context ends every process.

    Tasks of one home share processes, so that what they import is imported once; tasks of two homes never do.
    """

    def __init__(self, jobs: int, threads: int, folder: Path, time_limit: float | None = None, served: int = 10**6):
        """jobs: how many work at a time. time_limit: seconds that one may be silent. served: tasks that one does at most."""
        self.jobs = jobs
        self.time_limit = time_limit
        self.served = served
        self.folder = folder
        # What a process leaves behind, because it is ended or by habit of its framework, goes with the folder.
        self._environment = _environment(threads) | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
        self._waiting: deque[Task] = deque()
        self._processes: list[Process] = []
        self._lines: queue.Queue[tuple[Process, bytes]] = queue.Queue(AHEAD)

    def submit(self, task: Task) -> None:
        """Queue a task; it starts when a process is free."""
        self._waiting.append(task)

    def events(self) -> Iterator[tuple[Task, Any]]:
        """What is said, until no task waits or is done: of each task, Progressed and answers, and at last Done or Lost."""
        while True:
            self._ask()
            if not self._busy():
                return
            process, line = self._next_line()
            if process not in self._processes:
                continue  # it was ended, and this was on its way
            task = process.task
            if not line:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.popen.wait(timeout=PATIENCE)  # its own end says more than ours
                self._drop(process)
                message = Lost(process.silent or _reason(process.popen.returncode))
            elif task is None:
                self._drop(process)  # nobody has asked it
            else:
                process.heard = time.monotonic()
                message = self._heard(process, line, task)
            if task is not None:
                yield task, _timed(message, process)
                if isinstance(message, Lost) and message.missing:
                    yield from self._lose(process.home, message)

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_) -> None:
        for process in self._processes:
            process.end()

    def _heard(self, process: Process, line: bytes, task: Task) -> Any:
        try:
            message = decode(line, task.answers)
        except BadMessage as error:
            message = Lost(f"its process said what is no message: {error}")
        if isinstance(message, Done):
            process.task = None
            process.served += 1
            idle = [each for each in self._processes if each.task is None]
            for each in [each for each in idle if each.served >= self.served] or idle[: -max(self.jobs, IDLE)]:
                self._drop(each)
        elif isinstance(message, Lost):
            self._drop(process)
        return message

    def _lose(self, home: str, message: Lost) -> Iterator[tuple[Task, Lost]]:
        """What is not installed is missing for every task of that home."""
        lost = [task for task in self._waiting if task.home == home]
        self._waiting = deque(task for task in self._waiting if task.home != home)
        yield from ((task, replace(message, seconds=0.0)) for task in lost)

    def _busy(self) -> int:
        return sum(process.task is not None for process in self._processes)

    def _ask(self) -> None:
        """Give tasks to processes, while some wait and not all jobs are taken."""
        while self._waiting and self._busy() < self.jobs:
            idle = {process.home: process for process in self._processes if process.task is None}
            task = self._next(idle, urgent=True) or self._next(idle, urgent=False)
            if task is None:
                return
            process = idle.get(task.home) or self._start(task.home)
            if process.popen.poll() is not None:
                self._drop(process)  # it was killed meanwhile
                continue
            self._waiting.remove(task)
            process.asked = time.monotonic()
            try:
                process.ask(task)
            except OSError:
                continue  # it has ended, which is heard as the end of its lines

    def _next(self, idle: Container[str], urgent: bool) -> Task | None:
        """The next task: for an idle process; else for a first process of its home; else for a further one.

        Importing a framework takes longer than many a task: few wait for the process that has it.
        """
        tasks = [task for task in self._waiting if task.urgent is urgent]
        homes = Counter(process.home for process in self._processes)
        waiting = Counter(task.home for task in tasks)
        ready = [task for task in tasks if task.home in idle]
        first = [task for task in tasks if not homes[task.home]]
        further = [task for task in tasks if waiting[task.home] > task.few * homes[task.home]]
        return next(iter(ready + first + further), None)

    def _start(self, home: str) -> Process:
        with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".log", delete=False) as log:
            popen = subprocess.Popen(
                [sys.executable, "-P", "-m", "shared.harness.serve"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which ends its children itself
            )
        process = Process(popen, home)
        self._processes.append(process)
        threading.Thread(target=self._read, args=(process,), daemon=True).start()
        return process

    def _drop(self, process: Process) -> None:
        self._processes.remove(process)
        process.end()

    def _next_line(self) -> tuple[Process, bytes]:
        while True:
            try:
                return self._lines.get(timeout=0.2)
            except queue.Empty:
                for process in self._processes:
                    late = self.time_limit and process.task and time.monotonic() - process.heard > self.time_limit
                    if late and not process.silent:
                        process.silent = f"it gave no answer within {self.time_limit:g} seconds"
                    if late or process.popen.poll() is not None:
                        process.end()  # and what it has started, which may hold its pipe open

    def _read(self, process: Process) -> None:
        assert process.popen.stdout is not None
        with process.popen.stdout as pipe:
            while line := pipe.readline(MOST):
                if line.endswith(b"\n") or len(line) == MOST:  # else it was killed in the middle of a line
                    self._lines.put((process, line))
        self._lines.put((process, b""))


def _timed(message: Any, process: Process) -> Any:
    if isinstance(message, Done | Lost):
        return replace(message, seconds=time.monotonic() - process.asked)
    return message


def _environment(threads: int) -> dict[str, str]:
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), environment.get("PYTHONPATH")]))
    # Threads per process; the frameworks read these when they are imported.
    for name in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "VECLIB_MAXIMUM"):
        environment[f"{name}_THREADS"] = str(threads)
    # What PyTorch compiles is kept from run to run, where it would be by itself.
    kept = Path(tempfile.gettempdir()) / f"torchinductor_{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    environment.setdefault("TORCHINDUCTOR_CACHE_DIR", str(kept))
    environment["TF_NUM_INTRAOP_THREADS"] = environment["TF_NUM_INTEROP_THREADS"] = str(threads)
    return environment


def _reason(code: int) -> str:
    if code < 0:
        known = {int(each): each.name for each in signal.Signals}
        return f"its process was killed by {known.get(-code, f'signal {-code}')}"
    return f"its process ended with exit code {code}"
