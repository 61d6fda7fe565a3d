"""Name what explains a difference: the known mistakes that reproduce it, estimates, or that nothing fits."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from shared.alignment.masks import FALSE_ALARM, chance
from shared.alignment.step import Step
from shared.diagnosis.catalogue import CATALOGUE
from shared.diagnosis.facts import facts
from shared.diagnosis.hypothesis import Evidence, resembles
from shared.diagnosis.mistake import Mistake
from shared.diagnosis.search import OTHER_SETTINGS, Explanation, Search
from shared.harness.checks import MASKS, STAGES, Cause, Check, RunId
from shared.harness.ledger import first_failed
from shared.harness.results import Diagnosis, named, unnamed

WHATEVER = "other-weights"
"""What is said of initial weights where nothing more is known of them."""

SIMULATED = 400
"""Predictions with dropout left on that the port's are compared with."""

NAMED = 6
"""At most so many equally good explanations are named."""


def diagnose(
    evidence: Evidence, checks: list[Check], run: RunId, report: Callable[[], None] = lambda: None
) -> list[Diagnosis]:
    """What explains the failed checks of one run. report: called now and then while it is looked for."""
    first = next(iter(first_failed(checks)), None)
    if first is None:
        return []
    found: list[Diagnosis] = []
    failed = [check for check in checks if check.failed]
    # Where neither is finite there is nothing to explain: any mistake that shows only there would reproduce it.
    told = [check for check in failed if check.cause is not Cause.BOTH_DIVERGE]
    if any(check.where in evidence.states and check.stage != "repeat" for check in told):
        found = _of_step(evidence, run, report)
    if not any(diagnosis.mistake for diagnosis in found) and any(check.where == MASKS for check in failed):
        found = _of_masks(evidence, run) or found
    if first.stage == "predictions":
        found = list(_of_predictions(evidence, run))
    return found or [unnamed(run, *_unexplained(first, evidence, checks))]


def _unexplained(first: Check, evidence: Evidence, checks: list[Check]) -> Iterator[str]:
    """What is said of a failure that no mistake explains."""
    if first.cause is Cause.OWN_TRAINING:
        yield "single updates are right, so the fault is in what `train` itself does"
    elif first.stage == "repeat":
        yield "two runs of the port with the same seed differ, so nothing can be told from one"
    elif first.cause is Cause.BOTH_DIVERGE:
        yield "training diverges, the reference's as well: nothing can be compared; take a smaller learning rate"
    else:
        yield "no known mistake, and no other setting, reproduces this"
        yield from facts(evidence, checks)


def _of_step(evidence: Evidence, run: RunId, report: Callable[[], None]) -> list[Diagnosis]:
    """What reproduces the tensors; else what is recognized without being reproduced; else what explains some of them."""
    if not any(name in port for _, port in evidence.states.values() for _, name in evidence.names()):
        return []
    search = Search(evidence, report)
    found = search.one()
    if found:
        return [_explained(each, run) for each in found][:NAMED]
    recognized = [mistake for mistake in CATALOGUE if _is_recognized(mistake, evidence)]
    known = [_named(mistake, run) for mistake in recognized if mistake.name != WHATEVER]
    found = [] if known else search.several()
    whole = [_explained(each, run) for each in found if each.stages == STAGES]
    others = [_named(mistake, run) for mistake in recognized]
    if known or whole or others:
        return (known or whole or others)[:NAMED]
    if not found:
        return []
    (part,) = found
    rest = tuple(dict.fromkeys(stage for stage, _ in evidence.names() if stage not in part.stages))
    said = f"what is left, no known mistake explains: {', '.join(rest)}"
    return [_explained(part, run), unnamed(run, said, left=rest)]


def _is_recognized(mistake: Mistake, evidence: Evidence) -> bool:
    if mistake.traced and all(mistake.traced(start, port, evidence.problem) for start, port in evidence.states.values()):
        return True
    if mistake.stage != "predictions" and any(resembles(effect, evidence) for effect in mistake.random_effects):
        return True
    return bool(mistake.initial and _initial(mistake, evidence))


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
    return masks_named(*evidence.masks, evidence, run)


def masks_named(D1: NDArray, D2: NDArray, evidence: Evidence, run: RunId) -> list[Diagnosis]:
    """What is wrong with masks D1 (n, h1, m) and D2 (n, h2, m): a known mistake, or another share of kept units."""
    keep_prob = evidence.problem.keep_prob
    found = [
        _named(mistake, run)
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
        found = [named(run, OTHER_SETTINGS, *shares)]
    return found


def _of_predictions(evidence: Evidence, run: RunId) -> Iterator[Diagnosis]:
    for mistake in CATALOGUE:
        effects = (*mistake.effects, *mistake.random_effects)
        if mistake.stage == "predictions" and any(_predicts(effect(Step()), evidence) for effect in effects):
            yield _named(mistake, run)


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


def _explained(explanation: Explanation, run: RunId) -> Diagnosis:
    """The diagnosis of what reproduces tensors."""
    parts = explanation.parts
    remedies = [remedy for part in parts if (remedy := part.mistake.remedy(run.implementation))]
    return Diagnosis(
        run.variant,
        run.implementation,
        tuple(part.mistake.name for part in parts),
        tuple(part.words for part in parts),
        fit=explanation.fit,
        remedy="; ".join(dict.fromkeys(remedies)) or None,
    )


def _named(mistake: Mistake, run: RunId) -> Diagnosis:
    """The diagnosis of a mistake that is recognized."""
    return named(run, mistake.name, mistake.title, remedy=mistake.remedy(run.implementation))
