"""Call a function of someone's port: whatever it does comes back as a value, a reason, and remarks."""

import contextlib
import copy
import inspect
import io
import random
import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from shared.commands.check.lines import describe
from shared.commands.check.stand_ins import NotThere
from shared.errors import listed

OLD_NAMES: dict[str, type] = {"int": int, "float": float, "bool": bool, "object": object, "str": str, "complex": complex}
"""Names of types that NumPy had until 1.24; the exercise's own file of 2017 uses them."""


PRINTS = " prints "


class NoAnswer(ValueError):
    """The function raised, or ended the program."""


@dataclass
class Called:
    """What came back. failure: why there is no value, or "". changed: the arguments that it changed. remarks: what else."""

    value: Any = None
    failure: str = ""
    changed: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def result(self) -> Any:
        """The value; NoAnswer where there is none."""
        if self.failure:
            raise NoAnswer(self.failure)
        return self.value


def call(function: Callable, path: Path, *arguments: Any, quiet: bool = True, **keywords: Any) -> Called:
    """Call it with copies of the arguments. quiet: that it prints is worth a remark."""
    result = Called()
    name = getattr(function, "__name__", "the function")
    before = _generators()
    printed = io.StringIO()
    given = copy.deepcopy((arguments, keywords))
    for _ in range(len(OLD_NAMES) + 1):
        try:
            with contextlib.redirect_stdout(printed), warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                result.value = function(*given[0], **given[1])
        except SystemExit as error:
            result.failure = f"{name} ends the program (exit code {error.code})"
        except NotThere as error:
            result.failure = f"{name} is not judged, it needs what is not here: {error}"
        except BaseException as error:
            old = _old_name(error)
            if old:
                setattr(np, old, OLD_NAMES[old])
                result.remarks.append(f"{name} uses np.{old}, which NumPy no longer has: {old} stands in")
                given = copy.deepcopy((arguments, keywords))
                continue
            result.failure = _other_signature(function, *given) or f"{name} raised {describe(error, path)}"
        break
    after = _generators()
    result.remarks += [
        f"{name} seeds or draws from {generator}, which others use too"
        for generator in before
        if before[generator] != after[generator]
    ]
    _restore(before)
    if quiet and printed.getvalue().strip():
        result.remarks.append(f"{name}{PRINTS}({printed.getvalue().strip().splitlines()[0][:60]!r})")
    result.changed = _changes(arguments, given[0]) + _changes(keywords, given[1])
    return result


def _other_signature(function: Callable, arguments: tuple, keywords: dict[str, Any]) -> str:
    """What the function takes, and what it is called with, where these do not go together."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return ""
    try:
        signature.bind(*arguments, **keywords)
    except TypeError:
        name = getattr(function, "__name__", "the function")
        with_what = listed([f"{len(arguments)} argument{'s' * (len(arguments) != 1)}", *sorted(keywords)])
        return f"{name} has another signature: it takes {signature}, and is called with {with_what}"
    return ""


def _old_name(error: BaseException) -> str:
    """The name of a type that is missing because NumPy has given it up, or ""."""
    found = re.match(r"module 'numpy' has no attribute '(\w+)'", str(error)) if isinstance(error, AttributeError) else None
    return found[1] if found and found[1] in OLD_NAMES else ""


def _generators() -> dict[str, Any]:
    numpy_state: Any = np.random.get_state(legacy=True)
    states: dict[str, Any] = {
        "NumPy's global generator": (numpy_state[0], numpy_state[1].tobytes(), *numpy_state[2:]),
        "Python's global generator": random.getstate(),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        states["PyTorch's global generator"] = torch.get_rng_state().numpy().tobytes()
    return states


def _restore(states: dict[str, Any]) -> None:
    kind, keys, *rest = states["NumPy's global generator"]
    np.random.set_state((kind, np.frombuffer(keys, np.uint32), *rest))
    random.setstate(states["Python's global generator"])


def _changes(given: Any, after: Any, name: str = "argument") -> list[str]:
    """Names of the arrays that are no longer what they were."""
    if isinstance(given, dict):
        if not isinstance(after, dict) or set(given) != set(after):
            return [name]
        return [change for key in given for change in _changes(given[key], after[key], str(key))]
    if isinstance(given, tuple | list):
        return [c for i, (a, b) in enumerate(zip(given, after, strict=True)) for c in _changes(a, b, f"{name} {i + 1}")]
    if isinstance(given, np.ndarray):
        same = isinstance(after, np.ndarray) and given.dtype == after.dtype and np.array_equal(given, after, equal_nan=True)
        return [] if same else [name]
    return []
