"""Compare one of the course's functions with the reference, and say in the course's words what is wrong with it."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from numpy_impl import course
from shared.adapters.numpy import Replayed
from shared.alignment.judge import judge
from shared.alignment.masks import FALSE_ALARM, chance
from shared.commands.check.calling import Called, call
from shared.commands.check.forms import merged_cost, other_form, unwritten
from shared.commands.check.functions import FUNCTIONS, CourseCase, Function, Outputs
from shared.commands.check.loading import Port
from shared.commands.check.outputs import alike, hide_what_is_off, usable_mask, with_floors
from shared.commands.check.words import alternatives
from shared.config import VARIANTS, Variant
from shared.harness.checks import Call, Cause, Check, RunId, because
from shared.harness.results import Diagnosis, named, unnamed

UNMASKED = (
    "the mask is not applied to {}: the gradients do not show it, since those units are off; but the exercise's own test "
    "compares dA1 and dA2"
)


@dataclass
class Found:
    """What came of one item: its checks, remarks and diagnoses."""

    checks: list[Check] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    diagnoses: list[Diagnosis] = field(default_factory=list)


def check_function(
    spec: Function, port: Port, cases: list[CourseCase], path: Path, whole: Mapping[str, Collection[str]] | None = None
) -> Found:
    """Call it on every case and compare every tensor that comes back.

    whole: function that is compared as a whole run -> in which variants; what these reach is covered whatever its form.
    """
    found, run = Found(), RunId(spec.variant, port.name)
    seen: list[tuple[tuple, Outputs]] = []
    drawn: list[tuple[CourseCase, Outputs]] = []
    unmasked: set[str] = set()
    for case in cases:
        where = Call(case.name, spec.name)
        arguments = spec.arguments(case)
        called = call(port.functions[spec.name], path, *arguments, quiet=spec.name != "predict")
        found.remarks += _remarks(spec, called)
        outputs, problem = _outputs(spec, called)
        form = other_form(spec, port, case, path, called, problem) if problem or case is cases[0] else ""
        if form and spec is FUNCTIONS["compute_cost"] and (merged := merged_cost(port)):
            return check_function(*merged, cases, path, whole)
        if form:
            return _not_compared(spec, port, form, whole or {})
        changed = sorted(set(called.changed) - spec.may_change)
        if changed:
            outcome = because(Cause.ARGUMENTS, spec.name, ", ".join(changed))
            found.checks.append(outcome.of(run.at("data", where, "arguments")))
        reference, floors = _reference(spec, arguments, outputs)
        if problem:
            cause = Cause.NO_ANSWER if called.failure else Cause.FORM
            found.checks.append(because(cause, problem).of(run.at(spec.stage, where, spec.name)))
            continue
        names = [name for name in reference if name in outputs]
        outputs = {name: alike(outputs[name], reference[name], found.remarks) for name in names}
        unmasked |= set(hide_what_is_off(outputs, reference, arguments))
        for name in names:
            outcome = judge(outputs[name], reference[name], floors[name])
            found.checks.append(outcome.of(run.at(spec.stage, where, name)))
        seen.append((arguments, outputs))
        drawn.append((case, outputs))
    if unmasked:
        found.remarks.append(UNMASKED.format(" and ".join(sorted(unmasked))))
    left = unwritten(port, spec.name, path) if not all(check.passed for check in found.checks) else ""
    if left:
        return _no_answer(spec, port, f"{spec.name} is not written yet: {left}")
    if spec.name == "forward_propagation_with_dropout" and drawn:
        _check_masks(spec, drawn, run, found)
    if seen and any(check.failed and check.tensor in seen[0][1] for check in found.checks):
        found.diagnoses += _explain(spec, seen, run)
    found.remarks = list(dict.fromkeys(found.remarks))
    return found


def _not_compared(spec: Function, port: Port, form: str, whole: Mapping[str, Collection[str]]) -> Found:
    """What is said of a function in another form: it is covered where a whole run that reaches it is compared."""
    said = f"{spec.name} is not compared by itself: another form ({form})"
    using = [name for name in whole if name in port.functions and spec.name in port.uses.get(name, ())]
    for name in using:
        if any(_shows(name, spec, VARIANTS[variant], port.uses[name]) for variant in whole[name]):
            return Found(remarks=[f"{said}; {name}, which uses it, is"])
    unshown = f"; {' and '.join(using)} may use it, but not in what is compared of the variants asked for" if using else ""
    return _no_answer(spec, port, said + unshown)


def _shows(whole: str, spec: Function, variant: Variant, used: Collection[str]) -> bool:
    """Whether what is compared of a whole run in this variant depends on the function."""
    if spec.stage == "predictions" or (spec.stage == "cost" and (whole == "model" or variant.dropout)):
        return False  # `model` returns no costs, and with dropout those of `train` are not compared
    for ending, has in (("_with_dropout", variant.dropout), ("_with_regularization", variant.l2)):
        if (spec.name.endswith(ending) and not has) or (has and spec.name + ending in used):
            return False
    return True


def _no_answer(spec: Function, port: Port, said: str) -> Found:
    key = RunId(spec.variant, port.name).at(spec.stage, Call("every case", spec.name), spec.name)
    return Found([because(Cause.NO_ANSWER, said).of(key)])


def _remarks(spec: Function, called: Called) -> list[str]:
    seeded = "NumPy's global generator"
    if spec.name == "forward_propagation_with_dropout" and any(seeded in remark for remark in called.remarks):
        return [
            f"{spec.name} seeds NumPy's global generator, as the course's does: its masks are the same at every call"
            if "seeds" in remark and seeded in remark else remark for remark in called.remarks
        ]  # fmt: skip
    return called.remarks


def _outputs(spec: Function, called: Called) -> tuple[Outputs, str]:
    if called.failure:
        return {}, called.failure
    try:
        return spec.unpack(called.value), ""
    except ValueError as error:
        return {}, f"{spec.name}: {error}"


def _reference(spec: Function, arguments: tuple, outputs: Outputs) -> tuple[Outputs, dict[str, Any]]:
    """The reference's tensors for the same arguments, and their floors; with dropout for the masks that came back."""
    masks = None
    if spec.name == "forward_propagation_with_dropout":
        own = course.forward_propagation_with_dropout(*arguments)[1]
        masks = tuple(usable_mask(outputs.get(f"D{i}"), own[place]) for i, place in ((1, 1), (2, 6)))

    def compute(arguments: tuple) -> Outputs:
        value = spec.reference(*arguments, rng=Replayed(*masks)) if masks else spec.reference(*arguments)
        return {name: np.asarray(each) for name, each in spec.unpack(value).items()}

    return with_floors(compute, arguments)


