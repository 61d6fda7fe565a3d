"""Call a function of someone's port: whatever it does comes back as a value, a reason, and remarks."""

import contextlib
import copy
import io
import random
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from shared.commands.check.loading import describe


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
    given = copy.deepcopy((arguments, keywords))
    result = Called()
    name = getattr(function, "__name__", "the function")
    before = _generators()
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            result.value = function(*given[0], **given[1])
    except SystemExit as error:
        result.failure = f"{name} ends the program (exit code {error.code})"
    except BaseException as error:
        result.failure = f"{name} raised {describe(error, path)}"
    after = _generators()
    result.remarks += [
        f"{name} seeds or draws from {generator}, which others use too"
        for generator in before
        if before[generator] != after[generator]
    ]
    _restore(before)
    if quiet and printed.getvalue().strip():
        result.remarks.append(f"{name} prints ({printed.getvalue().strip().splitlines()[0][:60]!r})")
    result.changed = _changes(arguments, given[0]) + _changes(keywords, given[1])
    return result


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
