"""The diagnosis of a recorded run."""

from shared.alignment.verification import sampled_masks, states_of
from shared.case import Case
from shared.diagnosis.diagnose import diagnose
from shared.diagnosis.hypothesis import Evidence
from shared.harness.checks import Check, RunId, Where
from shared.harness.records import Record
from shared.harness.results import Diagnosis


def diagnose_run(case: Case, record: Record, implementation: str, checks: list[Check]) -> list[Diagnosis]:
    """What explains the failed checks of a recorded run."""
    if not any(check.failed for check in checks):
        return []
    states = {Where(state): (start, record.step(state)) for state, start in states_of(case, record).items()}
    masks, predictions = None, {}
    if record.finished:  # else only single steps were run so far
        masks = sampled_masks(record) if case.variant.dropout else None
        predictions = {part: (X, record.final_parameters, record.predictions(part)) for part, X in case.inputs.items()}
    evidence = Evidence(case.problem, states, masks, predictions, frozen=case.variant.frozen)
    return diagnose(evidence, checks, RunId(case.variant.name, implementation))


def diagnosed(case: Case, record: Record, implementation: str, checks: list[Check]) -> list[Diagnosis]:
    """The same; nothing where the search breaks off: the checks stand without it."""
    try:
        return diagnose_run(case, record, implementation, checks)
    except Exception:
        return []
