"""The command `samenet` of an installed copy: compare.py, in a process in which its folder comes first."""

import os
import sys
from pathlib import Path

COMPARE = Path(__file__).resolve().parent.parent / "compare.py"


def main() -> None:
    """Become `python compare.py` with the same arguments."""
    os.execv(sys.executable, [sys.executable, str(COMPARE), *sys.argv[1:]])
