"""Test the masks inside `train` as random numbers, and say what is wrong with them."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import special

from shared.alignment.masks import FALSE_ALARM, LIMIT, Chance, chance, layer_chances, least, outcomes_of
from shared.commands.check.contract import unpack_train
from shared.commands.check.course import Found
from shared.commands.check.session import Session
from shared.commands.check.unseen_masks import FACTORS, ITERATIONS, Design, Read, designs, read, updates_off
from shared.diagnosis.catalogue import CATALOGUE
from shared.harness.checks import Call, Cause, because
from shared.harness.results import Diagnosis, named

TRAIN_MASKS = Call("masks", "train")
NOT_SET = "training mode is not set back, or never set"
STILL = 1e-30
"""A learning rate that moves nothing."""


@dataclass
class Seen:
    """The masks of one design: D1 of the iterations whose second layer shows them all, and D2 of the same; D2 of all."""

    design: Design
    read: Read
    D1: NDArray = field(init=False)
    shown: NDArray = field(init=False)
    D2: NDArray = field(init=False)

    def __post_init__(self):
        D1, self.D2 = self.design.D1[self.read.entry], self.design.D2[self.read.entry]
        visible = np.all(np.any(self.D2, axis=1), axis=1)
        self.D1, self.shown = D1[visible], self.D2[visible]


def check_masks(session: Session, found: Found) -> None:
    """Read the masks off the costs of `train`, and test them: each unit, both layers, over examples and iterations."""
    problem, frozen = session.problem, session.variant.frozen
    sizes = problem.X.shape[0], len(session.parameters["b1"]), len(session.parameters["b2"])
    seen: list[Seen] = []
    for design in designs(sizes, problem.keep_prob, problem.X.dtype):
        settings = problem.step | {"learning_rate": STILL, "lambd": 0.0, "seed": session.hyper.seed}
        settings["num_iterations"] = 20 if frozen else ITERATIONS
        called = session.call("train", found, "masks", design.X, design.Y, design.parameters, **settings)
        _, costs = unpack_train(called.result(), design.parameters, settings["num_iterations"], found.remarks)
        each = Seen(design, read(design, costs))
        _check_costs(session, found, each, len(costs), first=not seen)
        if each.read.unread or each.read.off.any():
            return
        seen.append(each)
    chances = layer_chances("D2", seen[0].D2, problem.keep_prob, frozen)
    chances |= layer_chances("D1", seen[0].D1, problem.keep_prob, frozen) if len(seen[0].D1) else {}
    if not frozen:
        chances["D1 and D2: independence"] = _independence(seen[0], problem.keep_prob)
        for layer in ("D1", "D2"):
            likely = [layer_chances(layer, getattr(each, layer), problem.keep_prob, False) for each in seen[1:]]
            tested = [one[f"{layer}: {test}"] for one in likely for test in ("kept per unit", "iterations")]
            chances[f"{layer}: every unit"] = least(tested)
    found.checks += outcomes_of(chances, problem.keep_prob, session.run, TRAIN_MASKS)
    if any(each.likely < FALSE_ALARM for each in chances.values()):
        found.diagnoses += _explain(session, seen[0])


def _check_costs(session: Session, found: Found, seen: Seen, of: int, first: bool) -> None:
    """That dropout is on in every update, and that the costs are those of the masks."""
    run, read = session.run, seen.read
    off = because(Cause.DROPOUT_OFF, updates_off(read.off)) if read.off.any() else because(Cause.AGREES)
    costs = because(Cause.AGREES, tolerance=LIMIT)
    if read.unread:
        costs = because(Cause.COSTS_OF_MASKS, read.unread, of, session.problem.keep_prob)
    elif read.factor != 1:
        words = FACTORS.get(read.factor, f"the reported cost is {read.factor:g} times what it should be: a sum, not a mean")
        costs = because(Cause.OTHER_COST, words)
        if first:
            base = read.factor in (1 / np.log(2), 1 / np.log(10))
            found.diagnoses.append(_diagnosis(session, "logarithm-base" if base else "cost-scaled", words))
    elif read.inexact:
        found.remarks.append("with dropout, the reported costs are near those of the masks, but not to rounding")
    if first or off.failed or costs.failed:
        found.checks += [
            off.of(run.at("forward", TRAIN_MASKS, "dropout on")),
            costs.of(run.at("cost", TRAIN_MASKS, "costs")),
        ]
    if off.failed and not read.unread:
        found.diagnoses.append(_diagnosis(session, "dropout-off", f"dropout is off {updates_off(read.off)}: {NOT_SET}"))


def never_on(session: Session, found: Found) -> None:
    """Dropout is off in every update: with and without it, `train` does the same."""
    off = because(Cause.DROPOUT_OFF, "in every update")
    found.checks.append(off.of(session.run.at("forward", TRAIN_MASKS, "dropout on")))
    said = "dropout is off in every update: `train` does the same with keep_prob = 1"
    found.diagnoses.append(_diagnosis(session, "dropout-off", said))


def _diagnosis(session: Session, name: str, *said: str) -> Diagnosis:
    """A mistake of the catalogue, in these words or its own."""
    mistake = next(mistake for mistake in CATALOGUE if mistake.name == name)
    return named(session.run, name, *(said or (mistake.title,)))


def _independence(seen: Seen, keep_prob: float) -> Chance:
    """A unit of the first layer is kept as often where the same unit of the second is kept, and where it is not."""
    units = min(seen.D1.shape[1], seen.shown.shape[1])
    tests = []
    for example in range(seen.D1.shape[2]):
        one, other = seen.D1[:, :units, example], seen.shown[:, :units, example]
        for there in (True, False):
            kept, of = int(one[other == there].sum()), int(np.sum(other == there))
            if of:
                words = (
                    f"where a unit of D2 is {'kept' if there else 'dropped'}, that of D1 is kept in {kept:,} of {of:,} cases"
                )
                tests.append(Chance(chance(kept, of, keep_prob), words))
    return least(tests)


def _explain(session: Session, seen: Seen) -> list[Diagnosis]:
    """What is recognized in the masks of the first design, the simplest first."""
    keep_prob = session.problem.keep_prob
    layers = {"D1": seen.D1, "D2": seen.D2}
    if not session.variant.frozen and all((D[:1] == D).all() for D in layers.values()):
        return [_diagnosis(session, "masks-frozen")]
    told = []
    for name, D in layers.items():
        kept, of = int(D.sum()), D.size
        if D.shape[1] > 1 and (D[:, :1] == D).all():
            told.append(
                (f"whole examples are dropped: the units of {name} share one draw for each example", "masks-of-examples")
            )
        if D.shape[2] > 1 and (D[:, :, :1] == D).all():
            told.append((f"one mask for all examples: {name} is drawn for the units alone", "masks-of-units"))
        if chance(kept, of, keep_prob) < FALSE_ALARM:
            told.append(_share(name, kept, of, keep_prob))
    shared = min(seen.D1.shape[1], seen.shown.shape[1])
    if (seen.D1[:, :shared, 0] == seen.shown[:, :shared, 0]).all():
        told.append(("the second layer repeats the first's draws: both start from the same seed", "same-masks"))
    said: dict[str, list[str]] = {}
    for words, mistake in told:
        said.setdefault(mistake, []).append(words)
    return [named(session.run, mistake, *words) for mistake, words in said.items()]


def _share(name: str, kept: int, of: int, keep_prob: float) -> tuple[str, str]:
    if chance(kept, of, float(special.ndtr(keep_prob))) > 1e-3:
        words = f"{name} keeps {kept / of:.1%}, as randn(...) < keep_prob does: randn is normal; use rand, which is uniform"
        return words, "mask-from-randn"
    if chance(kept, of, 1 - keep_prob) > 1e-3:
        return f"{name} keeps the share that should be dropped: it should be rand(...) < keep_prob", "keep-prob-as-rate"
    return f"{name} keeps {kept / of:.1%} of the units; keep_prob is {keep_prob:g}", "other settings"
