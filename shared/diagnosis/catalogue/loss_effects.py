"""Other losses than the cross-entropy of the labels, and other derivatives of it: what they make of a step."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from numpy_impl.network import sigmoid
from shared.alignment.step import Effect, Step
from shared.diagnosis.hypothesis import Evidence

EPSILONS = (*(10.0**-k for k in range(3, 16)), float(np.finfo(np.float32).eps), float(np.finfo(np.float64).eps))


def loss(cost: Callable[[NDArray, NDArray], NDArray], dZ3: Callable[[NDArray, NDArray], NDArray] | None = None) -> Effect:
    """Another loss of each example, of Z3 and Y; and its derivative by Z3, where that is another one as well."""

    def effect(step: Step) -> Step:
        step = replace(step, cross_entropy=lambda Z3, Y: np.mean(cost(Z3, Y), axis=(-2, -1)))
        return step if dZ3 is None else replace(step, dZ3=dZ3)

    return effect


def plain(Z3: NDArray, Y: NDArray) -> NDArray:
    """The cross-entropy of each example, from its logit."""
    return np.maximum(Z3, 0) - Z3 * Y + np.log1p(np.exp(-np.abs(Z3)))


def scaled(factor: float, gradient: bool = True) -> Effect:
    """The cross-entropy multiplied, with its gradients or without."""

    def effect(step: Step) -> Step:
        step = replace(step, cross_entropy=lambda Z3, Y, of=step.cross_entropy: factor * of(Z3, Y))
        return replace(step, dZ3=lambda Z3, Y, of=step.dZ3: factor * of(Z3, Y)) if gradient else step

    return effect


def slope(A3: NDArray) -> NDArray:
    """The derivative of the sigmoid."""
    return A3 * (1 - A3)


def squared(half: float, by_hand: bool) -> Effect:
    """half * (A3 - Y)^2; by hand with the derivative of the cross-entropy, else with its own."""

    def dZ3(Z3: NDArray, Y: NDArray) -> NDArray:
        A3 = sigmoid(Z3)
        return 2 * half * (A3 - Y) * slope(A3)

    return loss(lambda Z3, Y: half * np.square(sigmoid(Z3) - Y), None if by_hand else dZ3)


def derivative_twice(step: Step) -> Step:
    return replace(step, dZ3=lambda Z3, Y: step.dZ3(Z3, Y) * slope(sigmoid(Z3)))


def smoothed(epsilon: float) -> Effect:
    def labels(Y: NDArray) -> NDArray:
        return Y * (1 - epsilon) + epsilon / 2

    return loss(lambda Z3, Y: plain(Z3, labels(Y)), lambda Z3, Y: sigmoid(Z3) - labels(Y))


def weighted(weight: float) -> Effect:
    def weights(Y: NDArray) -> NDArray:
        return 1 + (weight - 1) * Y

    return loss(lambda Z3, Y: weights(Y) * plain(Z3, Y), lambda Z3, Y: weights(Y) * (sigmoid(Z3) - Y))


def hard(slope: float, lowest: float, clipped: float = 0.0) -> Effect:
    """Straight between 0 and 1; the loss with logarithms not below `lowest`, or of probabilities clipped."""

    def A3(Z3: NDArray) -> NDArray:
        return np.clip(slope * Z3 + 0.5, clipped, 1 - clipped)

    def losses(Z3: NDArray, Y: NDArray) -> NDArray:
        A = A3(Z3)
        return -Y * np.maximum(np.log(A), lowest) - (1 - Y) * np.maximum(np.log(1 - A), lowest)

    def dZ3(Z3: NDArray, Y: NDArray) -> NDArray:
        A = A3(Z3)
        inside = (clipped < A) & (1 - clipped > A)
        return np.where(inside, slope * (A - Y) / np.where(inside, A * (1 - A), 1), 0)

    return lambda step: replace(
        loss(losses, dZ3)(step), probability=lambda Z3: np.clip(slope * Z3 + 0.5, 0, 1),
        classes=lambda Z3: slope * Z3 + 0.5 > 0.5)  # fmt: skip


def alone(cost_of_zero: float) -> Effect:
    """The softmax of one unit is 1: an example of class 0 costs so much, and nothing moves."""
    both = loss(lambda Z3, Y: cost_of_zero * (1 - Y) + 0 * Z3, lambda Z3, Y: 0 * Z3)
    return lambda step: replace(both(step), probability=np.ones_like)


def guards(evidence: Evidence, step: Step) -> Iterator[tuple[str, Effect]]:
    """Logarithms of A3 plus epsilon, or of A3 clipped; in the cost alone, or in its derivative too."""
    for epsilon in EPSILONS:
        said = f"epsilon {epsilon:.3g}: harmless unless a probability is 0 or 1"
        for words, low, high, more in (
            ("the logarithms are of A3 + epsilon and 1 - A3 + epsilon", -np.inf, np.inf, epsilon),
            ("the probabilities are clipped at epsilon", epsilon, 1 - epsilon, 0.0),
            ("the probabilities are clipped at epsilon, and epsilon is added", epsilon, 1 - epsilon, epsilon),
        ):
            for derived in (False, True):
                yield f"{words}, {said}", _guarded(low, high, more, derived)


def _guarded(low: float, high: float, more: float, derived: bool) -> Effect:
    def losses(Z3: NDArray, Y: NDArray) -> NDArray:
        A = np.clip(sigmoid(Z3), low, high)
        return -Y * np.log(A + more) - (1 - Y) * np.log(1 - A + more)

    def dZ3(Z3: NDArray, Y: NDArray) -> NDArray:
        A3 = sigmoid(Z3)
        A = np.clip(A3, low, high)
        return ((1 - Y) / (1 - A + more) - Y / (A + more)) * slope(A3) * ((low <= A3) & (high >= A3))

    return loss(losses, dZ3 if derived else None)


BASES = {"2": float(np.log(2)), "10": float(np.log(10))}


def other_base(evidence: Evidence, step: Step) -> Iterator[tuple[str, Effect]]:
    """Logarithms of another base than e: in the reported cost, or in the loss that is derived as well."""
    for base, log in BASES.items():
        for gradient in (False, True):
            where = "the cost and the gradients are" if gradient else "the reported cost is"
            words = f"the logarithms have base {base}: {where} divided by log({base}); they should be natural ones"
            yield words, scaled(1 / log, gradient=gradient)
