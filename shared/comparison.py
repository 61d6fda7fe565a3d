"""The comparison: train every implementation, hold every run against the reference, gather the results."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from shared.alignment.plan import Plan
from shared.config import VARIANTS, Hyperparameters
from shared.contract import recorded_iterations, segment_lengths
from shared.data import Dataset
from shared.environment import describe
from shared.metrics import accuracy
from shared.records import RunRecord
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
    listen: Listener = lambda task, message: None,
) -> dict:
    """Run the whole comparison. Returns the content of results.json; `listen` hears every message of every task."""
    m = dataset.X_train.shape[1]
    mask_bytes = sum(hyper.hidden) * m
    lengths = {v: segment_lengths(hyper.num_iterations, mask_bytes if VARIANTS[v].dropout else 0) for v in variants}
    plan = Plan(variants, implementations, lengths)
    runs = {(v, i): {"implementation": i, "variant": v, "status": "not run"} for v in variants for i in implementations}

    with tempfile.TemporaryDirectory(prefix="samenet-") as name:
        folder = Path(name)
        axes = _write_arrays(folder, dataset, hyper.dtype)
        base = {"folder": str(folder), "hyperparameters": asdict(hyper), "lengths": lengths}
        with Workers(jobs, THREADS, folder) as workers:
            for implementation in implementations:
                workers.submit(base | {"task": "train", "implementation": implementation, "variants": variants})
            waiting: dict[str, list[Task]] = {}  # for the free run of the reference: {variant: verifications}
            for variant in variants:
                if not VARIANTS[variant].dropout:
                    workers.submit(base | {"task": "reference", "variant": variant})
                    waiting[variant] = []

            for task, message in workers.events():
                listen(task, message)
                event = message["event"]
                if event == "trained":
                    run = runs[message["variant"], task["implementation"]]
                    run |= _score(folder / task["implementation"] / message["variant"], dataset, hyper)
                    run |= {"seconds": message["seconds"], "microseconds_per_iteration": message["us_per_iteration"]}
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
                    run |= {key: message[key] for key in ("segment_difference", "free_run_difference", "horizon")}
                    path = folder / message["implementation"] / message["variant"] / "checks.json"
                    plan.fill(json.loads(path.read_text()))
                elif event in ("missing", "crashed"):
                    task |= {"status": event, "reason": message["reason"]}
                elif event == "ended" and message["reason"]:
                    _give_up(plan, runs, task, message["reason"])

    return _results(dataset, hyper, variants, runs, plan, axes)


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


def _write_arrays(folder: Path, dataset: Dataset, dtype: str) -> list[list[float]] | None:
    """Lay out what the processes read; returns the grid's axes where the network has two features."""
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
    return {
        "status": "completed" if finite else "diverged",
        "costs": [[i, float(record.costs[i])] for i in recorded_iterations(hyper.num_iterations)],
        "train_accuracy": accuracy(np.load(folder / "predictions_X_train.npy"), dataset.Y_train),
        "test_accuracy": accuracy(np.load(folder / "predictions_X_test.npy"), dataset.Y_test),
        "grid": ["".join(map(str, row)) for row in on_grid.reshape(GRID, GRID)] if on_grid.size == GRID**2 else None,
    }


def _results(dataset: Dataset, hyper: Hyperparameters, variants: list[str], runs: dict, plan: Plan, axes) -> dict:
    counts = plan.counts()
    return {
        "schema": SCHEMA,
        "verdict": plan.verdict(),
        "environment": describe(THREADS),
        "data": {
            "name": dataset.name,
            "source": dataset.source,
            "train_examples": dataset.X_train.shape[1],
            "test_examples": dataset.X_test.shape[1],
            "features": dataset.X_train.shape[0],
            "sha256": dataset.sha256,
            "grid_axes": axes,
            "train": _points(dataset.X_train, dataset.Y_train),
            "test": _points(dataset.X_test, dataset.Y_test),
        },
        "hyperparameters": asdict(hyper)
        | {"layers_dims": hyper.layers_dims(dataset.X_train.shape[0]), "variants": variants},
        "runs": list(runs.values()),
        "checks": plan.checks(),
        "first_divergence": plan.first_divergence(),
        "diagnoses": [],
        "counts": counts,
    }


def _points(X, Y) -> list[list[float]]:
    return np.concatenate([X, Y])[:, :MAX_POINTS].T.tolist()
