"""A study: run what is not kept yet, then say what it shows. Returns the content of study.json."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from shared.commands.study.choose import interval, one_standard_error
from shared.commands.study.equivalence import ALPHA, POWER, equivalence
from shared.commands.study.grid import Grid, Run, Seeds, Setting, groups
from shared.commands.study.runs import Source, version_of
from shared.commands.study.schedule import finished
from shared.commands.study.store import Store, as_csv, key_of
from shared.config import VARIANTS
from shared.data import Dataset
from shared.errors import SamenetError, UsageError
from shared.harness.environment import describe

SCHEMA = 1
METRICS = ("training_cost", *(f"{part}_{what}" for what in ("cost", "accuracy") for part in ("train", "dev", "test")))
AGAINST = {"l2": "none", "dropout": "none", "l2-dropout": "none", "frozen-dropout": "dropout"}
"""What each variant is held against: no regularization; frozen masks against fresh ones."""
Unit = Callable[[Seeds], Any]
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
        fewest = int(min(dataset.Y_train.sum(), (1 - dataset.Y_train).sum()))
        if grid.dev_share is not None and fewest < 2:
            raise UsageError(
                f"--data: a dev part takes at least two training examples of each class, got {fewest}: give another --data"
            )
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
                    if scheduler is None:
                        raise SamenetError(
                            f"the sources of {run.implementation} changed while the study ran; what was finished before is "
                            "kept: give the same command again"
                        )
                    missing[f"{run.implementation}, {run.setting}"] = (
                        "a worker has other sources or packages than this machine"
                    )
                else:
                    good.append(run.flat() | {"key": keys[run], "data": data} | row)
            store.save(good)
            done += len(good)
            listen(done, len(runs), good[-1]["seconds"] if good else None)
        kept = store.load(keys.values())
        others = store.count() - len(kept)
    rows = [kept[keys[run]] for run in runs if keys[run] in kept]
    table = {run: kept[keys[run]] for run in runs if keys[run] in kept}

    results: dict[str, Any] = {
        "schema": SCHEMA,
        "environment": describe(1),
        "data": {"name": name, "sha256": data, "dev_share": grid.dev_share, "dev_examples": _dev_examples(source, runs[0])},
        "grid": asdict(grid),
        "counts": {"planned": len(runs), "finished": len(rows), "kept_before": before, "others_kept": others,
                   "diverged": sum(row["status"] == "diverged" for row in rows)},
        "missing": [{"runs": who, "reason": reason} for who, reason in missing.items()],
        "seconds_per_run": {
            name: _median([row["seconds"] for row in rows if row["implementation"] == name]) for name in grid.implementations
        },
        "luck": luck(table, grid.unit),
        "effects": effects(table, grid.unit),
        "choice": choice(table, grid.unit) if grid.dev_share is not None else [],
        "equivalence": across(table, margins, grid.unit),
        "alpha": ALPHA,
        "power_asked": POWER,
    }  # fmt: skip
    return results | {"verdict": _verdict(results)}, as_csv(rows)


def luck(table: dict[Run, dict], unit: Unit) -> list[dict]:
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


def effects(table: dict[Run, dict], unit: Unit) -> list[dict]:
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


def choice(table: dict[Run, dict], unit: Unit) -> list[dict]:
    """For each variant and implementation: the setting chosen on the dev part, the best, and its test accuracy.

    A setting of which a run diverged is out; where that leaves none, nothing is chosen.
    """
    found = []
    for variant, implementation in dict.fromkeys((run.setting.variant, run.implementation) for run in table):
        own = {r: row for r, row in table.items() if (r.setting.variant, r.implementation) == (variant, implementation)}
        by_setting: dict[Setting, dict[Run, dict]] = _by(own, lambda run: run.setting)
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


def across(table: dict[Run, dict], margins: dict[str, float], unit: Unit) -> list[dict]:
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


def _verdict(results: dict) -> str:
    """As of compare.py: mismatch where implementations differ, incomplete where runs are missing or too few to tell."""
    verdicts = {entry["verdict"] for entry in results["equivalence"]}
    if "different" in verdicts:
        return "mismatch"
    counts = results["counts"]
    missing = counts["finished"] < counts["planned"] or counts["diverged"] == counts["planned"]
    return "incomplete" if "not enough runs" in verdicts or missing else "match"


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


def _dev_examples(source: Source, run: Run) -> int | None:
    parts = source.parts(run)
    return parts["dev"][0].shape[1] if "dev" in parts else None


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
