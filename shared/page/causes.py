"""What went wrong, as a person wants to hear it: the cause in words, the remedy, then where and how far."""

from typing import Any

from shared.adapters import IMPLEMENTATIONS
from shared.diagnosis.failure import diagnoses_of, elements
from shared.harness.checks import Call
from shared.harness.results import Failure, Results
from shared.page.concepts import concept_of
from shared.page.course import as_in_the_course
from shared.page.sources import concept_with, lines_of


def causes(results: Results) -> list[dict[str, Any]]:
    """One entry for every run, or function of a student, that differs; a cause told before is not explained again."""
    told: set[Any] = set()
    entries = []
    for failure in results.failures:
        entry = _entry(results, failure)
        of_cause = tuple(entry["causes"]) or entry["where"]
        entry["again"] = of_cause in told
        told.add(of_cause)
        entry["columns"] = [] if entry["again"] else _columns(results, failure)
        entries.append(entry)
    shown = [diagnosis for failure in results.failures for diagnosis in diagnoses_of(failure, results.diagnoses)]
    for diagnosis in results.diagnoses:
        if diagnosis not in shown and diagnosis.mistake:
            entries.append(_alone(diagnosis))
    return entries


def _entry(results: Results, failure: Failure) -> dict[str, Any]:
    check = failure.check
    known = [each for each in diagnoses_of(failure, results.diagnoses) if each.mistake]
    own = failure.locations.get(check.implementation, "")
    return {
        "who": _who(failure, results),
        "causes": list(dict.fromkeys(each.explanation for each in known)),
        "remedies": list(dict.fromkeys(each.remedy for each in known if each.remedy)),
        "fits": [each.fit for each in known],
        "where": f"{check.tensor}, {check.stage} ({check.where})",
        "run": f"{check.implementation}, {check.variant}",
        "iteration": check.iteration,
        "first_bad_update": failure.first_bad_update,
        "reason": check.reason,
        "elements": list(elements(check)),
        "agreed": failure.inputs_agreed,
        "differ": failure.inputs_differ,
        "own": own if results.port else "",
        "course": as_in_the_course(check) if results.port and isinstance(check.where, Call) else "",
        "reproduction": failure.reproduction,
    }


def _alone(diagnosis: Any) -> dict[str, Any]:
    """The entry of a diagnosis that belongs to no first failure, such as one of a student's other functions."""
    who = diagnosis.function or f"{diagnosis.implementation}, {diagnosis.variant}"
    remedies = [diagnosis.remedy] if diagnosis.remedy else []
    return {"who": who, "causes": [diagnosis.explanation], "remedies": remedies, "fits": [diagnosis.fit], "again": True,
            "where": "", "columns": []}  # fmt: skip


def _who(failure: Failure, results: Results) -> str:
    """The implementation; of a port, the function that was called."""
    where = failure.check.where
    if results.port and isinstance(where, Call):
        return where.function
    return failure.check.implementation


def _columns(results: Results, failure: Failure) -> list[dict[str, Any]]:
    """The lines of all implementations where the failure stands; none where the results do not hold them."""
    concept = concept_of(failure.check)
    if concept is None:
        return []
    columns = []
    for name in (name for name in IMPLEMENTATIONS if name in results.sources.get(concept.name, {})):
        location = failure.locations.get(name, "")
        columns.append(lines_of(results, concept_with(results, name, location, concept.name), name, location))
        columns[-1]["wrong"] = name == failure.check.implementation
    return columns
