"""The command `samenet` of an installed copy: compare.py, in a process in which its folder comes first."""

import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run compare.py, which calls itself `samenet` then; returns the exit code."""
    sys.path.insert(0, str(ROOT))
    return import_module("compare").main("samenet")
