"""results.json and the other files, whole or not at all."""

import json
import math
import os
import tempfile
from pathlib import Path
from typing import Any

from shared.errors import UsageError

SCHEMA = 1
"""The version of the format of results.json and of the JSON files of the other commands."""


def prepare(path: Path) -> None:
    """Make the folder that the results go into, before anything is computed; UsageError where they cannot be written."""
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"--out: expected a folder that can be written, got {str(folder)!r}: {error.strerror}") from error
    if path.is_dir():
        raise UsageError(f"--out: expected a folder where {path.name} can be written, but {str(path)!r} is a folder itself")


def as_text(results: dict) -> str:
    """The text of the JSON file of a command; see `plain`."""
    return json.dumps(plain(results), indent=1, allow_nan=False) + "\n"


def write_json(results: dict, path: Path) -> None:
    """Write the JSON file of a command."""
    write_whole(path, as_text(results).encode())


def write_whole(path: Path, content: bytes) -> None:
    """Replace the file in one step: a reader, or an interruption, finds the old content or the new."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def plain(value: Any) -> Any:
    """A value as a JSON file holds it, and as it is shown.

    JSON has no NaN and no infinity: they become null. A port's words may hold signs that move a terminal's cursor or turn
    the direction of text: they are escaped.
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value if value.isprintable() else "".join(_visible(sign) for sign in value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _visible(sign: str) -> str:
    return sign if sign.isprintable() or sign == "\n" else repr(sign)[1:-1]
