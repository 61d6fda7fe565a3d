"""What the runs of a study show: what is luck, what each variant changes, which setting is chosen, what is equivalent."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from shared.commands.study.choose import interval, one_standard_error
from shared.commands.study.equivalence import equivalence
from shared.commands.study.grid import Run, Seeds, Setting
from shared.config import VARIANTS

METRICS = ("training_cost", *(f"{part}_{what}" for what in ("cost", "accuracy") for part in ("train", "dev", "test")))
AGAINST = {"l2": "none", "dropout": "none", "l2-dropout": "none", "frozen-dropout": "dropout"}
"""What each variant is compared with: no regularization; frozen masks with fresh ones."""
Table = dict[Run, dict]
"""Run -> the row that it left in the store."""
Unit = Callable[[Seeds], Any]


def luck(table: Table, unit: Unit) -> list[dict]:
    """Over the seeds, for each setting and implementation: mean, 95 % interval, spread and range of every measure.

    A run that diverged is counted, and in no mean. unit: of the seeds, what tells independent repetitions apart.
    """
    found = []
    by = _by(table, lambda run: (run.setting, run.implementation))
    settings = list(dict.fromkeys(setting for setting, _ in by))
    for (setting, implementation), own in sorted(by.items(), key=lambda item: settings.index(item[0][0])):
        good = {run: row for run, row in own.items() if row["status"] == "completed"}
        entry = {**_named(setting), "implementation": implementation, "runs": len(good), "diverged": len(own) - len(good)}
        for metric in METRICS:
            values = [row[metric] for row in good.values() if row[metric] is not None]
            if values:
                means = list(_means(good, metric, unit).values())
                low, high = interval(means)
                spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
                entry[metric] = {
                    "mean": float(np.mean(means)), "interval": [_or_none(low), _or_none(high)], "spread": spread,
                    "lowest": min(values), "highest": max(values), "values": values,
                }  # fmt: skip
        found.append(entry)
    return found


def effects(table: Table, unit: Unit) -> list[dict]:
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
            _means({run: row for run, row in table.items() if row["status"] == "completed"
                    and (run.implementation, run.setting.variant) == (implementation, variant)}, "test_accuracy", same)
            for variant in (one, other)
        ]  # fmt: skip
        changes = [mean - means[1][luck] for luck, mean in means[0].items() if luck in means[1]]
        if changes:
            low, high = interval(changes)
            found.append({"variant": one, "against": other, "implementation": implementation, "n": len(changes),
                          "mean": float(np.mean(changes)), "interval": [_or_none(low), _or_none(high)]})  # fmt: skip
    return found


def choice(table: Table, unit: Unit) -> list[dict]:
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
            if all(row["status"] == "completed" for row in rows.values())
        }
        if len(by_setting) < 2 or not costs:
            continue
        chosen, best, limit = one_standard_error(costs)
        entry = {"variant": variant, "implementation": implementation, "chosen": _named(chosen), "best": _named(best),
                 "limit": _or_none(limit), "runs": len(by_setting[chosen])}  # fmt: skip
        for metric in ("dev_cost", "dev_accuracy", "test_accuracy"):
            values = list(_means(by_setting[chosen], metric, unit).values())
            low, high = interval(values)
            entry[metric] = {"mean": float(np.mean(values)), "interval": [_or_none(low), _or_none(high)]}
        found.append(entry)
    return sorted(found, key=lambda entry: list(VARIANTS).index(entry["variant"]))


def across(table: Table, margins: dict[str, float], unit: Unit) -> list[dict]:
    """For each setting and pair of implementations: are runs of equal seeds equivalent in what has a margin?"""
    questions = []
    for setting in dict.fromkeys(run.setting for run in table):
        by_seeds: dict[str, dict[Seeds, tuple[Run, dict]]] = {}
        for run, row in table.items():
            if run.setting == setting:
                by_seeds.setdefault(run.implementation, {})[run.seeds] = run, row
        for one, other in itertools.combinations(by_seeds, 2):
            pairs = [(by_seeds[one][seeds], by_seeds[other][seeds]) for seeds in by_seeds[one] if seeds in by_seeds[other]]
            ends = [tuple(row["status"] == "completed" for _, row in pair) for pair in pairs]
            alone = ends.count((False, True)), ends.count((True, False))
            both = [pair for pair, end in zip(pairs, ends, strict=True) if all(end)]
            for metric, margin in margins.items():
                a, b = (
                    np.array(list(_means(dict(own), metric, unit).values()))
                    for own in ([p[i] for p in both] for i in (0, 1))
                )
                questions.append((setting, one, other, metric, margin, a, b, alone))
    return [
        {**_named(setting), "one": one, "other": other, "metric": metric,
         **equivalence(a, b, margin, tests=len(questions), diverged_alone=alone)}
        for setting, one, other, metric, margin, a, b, alone in questions
    ]  # fmt: skip


def _means(table: dict[Run, dict], metric: str, unit: Unit) -> dict[Any, float]:
    """The mean of a measure for each independent repetition."""
    found: dict[Any, list[float]] = {}
    for run, row in table.items():
        found.setdefault(unit(run.seeds), []).append(row[metric])
    return {key: float(np.mean(values)) for key, values in found.items()}


def _by(table: dict[Run, dict], of: Callable[[Run], Any]) -> dict[Any, dict[Run, dict]]:
    found: dict[Any, dict[Run, dict]] = {}
    for run, row in table.items():
        found.setdefault(of(run), {})[run] = row
    return found


def _named(setting: Setting) -> dict:
    return asdict(setting) | {"hidden": list(setting.hidden)}


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
