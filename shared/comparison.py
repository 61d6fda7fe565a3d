"""The comparison: train every implementation, hold every run against the reference, gather the results."""

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from shared.alignment.plan import FREE_RUN, Plan, segment_scope
from shared.config import DTYPES, VARIANTS, Hyperparameters
from shared.contract import recorded_iterations, segment_lengths
from shared.data import Dataset
from shared.environment import describe
from shared.errors import DataError
from shared.metrics import accuracy
from shared.page.concepts import sources
from shared.records import RunRecord
from shared.report.failure import first_failures
from shared.report.results import write_whole
from shared.reuse import Store
from shared.synthetic import make_dataset
from shared.workers import Message, Task, Workers

SCHEMA = 1
GRID = 100
"""Points per side of the grid on which the decision of a network of two features is drawn."""
MAX_POINTS = 2000
"""Examples of each set that are kept for the pictures."""
THREADS = 1

Listener = Callable[[Task, Message], None]


def compare(
    dataset: Dataset,
    hyper: Hyperparameters,
    variants: list[str],
    implementations: list[str],
    jobs: int,
    out: Path | None = None,
    fresh: bool = False,
    listen: Listener = lambda task, message: None,
) -> dict:
    """Run the whole comparison. Returns the content of results.json.

    out: where reproductions of failures go, and proved runs are kept; unless `fresh`, those that still hold are reused.
    `listen` hears every message of every task.
    """
    m = dataset.X_train.shape[1]
    mask_bytes = sum(hyper.hidden) * m
    effective = {name: hyper.effective(VARIANTS[name]) for name in variants}
    lengths = {v: segment_lengths(hyper.num_iterations, mask_bytes if effective[v].dropout else 0) for v in variants}
    plan = Plan(list(effective.values()), implementations, lengths)
    runs: dict[tuple[str, str], dict] = {
        (v, i): {"implementation": i, "variant": v, "status": "not run", "reused": False}
        for v in variants
        for i in implementations
    }

    store = out and Store(out / "proved", dataset, hyper, describe(THREADS), implementations)
    for v, i in runs if store and not fresh else ():
        kept = store.load(effective[v], i, plan.of(v, i)) if store else None
        if kept:
            runs[v, i] = kept[0] | {"reused": True}
            plan.fill(kept[1])
            listen({"task": "train", "implementation": i}, {"event": "reused", "variant": v})
    left = {i: [v for v in variants if runs[v, i]["status"] == "not run"] for i in implementations}

    diagnoses: list[dict] = []
    notes: list[str] = []
    code = sources()  # before anybody can edit them
    seconds = {"all": 0.0, "ports": 0.0, "reference": 0.0}
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="samenet-") as name:
        folder = Path(name)
        axes = write_arrays(folder, dataset, hyper.dtype)
        base = {"folder": str(folder), "hyperparameters": asdict(hyper), "lengths": lengths}
        with Workers(jobs, THREADS, folder) as workers:
            for implementation in implementations:
                if left[implementation]:
                    own = {"implementation": implementation, "variants": left[implementation]}
                    workers.submit(base | {"task": "train"} | own)
            waiting: dict[str, list[Task]] = {}  # for the free run of the reference: {variant: verifications}
            for variant in variants:
                if not effective[variant].dropout and any(variant in left[i] for i in implementations):
                    workers.submit(base | {"task": "reference", "variant": variant})
                    waiting[variant] = []

            for task, message in workers.events():
                listen(task, message)
                event = message["event"]
                if event == "ended":
                    seconds["ports" if task["task"] == "train" else "reference"] += message["seconds"]
                if event == "trained":
                    run = runs[message["variant"], task["implementation"]]
                    run |= _score(folder / task["implementation"] / message["variant"], dataset, hyper)
                    run |= {"seconds": message["seconds"], "microseconds_per_iteration": message["us_per_iteration"]}
                    notes += [f"{run['implementation']}, {run['variant']}: {note}" for note in message["notes"]]
                    verification = base | {
                        "task": "verify",
                        "implementation": task["implementation"],
                        "variant": message["variant"],
                    }
                    if message["variant"] in waiting:
                        waiting[message["variant"]].append(verification)
                    else:
                        workers.submit(verification)
                elif event == "referenced":
                    for verification in waiting.pop(message["variant"]):
                        workers.submit(verification)
                elif event == "verified":
                    run = runs[message["variant"], message["implementation"]]
                    path = folder / message["implementation"] / message["variant"] / "verified.json"
                    verified = json.loads(path.read_text())
                    checks = verified.pop("checks")
                    plan.fill(checks)
                    diagnoses += verified.pop("diagnoses")
                    run |= verified
                    if store:
                        store.save(effective[run["variant"]], run["implementation"], run, checks)
                    bad = next((c for c in first_failures(plan.checks()) if _is_of(c, run)), None)
                    if bad and bad["stage"] == "repeat":  # only `train` may be right, or wrong: the run has segments
                        bad = next((c for c in checks if c["status"] == "failed" and c["stage"] == "trajectory"), None)
                    if bad and bad["stage"] == "trajectory" and bad["scope"] != FREE_RUN:
                        segment = _segment_of(bad["scope"], lengths[run["variant"]])
                        same_run = {"implementation": run["implementation"], "variant": run["variant"]}
                        workers.submit(base | same_run | {"task": "bisect", "segment": segment})
                elif event == "bisected":
                    runs[message["variant"], task["implementation"]]["first_bad_update"] = message["update"]
                elif event == "crashed" and "variant" in message:  # the implementation's other variants go on
                    _give_up(plan, runs, task | {"variants": [message["variant"]]}, message["reason"])
                elif event in ("missing", "crashed"):
                    task |= {"status": event, "reason": message["reason"]}
                elif event == "ended" and message["reason"]:
                    _give_up(plan, runs, task, message["reason"])

        failures = first_failures(plan.checks())
        for failure in failures:
            failure |= _keep_reproduction(folder, failure, out)
            failure["first_bad_update"] = runs[failure["variant"], failure["implementation"]].get("first_bad_update")
    seconds["all"] = time.monotonic() - started
    for (v, i), run in runs.items():
        if store and run["status"] != "completed":
            store.save(effective[v], i, run, [])  # which forgets what was proved of it before
    if store and store.problem:
        notes.append(f"not kept for the next time: {store.problem}")
    results = _results(dataset, hyper, variants, runs, plan, failures, diagnoses, axes)
    return results | {"notes": notes, "seconds": seconds, "sources": code}


