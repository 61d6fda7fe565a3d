"""Side by side: for every concept, the lines of each implementation, and how well they were measured to agree."""

import math
from dataclasses import dataclass

from shared.adapters import IMPLEMENTATIONS
from shared.adapters.places import find
from shared.harness.checks import Check, Status
from shared.parameters import PARAMETER_NAMES


@dataclass(frozen=True)
class Concept:
    """name: a key of `Implementation.places`; the stage and tensors (all where empty) that measure it."""

    name: str
    stage: str
    tensors: tuple[str, ...] = ()


CONCEPTS = (
    Concept("Initial parameters", "parameters"),
    Concept("Forward pass", "forward", ("Z1", "A1", "Z2", "A2", "Z3", "A3")),
    Concept("Dropout", "forward", ("D",)),
    Concept("Cost", "cost", ("cross_entropy",)),
    Concept("L2 penalty", "cost", ("l2_penalty", "cost")),
    Concept("Weight decay", "gradients", ("decay",)),
    Concept("Gradients", "gradients", tuple(f"d{name}" for name in PARAMETER_NAMES)),
    Concept("Update", "update"),
    Concept("Training loop", "trajectory"),
    Concept("Prediction", "predictions"),
)


def concept_of(check: Check) -> Concept | None:
    """The lines to look at first where a comparison fails."""
    return next((c for c in CONCEPTS if c.stage == check.stage and _tensor(check) in (c.tensors or (_tensor(check),))), None)


def sources() -> dict[str, dict[str, dict[str, str]]]:
    """The entry `sources` of results.json: concept -> implementation -> its lines as they are now, where, their numbers."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for concept in CONCEPTS:
        for name, implementation in IMPLEMENTATIONS.items():
            try:
                place = find(name, concept.name)
                where, code = f"{place.file}:{place.first}", place.source
                lines = " ".join(map(str, place.numbers))
            except (OSError, SyntaxError, ValueError) as error:  # perhaps why the run fails
                where, code = implementation.places[concept.name].file, f"# cannot be shown: {error}"
                lines = "0"
            found.setdefault(concept.name, {})[name] = {"where": where, "code": code, "lines": lines}
    return found


def agreement(concept: Concept, checks: list[Check], implementation: str) -> dict:
    """How many comparisons measure a concept, how many of them passed, and the largest share of the tolerance."""
    own = [
        check
        for check in checks
        if check.stage == concept.stage
        and check.implementation == implementation
        and check.status is not Status.SKIPPED
        and (not concept.tensors or _tensor(check) in concept.tensors)
    ]
    return {"compared": len(own), "passed": sum(check.passed for check in own), "used": largest_share(own)}


def largest_share(checks: list[Check]) -> float | None:
    """The largest share of the tolerance that was used; None where nothing finite was measured."""
    shares = [check.share for check in checks]
    return max((share for share in shares if share is not None and math.isfinite(share)), default=None)


def _tensor(check: Check) -> str:
    """Its family, where the concept is of all layers."""
    return next((family for family in ("decay", "D") if check.tensor.startswith(family)), check.tensor)
