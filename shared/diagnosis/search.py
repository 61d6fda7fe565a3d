"""The search for what explains a port's tensors: one mistake, else one with measured constants, else several together.

It is bounded. Several mistakes are found one after the other, by what each of them explains beyond those before it, so that
a search costs a few thousand steps of the reference, whatever there is to find.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import numpy as np

from shared.alignment.step import LEGAL, Effect, Step
from shared.alignment.tensors import comes_near
from shared.diagnosis.catalogue import CATALOGUE, dropout
from shared.diagnosis.estimates import GRADIENT_SCALE
from shared.diagnosis.hypothesis import Evidence, Pairs, explained, fit
from shared.diagnosis.mistake import Mistake
from shared.diagnosis.moves import other_settings
from shared.harness.checks import STAGES

SLACK = 100
"""In units of the reference's tolerance: how near a step must come to a tensor to be said to explain it, among others."""

TOGETHER = 3
"""So many mistakes are looked for together."""

BEAM = 6
"""Of so many partial explanations, those that explain most, a further mistake is looked for."""

FITS = 24
"""At most so many explanations are judged with a noise floor of their own."""

OTHER_SETTINGS = "other settings"
"""Reported as the mistake where other numbers than those that were given explain the difference."""

MULTIPLES = {OTHER_SETTINGS, "cost-scaled", "gradients-scaled"}
"""Named only where nothing else is: any number fits them."""

SETTINGS = Mistake(
    name=OTHER_SETTINGS, title="other settings than those that are given", written="", stage="update", torch="", keras="",
    source="", plants=(), fitted=(other_settings, GRADIENT_SCALE),
)  # fmt: skip

Report = Callable[[], None]


@dataclass(frozen=True)
class Candidate:
    """A mistake in one of its forms, with its numbers in words."""

    mistake: Mistake
    words: str
    effect: Effect


@dataclass(frozen=True)
class Explanation:
    """Mistakes that explain tensors together. fit: the largest share of the tolerance. stages: explained; all or some."""

    parts: tuple[Candidate, ...]
    fit: float
    stages: tuple[str, ...] = STAGES

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(part.mistake.name for part in self.parts))


@dataclass(frozen=True)
class Partial:
    """Mistakes that explain some of the tensors. form: another correct way of writing the step, on which they stand."""

    parts: tuple[Candidate, ...]
    form: Effect
    explained: Pairs

    def effect(self, step: Step) -> Step:
        """All of them."""
        step = self.form(step)
        for part in self.parts:
            step = part.effect(step)
        return step

    def and_(self, candidate: Candidate, found: Pairs = frozenset()) -> "Partial":
        """These and one more."""
        return Partial((*self.parts, candidate), self.form, found)


def changed(effect: Effect) -> frozenset[str]:
    """The pieces of the step that an effect replaces. Two mistakes that replace the same piece are of one family."""
    step, plain = effect(Step()), Step()
    names = {field.name for field in fields(Step) if getattr(step, field.name) != getattr(plain, field.name)}
    places = {"in_loss", "in_optimizer"}
    if names & places:
        once = step.in_loss != step.in_optimizer
        names = (names - places) | (set() if once else {"strength"})
    return frozenset(names | ({"penalty"} if "cost" in names else set()))  # what is not reported has no size


def exact() -> Iterator[Candidate]:
    """Every form of every known mistake in which nothing is measured."""
    for mistake in CATALOGUE:
        yield from (Candidate(mistake, mistake.title, effect) for effect in mistake.effects)


def fitted(evidence: Evidence, step: Step) -> Iterator[Candidate]:
    """Every known mistake with constants, as they are measured where the step is explained so far.

    One example shows one number, which the constant of any loss gives: then only dropout's own constants say something.
    """
    one = evidence.problem.X.shape[-1] == 1
    for mistake in dropout.MISTAKES if one else (*CATALOGUE, SETTINGS):
        for make in mistake.fitted:
            yield from (Candidate(mistake, words, effect) for words, effect in make(evidence, step))


