"""What travels between processes: a task to a process, and from it progress, parts of the answer, done or lost.

Each is a dataclass and goes as one line of JSON. What a line holds is checked against the types of the fields, so that
a process, whatever it runs, can neither make its parent run something nor fail.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, NoReturn

from shared.harness.output import plain
from shared.harness.typed import as_json, from_json, short

MOST = 64 * 2**20
"""Bytes of the longest line that is read."""


class BadMessage(Exception):
    """A line that is no message of the task; the text says why."""


@dataclass(frozen=True)
class Progressed:
    """The task has advanced by `updates`, counted in the unit of its command; `doing` says what it does now."""

    updates: int = 0
    doing: str = ""


@dataclass(frozen=True)
class Done:
    """The task is done. seconds: since its process was asked (known to the parent alone)."""

    seconds: float = 0.0


@dataclass(frozen=True)
class Lost:
    """The task will not be done. missing: because a package is not installed."""

    reason: str
    missing: bool = False
    seconds: float = 0.0


Send = Callable[[Any], None]
"""Sends a message to the parent: Progressed, or one of the task's answers."""


class Task:
    """What a process is asked to do: a dataclass whose fields are plain values."""

    answers: ClassVar[tuple[type, ...]] = ()
    """The dataclasses that it may send as parts of its answer."""
    urgent: ClassVar[bool] = False
    """Whether it goes before the others that wait."""
    few: ClassVar[int] = 1
    """So many that wait are not worth another process of their home, with all that it imports."""

    @property
    def home(self) -> str:
        """Only tasks of one home share a process: the implementation whose framework they import."""
        raise NotImplementedError

    def run(self, send: Send) -> None:
        """Do it, in the process."""
        raise NotImplementedError


def encode(message: Any) -> bytes:
    """A message as a line. Numbers that are not finite become null."""
    return _line({"message": type(message).__name__, "content": plain(as_json(message))})


def decode(line: bytes, answers: tuple[type, ...]) -> Any:
    """The message in a line: Progressed, Done, Lost, or one of the answers; BadMessage where it is none of them."""
    if not line.endswith(b"\n"):
        raise BadMessage(f"a line of more than {MOST:,} bytes")
    kinds = {kind.__name__: kind for kind in (Progressed, Done, Lost, *answers)}
    content = _object(line, {"message", "content"})
    name = content["message"]
    if not isinstance(name, str) or name not in kinds:
        raise BadMessage(f"expected one of {', '.join(kinds)}, got {short(name)}")
    kind = kinds[name]
    try:
        return from_json(kind, content["content"])
    except BadMessage:
        raise
    except Exception as error:  # whatever a wrong content makes of it
        raise BadMessage(f"{name} with a wrong content ({type(error).__name__}: {error})") from error


def encode_task(task: Task) -> bytes:
    """A task as a line."""
    kind = type(task)
    return _line({"module": kind.__module__, "task": kind.__name__, "content": as_json(task)})


def decode_task(line: bytes) -> Task:
    """The task in a line, which the parent wrote."""
    content = _object(line, {"module", "task", "content"})
    return from_json(getattr(import_module(content["module"]), content["task"]), content["content"])


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content, allow_nan=False).encode() + b"\n"


def _object(line: bytes, keys: set[str]) -> dict[str, Any]:
    def refuse(constant: str) -> NoReturn:
        raise BadMessage(f"{constant}, which is no JSON")

    def finite(number: str) -> float:
        return float(number) if math.isfinite(float(number)) else refuse(number)

    try:
        content = json.loads(line, parse_constant=refuse, parse_float=finite)
    except (ValueError, RecursionError):
        raise BadMessage(f"no JSON: {short(line)}") from None
    if not isinstance(content, dict) or content.keys() != keys:
        raise BadMessage(f"expected an object of {', '.join(sorted(keys))}, got {short(content)}")
    return content
