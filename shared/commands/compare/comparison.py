"""The comparison: train every implementation, hold every run against the reference, gather the results."""

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from shared.alignment.plan import FREE_RUN, Plan, segment_scope
from shared.commands.compare.page.concepts import sources
from shared.commands.compare.reuse import Store
from shared.config import VARIANTS, Hyperparameters
from shared.contract import recorded_iterations, segment_lengths
from shared.data import Dataset
from shared.diagnosis.failure import first_failures
from shared.harness.environment import describe
from shared.harness.inputs import GRID, MAX_POINTS, describe_data, write_arrays
from shared.harness.output import SCHEMA, write_whole
from shared.harness.records import RunRecord
from shared.harness.workers import THREADS, Message, Task, Workers
from shared.metrics import accuracy

TASKS = "shared.commands.compare.tasks"
"""The module of what the processes do."""

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
        with Workers(TASKS, jobs, THREADS, folder) as workers:
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
