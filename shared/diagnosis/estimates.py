"""What a port's update shows of its settings: decay coefficients, learning rate, scale of the gradients and of dropout."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.alignment.step import WEIGHTS, Effect, Step, penalty_in_loss
from shared.alignment.tensors import after, alike, one_step
from shared.diagnosis.hypothesis import Evidence
from shared.harness.checks import Where
from shared.parameters import PARAMETER_NAMES

EXACT = 1e-6
"""An estimate this close to a number of four digits is meant to be it; whether it is shows in the tensors it gives."""


@dataclass(frozen=True)
class Estimate:
    """An explanation with measured numbers in it: its words, and what it makes of the reference's step."""

    words: str
    effect: Effect


def estimates(evidence: Evidence) -> Iterator[Estimate]:
    """Explanations by other settings, the simplest first; whether one is right is for `fit` to say."""
    for estimate in _estimates(evidence):
        yield estimate
        yield Estimate(estimate.words, _in_loss(estimate.effect))


def _in_loss(effect: Effect) -> Effect:
    return lambda step: penalty_in_loss(effect(step))


def _estimates(evidence: Evidence) -> Iterator[Estimate]:
    fitted = _fitted(evidence)
    if fitted:
        rate, decay = fitted
        expected = {name: float(name in WEIGHTS) for name in PARAMETER_NAMES}
        rounded = {name: _meant(k) for name, k in decay.items()}
        factor = _meant(float(np.mean(list(rate.values()))))
        same_rate = max(abs(r - factor) for r in rate.values()) < EXACT
        given = evidence.problem.learning_rate
        if same_rate and abs(factor - 1) > 1e-12:
            words = (
                f"each update goes {factor:.6g} times as far as it should (learning rate {given * factor:.6g} for {given:g})"
            )
            yield Estimate(words, _settings(factor, expected))
        if evidence.problem.lambd and rounded != expected:
            yield Estimate(_decay_words(rounded, expected), _settings(1.0, rounded))
            common = _meant(float(np.mean([decay[name] for name in WEIGHTS])))
            if all(abs(decay[name] - common) < 1e-3 * abs(common) for name in WEIGHTS):
                alike = {name: common if name in WEIGHTS else 0.0 for name in PARAMETER_NAMES}
                yield Estimate(_decay_words(alike, expected), _settings(1.0, alike))
            if same_rate and abs(factor - 1) > 1e-12:
                words = f"each update goes {factor:.6g} times as far as it should, and {_decay_words(rounded, expected)}"
                yield Estimate(words, _settings(factor, rounded))
    gradient = _ratio(evidence, "dW3")
    gradient = gradient and _meant(gradient)
    if gradient is not None and abs(gradient - 1) > 1e-12:
        yield Estimate(
            f"the gradients are {gradient:.6g} times what they should be",
            lambda step: replace(step, dZ3=lambda Z3, Y: gradient * step.dZ3(Z3, Y)),
        )
    scale = _ratio(evidence, "A1") if evidence.problem.keep_prob < 1 else None
    if scale is not None and abs(scale - 1) > 1e-12:
        keep_prob = evidence.problem.keep_prob
        yield Estimate(
            f"what dropout keeps is multiplied by {scale / keep_prob:.6g}, not by 1 / keep_prob = {1 / keep_prob:.6g}",
            lambda step: replace(
                step,
                drop=lambda A, D, keep_prob: scale * step.drop(A, D, keep_prob),
                undrop=lambda dA, D, keep_prob: scale * step.undrop(dA, D, keep_prob),
            ),
        )


def _meant(value: float) -> float:
    near = float(f"{value:.4g}") if abs(value) > EXACT else 0.0
    return near if abs(value - near) < EXACT * max(1, abs(near)) else value


def _fitted(evidence: Evidence) -> tuple[dict[str, float], dict[str, float]] | None:
    """For each parameter, factors (r, k) of the first update W - r * rate * (dW + k * lambd/m * W), by least squares.

    The smallest disagreement of all states that have biases is taken, so that biases can be told as well.
    """
    problem = evidence.problem
    start, port = evidence.states.get(Where("biases")) or next(iter(evidence.states.values()), ({}, {}))
    if not start or not all(alike(port.get(after(name, 1)), value) for name, value in start.items()):
        return None
    strength = problem.lambd / problem.X.shape[-1]
    reference = one_step(problem, start, port)
    rate, decay = {}, {}
    for name, before in start.items():
        moved = (before - port[after(name, 1)]).astype(float).ravel() / problem.learning_rate
        columns = [np.ravel(reference[f"d{name} of update 1"]).astype(float)]
        if strength and before.any() and before.size > 1:
            columns.append(strength * before.astype(float).ravel())
        if not (np.isfinite(moved).all() and np.abs(columns[0]).max() > 0):
            return None
        found = np.linalg.lstsq(np.stack(columns, axis=1), moved, rcond=None)[0]
        rate[name] = float(found[0])
        decay[name] = (
            float(found[1] / found[0]) if len(found) > 1 and found[0] else float(name in WEIGHTS and bool(strength))
        )
    if "b3" in decay:  # one number, which says nothing of two
        gradient, b3 = np.ravel(reference["db3 of update 1"])[0], float(start["b3"].ravel()[0])
        moved = float((start["b3"] - port["b3 after update 1"]).ravel()[0]) / problem.learning_rate
        typical = float(np.median([rate[name] for name in rate if name != "b3"]))
        rate["b3"] = typical
        decay["b3"] = (moved / typical - float(gradient)) / (strength * b3) if strength and b3 and typical else 0.0
    return rate, decay


def _settings(rate: float, decay: Mapping[str, float]) -> Effect:
    """Another learning rate (as a factor), and other decay coefficients (as multiples of lambd / m)."""
    decayed = {name: multiple for name, multiple in decay.items() if multiple}

    def effect(step: Step) -> Step:
        return replace(step, decayed=decayed, update=lambda p, g, d, memory, lr: step.update(p, g, d, memory, rate * lr))

    return effect


def _decay_words(found: Mapping[str, float], expected: Mapping[str, float]) -> str:
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


def _ratio(evidence: Evidence, name: str) -> float | None:
    """The multiple of the reference's tensor that comes nearest to the port's."""
    start, port = next(iter(evidence.states.values()), ({}, {}))
    if name not in port:
        return None
    mine: NDArray = np.asarray(one_step(evidence.problem, start, port)[name], float)
    its = np.asarray(port[name])
    if its.shape != mine.shape or its.dtype.kind != "f" or not np.sum(mine * mine):
        return None
    ratio = float(np.sum(mine * its) / np.sum(mine * mine))
    return ratio if np.isfinite(ratio) and ratio else None