def _is_of(check: dict, run: dict) -> bool:
    return (check["variant"], check["implementation"]) == (run["variant"], run["implementation"])


def _segment_of(scope: str, lengths: list[int]) -> int:
    return next(s for s, length in enumerate(lengths) if segment_scope(sum(lengths[:s]), length) == scope)


def _keep_reproduction(folder: Path, failure: dict, out: Path | None) -> dict:
    """Copy the script and arrays that show a failure beside the results; where they are."""
    source = folder / failure["implementation"] / failure["variant"] / "reproduction.py"
    if out is None or not source.exists():
        return {}
    target = out / f"reproduce_{failure['implementation']}_{failure['variant'].replace('-', '_')}.py"
    for suffix in (".npz", ".py"):
        write_whole(target.with_suffix(suffix), source.with_suffix(suffix).read_bytes())
    return {"reproduction": str(target)}


def measure_limits(
    implementations: list[str], problems: int, jobs: int, listen: Listener = lambda task, message: None
) -> dict:
    """The content of limits.json: false alarms on random problems, and detection limits on the built-in data."""
    limits: dict = {
        "schema": SCHEMA,
        "environment": describe(THREADS),
        "false_alarms": [],
        "detection": [],
        "incomplete": [],
    }
    dataset = make_dataset()
    with tempfile.TemporaryDirectory(prefix="samenet-") as name, Workers(jobs, THREADS, Path(name)) as workers:
        for dtype in DTYPES:
            folder = Path(name) / dtype
            folder.mkdir()
            write_arrays(folder, dataset, dtype)
            base = {"folder": str(folder), "hyperparameters": asdict(Hyperparameters(dtype=dtype)), "dtype": dtype}
            workers.submit(base | {"task": "limits"})
            for implementation in implementations:
                workers.submit(base | {"task": "alarms", "implementation": implementation, "problems": problems})
        for task, message in workers.events():
            listen(task, message)
            content = {key: value for key, value in message.items() if key != "event"}
            what = {key: task[key] for key in ("implementation", "dtype", "problems") if key in task}
            if message["event"] == "found":
                limits["detection"].append(content)
            elif message["event"] == "counted":
                limits["false_alarms"].append(what | content)
            elif message["event"] in ("missing", "crashed"):
                task["reason"] = message["reason"]
            elif message["event"] == "ended" and message["reason"]:
                limits["incomplete"].append(what | {"reason": task.get("reason", message["reason"])})
    for entries in (limits["false_alarms"], limits["detection"]):
        entries.sort(key=lambda entry: (entry["dtype"] == "float32", entry.get("implementation", "")))
    return limits


