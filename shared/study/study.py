"""A study: run what is not kept yet, then say what it shows. Returns the content of study.json."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from shared.data import Dataset
from shared.environment import describe
from shared.study.choose import interval, one_standard_error
from shared.study.equivalence import ALPHA, POWER, equivalence
from shared.study.grid import Grid, Run, Setting, groups
from shared.study.runs import Source, version_of
from shared.study.schedule import finished
from shared.study.store import Store, as_csv, key_of

SCHEMA = 1
METRICS = ("training_cost", *(f"{part}_{what}" for what in ("cost", "accuracy") for part in ("train", "dev", "test")))
AGAINST = {"l2": "none", "dropout": "none", "l2-dropout": "none", "frozen-dropout": "dropout"}
"""What each variant is held against: no regularization; frozen masks against fresh ones."""
Listener = Callable[[int, int, float | None], None]


def study(
    grid: Grid,
    dataset: Dataset | None,
    margins: dict[str, float],
    folder: Path,
    jobs: int,
    scheduler: str | None = None,
    listen: Listener = lambda done, total, seconds: None,
) -> tuple[dict, bytes]:
    """Run the grid; (content of study.json, of study.csv).

    dataset: None for the built-in data. margins: of training_cost and test_accuracy, the largest mean difference that is
    called equivalent. `listen` hears how many runs are done, of how many, and how long the last took.
    """
    runs = grid.runs()
    source = Source(None, None)
    name, data = "built-in noisy diagonal", "built-in"
    if dataset is not None:
        source = Source((dataset.X_train, dataset.Y_train), (dataset.X_test, dataset.Y_test))
        name, data = dataset.name, dataset.sha256
    versions = {implementation: version_of(implementation) for implementation in grid.implementations}
    keys = {run: key_of(run, data, versions[run.implementation]) for run in runs}

    with Store(folder / "study.sqlite") as store:
        kept = store.load(keys.values())
        left = [run for run in runs if keys[run] not in kept]
        before = len(runs) - len(left)
        done = before
        listen(done, len(runs), None)
        missing: dict[str, str] = {}
        m = source.parts(runs[0])["train"][0].shape[1]
        for group, rows in finished(list(groups(left, m)), source, jobs, scheduler) if left else ():
            good = []
            for run, row in zip(group, rows, strict=True):
                if "error" in row:
                    missing[f"{run.implementation}, {run.setting}"] = row["error"]
                elif row["version"] != versions[run.implementation]:
                    missing[f"{run.implementation}, {run.setting}"] = (
                        "a worker has other sources or packages than this machine"
                    )
                else:
                    good.append(run.flat() | {"key": keys[run], "data": data} | row)
            store.save(good)
            done += len(good)
            listen(done, len(runs), good[-1]["seconds"] if good else None)
        kept = store.load(keys.values())
    rows = [kept[keys[run]] for run in runs if keys[run] in kept]
    table = {run: kept[keys[run]] for run in runs if keys[run] in kept}

    results: dict[str, Any] = {
        "schema": SCHEMA,
        "environment": describe(1),
        "data": {"name": name, "sha256": data, "dev_share": grid.dev_share, "dev_examples": _dev_examples(source, runs[0])},
        "grid": asdict(grid),
        "counts": {"planned": len(runs), "finished": len(rows), "kept_before": before,
                   "diverged": sum(row["status"] == "diverged" for row in rows)},
        "missing": [{"runs": who, "reason": reason} for who, reason in missing.items()],
        "seconds_per_run": {
            name: _median([row["seconds"] for row in rows if row["implementation"] == name]) for name in grid.implementations
        },
        "luck": luck(table),
        "effects": effects(table),
        "choice": choice(table) if grid.dev_share is not None else [],
        "equivalence": across(table, margins),
        "alpha": ALPHA,
        "power_asked": POWER,
    }  # fmt: skip
    return results | {"verdict": _verdict(results)}, as_csv(rows)


def luck(table: dict[Run, dict]) -> list[dict]:
    """Over the seeds, for each setting and implementation: mean, 95 % interval, spread and range of every measure.

    A run that diverged is counted, and in no mean.
    """
    found = []
    by = _by(table, lambda run: (run.setting, run.implementation))
    settings = list(dict.fromkeys(setting for setting, _ in by))
    for (setting, implementation), every in sorted(by.items(), key=lambda item: settings.index(item[0][0])):
        rows = [row for row in every if row["status"] == "completed"]
        entry = {**_named(setting), "implementation": implementation, "runs": len(rows), "diverged": len(every) - len(rows)}
        for metric in METRICS:
            values = _finite([row[metric] for row in rows])
            if values:
                low, high = interval(values)
                spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
                entry[metric] = {
                    "mean": float(np.mean(values)), "interval": [_or_none(low), _or_none(high)], "spread": spread,
                    "lowest": min(values), "highest": max(values), "values": values,
                }  # fmt: skip
        found.append(entry)
    return found


def effects(table: dict[Run, dict]) -> list[dict]:
    """What each variant changes in the test accuracy, by implementation: mean and 95 % interval over runs of equal seeds.

    Only where each variant has one setting. Where one of the two draws no masks, the runs that differ in their masks alone
    count as one: their mean.
    """
    settings = {run.setting.variant: run.setting for run in table}
    if len({run.setting for run in table}) > len(settings):
        return []
    found = []
    for one, implementation in dict.fromkeys((run.setting.variant, run.implementation) for run in table):
        other = AGAINST.get(one)
        if other not in settings:
            continue
        masks = other == "dropout" and settings[other].keep_prob == settings[one].keep_prob
        samples: dict[str, dict[tuple, list[float]]] = {one: {}, other: {}}
        for run, row in table.items():
            if run.implementation == implementation and run.setting.variant in samples and row["status"] == "completed":
                luck = (run.seeds.data_seed, run.seeds.split_seed, run.seeds.init_seed, run.seeds.seed if masks else None)
                samples[run.setting.variant].setdefault(luck, []).append(row["test_accuracy"])
        changes = [
            float(np.mean(own) - np.mean(samples[other][luck]))
            for luck, own in samples[one].items()
            if luck in samples[other]
        ]
        if changes:
            low, high = interval(changes)
            found.append({"variant": one, "against": other, "implementation": implementation, "n": len(changes),
                          "mean": float(np.mean(changes)), "interval": [_or_none(low), _or_none(high)]})  # fmt: skip
    return found


def choice(table: dict[Run, dict]) -> list[dict]:
    """For each variant and implementation: the setting chosen on the dev part, the best, and its test accuracy."""
    found = []
    for variant, implementation in dict.fromkeys((run.setting.variant, run.implementation) for run in table):
        own = {r: row for r, row in table.items() if (r.setting.variant, r.implementation) == (variant, implementation)}
        by_setting: dict[Setting, list[dict]] = _by(own, lambda run: run.setting)
        if len(by_setting) < 2:
            continue
        costs: dict[Setting, Sequence[float]] = {
            setting: [row["dev_cost"] if row["status"] == "completed" else math.inf for row in rows]
            for setting, rows in by_setting.items()
        }
        chosen, best, limit = one_standard_error(costs)
        entry = {"variant": variant, "implementation": implementation, "chosen": _named(chosen), "best": _named(best),
                 "limit": _or_none(limit), "runs": len(costs[chosen])}  # fmt: skip
        for metric in ("dev_cost", "dev_accuracy", "test_accuracy"):
            values = _finite([row[metric] for row in by_setting[chosen]])
            low, high = interval(values)
            mean = float(np.mean(values)) if values else None
            entry[metric] = {"mean": mean, "interval": [_or_none(low), _or_none(high)]}
        found.append(entry)
    return found


def across(table: dict[Run, dict], margins: dict[str, float]) -> list[dict]:
    """For each setting and pair of implementations: are runs of equal seeds equivalent in what has a margin?"""
    questions = []
    for setting in dict.fromkeys(run.setting for run in table):
        by_seeds: dict[str, dict] = {}
        for run, row in table.items():
            if run.setting == setting:
                by_seeds.setdefault(run.implementation, {})[run.seeds] = row
        for one, other in itertools.combinations(by_seeds, 2):
            pairs = [(by_seeds[one][seeds], by_seeds[other][seeds]) for seeds in by_seeds[one] if seeds in by_seeds[other]]
            ends = [tuple(row["status"] == "completed" for row in pair) for pair in pairs]
            alone = ends.count((False, True)), ends.count((True, False))
            both = [pair for pair, end in zip(pairs, ends, strict=True) if all(end)]
            for metric, margin in margins.items():
                a, b = (np.array([pair[which][metric] for pair in both]) for which in (0, 1))
                questions.append((setting, one, other, metric, margin, a, b, alone))
    return [
        {**_named(setting), "one": one, "other": other, "metric": metric,
         **equivalence(a, b, margin, tests=len(questions), diverged_alone=alone)}
        for setting, one, other, metric, margin, a, b, alone in questions
    ]  # fmt: skip


def _verdict(results: dict) -> str:
    """As of compare.py: mismatch where implementations differ, incomplete where runs are missing or too few to tell."""
    verdicts = {entry["verdict"] for entry in results["equivalence"]}
    if "different" in verdicts:
        return "mismatch"
    counts = results["counts"]
    return "incomplete" if "not enough runs" in verdicts or counts["finished"] < counts["planned"] else "match"


def _by(table: dict[Run, dict], of: Callable[[Run], Any]) -> dict[Any, list[dict]]:
    found: dict[Any, list[dict]] = {}
    for run, row in table.items():
        found.setdefault(of(run), []).append(row)
    return found


def _named(setting: Setting) -> dict:
    return asdict(setting) | {"hidden": list(setting.hidden)}


def _dev_examples(source: Source, run: Run) -> int | None:
    parts = source.parts(run)
    return parts["dev"][0].shape[1] if "dev" in parts else None


def _finite(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
