"""The environment that a result was measured in, read without importing any framework."""

import hashlib
import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from shared.harness.processes import ROOT


def describe(threads: int) -> dict:
    """Versions, platform and processor. threads: given to each implementation."""
    return {
        "python": platform.python_version(),
        **{package: _version(package) for package in ("numpy", "scipy", "numba", "torch", "tensorflow", "keras")},
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": available_cores(),
        "threads": threads,
    }


def available_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def digest_of_sources(places: Iterable[str]) -> str:
    """A digest of source files, and of all those in folders, given as paths in the checkout."""
    digest = hashlib.sha256()
    for place in (ROOT / each for each in places):
        inside = [path for path in sorted(place.rglob("*.py")) if path.is_file()]  # and not the lock that an editor leaves
        for path in inside if place.is_dir() else [place]:
            digest.update(path.relative_to(ROOT).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
