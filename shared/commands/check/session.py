"""What is checked of a port in one variant, and how its functions are called."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from shared.case import Problem
from shared.commands.check.calling import Called, call
from shared.commands.check.course import Found
from shared.commands.check.loading import Port
from shared.config import Hyperparameters, Variant
from shared.harness.checks import Call, Cause, RunId, because
from shared.harness.results import Run
from shared.parameters import Parameters


@dataclass
class Session:
    """What is checked: the port's functions, the problem of one variant, and what the child says while it works."""

    functions: dict[str, Callable]
    path: Path
    port: Port
    variant: Variant
    hyper: Hyperparameters
    problem: Problem
    parameters: Parameters
    begin: Callable[[str, str], None]
    """begin(function, what): before each call, so that one that hangs is known."""
    alive: Callable[[], None] = lambda: None
    """Says that something is worked on: what the harness needs is not taken from the time that the port has."""
    keep: Callable[[Found, Run | None], None] = lambda found, run: None
    """Says what was found, before calls that only explain it: it holds where the port does not answer these."""
    given: str = ""
    """The dtype in which the port is given its arguments; "": that of the problem."""

    @property
    def implementation(self) -> str:
        return self.port.name

    @property
    def run(self) -> RunId:
        return RunId(self.variant.name, self.implementation)

    def in_float32(self) -> "Session":
        """The same, compared in float32, while the port is still given float64."""
        data = {name: getattr(self.problem, name).astype(np.float32) for name in ("X", "Y")}
        start = {name: value.astype(np.float32) for name, value in self.parameters.items()}
        return replace(self, problem=replace(self.problem, **data), parameters=start, given="float64")

    def call(self, name: str, found: Found, what: str, *arguments: Any, **keywords: Any) -> Called:
        """Call one of the port's functions; changed arguments are a failed check."""
        self.begin(name, f"{name}, {self.variant.name}, {what}")
        if self.given:
            arguments = tuple(_in(value, self.given) for value in arguments)
        called = call(self.functions[name], self.path, *arguments, **keywords)
        found.remarks += [remark for remark in called.remarks if remark not in found.remarks]
        if called.changed and not any(c.tensor == f"arguments of {name}" for c in found.checks):
            outcome = because(Cause.ARGUMENTS, name, ", ".join(called.changed))
            found.checks.append(outcome.of(self.run.at("data", Call(what, name), f"arguments of {name}")))
        return called


def _in(value: Any, dtype: str) -> Any:
    if isinstance(value, dict):
        return {name: _in(each, dtype) for name, each in value.items()}
    return value.astype(dtype)
