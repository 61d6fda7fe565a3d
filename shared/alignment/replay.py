"""The reference replays a run: the from-scratch NumPy functions, many replicates at once along leading axes.

What rounding does to a run is measured with replicates. Every parameter of a replicate is moved by at most one unit in the
last place after each update; its data, labels and learning rate are moved as well, once and for all, because a framework
rounds the same way at every update; and its costs are summed one by one.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from numpy_impl.cost import cross_entropy, l2_penalty
from numpy_impl.gradients import propagate
from numpy_impl.training import update_parameters
from shared.adapters.numpy import Replayed
from shared.alignment import fused
from shared.alignment.floor import Perturbation
from shared.case import Problem
from shared.harness.records import Record
from shared.parameters import WEIGHTS, Parameters

LOGITS = 2**18
"""Numbers: logits (and weights, with L2) of past updates that are kept before their costs are computed together."""

Masks = tuple[NDArray, NDArray]

MasksBetween = Callable[[int, int], Masks]
"""(first step, the step behind the last) -> D1 (steps, S, h1, m) and D2 of S segments, bool."""

Watch = Callable[[int, tuple], None]
"""(step, the course's cache of its forward pass) -> what somebody wants to know of it."""


class Replicates(NamedTuple):
    """How many perturbed replicates run beside the reference, the seed of what perturbs them, and what the reference may be.

    fused_reference: the reference's own updates may be made by the compiled loop, too, and be numpy_impl's up to rounding.
    """

    number: int
    seed: int = 0
    fused_reference: bool = False


def replicate(parameters: Parameters, count: int) -> Parameters:
    """`count` copies along a new leading axis."""
    return {name: np.repeat(value[np.newaxis], count, axis=0) for name, value in parameters.items()}


def replay(
    problem: Problem,
    parameters: Parameters,
    steps: Iterable[int],
    masks: Callable[[int], Masks] | None = None,
    perturb: Perturbation | None = None,
    watch: Watch | None = None,
) -> Iterator[tuple[NDArray, Parameters]]:
    """Replay an update for each of `steps`; after each, yield the logits Z3 before it and the parameters after it.

    parameters: with leading axes of replicates. masks(step) gives D1 and D2 of that step, broadcast against these axes.
    With `perturb`, every replicate but the first is moved by at most one unit in the last place after each update.
    """
    X, Y, lambd = problem.X, problem.Y, problem.lambd
    for step in steps:
        rng = Replayed(*masks(step)) if masks else None
        gradients, cache = propagate(X, Y, parameters, lambd, problem.keep_prob, rng)
        if watch:
            watch(step, cache)
        parameters = update_parameters(parameters, gradients, problem.learning_rate)
        if perturb:
            perturb.replicates(parameters)
        yield cache.Z3, parameters


def costs_of(Z3s: NDArray, before: Parameters, problem: Problem) -> NDArray:
    """The costs of n updates, (n, ...), from the logits Z3 (n, ..., 1, m) and, with L2, the weights (n, ...) before each.

    Not what numpy_impl's adapter computes: what is wrong there must differ from this.
    """
    costs = cross_entropy(Z3s, problem.Y)
    return costs + l2_penalty(before, problem.lambd, problem.X.shape[-1]) if problem.lambd else costs


def perturbed_costs_of(Z3s: NDArray, before: Parameters, problem: Problem, perturb: Perturbation) -> NDArray:
    """The same costs as rounding may leave them: every loss with the rounding of its logit, sums added up one by one.

    Some frameworks compute the loss as a difference of numbers of the logit's size, so that a small loss carries the
    rounding of a large logit; NumPy adds in pairs, which loses less than one by one.
    """
    size = np.abs(Z3s)
    losses = np.maximum(Z3s, 0) - Z3s * problem.Y + np.log1p(np.exp(-size))
    losses += perturb(size) - size
    costs = np.add.accumulate(losses, axis=-1)[..., 0, -1] / problem.X.shape[-1]
    if problem.lambd:
        squares = np.zeros(Z3s.shape[:-2], Z3s.dtype)
        for W in before.values():
            squares = squares + np.add.accumulate(np.square(W).reshape(*W.shape[:-2], -1), axis=-1)[..., -1]
        costs = costs + perturb(problem.lambd / (2 * problem.X.shape[-1]) * squares)
    return perturb(costs)


def replay_with_replicates(
    problem: Problem,
    start: Parameters,
    length: int,
    masks: MasksBetween | None,
    replicates: Replicates,
    report: Callable[[int], None] = lambda updates: None,
    enough: Callable[[NDArray], bool] = lambda costs: False,
    watch: Watch | None = None,
) -> tuple[NDArray, Parameters]:
    """Replay segments together from start (S, ...), until `enough` of the costs so far, asked now and then.

    Returns the costs (length, 1 + count, S) and the parameters at the end (1 + count, S, ...).
    """
    lanes = _Lanes(problem, start, length, masks, replicates, watch)
    costs: list[NDArray] = []
    # A diverged run is replayed as it is: the comparison, not a warning, says that it is not finite.
    with np.errstate(all="ignore"):
        for first in range(0, length, lanes.batch):
            costs.append(lanes.advance(first, min(lanes.batch, length - first)))
            report(len(costs[-1]))
            if enough(np.concatenate(costs)):
                break
    return np.concatenate(costs), lanes.parameters


class _Lanes:
    """The reference, lane 0, and its replicates on their way.

    Where many updates are to be made and nobody watches them, the compiled loop makes them (fused.py): those of the
    replicates, and those of the reference only where it need not be numpy_impl bit for bit.
    """

    def __init__(
        self,
        problem: Problem,
        start: Parameters,
        length: int,
        masks: MasksBetween | None,
        replicates: Replicates,
        watch: Watch | None,
    ):
        lanes, segments = 1 + replicates.number, len(start["b3"])
        self._problem, self._masks, self._watch, self._perturb = problem, masks, watch, Perturbation(replicates.seed)
        # The start already carries one rounding error, so it is perturbed as well.
        self.parameters = self._perturb.replicates(replicate(start, lanes))
        with np.errstate(all="ignore"):
            self._rounded = _rounded(problem, replicates.number, self._perturb)
        by_hand = 0 if replicates.fused_reference else 1
        compiled = watch is None and fused.is_worth(length * segments * (lanes - by_hand))
        self._by_hand = by_hand if compiled else lanes
        kept = problem.Y.size * lanes * segments  # numbers of an update
        if problem.lambd:
            kept += sum(self.parameters[name].size for name in WEIGHTS)
        self.batch = max(1, LOGITS // kept)

    def advance(self, first: int, steps: int) -> NDArray:
        """Make so many updates from the first on, and return the costs (steps, 1 + count, S) before each."""
        masks = self._masks(first, first + steps) if self._masks else None
        parts = []
        if self._by_hand:
            parts.append(self._one_by_one(slice(0, self._by_hand), range(first, first + steps), masks))
        if self._by_hand < len(self.parameters["b3"]):
            still = 0 if self._by_hand else 1  # the reference
            parts.append(fused.advance(*self._of(slice(self._by_hand, None)), masks, steps, self._perturb, still))
        Z3s = np.concatenate([Z3 for Z3, _, _ in parts], axis=1)
        before = {W: np.concatenate([weights[W] for _, weights, _ in parts], axis=1) for W in parts[0][1]}
        self.parameters = {name: np.concatenate([ends[name] for _, _, ends in parts]) for name in self.parameters}
        costs = costs_of(Z3s[:, :1], {W: values[:, :1] for W, values in before.items()}, self._problem)
        if Z3s.shape[1] == 1:
            return costs
        others = {W: values[:, 1:] for W, values in before.items()}
        return np.concatenate([costs, perturbed_costs_of(Z3s[:, 1:], others, self._problem, self._perturb)], axis=1)

    def _of(self, lanes: slice) -> tuple[Problem, Parameters]:
        """The problem and the parameters of these lanes, each with the data as it is rounded there."""
        given = {name: getattr(self._rounded, name)[lanes] for name in ("X", "Y", "learning_rate")}
        return replace(self._rounded, **given), {name: values[lanes] for name, values in self.parameters.items()}

    def _one_by_one(self, lanes: slice, steps: range, masks: Masks | None) -> tuple[NDArray, Parameters, Parameters]:
        """What fused.advance returns, by numpy_impl."""
        problem, parameters = self._of(lanes)

        def at(step: int) -> Masks:
            assert masks is not None
            # As numbers: every replicate multiplies by them, and converting them each time would take longer.
            D1, D2 = (D[step - steps.start].astype(problem.X.dtype) for D in masks)
            return D1, D2

        Z3s, before = [], []
        for Z3, after in replay(problem, parameters, steps, at if masks else None, self._perturb, self._watch):
            Z3s.append(Z3)
            before.append(parameters)
            parameters = after
        weights = {W: np.stack([each[W] for each in before]) for W in WEIGHTS} if problem.lambd else {}
        return np.stack(Z3s), weights, parameters


def mask_reader(record: Record, starts: NDArray) -> MasksBetween:
    """The masks of the segments that begin at `starts`."""

    def read(first: int, last: int) -> Masks:
        iterations = np.arange(first, last)[:, np.newaxis] + starts
        D1, D2 = (record.masks(iterations.ravel(), layer) for layer in (1, 2))
        return D1.reshape(*iterations.shape, *D1.shape[1:]), D2.reshape(*iterations.shape, *D2.shape[1:])

    return read


def _rounded(problem: Problem, count: int, perturb: Perturbation) -> Problem:
    """The problem with X (1 + count, 1, n_x, m), Y and the learning rate moved for every replicate but the first.

    Y stands for the probability A3, from which it is subtracted: where both are nearly 1, what is left is rounding.
    """
    rate = np.full((1, 1, 1), problem.learning_rate, problem.X.dtype)
    given = {"X": problem.X[np.newaxis], "Y": problem.Y[np.newaxis], "learning_rate": rate}
    moved = perturb.replicates(replicate(given, 1 + count))
    X, Y, learning_rate = moved.values()
    return replace(problem, X=X, Y=Y, learning_rate=learning_rate)  # type: ignore[arg-type]
