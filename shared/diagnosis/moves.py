"""What the first update of a port shows of its settings: the rate of each parameter, and what it decays by."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shared.alignment.step import Effect, Step
from shared.alignment.tensors import after, alike
from shared.diagnosis.estimates import meant
from shared.diagnosis.hypothesis import Evidence
from shared.diagnosis.mistake import Fitted
from shared.parameters import PARAMETER_NAMES, WEIGHTS


def moves(evidence: Evidence, step: Step) -> tuple[dict[str, tuple[float, float]], dict[str, tuple[float, float]]] | None:
    """For each parameter, factors r and k, with their errors, of the first update W - r * rate * (dW + k * lambd/m * W).

    By least squares over all states, each number with the weight that its tolerance gives it.
    """
    problem = evidence.problem
    strength = problem.lambd / problem.X.shape[-1]
    rates: dict[str, tuple[float, float]] = {}
    decays: dict[str, tuple[float, float]] = {}
    one_equation: dict[str, NDArray] = {}
    for name in PARAMETER_NAMES:
        rows = _rows(evidence, step, name, strength)
        if rows is None:
            return None
        A, b = rows
        if len(A) < 2 <= A.shape[1]:
            one_equation[name] = np.append(A, b)  # which says nothing of two
            continue
        found, _, rank, _ = np.linalg.lstsq(A, b, rcond=1e-14)
        if rank < A.shape[1]:
            return None
        errors = np.sqrt(np.diag(np.linalg.inv(A.T @ A)))
        r = float(found[0])
        rates[name] = r, float(errors[0])
        known = len(found) > 1 and abs(r) > errors[0]
        default = float(step.decayed.get(name, 0.0)) if strength else 0.0
        decays[name] = (float(found[1] / r), float(errors[1] / abs(r))) if known else (default, 0.0)
    for name, (gradient, decay, moved) in one_equation.items():
        rates[name] = sorted(rates.values())[len(rates) // 2]
        r = rates[name][0]
        decays[name] = ((moved / r - gradient) / decay, abs(1 / decay)) if r else (0.0, 0.0)
    return rates, decays


def _rows(evidence: Evidence, step: Step, name: str, strength: float) -> tuple[NDArray, NDArray] | None:
    """The equations r * dW + r * k * strength * W = what W moved over the rate, of all states, over their tolerances."""
    rows, values = [], []
    for state, (start, port) in evidence.states.items():
        tolerance, ends = evidence.tolerance[state].get(after(name, 1)), port.get(after(name, 1))
        tensors = step.tensors(evidence.problem, start, port)
        gradient = np.ravel(tensors[f"d{name} of update 1"]).astype(float)
        if ends is None or tolerance is None or not alike(ends, start[name]) or not np.isfinite(gradient).all():
            return None
        weight = evidence.problem.learning_rate / max(tolerance, 1e-300)
        rows.append(weight * np.stack([gradient, strength * np.ravel(start[name]).astype(float)], axis=1))
        values.append(weight * np.ravel(start[name] - ends).astype(float) / evidence.problem.learning_rate)
    A, b = np.concatenate(rows), np.concatenate(values)
    if not A[:, 0].any() or not np.isfinite(b).all():
        return None
    return (A if A[:, 1].any() else A[:, :1]), b


def rounded(values: Mapping[str, tuple[float, float]], at_least: float = 0.0) -> dict[str, float]:
    """Each value as the roundest number that it may be."""
    return {name: next(meant(value, max(error, at_least)))[0] if abs(value) > max(error, 1e-12) else 0.0
            for name, (value, error) in values.items()}  # fmt: skip


def other_settings(evidence: Evidence, step: Step) -> Iterator[tuple[str, Effect]]:
    """Another learning rate, or other decay coefficients."""
    found = moves(evidence, step)
    if not found:
        return
    expected = {name: float(name in WEIGHTS) for name in PARAMETER_NAMES}
    rates, decays = rounded(found[0]), rounded(found[1])
    given = evidence.problem.learning_rate
    if len(set(rates.values())) == 1 and (factor := rates["W1"]) not in (0.0, 1.0):
        far = f"each update goes {factor:.9g} times as far as it should"
        yield f"{far} (learning rate {given * factor:.9g} for {given:g})", settings(factor, expected)
        if evidence.problem.lambd and decays != expected:
            yield f"{far}, and {decay_words(decays, expected)}", settings(factor, decays)
    if evidence.problem.lambd and decays != expected:
        yield decay_words(decays, expected), settings(1.0, decays)
        raw = {name: value for name, (value, _) in found[1].items()}
        common = float(np.mean([raw[name] for name in WEIGHTS]))
        if all(abs(raw[name] - common) < 1e-3 * abs(common) for name in WEIGHTS):
            error = min(error for name, (_, error) in found[1].items() if name in WEIGHTS)
            for value, _ in meant(common, error):
                same = {name: value if name in WEIGHTS else 0.0 for name in PARAMETER_NAMES}
                yield decay_words(same, expected), settings(1.0, same)


def other_rates(still: bool) -> Fitted:
    """Parameters that move at another rate than the others. still: those that do not move at all."""

    def make(evidence: Evidence, step: Step) -> Iterator[tuple[str, Effect]]:
        found = moves(evidence, step)
        rates = rounded(found[0]) if found else {}
        off = {name: rate for name, rate in rates.items() if rate != 1}
        if not off or still != (not any(off.values())) or (not still and len(set(rates.values())) == 1):
            return
        said = []
        for rate in dict.fromkeys(off.values()):
            names = ", ".join(name for name in off if off[name] == rate)
            one = "," not in names
            far = f"move{'s' * one} {rate:.9g} times as far as {'it' if one else 'they'} should"
            far += ", as if not divided by m" * (rate == evidence.problem.X.shape[-1])
            said.append(f"{names} {far if rate else 'does not move' if one else 'do not move'}")
        words = "; ".join(said) if len(off) < len(rates) or not still else "no parameter moves"
        yield words, lambda step: replace_rates(step, off)

    return make


def replace_rates(step: Step, rates: Mapping[str, float]) -> Step:
    """The step with other multiples of the learning rate."""
    return replace(step, rates=dict(step.rates) | dict(rates))


def settings(rate: float, decay: Mapping[str, float]) -> Effect:
    """Another learning rate (as a factor), and other decay coefficients (as multiples of lambd / m)."""
    decayed = {name: multiple for name, multiple in decay.items() if multiple}

    def effect(step: Step) -> Step:
        step = replace(step, decayed=decayed)
        return step if rate == 1 else replace(step, schedule=lambda update: rate)

    return effect


def decay_words(found: Mapping[str, float], expected: Mapping[str, float]) -> str:
    """In the course's words: which dW lacks its term, and which has another multiple of it."""
    parts = []
    for name, k in found.items():
        if abs(k - expected[name]) < 1e-12:
            continue
        term = f"lambd/m * {name}"
        if not expected[name]:
            parts.append(f"d{name} has {k:.9g} times the term {term}, which does not belong there")
        elif k == 0:
            parts.append(f"d{name} lacks the term {term}")
        else:
            parts.append(f"d{name} has {k:.9g} times the term {term}")
    return "; ".join(parts)
