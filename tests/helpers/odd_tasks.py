"""Tasks for tests of the processes: good ones, and some that end, lie or say what is no message."""

import os
import signal
import sys
import time
from dataclasses import dataclass

from shared.harness import messages
from shared.harness.messages import Progressed, Send, Task


@dataclass(frozen=True)
class Said:
    """Who did a task, and what came of it."""

    pid: int
    text: str
    numbers: list[float]


@dataclass(frozen=True)
class Odd(Task):
    """Does what `what` says, in a process of its home."""

    answers = (Said,)
    where: str
    what: str = "well"

    @property
    def home(self) -> str:
        return self.where

    def run(self, send: Send) -> None:
        send(Progressed(1, self.what))
        OTHERS.get(self.what, lambda: None)()
        if self.what in LINES:
            messages._line = lambda content: LINES[self.what]
        print(f"noise on standard output; standard input holds {sys.stdin.read()!r}", flush=True)
        send(Said(os.getpid(), self.what, [1, 2.5]))


@dataclass(frozen=True)
class Slow(Odd):
    """A task whose process takes long to start."""

    few = 5


@dataclass(frozen=True)
class Urgent(Odd):
    """A task that goes first."""

    urgent = True


def _raise(error: Exception) -> None:
    raise error


OTHERS = {
    "forks": os.fork,
    "raises": lambda: _raise(ValueError("no luck")),
    "misses a package": lambda: _raise(ModuleNotFoundError("No module named 'torch'", name="torch")),
    "is killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "is killed by another signal": lambda: os.kill(os.getpid(), 36),
    "leaves a process behind": lambda: os._exit(7) if os.fork() else time.sleep(1000),
    "exits": lambda: os._exit(7),
    "ends the program": lambda: sys.exit(3),
    "is silent": lambda: time.sleep(1000),
}
LINES = {
    "garbage": b"\x00\xff{ no\n",
    "a number": b"1\n",
    "not a number": b'{"message": "Progressed", "content": {"updates": NaN}}\n',
    "other keys": b'{"message": "Progressed", "contents": {}}\n',
    "another type": b'{"message": "Said", "content": {"pid": "1", "text": "", "numbers": []}}\n',
    "more than asked": b'{"message": "Said", "content": {"pid": 1, "text": "", "numbers": [], "more": 1}}\n',
    "infinity": b'{"message": "Said", "content": {"pid": 1, "text": "", "numbers": [1e999]}}\n',
    "endless updates": b'{"message": "Progressed", "content": {"updates": 1%s}}\n' % (b"0" * 400),
    "endless numbers": b'{"message": "Said", "content": {"pid": 1, "text": "", "numbers": [1%s]}}\n' % (b"0" * 400),
    "unknown": b'{"message": "Owned", "content": {}}\n',
    "deep": b"[" * 10**5 + b"\n",
}
