"""Name what explains a difference: the known mistakes that reproduce it, estimates, or that nothing fits."""

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from shared.alignment.masks import FALSE_ALARM, chance
from shared.alignment.step import Effect, Step
from shared.diagnosis.catalogue import CATALOGUE
from shared.diagnosis.estimates import estimates
from shared.diagnosis.hypothesis import Evidence, fit, resembles
from shared.diagnosis.mistake import Mistake
from shared.harness.checks import MASKS, Cause, Check, RunId
from shared.harness.ledger import first_failed
from shared.harness.results import Diagnosis

OTHER_SETTINGS = "other settings"
"""Reported as the mistake where other numbers than those that were given explain the difference."""

SIMULATED = 400
"""Predictions with dropout left on that the port's are compared with."""

NAMED = 6
"""At most so many equally good explanations are named."""


def diagnose(evidence: Evidence, checks: list[Check], run: RunId) -> list[Diagnosis]:
    """What explains the failed checks of one run."""
    first = next(iter(first_failed(checks)), None)
    if first is None:
        return []
    found: list[Diagnosis] = []
    failed = [check for check in checks if check.failed]
    # Where neither is finite there is nothing to explain: any mistake that shows only there would reproduce it.
    told = [check for check in failed if check.cause is not Cause.BOTH_DIVERGE]
    if any(check.where in evidence.states and check.stage != "repeat" for check in told):
        found = list(_of_step(evidence, run))
    if not any(diagnosis.mistake for diagnosis in found) and any(check.where == MASKS for check in failed):
        found = _of_masks(evidence, run)
    if first.stage == "predictions":
        found = list(_of_predictions(evidence, run))
    return found or [Diagnosis(run.variant, run.implementation, None, _unexplained(first))]


def _unexplained(first: Check) -> str:
    """What is said of a failure that no mistake explains."""
    if first.cause is Cause.OWN_TRAINING:
        return "single updates are right, so the fault is in what `train` itself does"
    if first.stage == "repeat":
        return "two runs of the port with the same seed differ, so nothing can be told from one"
    if first.cause is Cause.BOTH_DIVERGE:
        return "training diverges, the reference's as well: nothing can be compared; take a smaller learning rate"
    return "no known mistake, and no other setting, reproduces this"


def _of_step(evidence: Evidence, run: RunId) -> Iterator[Diagnosis]:
    """One mistake; else other settings; else two mistakes; else what is recognized without being reproduced."""
    if not any(name in port for _, port in evidence.states.values() for _, name in evidence.names()):
        return
    exact = [(mistake, effect) for mistake in CATALOGUE for effect in mistake.effects]
    found: dict[str, Diagnosis] = {}
    for mistake, effect in exact:
        used, best = fit(effect, evidence), found.get(mistake.name)
        if used is not None and (best is None or best.fit is None or used < best.fit):
            found[mistake.name] = _named((mistake,), used, run)
    if found:
        yield from list(found.values())[:NAMED]
        return
    for (one, first), (two, second) in permutations(exact, 2):
        if one is not two:
            used = fit(_both(first, second), evidence, slack=100)
            if used is not None:
                found.setdefault(" + ".join(sorted((one.name, two.name))), _named((one, two), used, run))
    for estimate in estimates(evidence):
        used = fit(estimate.effect, evidence)
        if used is not None:
            found.setdefault(
                estimate.words, Diagnosis(run.variant, run.implementation, OTHER_SETTINGS, estimate.words, used)
            )
            break
    for mistake in CATALOGUE:
        if any(resembles(effect, evidence) for effect in mistake.random_effects if mistake.stage != "predictions"):
            found.setdefault(mistake.name, _named((mistake,), None, run))
        if mistake.initial and _initial(mistake, evidence):
            found.setdefault(mistake.name, _named((mistake,), None, run))
    yield from list(found.values())[:NAMED]


def _both(first: Effect, second: Effect) -> Effect:
    return lambda step: second(first(step))


def _initial(mistake: Mistake, evidence: Evidence) -> bool:
    """Whether the port's initial parameters are what the mistake leaves, whatever it was given."""
    for start, port in evidence.states.values():
        if not all(
            isinstance(port.get(name), np.ndarray) and port[name].shape == value.shape for name, value in start.items()
        ):
            return False
        if mistake.initial is None or not mistake.initial({name: port[name] for name in start}):
            return False
    return bool(evidence.states)


def _of_masks(evidence: Evidence, run: RunId) -> list[Diagnosis]:
    if evidence.masks is None:
        return []
    D1, D2 = evidence.masks
    keep_prob = evidence.problem.keep_prob
    found = [
        _named((mistake,), None, run)
        for mistake in CATALOGUE
        if mistake.masks and not (evidence.frozen and mistake.of_fresh) and mistake.masks(D1, D2, keep_prob)
    ]
    shares = []
    for name, D in (("D1", D1), ("D2", D2)):
        kept, of = int(D.sum()), D.size
        if chance(kept, of, keep_prob) < FALSE_ALARM:
            from scipy import stats

            low, high = stats.binomtest(kept, of).proportion_ci(0.999)
            shares.append(
                f"{name} keeps {kept / of:.4f} of the units (99.9 % interval {low:.4f} to {high:.4f}), not {keep_prob:g}"
            )
    if shares and not found:
        found = [Diagnosis(run.variant, run.implementation, OTHER_SETTINGS, "; ".join(shares))]
    return found


def _of_predictions(evidence: Evidence, run: RunId) -> Iterator[Diagnosis]:
    for mistake in CATALOGUE:
        effects = (*mistake.effects, *mistake.random_effects)
        if mistake.stage == "predictions" and any(_predicts(effect(Step()), evidence) for effect in effects):
            yield _named((mistake,), None, run)


def _predicts(step: Step, evidence: Evidence) -> bool:
    """Whether the classes are those of the mistake; where it is random, as likely as its own."""
    rng = np.random.default_rng(0)
    keep_prob = evidence.problem.keep_prob
    for X, parameters, classes in (evidence.predictions or {}).values():
        if np.shape(classes) != (1, X.shape[1]):
            return False
        if not step.dropout_at_evaluation:
            if np.mean(step.predict(X, parameters, keep_prob, rng) != classes) > 1e-3:
                return False
            continue
        if keep_prob == 1:
            return False
        runs = np.array([step.predict(X, parameters, keep_prob, rng)[0] for _ in range(SIMULATED)])
        share = (runs.sum(axis=0) + 0.5) / (SIMULATED + 1)

        def likelihood(y, share=share):
            return np.sum(np.log(np.where(y == 1, share, 1 - share)), axis=-1)

        if not likelihood(runs).min() <= likelihood(classes[0]) <= likelihood(runs).max():
            return False
    return bool(evidence.predictions)


def _named(mistakes: tuple[Mistake, ...], used: float | None, run: RunId) -> Diagnosis:
    """The diagnosis of these mistakes together."""
    names = " + ".join(mistake.name for mistake in mistakes)
    titles = "; and ".join(mistake.title for mistake in mistakes)
    remedy = "; ".join(mistake.remedy(run.implementation) for mistake in mistakes)
    return Diagnosis(run.variant, run.implementation, names, titles, used, remedy)
