"""Which explanations are told: of each variant what names something, else one line of what is known."""

from dataclasses import replace

from shared.commands.check.contract import ROUNDED
from shared.config import VARIANTS
from shared.diagnosis.catalogue import CATALOGUE
from shared.errors import listed
from shared.harness.checks import Cause, Check, Status
from shared.harness.results import Diagnosis, named, unnamed

INSIDE = "single precision inside: everything that comes back is a number of float32, in arrays of float64"
MEANT = {"masks-frozen": "if that is meant, as in the course's own code: --variants frozen-dropout"}
"""Mistake -> how to check a port that means it."""
MISTAKES = {mistake.name: mistake for mistake in CATALOGUE}


def told(diagnoses: list[Diagnosis], checks: list[Check], modules: set[str]) -> list[Diagnosis]:
    """The diagnoses that are told, variant by variant; first, where the port computes in float32, that.

    modules: that the port imports, for which the remedies are.
    """
    places = list(dict.fromkeys((each.variant, each.function) for each in diagnoses))
    found: list[Diagnosis] = []
    for variant, function in sorted(places, key=lambda place: list(VARIANTS).index(place[0])):
        here = [each for each in diagnoses if (each.variant, each.function) == (variant, function)]
        known = list({(each.mistakes, each.said): each for each in here if each.mistakes}.values())
        found += known or [_unknown(here, checks)]
        found += [each for each in here if known and each.left]
    single = next((check for check in checks if check.cause is Cause.FLOAT32), None)
    if single is not None:
        words = INSIDE if single.tensor == ROUNDED else MISTAKES["float32"].title
        found = [named(single, "float32", words), *(each for each in found if each.mistakes)]
    return [_with_remedies(each, modules) for each in found]


def _with_remedies(diagnosis: Diagnosis, modules: set[str]) -> Diagnosis:
    remedies = [MISTAKES[name].remedy(*modules) for name in diagnosis.mistakes if name in MISTAKES]
    remedies += [MEANT[name] for name in diagnosis.mistakes if name in MEANT]
    return replace(diagnosis, remedy="; ".join(dict.fromkeys(remedies))) if remedies else diagnosis


def _unknown(diagnoses: list[Diagnosis], checks: list[Check]) -> Diagnosis:
    """One line of everything that is known where nothing fits: also of which variants agree."""
    first = diagnoses[0]
    facts = list(dict.fromkeys(fact for each in diagnoses for fact in each.said))
    facts += [hint] if (hint := _variants(first.variant, checks)) else []
    return unnamed(first.run, *facts, function=first.function)


def _variants(variant: str, checks: list[Check]) -> str:
    """Where to look, from the variants that match and those that differ."""
    compared = [name for name in VARIANTS if any(c.variant == name and c.status is not Status.SKIPPED for c in checks)]
    wrong = [name for name in compared if any(c.variant == name and c.failed for c in checks)]
    right = [name for name in compared if name not in wrong]
    if "none" in wrong and variant != "none":
        return "the variant none differs already, which shows again here: fix that first"
    if not right:
        return ""
    said = f"{listed(right)} match{'es' * (len(right) == 1)}, only {listed(wrong)} differ{'s' * (len(wrong) == 1)}"
    for part, word in (("l2", "the penalty"), ("dropout", "dropout")):
        if all(part in name for name in wrong) and not any(part in name for name in right):
            return f"{said}: look at {word}"
    return said
