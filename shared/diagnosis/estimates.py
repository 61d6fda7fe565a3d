"""Constants that a port's tensors show: each is measured, with its error; whether it is right, `fit` says."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from shared.alignment.step import Effect, Step
from shared.alignment.tensors import comes_near
from shared.diagnosis.hypothesis import Evidence
from shared.diagnosis.mistake import Fitted
from shared.parameters import PARAMETER_NAMES

TRIES = 12
"""Steps of the secant method for one constant."""

Words = Callable[[float, str, Evidence], str]


def constant(words: Words, effect: Callable[[float], Effect], near: tuple[float, float]) -> Fitted:
    """Explanations with one constant: solved for with the secant method, from two values that it may have.

    words(value, as it is written, evidence). The tensor that is solved is the first that is off and that the constant moves.
    """

    def make(evidence: Evidence, step: Step) -> Iterator[tuple[str, Effect]]:
        with np.errstate(all="ignore"):
            found = _solved(evidence, step, effect, near)
        if found is not None and abs(found[0]) > 8 * found[1]:  # what is 0 is left out, which is another mistake
            for value, said in meant(*found):
                yield words(value, said, evidence), effect(value)

    return make


def meant(value: float, error: float) -> Iterator[tuple[float, str]]:
    """A value, and before it the roundest number that it may be, each as it is written: with as many digits as it has."""
    error = max(error, 1e-15 * abs(value))
    for digits in range(1, 9):
        near = float(f"{value:.{digits}g}")
        if abs(near - value) <= 8 * error:
            yield near, f"{near:g}"
            break
    if value:
        digits = int(np.clip(np.ceil(-np.log10(error / abs(value))), 2, 12))
        yield value, f"{value:.{digits}g} (± {error:.1g})"


def _solved(
    evidence: Evidence, step: Step, effect: Callable[[float], Effect], near: tuple[float, float]
) -> tuple[float, float] | None:
    """The constant and its error."""
    for state, (start, port) in evidence.states.items():
        now, moved = (each.tensors(evidence.problem, start, port) for each in (step, effect(near[0])(step)))
        for stage, name in evidence.compared_in(state):
            tolerance = evidence.tolerance[state].get(name)
            if tolerance is None or comes_near(now, port, [(stage, name)], {name: 100 * tolerance}):
                continue
            its, mine = port[name].astype(float), np.asarray(now[name], float)
            if not (np.isfinite(its).all() and np.isfinite(mine).all()) or np.array_equal(mine, moved[name]):
                continue
            along = (its - mine) / np.abs(its - mine).max()

            def apart(value: float, name=name, its=its, along=along, start=start, port=port) -> float:
                tensors = effect(value)(step).tensors(evidence.problem, start, port)
                return float(np.sum((np.asarray(tensors[name], float) - its) * along))

            return _secant(apart, near, tolerance * float(np.abs(along).sum()))
    return None


def _secant(apart: Callable[[float], float], near: tuple[float, float], tolerance: float) -> tuple[float, float] | None:
    (one, two), (of_one, of_two) = near, (apart(near[0]), apart(near[1]))
    slope = 0.0
    for _ in range(TRIES):
        if not np.isfinite([of_one, of_two]).all() or of_one == of_two or one == two:
            break
        slope = (of_two - of_one) / (two - one)
        one, of_one, two = two, of_two, two - of_two / slope
        of_two = apart(two)
        if abs(of_two) <= tolerance / 64:
            break
    if not slope or not np.isfinite(of_two) or abs(of_two) > 100 * tolerance:
        return None
    return two, abs(tolerance / slope)


def gradient_scales(evidence: Evidence, step: Step) -> Iterator[tuple[str, Effect]]:
    """Gradients of a trace that are multiples of what they should be."""
    found: dict[str, float] = {}
    for name in PARAMETER_NAMES:
        pairs = []
        for state, (start, port) in evidence.states.items():
            mine, its = step.tensors(evidence.problem, start, port)[f"d{name}"], port.get(f"d{name}")
            tolerance = evidence.tolerance[state].get(f"d{name}")
            if tolerance is None or its is None or not np.isfinite(its).all():
                return
            pairs.append((np.ravel(mine).astype(float) / tolerance, np.ravel(its).astype(float) / tolerance))
        a, b = (np.concatenate(each) for each in zip(*pairs, strict=True))
        square = float(a @ a)
        if not square:
            continue
        ratio, error = float(a @ b) / square, square**-0.5
        if abs(ratio - 1) > 8 * error:
            found[name] = next(meant(ratio, error))[0]
    if found:
        parts = []
        for scale in dict.fromkeys(found.values()):
            names = [f"d{name}" for name in found if found[name] == scale]
            parts.append(f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} {scale:.9g} times what "
                         f"{'it' if len(names) == 1 else 'they'} should be")  # fmt: skip
        yield "; ".join(parts), lambda step: replace(step, scales=dict(step.scales) | found)


def _gradient_times(factor: float) -> Effect:
    return lambda step: replace(step, dZ3=lambda Z3, Y: factor * step.dZ3(Z3, Y))


GRADIENT_SCALE = constant(
    lambda value, said, evidence: f"the gradients are {said} times what they should be", _gradient_times, (2, 0.5)
)