def _give_up(plan: Plan, runs: dict, task: Task, reason: str) -> None:
    """A task ended without its work: say so wherever its work is missing."""
    reason = task.get("reason", reason)
    if task["task"] == "train":
        for variant in task["variants"]:
            run = runs[variant, task["implementation"]]
            if run["status"] == "not run":
                run |= {"status": task.get("status", "crashed"), "reason": reason}
                plan.skip(reason, variant, task["implementation"])
    else:
        plan.skip(f"the reference could not repeat the run: {reason}", task["variant"], task.get("implementation"))


def write_arrays(folder: Path, dataset: Dataset, dtype: str) -> list[list[float]] | None:
    """Lay out what the processes read; returns the grid's axes where the network has two features."""
    for name in ("X_train", "X_test"):
        if np.abs(getattr(dataset, name)).max() > np.finfo(dtype).max:
            raise DataError(f"--data: expected values within the range of {dtype}, got larger ones: scale them")
    for name in ("X_train", "Y_train", "X_test"):
        np.save(folder / f"{name}.npy", np.ascontiguousarray(getattr(dataset, name), dtype=dtype))
    if dataset.X_train.shape[0] != 2:
        np.save(folder / "grid.npy", np.ascontiguousarray(dataset.X_test[:, :1], dtype=dtype))
        return None
    both = np.concatenate([dataset.X_train, dataset.X_test], axis=1)
    low, high = both.min(axis=1), both.max(axis=1)
    margin = 0.05 * (high - low)
    axes = [np.linspace(low[i] - margin[i], high[i] + margin[i], GRID) for i in range(2)]
    x1, x2 = np.meshgrid(*axes)
    np.save(folder / "grid.npy", np.stack([x1.ravel(), x2.ravel()]).astype(dtype))
    return [axis.tolist() for axis in axes]


def _score(folder: Path, dataset: Dataset, hyper: Hyperparameters) -> dict:
    record = RunRecord(folder)
    finite = bool(np.isfinite(record.costs).all()) and all(np.isfinite(W).all() for W in record.final_parameters.values())
    on_grid = np.load(folder / "predictions_grid.npy")
    classes = {"train": np.load(folder / "predictions_X_train.npy"), "test": np.load(folder / "predictions_X_test.npy")}
    labels = {"train": dataset.Y_train, "test": dataset.Y_test}
    # Predictions of another shape fail in their own comparison; here they have no accuracy and no picture.
    fit = all(classes[part].shape == labels[part].shape for part in labels)
    return {
        "status": "completed" if finite else "diverged",
        "costs": [[i, float(record.costs[i])] for i in recorded_iterations(hyper.num_iterations)],
        "train_accuracy": accuracy(classes["train"], labels["train"]) if fit else None,
        "test_accuracy": accuracy(classes["test"], labels["test"]) if fit else None,
        "predictions": {part: "".join(map(str, row[0, :MAX_POINTS])) for part, row in classes.items()} if fit else None,
        "grid": ["".join(map(str, row)) for row in on_grid.reshape(GRID, GRID)] if on_grid.size == GRID**2 else None,
    }


def _results(
    dataset: Dataset,
    hyper: Hyperparameters,
    variants: list[str],
    runs: dict,
    plan: Plan,
    failures: list[dict],
    diagnoses: list[dict],
    axes,
) -> dict:
    first = failures[0] if failures else None
    return {
        "schema": SCHEMA,
        "verdict": plan.verdict(),
        "environment": describe(THREADS),
        "data": describe_data(dataset) | {"grid_axes": axes},
        "hyperparameters": asdict(hyper)
        | {"layers_dims": hyper.layers_dims(dataset.X_train.shape[0]), "variants": variants},
        "runs": list(runs.values()),
        "checks": plan.checks(),
        "first_divergence": first
        and {key: first[key] for key in ("variant", "implementation", "stage", "tensor", "iteration")},
        "failures": failures,
        "diagnoses": diagnoses,
        "counts": plan.counts(),
        "beyond_horizon": plan.blind(),
    }


def describe_data(dataset: Dataset) -> dict:
    """The entry `data` of results.json."""
    return {
        "name": dataset.name,
        "source": dataset.source,
        "train_examples": dataset.X_train.shape[1],
        "test_examples": dataset.X_test.shape[1],
        "features": dataset.X_train.shape[0],
        "sha256": dataset.sha256,
        "train": _points(dataset.X_train, dataset.Y_train),
        "test": _points(dataset.X_test, dataset.Y_test),
    }


def _points(X, Y) -> list[list[float]]:
    return np.concatenate([X, Y])[:, :MAX_POINTS].T.tolist()
