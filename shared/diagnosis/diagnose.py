"""Name what explains a difference: the known mistakes that reproduce it, estimates, or that nothing fits."""

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from shared.alignment.checks import DIVERGES, rank
from shared.alignment.masks import FALSE_ALARM, chance
from shared.alignment.own_training import OWN
from shared.alignment.step import Effect, Step
from shared.diagnosis.catalogue import CATALOGUE
from shared.diagnosis.estimates import estimates
from shared.diagnosis.hypothesis import Evidence, fit, resembles
from shared.diagnosis.mistake import Mistake

SIMULATED = 400
"""Predictions with dropout left on that the port's are held against."""

NAMED = 6
"""At most so many equally good explanations are named."""


def diagnose(evidence: Evidence, checks: list[dict], implementation: str) -> list[dict]:
    """What explains the failed checks of one run: entries of results.json's `diagnoses`, without variant and implementation.

    mistake: names joined by " + ", or None where nothing fits; fit: the largest share of what rounding allows, where the
    mistake reproduces every tensor.
    """
    failed = [check for check in checks if check["status"] == "failed"]
    if not failed:
        return []
    first = min(failed, key=lambda check: rank(check["stage"], check["iteration"]))
    found: list[dict] = []
    # Where neither is finite there is nothing to explain: any mistake that shows only there would reproduce it.
    told = [check for check in failed if not check["reason"].endswith(DIVERGES)]
    if any(check["scope"] in evidence.states and check["stage"] != "repeat" for check in told):
        found = list(_of_step(evidence, implementation))
    if not any(entry["mistake"] for entry in found) and any(check["scope"] == "masks" for check in failed):
        found = _of_masks(evidence, implementation)
    if first["stage"] == "predictions":
        found = list(_of_predictions(evidence, implementation))
    if not found and first["reason"].startswith(OWN):
        found = [_entry(None, "single updates are right, so the fault is in what `train` itself does")]
    if not found and first["stage"] == "repeat":
        found = [_entry(None, "two runs of the port with the same seed differ, so nothing can be told from one")]
    if not found and first["reason"].endswith(DIVERGES):
        found = [_entry(None, f"{DIVERGES}, the reference's as well: nothing can be compared; take a smaller learning rate")]
    return found or [_entry(None, "no known mistake, and no other setting, reproduces this")]


def _of_step(evidence: Evidence, implementation: str) -> Iterator[dict]:
    """One mistake; else other settings; else two mistakes; else what is recognized without being reproduced."""
    if not any(name in port for _, port in evidence.states.values() for _, name in evidence.names()):
        return
    exact = [(mistake, effect) for mistake in CATALOGUE for effect in mistake.effects]
    found: dict[str, dict] = {}
    for mistake, effect in exact:
        used = fit(effect, evidence)
        if used is not None and used < found.get(mistake.name, {"fit": np.inf})["fit"]:
            found[mistake.name] = _named((mistake,), used, implementation)
    if found:
        yield from list(found.values())[:NAMED]
        return
    for (one, first), (two, second) in permutations(exact, 2):
        if one is not two:
            used = fit(_both(first, second), evidence, slack=100)
            if used is not None:
                found.setdefault(" + ".join(sorted((one.name, two.name))), _named((one, two), used, implementation))
    for estimate in estimates(evidence):
        used = fit(estimate.effect, evidence)
        if used is not None:
            found.setdefault(estimate.words, _entry("other settings", estimate.words, used))
            break
    for mistake in CATALOGUE:
        if any(resembles(effect, evidence) for effect in mistake.random_effects if mistake.stage != "predictions"):
            found.setdefault(mistake.name, _named((mistake,), None, implementation))
        if mistake.initial and _initial(mistake, evidence):
            found.setdefault(mistake.name, _named((mistake,), None, implementation))
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


def _of_masks(evidence: Evidence, implementation: str) -> list[dict]:
    if evidence.masks is None:
        return []
    D1, D2 = evidence.masks
    keep_prob = evidence.problem.keep_prob
    found = [
        _named((mistake,), None, implementation)
        for mistake in CATALOGUE
        if mistake.masks and mistake.masks(D1, D2, keep_prob)
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
        found = [_entry("other settings", "; ".join(shares))]
    return found


def _of_predictions(evidence: Evidence, implementation: str) -> Iterator[dict]:
    for mistake in CATALOGUE:
        effects = (*mistake.effects, *mistake.random_effects)
        if mistake.stage == "predictions" and any(_predicts(effect(Step()), evidence) for effect in effects):
            yield _named((mistake,), None, implementation)


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


def _named(mistakes: tuple[Mistake, ...], used: float | None, implementation: str) -> dict:
    names = " + ".join(mistake.name for mistake in mistakes)
    titles = "; and ".join(mistake.title for mistake in mistakes)
    return _entry(names, titles, used, "; ".join(mistake.remedy(implementation) for mistake in mistakes))


def _entry(mistake: str | None, explanation: str, used: float | None = None, remedy: str | None = None) -> dict:
    return {"mistake": mistake, "explanation": explanation, "fit": used, "remedy": remedy}
