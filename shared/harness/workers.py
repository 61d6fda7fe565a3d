"""Processes side by side: one per task, at most `jobs` at a time. A crash takes nothing down but itself."""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
THREADS = 1
"""Of each process, where nothing is said about them."""

Task = dict[str, Any]
Message = dict[str, Any]


class Workers:
    """Runs tasks (see shared/harness/child.py); `events()` yields their messages. Leaving the context ends every process."""

    def __init__(self, module: str, jobs: int, threads: int, folder: Path, time_limit: float | None = None):
        """module: the one that holds the TASKS of a command.

        time_limit: seconds that a process may go without a message before it is ended.
        """
        self.module = module
        self.jobs = jobs
        self.time_limit = time_limit
        self.folder = folder
        # What a process leaves behind, because it is ended or by habit of its framework, goes with the folder.
        self._environment = _environment(threads) | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
        self._waiting: deque[Task] = deque()
        self._running: dict[int, tuple[Task, subprocess.Popen]] = {}
        self._messages: queue.Queue[tuple[int, Message | None]] = queue.Queue()
        self._started: dict[int, float] = {}
        self._heard: dict[int, float] = {}
        self._silent: dict[int, str] = {}
        self._count = 0

    def submit(self, task: Task) -> None:
        """Queue a task; it starts when a process is free."""
        self._waiting.append(task)

    def events(self) -> Iterator[tuple[Task, Message]]:
        """Messages as they come, until no task waits or runs. Each task ends with an `ended` message: reason, seconds."""
        while self._waiting or self._running:
            while self._waiting and len(self._running) < self.jobs:
                self._start(self._waiting.popleft())
            number, message = self._next_message()
            task, process = self._running[number]
            self._heard[number] = time.monotonic()
            if message is None:
                process.wait()
                del self._running[number]
                seconds = time.monotonic() - self._started.pop(number)
                reason = self._silent.pop(number, "") or _reason(process.returncode)
                message = {"event": "ended", "reason": reason, "seconds": seconds}
            yield task, message

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_) -> None:
        for _task, process in self._running.values():
            _end(process)

    def _start(self, task: Task) -> None:
        self._count += 1
        number = self._count
        path = self.folder / f"task-{number}.json"
        path.write_text(json.dumps(task))
        with open(self.folder / f"task-{number}.log", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "shared.harness.child", self.module, str(path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which ends its children itself
            )
        self._running[number] = (task, process)
        self._started[number] = self._heard[number] = time.monotonic()
        assert process.stdout is not None
        threading.Thread(target=self._read, args=(number, process.stdout), daemon=True).start()

    def _next_message(self) -> tuple[int, Message | None]:
        while True:
            try:
                return self._messages.get(timeout=0.2 if self.time_limit else None)
            except queue.Empty:
                for number, (_, process) in self._running.items():
                    if self.time_limit and time.monotonic() - self._heard[number] > self.time_limit:
                        self._silent[number] = f"it gave no answer within {self.time_limit:g} seconds"
                        _end(process)

    def _read(self, number: int, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                try:
                    message = json.loads(line)
                except ValueError:
                    continue  # a process killed in the middle of a line
                self._messages.put((number, message))
        self._messages.put((number, None))


def _environment(threads: int) -> dict[str, str]:
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), environment.get("PYTHONPATH")]))
    # Threads per process; the frameworks read these when they are imported.
    for name in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM"):
        environment[f"{name}_NUM_THREADS"] = str(threads)
    # What PyTorch compiles is kept from run to run, where it would be by itself.
    kept = Path(tempfile.gettempdir()) / f"torchinductor_{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    environment.setdefault("TORCHINDUCTOR_CACHE_DIR", str(kept))
    environment["TF_NUM_INTRAOP_THREADS"] = environment["TF_NUM_INTEROP_THREADS"] = str(threads)
    return environment


def _reason(code: int) -> str:
    if code == 0:
        return ""
    if code < 0:
        return f"its process was killed by {signal.Signals(-code).name}"
    return f"its process ended with exit code {code}"


def _end(process: subprocess.Popen) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (AttributeError, ProcessLookupError):
        process.kill()
    process.wait()
