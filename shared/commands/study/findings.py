"""What the runs of a study show: what is luck, what each variant changes, which setting is chosen, what is equivalent."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from shared.commands.study.choose import interval, one_standard_error
from shared.commands.study.equivalence import Equivalence, equivalence
from shared.commands.study.grid import Run, Scored, Seeds, Setting
from shared.config import VARIANTS

METRICS = ("training_cost", *(f"{part}_{what}" for what in ("cost", "accuracy") for part in ("train", "dev", "test")))
AGAINST = {"l2": "none", "dropout": "none", "l2-dropout": "none", "frozen-dropout": "dropout"}
"""What each variant is compared with: no regularization; frozen masks with fresh ones."""
Table = dict[Run, Scored]
"""Run -> what came of it."""
Unit = Callable[[Seeds], Any]
Interval = list[float | None]
"""The ends of a 95 % interval; None where there are too few values."""


@dataclass(frozen=True)
class Mean:
    """A mean over independent repetitions, and its interval."""

    mean: float | None
    interval: Interval


@dataclass(frozen=True)
class Measure(Mean):
    """A measure over the runs of a setting that did not diverge."""

    mean: float
    spread: float | None
    lowest: float
    highest: float
    values: list[float]


@dataclass(frozen=True)
class OfSetting(Setting):
    """Something that was found of a setting."""

    @property
    def setting(self) -> Setting:
        return Setting(*(getattr(self, field.name) for field in fields(Setting)))


@dataclass(frozen=True)
class Luck(OfSetting):
    """What the seeds make of a setting: the measures of METRICS, as far as there are any; how many runs are in them."""

    implementation: str
    runs: int
    diverged: int
    training_cost: Measure | None = None
    train_cost: Measure | None = None
    dev_cost: Measure | None = None
    test_cost: Measure | None = None
    train_accuracy: Measure | None = None
    dev_accuracy: Measure | None = None
    test_accuracy: Measure | None = None

    def measure(self, metric: str) -> Measure | None:
        """The measure of that name; None where the runs have none."""
        return getattr(self, metric)


@dataclass(frozen=True)
class Effect:
    """What a variant changes in the test accuracy, against another one, over n pairs of runs."""

    variant: str
    against: str
    implementation: str
    n: int
    mean: float
    interval: Interval


@dataclass(frozen=True)
class Choice:
    """The setting that was chosen on the dev part, and the best one; limit: the largest mean dev cost near enough."""

    variant: str
    implementation: str
    chosen: Setting
    best: Setting
    limit: float | None
    runs: int
    dev_cost: Mean
    dev_accuracy: Mean
    test_accuracy: Mean


@dataclass(frozen=True, kw_only=True)
class Question(OfSetting, Equivalence):
    """Whether two implementations are equivalent in a measure."""

    one: str
    other: str
    metric: str


def luck(table: Table, unit: Unit) -> list[Luck]:
    """Over the seeds, for each setting and implementation: mean, 95 % interval, spread and range of every measure.

    A run that diverged is counted, and in no mean. unit: of the seeds, what tells independent repetitions apart.
    """
    found = []
    by = _by(table, lambda run: (run.setting, run.implementation))
    settings = list(dict.fromkeys(setting for setting, _ in by))
    for (setting, implementation), own in sorted(by.items(), key=lambda item: settings.index(item[0][0])):
        good = {run: row for run, row in own.items() if row.completed}
        measures: dict[str, Any] = {}
        for metric in METRICS:
            values = [value for row in good.values() if (value := row.measure(metric)) is not None]
            if values:
                means = list(_means(good, metric, unit).values())
                spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
                measures[metric] = Measure(float(np.mean(means)), _interval(means), spread, min(values), max(values), values)
        found.append(Luck(**asdict(setting), implementation=implementation, runs=len(good), diverged=len(own) - len(good),
                          **measures))  # fmt: skip
    return found


def effects(table: Table, unit: Unit) -> list[Effect]:
    """What each variant changes in the test accuracy, by implementation: mean and 95 % interval over runs of equal seeds.

    Only where each variant has one setting. Where one of the two draws no masks, runs are equal in all seeds but the masks'.
    """
    settings = {run.setting.variant: run.setting for run in table}
    if len({run.setting for run in table}) > len(settings):
        return []
    found = []
    for one, implementation in dict.fromkeys((run.setting.variant, run.implementation) for run in table):
        other = AGAINST.get(one)
        if other not in settings:
            continue
        masks = settings[one].keep_prob == settings[other].keep_prob

        def same(seeds: Seeds, masks: bool = masks) -> Any:
            return unit(seeds if masks else replace(seeds, seed=None))

        means = [
            _means({run: row for run, row in table.items() if row.completed
                    and (run.implementation, run.setting.variant) == (implementation, variant)}, "test_accuracy", same)
            for variant in (one, other)
        ]  # fmt: skip
        changes = [mean - means[1][luck] for luck, mean in means[0].items() if luck in means[1]]
        if changes:
            mean = float(np.mean(changes))
            found.append(Effect(one, other, implementation, len(changes), mean, _interval(changes)))
    return found


def choice(table: Table, unit: Unit) -> list[Choice]:
    """For each variant and implementation: the setting chosen on the dev part, the best, and its test accuracy.

    A setting of which a run diverged is out; where that leaves none, nothing is chosen.
    """
    found = []
    for variant, implementation in dict.fromkeys((run.setting.variant, run.implementation) for run in table):
        own = {r: row for r, row in table.items() if (r.setting.variant, r.implementation) == (variant, implementation)}
        by_setting: dict[Setting, Table] = _by(own, lambda run: run.setting)
        costs: dict[Setting, Sequence[float]] = {
            setting: list(_means(rows, "dev_cost", unit).values())
            for setting, rows in by_setting.items()
            if all(row.completed for row in rows.values())
        }
        if len(by_setting) < 2 or not costs:
            continue
        chosen, best, limit = one_standard_error(costs)
        means = {
            metric: list(_means(by_setting[chosen], metric, unit).values())
            for metric in ("dev_cost", "dev_accuracy", "test_accuracy")
        }
        found.append(
            Choice(
                variant, implementation, chosen, best, _or_none(limit), len(by_setting[chosen]),
                **{metric: Mean(float(np.mean(values)), _interval(values)) for metric, values in means.items()},
            )
        )  # fmt: skip
    return sorted(found, key=lambda entry: list(VARIANTS).index(entry.variant))


def across(table: Table, margins: dict[str, float], unit: Unit) -> list[Question]:
    """For each setting and pair of implementations: are runs of equal seeds equivalent in what has a margin?"""
    questions = []
    for setting in dict.fromkeys(run.setting for run in table):
        by_seeds: dict[str, dict[Seeds, tuple[Run, Scored]]] = {}
        for run, row in table.items():
            if run.setting == setting:
                by_seeds.setdefault(run.implementation, {})[run.seeds] = run, row
        for one, other in itertools.combinations(by_seeds, 2):
            pairs = [(by_seeds[one][seeds], by_seeds[other][seeds]) for seeds in by_seeds[one] if seeds in by_seeds[other]]
            ends = [tuple(row.completed for _, row in pair) for pair in pairs]
            alone = ends.count((False, True)), ends.count((True, False))
            both = [pair for pair, end in zip(pairs, ends, strict=True) if all(end)]
            for metric, margin in margins.items():
                a, b = (
                    np.array(list(_means(dict(own), metric, unit).values()))
                    for own in ([p[i] for p in both] for i in (0, 1))
                )
                questions.append((setting, one, other, metric, margin, a, b, alone))
    return [
        Question(**asdict(setting), one=one, other=other, metric=metric,
                 **asdict(equivalence(a, b, margin, tests=len(questions), diverged_alone=alone)))
        for setting, one, other, metric, margin, a, b, alone in questions
    ]  # fmt: skip


def _means(table: Table, metric: str, unit: Unit) -> dict[Any, float]:
    """The mean of a measure for each independent repetition."""
    found: dict[Any, list[float]] = {}
    for run, row in table.items():
        found.setdefault(unit(run.seeds), []).append(getattr(row, metric))
    return {key: float(np.mean(values)) for key, values in found.items()}


def _by(table: Table, of: Callable[[Run], Any]) -> dict[Any, Table]:
    found: dict[Any, Table] = {}
    for run, row in table.items():
        found.setdefault(of(run), {})[run] = row
    return found


def _interval(values: Sequence[float]) -> Interval:
    return [_or_none(end) for end in interval(values)]


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
