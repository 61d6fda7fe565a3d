"""What a process of `compare.py check` does, and what it says."""

from dataclasses import dataclass
from typing import Any, Self

from shared.config import VARIANTS
from shared.harness.checks import STAGES, Check
from shared.harness.inputs import OnData
from shared.harness.messages import BadMessage, Send
from shared.harness.results import Diagnosis, Run
from shared.harness.typed import fields_from_json

WHOLE = 60.0
"""Seconds that reading a file as a whole may take, imports included; a script that takes longer is taken in pieces."""

CURVES = {"costs": 2, "accuracies": 3, "segments": 3, "free_run": 3}
"""Curve of a run -> the length of each of its rows."""


@dataclass(frozen=True)
class Refused:
    """The file is no port, and why."""

    reason: str


@dataclass(frozen=True)
class Loaded:
    """What the file defines, on which lines, and what is remarkable about it. places: see lines.places_of."""

    functions: list[str]
    lines: dict[str, int]
    remarks: list[str]
    places: dict[str, str]


@dataclass(frozen=True)
class Calling:
    """What is called next, so that one that hangs or dies is known; function: that could be left out the next time."""

    function: str | None
    what: str


@dataclass(frozen=True)
class Checked:
    """What came of an item (its kind and its variant)."""

    item: list[str]
    checks: list[Check]
    diagnoses: list[Diagnosis]
    run: Run | None
    remarks: list[str]

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """What was said, which a port may have had a hand in; BadMessage where it makes no sense."""
        found: Self = fields_from_json(cls, content)
        for check in found.checks:
            counted = check.index is None or None not in (check.elements, check.differing)
            if check.variant not in VARIANTS or check.stage not in STAGES or not counted:
                raise BadMessage(f"no comparison: {check.variant}, {check.stage}, {check.tensor}"[:200])
        told: list[Diagnosis | Run] = [*found.diagnoses, *([found.run] if found.run else [])]
        for each in told:
            if each.variant not in VARIANTS:
                raise BadMessage(f"no variant: {each.variant}"[:200])
        for name, columns in CURVES.items():
            if any(len(row) != columns for row in getattr(found.run, name, None) or ()):
                raise BadMessage(f"{name}: expected rows of {columns} numbers")
        return found


class SoFar(Checked):
    """What an item has come to before the port is called for an explanation: it holds where that is never answered."""


@dataclass(frozen=True)
class CheckPort(OnData):
    """Check someone's port: everything that is neither done (kind, variant) nor given up (functions).

    fail_fast: nothing is compared after the first stage that fails. without_end: see `load_port`.
    """

    answers = (Refused, Loaded, Calling, Checked, SoFar)
    path: str
    variants: list[str]
    done: list[list[str]]
    given_up: list[str]
    fail_fast: bool = False
    without_end: str = ""

    @property
    def home(self) -> str:
        return "the port"

    def run(self, send: Send) -> None:
        from shared.commands.check.work import check_port

        check_port(self, send)
