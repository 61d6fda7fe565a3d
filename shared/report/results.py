"""results.json, whole or not at all."""

import json
import math
import os
import tempfile
from pathlib import Path
from typing import Any

from shared.errors import UsageError


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


def write_json(results: dict, path: Path) -> None:
    """Write results.json. JSON has no NaN and no infinity: they become null."""
    text = json.dumps(_finite(results), indent=1, allow_nan=False)
    write_whole(path, (text + "\n").encode())


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


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
