"""The reference replays a run: the from-scratch NumPy functions, many replicates at once along leading axes.

What rounding does to a run is measured with replicates. Every parameter of a replicate is moved by at most one unit in the
last place after each update; its data, labels and learning rate are moved as well, once and for all, because a framework
rounds the same way at every update; and its costs are summed one by one.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from numpy_impl.cost import cross_entropy, l2_penalty
from numpy_impl.gradients import propagate
from numpy_impl.training import update_parameters
from shared.adapters.numpy import Replayed
from shared.alignment.floor import Perturbation
from shared.case import Problem
from shared.harness.records import Record
from shared.parameters import Parameters

LOGITS = 2**18
"""Numbers: logits (and weights, with L2) of past updates that are kept before their costs are computed together."""

UNPACKED_BYTES = 2**26
"""Masks are unpacked for as many steps ahead as fit in this."""

Masks = tuple[NDArray, NDArray]

Watch = Callable[[int, tuple], None]
"""(step, the course's cache of its forward pass) -> what somebody wants to know of it."""


class Replicates(NamedTuple):
    """How many perturbed replicates run beside the reference, and the seed of what perturbs them."""

    number: int
    seed: int = 0


def replicate(parameters: Parameters, count: int) -> Parameters:
    """`count` copies along a new leading axis."""
    return {name: np.repeat(value[np.newaxis], count, axis=0) for name, value in parameters.items()}


def replay(
    problem: Problem,
    parameters: Parameters,
    steps: int,
    masks: Callable[[int], Masks] | None = None,
    perturb: Perturbation | None = None,
    watch: Watch | None = None,
) -> Iterator[tuple[NDArray, Parameters]]:
    """Replay `steps` updates; after each, yield the logits Z3 before it and the parameters after it.

    parameters: with leading axes of replicates. masks(step) gives D1 and D2 of that step, broadcast against these axes.
    With `perturb`, every replicate but the first is moved by at most one unit in the last place after each update.
    """
    X, Y, lambd = problem.X, problem.Y, problem.lambd
    for step in range(steps):
        rng = Replayed(*masks(step)) if masks else None
        gradients, cache = propagate(X, Y, parameters, lambd, problem.keep_prob, rng)
        if watch:
            watch(step, cache)
        parameters = update_parameters(parameters, gradients, problem.learning_rate)
        if perturb:
            perturb.replicates(parameters)
        yield cache.Z3, parameters


def costs_of(Z3s: list[NDArray], before: list[Parameters], problem: Problem) -> NDArray:
    """The costs of n updates, (n, ...), from the logits that `replay` yields and, with L2, the parameters before each.

    Not what numpy_impl's adapter computes: what is wrong there must differ from this.
    """
    costs = cross_entropy(np.stack(Z3s), problem.Y)
    if problem.lambd:
        weights = {name: np.stack([parameters[name] for parameters in before]) for name in ("W1", "W2", "W3")}
        costs = costs + l2_penalty(weights, problem.lambd, problem.X.shape[-1])
    return costs


def perturbed_costs_of(Z3s: list[NDArray], before: list[Parameters], problem: Problem, perturb: Perturbation) -> NDArray:
    """The same costs as rounding may leave them: every loss with the rounding of its logit, sums added up one by one.

    Some frameworks compute the loss as a difference of numbers of the logit's size, so that a small loss carries the
    rounding of a large logit; NumPy adds in pairs, which loses less than one by one.
    """
    Z3 = np.stack(Z3s)
    size = np.abs(Z3)
    losses = np.maximum(Z3, 0) - Z3 * problem.Y + np.log1p(np.exp(-size))
    losses += perturb(size) - size
    costs = np.add.accumulate(losses, axis=-1)[..., 0, -1] / problem.X.shape[-1]
    if problem.lambd:
        squares = np.zeros(Z3.shape[:-2], Z3.dtype)
        for name in ("W1", "W2", "W3"):
            W = np.stack([parameters[name] for parameters in before])
            squares = squares + np.add.accumulate(np.square(W).reshape(*W.shape[:-2], -1), axis=-1)[..., -1]
        costs = costs + perturb(problem.lambd / (2 * problem.X.shape[-1]) * squares)
    return perturb(costs)


def replay_with_replicates(
    problem: Problem,
    start: Parameters,
    length: int,
    masks: Callable[[int], Masks] | None,
    replicates: Replicates,
    report: Callable[[int], None] = lambda updates: None,
    enough: Callable[[NDArray], bool] = lambda costs: False,
    watch: Watch | None = None,
) -> tuple[NDArray, Parameters]:
    """Replay segments together from start (S, ...), until `enough` of the costs so far, asked now and then.

    Returns the costs (length, 1 + count, S) and the parameters at the end (1 + count, S, ...).
    """
    count = replicates.number
    parameters = replicate(start, 1 + count)
    perturb = Perturbation(replicates.seed)
    perturb.replicates(parameters)  # the start already carries one rounding error, so it is perturbed as well
    kept = problem.Y.size * parameters["b3"].size  # numbers of an update
    if problem.lambd:
        kept += sum(parameters[name].size for name in ("W1", "W2", "W3"))
    batch = max(1, LOGITS // kept)
    costs: list[NDArray] = []
    Z3s: list[NDArray] = []
    before: list[Parameters] = []
    # A diverged run is replayed as it is: the comparison, not a warning, says that it is not finite.
    with np.errstate(all="ignore"):
        rounded = _rounded(problem, count, perturb)
        for step, (Z3, after) in enumerate(replay(rounded, parameters, length, masks, perturb, watch), start=1):
            Z3s.append(Z3)
            if problem.lambd:
                before.append(parameters)
            parameters = after
            if len(Z3s) == batch or step == length:
                costs.append(_costs(Z3s, before, problem, perturb))
                report(len(Z3s))
                if enough(np.concatenate(costs)):
                    break
                Z3s, before = [], []
    return np.concatenate(costs), parameters


def mask_reader(record: Record, starts: NDArray, length: int, dtype: np.dtype) -> Callable[[int], Masks]:
    """masks(step) -> D1 (S, h1, m), D2 (S, h2, m) of the segments that begin at `starts`, unpacked a batch at a time."""
    per_step = len(starts) * sum(record.masks(slice(0, 1), layer).size for layer in (1, 2))
    batch = max(1, UNPACKED_BYTES // per_step)
    held: dict[int, list[NDArray]] = {}

    def read(step: int) -> Masks:
        block = step // batch
        if block not in held:
            held.clear()
            steps = np.arange(block * batch, min(length, (block + 1) * batch))
            iterations = (steps[:, np.newaxis] + starts).ravel()  # (steps * S,)
            held[block] = [
                D.reshape(len(steps), len(starts), *D.shape[1:]) for D in (record.masks(iterations, i) for i in (1, 2))
            ]
        D1, D2 = held[block]
        # As numbers: every replicate multiplies by them, and converting them each time would take longer.
        return D1[step % batch].astype(dtype), D2[step % batch].astype(dtype)

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


def _costs(Z3s: list[NDArray], before: list[Parameters], problem: Problem, perturb: Perturbation) -> NDArray:
    """The costs (n, 1 + count, S): the reference's own, and the replicates' as rounding may leave them."""
    if len(Z3s[0]) == 1:
        return costs_of(Z3s, before, problem)
    firsts, others = (
        ([Z3[lanes] for Z3 in Z3s], [{name: value[lanes] for name, value in parameters.items()} for parameters in before])
        for lanes in (slice(0, 1), slice(1, None))
    )
    return np.concatenate([costs_of(*firsts, problem), perturbed_costs_of(*others, problem, perturb)], axis=1)