class Search:
    """One search. left: how many explanations may still be judged."""

    def __init__(self, evidence: Evidence, report: Report = lambda: None):
        self.evidence, self.report, self.left = evidence, report, FITS
        self.wanted = frozenset((s, name) for s in evidence.states for _, name in evidence.compared_in(s))
        near = [(form, explained(form(Step()), evidence, SLACK)) for form in _forms()]
        self.forms = [Partial((), form, found or frozenset()) for form, found in near]

    def one(self) -> list[Explanation]:
        """The single mistakes that explain everything, without measured constants if possible."""
        with np.errstate(all="ignore"):
            for candidates in (list(exact()), list(fitted(self.evidence, Step()))):
                for form in self.forms:
                    slack = SLACK if form is not self.forms[0] else 1e6
                    found = self._judged([form.and_(candidate) for candidate in candidates], slack)
                    if found:
                        return found
        return []

    def several(self) -> list[Explanation]:
        """The fewest mistakes that explain everything together; else those that explain whole stages and leave others."""
        with np.errstate(all="ignore"):
            better = [form for form in self.forms if len(form.explained) > len(self.forms[0].explained)]
            beam, kept = better or self.forms[:1], list[Explanation]()
            for _ in range(TOGETHER):
                beam = self._extended(beam)
                found = self._judged([each for each in beam if each.explained == self.wanted], slack=SLACK)
                named = [each for each in found if OTHER_SETTINGS not in each.names]
                if named or (kept and not found):
                    return named or kept
                kept = kept or found  # for later: several known mistakes say more than measured numbers
                beam = _best([each for each in beam if each.explained != self.wanted])
            return kept or self._of_stages(self.forms, beam)

    def _judged(self, partials: list[Partial], slack: float) -> list[Explanation]:
        """Those that reproduce every tensor to rounding; of one choice of mistakes the form that fits best."""
        best: dict[tuple[str, ...], Explanation] = {}
        for partial in partials:
            self.report()
            if self.left and self._is_near(partial, slack):
                self.left -= 1
                used = fit(partial.effect, self.evidence, slack)
                if used is not None:
                    one = Explanation(partial.parts, used)
                    if one.names not in best or used < best[one.names].fit:
                        best[one.names] = one
        return [each for each in best.values() if not set(each.names) & MULTIPLES] or list(best.values())

    def _is_near(self, partial: Partial, slack: float) -> bool:
        """Whether the effect comes near everything: without that, a noise floor of its own is not worth its time."""
        step = partial.effect(Step())
        for state, (start, port) in self.evidence.states.items():
            sizes = {name: slack * size for name, size in self.evidence.tolerance[state].items()}
            tensors = step.tensors(self.evidence.problem, start, port)
            if not comes_near(tensors, port, self.evidence.compared_in(state), sizes):
                return False
        return True

    def _extended(self, beam: list[Partial]) -> list[Partial]:
        """Every partial explanation with one mistake more of another family, that explains more and nothing less."""
        found: list[Partial] = []
        for partial in beam:
            self.report()
            taken = frozenset().union(*(changed(part.effect) for part in partial.parts))
            step = partial.effect(Step())
            for candidates in (exact(), fitted(self.evidence, step)):
                for candidate in candidates:
                    if changed(candidate.effect) & taken:
                        continue
                    both = partial.and_(candidate)
                    now = explained(both.effect(Step()), self.evidence, SLACK, partial.explained)
                    if now is not None and now > partial.explained:
                        found.append(partial.and_(candidate, now))
        return found

    def _of_stages(self, forms: list[Partial], beam: list[Partial]) -> list[Explanation]:
        """The best partial explanation, if it explains at least one whole stage that was wrong, to rounding."""
        right = {stage for form in forms for stage in self._whole(form.explained)}
        for partial in beam[:BEAM]:
            stages = tuple(stage for stage in STAGES if stage in self._whole(partial.explained))
            if set(stages) > right or (set(stages) - right and set(stages) >= right):
                used = fit(partial.effect, self.evidence, SLACK, stages)
                if used is not None:
                    return [Explanation(partial.parts, used, stages)]
        return []

    def _whole(self, pairs: Pairs) -> set[str]:
        """The stages of which every tensor is among the pairs."""
        missing = {
            stage for s in self.evidence.states for stage, name in self.evidence.compared_in(s) if (s, name) not in pairs
        }
        present = {stage for s in self.evidence.states for stage, _ in self.evidence.compared_in(s)}
        return present - missing


def _forms() -> list[Effect]:
    """The reference's own form of the step, and the other correct ones."""
    forms: list[Effect] = [lambda step: step]
    for effects, _ in LEGAL:

        def form(step: Step, effects: tuple[Effect, ...] = effects) -> Step:
            for effect in effects:
                step = effect(step)
            return step

        forms.append(form)
    return forms


def _best(beam: list[Partial]) -> list[Partial]:
    """Those that explain most, of equal choices of mistakes only the best."""
    best: dict[tuple[str, ...], Partial] = {}
    for partial in beam:
        names = tuple(sorted(part.mistake.name for part in partial.parts))
        if names not in best or len(partial.explained) > len(best[names].explained):
            best[names] = partial
    return sorted(best.values(), key=lambda partial: -len(partial.explained))[:BEAM]
