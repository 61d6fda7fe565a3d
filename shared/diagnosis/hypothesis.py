"""Compare one explanation with what a port computed: does it reproduce every tensor to within rounding?"""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shared.alignment.judge import tolerance_of
from shared.alignment.masks import FALSE_ALARM, chance
from shared.alignment.stages import judge_tensor
from shared.alignment.step import Effect, Step
from shared.alignment.tensors import (
    EXACT,
    PROJECTIONS,
    STAGE_OF,
    Tensors,
    after,
    alike,
    coarsest,
    comes_near,
    reference_tensors,
    tensors_of,
)
from shared.case import Problem
from shared.harness.checks import STAGES, Where
from shared.parameters import Parameters

Pairs = frozenset[tuple[Where, str]]
"""States and tensors."""

TELLING = Where("biases")
"""The state in which most mistakes show."""

SIMULATED = 64
"""Runs of an effect that draws random numbers."""


@dataclass(frozen=True)
class Evidence:
    """What a port computed.

    states: where -> the parameters a step started from, and the port's tensors of it. masks: D1 (n, h1, m), D2 (n, h2, m).
    predictions: part -> X, the parameters, and the port's classes. compared: tensors that are compared with the reference.
    frozen: whether the masks must be the same at every iteration. left_out: tensors that explain nothing, with their state.
    """

    problem: Problem
    states: Mapping[Where, tuple[Parameters, Tensors]]
    masks: tuple[NDArray, NDArray] | None = None
    predictions: Mapping[str, tuple[NDArray, Parameters, NDArray]] | None = None
    compared: frozenset[str] | None = None
    frozen: bool = False
    left_out: Pairs = frozenset()

    @cached_property
    def tolerance(self) -> dict[Where, dict[str, float]]:
        """The largest difference that rounding explains, by state and tensor; only of tensors in the port's dtype."""
        sizes: dict[Where, dict[str, float]] = {}
        for state, (start, port) in self.states.items():
            values, floors = reference_tensors(self.problem, start, port)
            sizes[state] = {
                name: float(np.nanmax(tolerance_of(value, floors[name]), initial=0))
                for name, value in values.items()
                if value.dtype.kind == "f" and alike(port.get(name), value)
            }
        return sizes

    def names(self) -> list[tuple[str, str]]:
        """Stage and tensor of every comparison."""
        pairs = [(stage, name) for stage in STAGE_OF for name in tensors_of(stage, self.problem.keep_prob < 1)]
        return [pair for pair in pairs if self.compared is None or pair[1] in self.compared]

    def compared_in(self, state: Where) -> list[tuple[str, str]]:
        """Stage and tensor of what has to be explained of this state: updates, but not what is estimated from them."""
        names = self.names()
        return [(stage, name) for stage, name in names if name not in PROJECTIONS and (state, name) not in self.left_out]


def explained(step: Step, evidence: Evidence, slack: float, more_than: Pairs | None = None) -> Pairs | None:
    """The tensors of the port, with their states, that the step comes near.

    slack: in units of the reference's tolerance. more_than: None is returned where the step does not come near all of these
    tensors and at least one more, which must be of the first state in which there is one more.
    """
    found: set[tuple[Where, str]] = set()
    with np.errstate(all="ignore"):
        for state, (start, port) in sorted(evidence.states.items(), key=lambda each: each[0] != TELLING):
            tensors = step.tensors(evidence.problem, start, port)
            sizes = {name: slack * size for name, size in evidence.tolerance[state].items()}
            names = evidence.compared_in(state)
            epsilon = coarsest(port, names)
            near = {
                (state, each[1]) for each in names if comes_near(tensors, port, [each], sizes, epsilon) and each[1] in port
            }
            if more_than is not None:
                known = {(state, name) for _, name in names} & more_than
                if not known <= near or (len(known) < len(names) and near == known and found <= more_than):
                    return None
            found |= near
    return frozenset(found)


