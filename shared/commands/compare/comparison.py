"""The comparison: train every implementation, hold every run against the reference, gather the results."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from shared.alignment.plan import planned, segments_of
from shared.commands.compare.page.concepts import sources
from shared.commands.compare.reuse import Store
from shared.config import VARIANTS, Hyperparameters
from shared.contract import recorded_iterations, segment_lengths
from shared.data import Dataset
from shared.diagnosis.failure import first_failures
from shared.harness.checks import Check, RunId, Updates
from shared.harness.environment import describe
from shared.harness.inputs import GRID, MAX_POINTS, describe_data, settings_of, write_arrays
from shared.harness.ledger import Ledger, first_failed
from shared.harness.output import write_whole
from shared.harness.records import Record, record_of
from shared.harness.results import Diagnosis, Results, Run
from shared.harness.results_json import results_as_json, verified_from_json
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
) -> dict[str, Any]:
    """Run the whole comparison. Returns the content of results.json.

    out: where reproductions of failures go, and proved runs are kept; unless `fresh`, those that still hold are reused.
    `listen` hears every message of every task.
    """
    m = dataset.X_train.shape[1]
    mask_bytes = sum(hyper.hidden) * m
    effective = {name: hyper.effective(VARIANTS[name]) for name in variants}
    lengths = {v: segment_lengths(hyper.num_iterations, mask_bytes if effective[v].dropout else 0) for v in variants}
    runs = {RunId(v, i): Run(i, v) for v in variants for i in implementations}
    ledger = Ledger(key for run in runs for key in planned(effective[run.variant], lengths[run.variant], run.implementation))

    store = out and Store(out / "proved", dataset, hyper, describe(THREADS), implementations)
    for run in runs if store and not fresh else ():
        kept = store.load(effective[run.variant], run.implementation, ledger.of(run)) if store else None
        if kept:
            runs[run] = replace(kept.run, reused=True)
            ledger.fill(kept.checks)
            listen({"task": "train", "implementation": run.implementation}, {"event": "reused", "variant": run.variant})
    left = {i: [v for v in variants if runs[RunId(v, i)].status == "not run"] for i in implementations}

    diagnoses: list[Diagnosis] = []
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
                    run = RunId(message["variant"], task["implementation"])
                    scored = _score(record_of(folder, run.variant, run.implementation), dataset, hyper, run)
                    per_update = message["us_per_iteration"]
                    runs[run] = replace(scored, seconds=message["seconds"], microseconds_per_iteration=per_update)
                    notes += [f"{run.implementation}, {run.variant}: {note}" for note in message["notes"]]
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
                    run = RunId(message["variant"], message["implementation"])
                    verified = verified_from_json(record_of(folder, run.variant, run.implementation).verified)
                    ledger.fill(verified.checks)
                    diagnoses += verified.diagnoses
                    runs[run] = runs[run].merged(verified.run)
                    if store:
                        store.save(effective[run.variant], runs[run], verified.checks)
                    segment = _bad_segment(verified.checks, lengths[run.variant])
                    if segment is not None:
                        workers.submit(base | asdict(run) | {"task": "bisect", "segment": segment})
                elif event == "bisected":
                    run = RunId(message["variant"], task["implementation"])
                    runs[run] = replace(runs[run], first_bad_update=message["update"])
                elif event == "crashed" and "variant" in message:  # the implementation's other variants go on
                    _give_up(ledger, runs, task | {"variants": [message["variant"]]}, message["reason"])
                elif event in ("missing", "crashed"):
                    task |= {"status": event, "reason": message["reason"]}
                elif event == "ended" and message["reason"]:
                    _give_up(ledger, runs, task, message["reason"])

        failures = [
            replace(
                failure,
                reproduction=_keep_reproduction(folder, failure.check.run, out),
                first_bad_update=runs[failure.check.run].first_bad_update,
            )
            for failure in first_failures(ledger.checks())
        ]
    seconds["all"] = time.monotonic() - started
    for run, content in runs.items():
        if store and content.status != "completed":
            store.save(effective[run.variant], content, [])  # which forgets what was proved of it before
    if store and store.problem:
        notes.append(f"not kept for the next time: {store.problem}")
    results = Results(
        environment=describe(THREADS),
        data=describe_data(dataset, axes),
        settings=settings_of(hyper, dataset, variants),
        runs=list(runs.values()),
        checks=ledger.checks(),
        failures=failures,
        diagnoses=diagnoses,
        seconds=seconds,
        notes=notes,
        sources=code,
    )
    return results_as_json(results)


def _bad_segment(checks: list[Check], lengths: list[int]) -> int | None:
    """The segment in which to look for the first bad update of a run; None where nothing before it failed in one."""
    first = next(iter(first_failed(checks)), None)
    if first and first.stage == "repeat":  # only `train` may be right, or wrong: the run has segments
        first = next((check for check in checks if check.failed and check.stage == "trajectory"), None)
    return segments_of(lengths).index(first.where) if first and isinstance(first.where, Updates) else None


def _keep_reproduction(folder: Path, run: RunId, out: Path | None) -> str | None:
    """Copy the script and arrays that show a failure beside the results; where they are."""
    source = record_of(folder, run.variant, run.implementation).reproduction
    if out is None or not source.exists():
        return None
    target = out / f"reproduce_{run.implementation}_{run.variant.replace('-', '_')}.py"
    for suffix in (".npz", ".py"):
        write_whole(target.with_suffix(suffix), source.with_suffix(suffix).read_bytes())
    return str(target)


def _give_up(ledger: Ledger, runs: dict[RunId, Run], task: Task, reason: str) -> None:
    """A task ended without its work: say so wherever its work is missing."""
    reason = task.get("reason", reason)
    if task["task"] == "train":
        for variant in task["variants"]:
            run = RunId(variant, task["implementation"])
            if runs[run].status == "not run":
                runs[run] = replace(runs[run], status=task.get("status", "crashed"), reason=reason)
                ledger.skip(reason, variant, task["implementation"])
    else:
        ledger.skip(f"the reference could not repeat the run: {reason}", task["variant"], task.get("implementation"))


def _score(record: Record, dataset: Dataset, hyper: Hyperparameters, run: RunId) -> Run:
    """What a trained run came to: its costs, and its classes beside the labels."""
    finite = bool(np.isfinite(record.costs).all()) and all(np.isfinite(W).all() for W in record.final_parameters.values())
    on_grid = record.predictions("grid")
    classes = {"train": record.predictions("X_train"), "test": record.predictions("X_test")}
    labels = {"train": dataset.Y_train, "test": dataset.Y_test}
    # Predictions of another shape fail in their own comparison; here they have no accuracy and no picture.
    fit = all(classes[part].shape == labels[part].shape for part in labels)
    return Run(
        run.implementation,
        run.variant,
        status="completed" if finite else "diverged",
        costs=[[i, float(record.costs[i])] for i in recorded_iterations(hyper.num_iterations)],
        train_accuracy=accuracy(classes["train"], labels["train"]) if fit else None,
        test_accuracy=accuracy(classes["test"], labels["test"]) if fit else None,
        predictions={part: "".join(map(str, row[0, :MAX_POINTS])) for part, row in classes.items()} if fit else None,
        grid=["".join(map(str, row)) for row in on_grid.reshape(GRID, GRID)] if on_grid.size == GRID**2 else None,
    )
