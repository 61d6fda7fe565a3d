"""The failure message: where a run first differs from the reference, by how much, and where to look."""

from collections.abc import Iterator, Sequence

from shared.adapters.places import locate
from shared.alignment.plan import symbol_of
from shared.config import VARIANTS
from shared.harness.checks import Call, Cause, Check
from shared.harness.ledger import first_failed
from shared.harness.results import Diagnosis, Failure

INPUTS = {
    "Z1": ("X", "W1", "b1"),
    "D1": ("Z1",),
    "A1": ("Z1", "D1"),
    "Z2": ("A1", "W2", "b2"),
    "D2": ("Z2",),
    "A2": ("Z2", "D2"),
    "Z3": ("A2", "W3", "b3"),
    "A3": ("Z3",),
    "cross_entropy": ("Z3", "Y"),
    "l2_penalty": ("W1", "W2", "W3"),
    "cost": ("cross_entropy", "l2_penalty"),
    **dict.fromkeys(("dW3", "db3"), ("A3", "Y", "A2")),
    **dict.fromkeys(("dW2", "db2"), ("A3", "Y", "W3", "A2", "A1")),
    **dict.fromkeys(("dW1", "db1"), ("A3", "Y", "W3", "W2", "A2", "A1", "X")),
    **{f"decay_{kind}{i}": (f"{kind}{i}",) for kind in "Wb" for i in (1, 2, 3)},
    **{f"{kind}{i} after update 1": (f"{kind}{i}", f"d{kind}{i}") for kind in "Wb" for i in (1, 2, 3)},
    **{f"{kind}{i} after update 2": (f"{kind}{i} after update 1",) for kind in "Wb" for i in (1, 2, 3)},
    **{f"decay of {kind}": tuple(f"d{kind}{i}" for i in (1, 2, 3)) for kind in "Wb"},
}
"""Single-step tensor -> what it is computed from."""


class ToCopy(str):
    """A line of the message that is there to be copied, and must not be broken."""


def first_failures(checks: list[Check]) -> list[Failure]:
    """The first failed comparison of every run that has one, with what helps to explain it, first things first."""
    return [_explained(check, checks) for check in first_failed(checks)]


def message(failure: Failure, diagnoses: Sequence[Diagnosis] = ()) -> list[str]:
    """The lines of the message; the first is the headline. diagnoses: of all runs."""
    check = failure.check
    lines = [
        f"{check.implementation}, {check.variant}, iteration {check.iteration:,}: "
        f"{check.stage}, {check.tensor} ({check.where})",
        check.reason,
    ]
    if failure.first_bad_update is not None:
        lines.append(f"first bad update: {failure.first_bad_update:,}")
    if failure.inputs_agreed:
        lines.append(f"its inputs agreed: {', '.join(failure.inputs_agreed)}")
    if failure.inputs_differ:
        lines.append(f"its inputs differ too: {', '.join(failure.inputs_differ)}")
    lines += elements(check)
    of_run = diagnoses_of(failure, diagnoses)
    for diagnosis in of_run:
        lines += explanation(diagnosis, alone=len(of_run) == 1)
    lines.append("where it stands: " + ", ".join(failure.locations.values()))
    if failure.reproduction:
        lines.append(ToCopy(f"reproduce it alone: python {failure.reproduction}"))
    return lines


def elements(check: Check) -> Iterator[str]:
    """How many elements differ, and the worst of them."""
    if check.index is None:
        return
    index = ", ".join(map(str, check.index))
    worst = f", most of all [{index}]:" if index else ":"
    yield f"{check.differing:,} of {check.elements:,} elements differ{worst}"
    for who, value in ((check.implementation, check.port_value), ("reference", check.reference_value)):
        yield f"  {who:<10} {'not finite' if value is None else repr(value)}"
    exact = check.cause in (Cause.NOT_EQUAL, Cause.NOT_ZERO)  # what may not differ at all
    if check.difference is not None and check.tolerance is not None and not exact:
        yield f"  differ by  {check.difference:.6g}, tolerance {check.tolerance:.6g}"


def diagnoses_of(failure: Failure, diagnoses: Sequence[Diagnosis]) -> list[Diagnosis]:
    """The diagnoses of the run that failed; of a student's functions, those of the function that failed."""
    check, where = failure.check, failure.check.where
    called = where.function if isinstance(where, Call) else check.tensor
    of_run = [diagnosis for diagnosis in diagnoses if diagnosis.run == check.run]
    if check.cause is Cause.UNKNOWN:  # an older file does not say which function was called
        return of_run
    return [diagnosis for diagnosis in of_run if diagnosis.function in (None, called)]


def explanation(diagnosis: Diagnosis, alone: bool = True) -> list[str]:
    """What explains the difference, how closely, and how to write it right."""
    if diagnosis.mistake is None:
        return [f"not explained: {diagnosis.explanation}"]
    lines = [f"{'explained by' if alone else 'equally explained by'}: {diagnosis.explanation}"]
    if diagnosis.fit is not None:
        lines.append(f"  ({diagnosis.mistake}: reproduces every tensor with {diagnosis.fit:.0%} of the tolerance)")
    else:
        lines.append(f"  ({diagnosis.mistake}: recognized, not reproduced)")
    if diagnosis.remedy:
        lines.append(ToCopy(f"  write: {diagnosis.remedy}"))
    return lines


def _explained(check: Check, checks: list[Check]) -> Failure:
    beside = {other.tensor: other for other in checks if other.run == check.run and other.where == check.where}
    names = INPUTS.get(check.tensor, ()) if check.stage not in ("trajectory", "repeat") else ()
    inputs = [beside[name] for name in names if name in beside]
    return Failure(
        check,
        inputs_agreed=[each.tensor for each in inputs if each.passed],
        inputs_differ=[each.tensor for each in inputs if each.failed],
        locations=locate(check.stage, symbol_of(check.tensor), VARIANTS[check.variant].dropout),
    )