def fit(effect: Effect, evidence: Evidence, slack: float = 1e6, stages: Container[str] = STAGES) -> float | None:
    """The largest share of the tolerance used, where the effect reproduces every tensor; None where it does not.

    slack: in units of the reference's tolerance; further apart an explanation is not worth a noise floor of its own.
    stages: those of which the tensors are asked for.
    """
    step = effect(Step())
    names = {state: [pair for pair in evidence.compared_in(state) if pair[0] in stages] for state in evidence.states}
    with np.errstate(all="ignore"):
        for state, (start, port) in evidence.states.items():
            sizes = {name: slack * size for name, size in evidence.tolerance[state].items()}
            if not comes_near(step.tensors(evidence.problem, start, port), port, names[state], sizes):
                return None
        used, X, Y = 0.0, evidence.problem.X, evidence.problem.Y
        for state, (start, port) in evidence.states.items():
            if not _masks_agree(step, evidence.problem, start, port):
                return None
            values, floors = reference_tensors(evidence.problem, start, port, step.tensors)
            for stage, name in names[state]:
                if alike(port.get(name), values[name]) and np.array_equal(port[name], values[name], equal_nan=True):
                    continue  # also where it is not finite, as it should be with this mistake
                computed = stage in EXACT and not np.array_equal(values[name], {"X": X, "Y": Y, **start}[name])
                outcome = judge_tensor("" if computed else stage, name, port, values, floors)
                if outcome.failed:
                    return None
                if outcome.tolerance:
                    used = max(used, outcome.share or 0.0)
    return used


def resembles(effect: Effect, evidence: Evidence) -> bool:
    """Whether the parameters after the first update are one of those that a random effect gives.

    In units of its spread, the port's are as far from the mean of the simulated ones as these are themselves; and they move
    as far along that mean as these do.
    """
    if not evidence.names():
        return False
    for start, port in evidence.states.values():
        names = [after(name, 1) for name in start]
        if not all(alike(port.get(after(name, 1)), value) for name, value in start.items()):
            return False
        runs = []
        with np.errstate(all="ignore"):
            for _ in range(SIMULATED):
                tensors = effect(Step()).tensors(evidence.problem, start, port)
                runs.append(np.concatenate([np.ravel(tensors[name]) for name in names]))
        simulated, seen = np.array(runs), np.concatenate([np.ravel(port[name]) for name in names])
        if not (np.isfinite(simulated).all() and np.isfinite(seen).all()):
            return False
        before = np.concatenate([np.ravel(start[name]) for name in start])
        mean, spread = simulated.mean(axis=0), simulated.std(axis=0)
        lengths = (simulated - before) @ (mean - before)
        margin = np.ptp(lengths) / 4
        if not lengths.min() - margin <= (seen - before) @ (mean - before) <= lengths.max() + margin:
            return False
        still = 1e-6 * np.abs(mean).max()
        moves = spread > still  # by more than rounding; an effect that moves nothing explains nothing
        if not moves.any():
            return False
        far = np.sqrt(np.mean(np.square((simulated - mean)[:, moves] / spread[moves]), axis=1))
        own = np.sqrt(np.mean(np.square((seen - mean)[moves] / spread[moves])))
        if not far.min() / 2 <= own <= far.max() * 1.2:
            return False
        if np.abs((seen - mean)[~moves]).max(initial=0) > 10 * still:
            return False
    return True


def _masks_agree(step: Step, problem: Problem, start: Parameters, port: Tensors) -> bool:
    """Whether the port's masks keep as many units as the explanation says, of those that can be seen."""
    if problem.keep_prob == 1:
        return True
    values = step.tensors(problem, start, port)
    kept = of = 0
    for layer in (1, 2):
        D, Z = port.get(f"D{layer}"), values[f"Z{layer}"]
        if isinstance(D, np.ndarray) and D.shape == Z.shape:
            kept += int(np.sum(D[Z > 0]))
            of += int(np.sum(Z > 0))
    return of == 0 or chance(kept, of, step.kept(problem.keep_prob)) >= FALSE_ALARM
