"""What travels between processes: a task to a process, and from it progress, parts of the answer, done or lost.

Each is a dataclass and goes as one line of JSON. What a line holds is checked against the types of the fields, so that
a process, whatever it runs, can neither make its parent run something nor fail.
"""

import json
import math
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from importlib import import_module
from typing import Any, ClassVar

from shared.harness.output import plain

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
    content = message.as_json() if hasattr(message, "as_json") else asdict(message)
    return _line({"message": type(message).__name__, "content": plain(content)})


def decode(line: bytes, answers: tuple[type, ...]) -> Any:
    """The message in a line: Progressed, Done, Lost, or one of the answers; BadMessage where it is none of them."""
    if not line.endswith(b"\n"):
        raise BadMessage(f"a line of more than {MOST:,} bytes")
    kinds = {kind.__name__: kind for kind in (Progressed, Done, Lost, *answers)}
    content = _object(line, {"message", "content"})
    name = content["message"]
    if not isinstance(name, str) or name not in kinds:
        raise BadMessage(f"expected one of {', '.join(kinds)}, got {_short(name)}")
    kind = kinds[name]
    try:
        return kind.from_json(content["content"]) if hasattr(kind, "from_json") else from_json(kind, content["content"])
    except BadMessage:
        raise
    except Exception as error:  # whatever a wrong content makes of it
        raise BadMessage(f"{name} with a wrong content ({type(error).__name__}: {error})") from error


def encode_task(task: Task) -> bytes:
    """A task as a line."""
    kind = type(task)
    return _line({"module": kind.__module__, "task": kind.__name__, "content": asdict(task)})  # type: ignore[call-overload]


def decode_task(line: bytes) -> Task:
    """The task in a line, which the parent wrote."""
    content = _object(line, {"module", "task", "content"})
    return from_json(getattr(import_module(content["module"]), content["task"]), content["content"])


def from_json(kind: Any, value: Any) -> Any:
    """A value of JSON as a type: a dataclass, list, tuple, dict, union or plain value; BadMessage where it is none."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if is_dataclass(kind):
        return _fields_from_json(kind, value)
    if origin in (types.UnionType, typing.Union):
        return _first_that_fits(arguments, kind, value)
    if origin in (list, Sequence) and isinstance(value, list):
        return [from_json(arguments[0], item) for item in value]
    if origin is tuple and arguments[-1] is ... and isinstance(value, list):
        return tuple(from_json(arguments[0], item) for item in value)
    if origin is tuple and isinstance(value, list) and len(value) == len(arguments):
        return tuple(from_json(each, item) for each, item in zip(arguments, value, strict=True))
    if origin is dict and isinstance(value, dict):
        return {key: from_json(arguments[1], item) for key, item in value.items()}
    if kind is Any or (kind in (str, bool, int, type(None)) and type(value) is kind):
        return value
    if kind is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    raise BadMessage(f"expected {getattr(kind, '__name__', kind)}, got {_short(value)}")


def _fields_from_json(kind: Any, value: Any) -> Any:
    known = {field.name: field for field in fields(kind)}
    needed = {name for name, field in known.items() if field.default is field.default_factory is MISSING}
    if not isinstance(value, dict) or not needed <= value.keys() <= known.keys():
        raise BadMessage(f"expected the fields of {kind.__name__} ({', '.join(known)}), got {_short(value)}")
    hints = typing.get_type_hints(kind)
    return kind(**{name: from_json(hints[name], item) for name, item in value.items()})


def _first_that_fits(kinds: tuple[Any, ...], whole: Any, value: Any) -> Any:
    for kind in kinds:
        try:
            return from_json(kind, value)
        except BadMessage:
            continue
    raise BadMessage(f"expected {whole}, got {_short(value)}")


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content, allow_nan=False).encode() + b"\n"


def _object(line: bytes, keys: set[str]) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise BadMessage(f"{constant}, which is no JSON")

    try:
        content = json.loads(line, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise BadMessage(f"no JSON: {_short(line)}") from None
    if not isinstance(content, dict) or content.keys() != keys:
        raise BadMessage(f"expected an object of {', '.join(sorted(keys))}, got {_short(content)}")
    return content


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


T = typing.TypeVar("T")


def checked(value: T, kind: Any) -> T:
    """The value, whose parts are of the types that are declared; BadMessage where one is not. None: a number not finite."""
    if not _fits(value, kind):
        raise BadMessage(f"expected {getattr(kind, '__name__', kind)}, got {_short(value)}")
    return value


def _fits(value: Any, kind: Any) -> bool:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, each) for each in arguments)
    if origin is list:
        return isinstance(value, list) and all(_fits(item, arguments[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(item, arguments[1]) for item in value.values())
    if kind is float:
        return value is None or type(value) in (int, float)
    if is_dataclass(kind):
        hints = typing.get_type_hints(type(value)) if isinstance(value, kind) else {}  # type: ignore[arg-type]
        return bool(hints) and all(_fits(getattr(value, field.name), hints[field.name]) for field in fields(value))
    return kind is Any or (isinstance(value, kind) and (kind is not int or type(value) is int))