def _check_masks(spec: Function, drawn: list, run: RunId, found: Found) -> None:
    """The masks: the course's, or at least with the right share of units kept."""
    for i in (1, 2):
        kept = of = 0
        share, same = 0.0, True
        for case, outputs in drawn:
            D = outputs.get(f"D{i}")
            own = course.forward_propagation_with_dropout(*spec.arguments(case))[1][1 if i == 1 else 6]
            if not (isinstance(D, np.ndarray) and D.shape == own.shape):
                break
            same = same and bool(np.array_equal(D.astype(bool), own))
            if case is drawn[0][0]:
                kept, of, share = int(D.astype(bool).sum()), D.size, case.problem.keep_prob
        else:
            passed = same or chance(kept, of, share) >= FALSE_ALARM
            cause = Cause.AGREES if passed else Cause.SHARE
            if passed and not same:
                found.remarks.append(f"D{i} is not the course's mask (np.random.seed(1), D1 drawn first)")
            outcome = because(cause, f"D{i}", kept / of, of, share)
            found.checks.append(outcome.of(run.at(spec.stage, Call("masks", spec.name), f"D{i}")))
            if not passed and chance(kept, of, 1 - share) >= FALSE_ALARM:
                said = f"D{i} keeps the share that should be dropped: it should be rand(...) < keep_prob"
                found.diagnoses.append(named(run, "mask-turned", said, function=spec.name))
            elif not passed and chance(kept, of, float(special.ndtr(share))) >= FALSE_ALARM:
                said = f"D{i} is drawn from randn, which is normal; it should be rand(...) < keep_prob, which is uniform"
                found.diagnoses.append(named(run, "mask-from-randn", said, function=spec.name))


def _explain(spec: Function, seen: list[tuple[tuple, Outputs]], run: RunId) -> Iterator[Diagnosis]:
    """Every other way of writing it that gives what came back in every case, to within rounding."""
    fitting: dict[str, Diagnosis] = {}
    for mistake, words, compute in alternatives(spec.name):
        used = _fit(compute, spec, seen)
        if used is not None:
            fitting.setdefault(words, named(run, mistake, words, fit=used, function=spec.name))
    if not fitting:
        yield unnamed(run, f"no known way of getting {spec.name} wrong gives this", function=spec.name)
    yield from fitting.values()


def _fit(compute: Callable, spec: Function, seen: list[tuple[tuple, Outputs]]) -> float | None:
    used = 0.0
    for arguments, outputs in seen:
        if spec.name == "forward_propagation_with_dropout":
            own = course.forward_propagation_with_dropout(*arguments)[1]
            arguments = (*arguments, tuple(usable_mask(outputs.get(f"D{i}"), own[p]) for i, p in ((1, 1), (2, 6))))

        def run(given: tuple, outputs: Outputs = outputs) -> Outputs:
            return {name: np.asarray(value) for name, value in compute(*given).items() if name in outputs}

        try:
            with np.errstate(all="ignore"):
                plain = run(arguments)
            outputs = dict(outputs)
            hide_what_is_off(outputs, plain, arguments)
            if not all(_near(outputs[name], value) for name, value in plain.items()):
                return None
            values, floors = with_floors(run, arguments)
        except (ValueError, TypeError):
            return None
        for name, value in values.items():
            outcome = judge(outputs[name], value, floors[name])
            if outcome.failed:
                return None
            if outcome.tolerance:
                used = max(used, outcome.share or 0.0)
    return used


def _near(value: Any, other: NDArray) -> bool:
    """Worth judging: of the same shape, and not further apart than rounding could ever move it."""
    if not isinstance(value, np.ndarray) or value.shape != other.shape:
        return False
    if value.dtype.kind != "f":
        return bool(np.mean(value != other) < 1e-2)
    size = np.abs(other).max(initial=0)
    return bool(np.median(np.abs(value - other)) <= 1e-3 * size) if np.isfinite(size) else False
