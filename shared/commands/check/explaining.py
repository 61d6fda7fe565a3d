"""What explains the differences of a port: what is asked of it beside the comparisons, and what is made of the answers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.alignment.judge import judge
from shared.commands.check.contract import Float32Answer, unpack_train
from shared.commands.check.course import Found
from shared.commands.check.saturation import COSTS
from shared.commands.check.session import Session
from shared.diagnosis.diagnose import diagnose
from shared.diagnosis.hypothesis import Evidence
from shared.harness.checks import Cause, Where
from shared.parameters import PARAMETER_NAMES

STILL, STILL_MOVED = 1e-30, 1e-25
"""A learning rate that moves nothing but zeros, and how far it moves these at most."""


def own_weights(session: Session, found: Found, states: dict) -> set[str]:
    """The parameters that `train` starts from, where they are others than it is given: they are added to its tensors.

    With a rate of nearly 0 it hands them back.
    """
    own: dict[Where, dict[str, NDArray]] = {}
    for where in list(states)[:2]:
        start, settings = states[where][0], session.problem.step | {"learning_rate": STILL, "num_iterations": 1}
        given = session.problem.X, session.problem.Y, start
        called = session.call("train", found, "a rate of nearly 0", *given, seed=session.hyper.seed, **settings)
        try:
            ends, _ = unpack_train(called.result(), start, 1)
        except (ValueError, Float32Answer):
            return set()
        own[where] = {
            name: np.where(np.abs(value) < STILL_MOVED, 0, value).astype(value.dtype) for name, value in ends.items()
        }
    outcomes = {(w, name): judge(value, states[w][0][name], None) for w, ends in own.items() for name, value in ends.items()}
    if all(outcome.passed for outcome in outcomes.values()):
        return set()
    for (where, name), outcome in outcomes.items():
        found.checks.append(outcome.of(session.run.at("parameters", where, name)))
    for where in list(states):
        if where in own:
            states[where] = states[where][0], states[where][1] | own[where]
        else:
            del states[where]
    return set(PARAMETER_NAMES)


def explain(session: Session, found: Found, states: dict, compared: frozenset[str], masks: Any = None) -> None:
    """Add what explains the failed checks. A cost that is infinite where a probability is 0 or 1 tells nothing."""
    costs = {(where, name): port.get(name, 0.0) for where, (_, port) in states.items() for name in COSTS}
    infinite = {place for place, cost in costs.items() if not np.isfinite(cost)}
    excused = {(check.where, check.tensor) for check in found.checks if check.cause is Cause.SATURATED}
    frozen = session.variant.frozen
    evidence = Evidence(session.problem, states, masks, None, compared, frozen, frozenset(infinite | excused))
    session.begin("", f"explaining what differs, {session.variant.name}")
    found.diagnoses = diagnose(evidence, found.checks, session.run, session.alive)
