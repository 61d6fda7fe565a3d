"""What shows only during a run of `train`: its first updates are right, and later something is not."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from shared.alignment.replay import replay
from shared.alignment.step import Step
from shared.alignment.tensors import after
from shared.commands.check.session import Session
from shared.diagnosis.hypothesis import Evidence
from shared.diagnosis.moves import moves, rounded
from shared.diagnosis.search import Search
from shared.harness.checks import Check, Where
from shared.harness.results import Diagnosis, named, unnamed
from shared.parameters import Parameters

SAME = 1e-9
"""Costs that are off by more than this share of themselves are no others by rounding."""

HELD = (2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""A cost may be computed only now and then."""

Train = Callable[[Parameters, int, str], tuple[Parameters, NDArray]]


def explain_run(session: Session, checks: list[Check], costs: NDArray, right: NDArray, train: Train) -> Diagnosis:
    """What is wrong with a run whose first two updates are right; four more calls of `train` at most.

    checks: of the run. costs (N,): the port's; right (n,): the reference's, as far as they can be compared.
    """
    wrong = {check.tensor for check in checks if check.failed}
    if wrong <= {"cost"}:
        return _of_costs(session, costs, right)
    bad = np.flatnonzero(~(np.abs(costs[: len(right)] - right) <= SAME * np.abs(right)))
    if not len(bad) or bad[0] < 1:
        said = "the first updates are right, and the costs say nothing of where the run parts"
        return unnamed(session.run, said)
    update = int(bad[0])
    before, _ = train(session.parameters, update - 1, "the updates before") if update > 1 else (session.parameters, costs)
    behind, _ = train(session.parameters, update, "the first update that differs")
    if _is_right(session, before, behind):  # its cost alone is off, because it was not computed any more
        before, (behind, _) = behind, train(session.parameters, update + 1, "the first update that differs")
        update += 1
    return _of_update(session, update, before, behind, train)


def _is_right(session: Session, before: Parameters, behind: Parameters) -> bool:
    _, right = next(replay(session.problem, before, range(1)))
    return all(np.allclose(behind[name], value, rtol=SAME, atol=SAME) for name, value in right.items())


def _of_costs(session: Session, costs: NDArray, right: NDArray) -> Diagnosis:
    """The costs alone are off: they may be late, averaged, or computed only now and then."""
    n = len(right)

    def are(others: NDArray) -> bool:
        return len(others) > 1 and bool(np.all(np.abs(costs[: len(others)] - others) <= SAME * np.abs(others)))

    agree = "the parameters agree at every update, only the costs do not"
    if are(right[1:]):
        return named(session.run, "cost-after-update", f"{agree}: costs[i] is the cost after update i, not before it")
    if are(np.cumsum(right) / np.arange(1, n + 1)):
        return named(session.run, "costs-averaged", f"{agree}: costs[i] is the mean of all costs so far")
    for length in HELD:
        if length < n and are(right[np.arange(n) // length * length]):
            return named(session.run, "costs-held", f"{agree}: a cost is computed at every {length}th update and repeated")
    return unnamed(session.run, agree)


def _of_update(session: Session, update: int, before: Parameters, behind: Parameters, train: Train) -> Diagnosis:
    """What that one update does, and the ones before it do not."""
    so_far = f"the updates 1 to {update - 1:,} are right, update {update:,} is the first that differs"
    evidence = _evidence(session, update, before, behind)
    rate = _rate(evidence)
    if rate is not None and rate != 1:
        return _of_rate(session, update, rate, behind, train, so_far)
    known = Search(evidence, session.alive).one()
    if len(known) == 1:
        (part,) = known[0].parts
        return named(session.run, part.mistake.name, f"{so_far}: {part.words}")
    said = "something changes during the run, such as a schedule, a switch, or what is kept from update to update"
    return unnamed(session.run, f"{so_far}: {said}")


def _of_rate(session: Session, update: int, rate: float, behind: Parameters, train: Train, so_far: str) -> Diagnosis:
    """An update that goes a multiple of the way has a name only where later ones do likewise."""
    if rate == 0:
        ends, _ = train(session.parameters, max(update + 1, session.hyper.num_iterations), "the updates after")
        if all(np.array_equal(ends[name], value) for name, value in behind.items()):
            return named(session.run, "training-stops", f"{so_far}: it moves nothing: training stops before the last update")
        return unnamed(session.run, f"{so_far}: it moves nothing, and later ones do")
    said = f"{so_far}: it goes {rate:.6g} times as far as it should"
    if 0 < rate < 1:
        ends, _ = train(session.parameters, update + 1, "the updates after")
        later = _rate(_evidence(session, update + 1, behind, ends))
        if later is not None and 0 < later < 1:
            return named(session.run, "learning-rate-decays", f"{said}: the learning rate changes during the run")
    return unnamed(session.run, said)


def _evidence(session: Session, update: int, before: Parameters, behind: Parameters) -> Evidence:
    tensors = {after(name, 1): value for name, value in behind.items()}
    return Evidence(session.problem, {Where(f"update {update}"): (before, tensors)}, compared=frozenset(tensors))


def _rate(evidence: Evidence) -> float | None:
    """The multiple of its way that every parameter goes; None where they differ in it."""
    found = moves(evidence, Step())
    rates = set(rounded(found[0]).values()) if found else set()
    return rates.pop() if len(rates) == 1 else None
