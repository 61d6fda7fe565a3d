"""The check of a port from outside: its process, its time limit, and the content of results.json."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from shared.adapters.places import locate
from shared.commands.check.loading import CONTRACT, COURSE
from shared.commands.check.work import task_of
from shared.config import VARIANTS, Hyperparameters
from shared.data import Dataset
from shared.diagnosis.catalogue import CATALOGUE
from shared.diagnosis.failure import first_failures
from shared.errors import UsageError
from shared.harness.environment import describe
from shared.harness.inputs import describe_data, write_arrays
from shared.harness.output import SCHEMA
from shared.harness.workers import THREADS, Message, Task, Workers

TASKS = "shared.commands.check.tasks"
"""The module of what the processes do."""

Listener = Callable[[Task, Message], None]


def check(
    path: Path,
    dataset: Dataset,
    hyper: Hyperparameters,
    variants: list[str],
    time_limit: float,
    listen: Listener = lambda task, message: None,
) -> dict:
    """Run the port in a process of its own, as often as it takes to get past what hangs or dies.

    Returns the content of results.json. UsageError where the file cannot be read or defines nothing to check.
    """
    started = time.monotonic()
    checks: list[dict] = []
    content: dict = {"runs": [], "diagnoses": [], "remarks": [], "functions": [], "lines": {}}
    with tempfile.TemporaryDirectory(prefix="samenet-") as name:
        folder = Path(name)
        write_arrays(folder, dataset, hyper.dtype)
        np.save(folder / "Y_test.npy", dataset.Y_test)
        with Workers(TASKS, 1, THREADS, folder, time_limit) as workers:
            workers.submit(task_of(path.absolute(), hyper, variants, folder))
            about: Message = {"function": None, "what": "reading the file"}
            for task, message in workers.events():
                listen(task, message)
                event = message["event"]
                if event == "refused":
                    raise UsageError(message["reason"])
                if event == "begin":
                    about = message
                elif event == "loaded":
                    content |= {key: message[key] for key in ("functions", "lines")}
                    _add(content["remarks"], message["remarks"])
                elif event == "checked":
                    task["done"].append(message["item"])
                    checks += message["checks"]
                    content["diagnoses"] += message["diagnoses"]
                    content["runs"] += [message["run"]] if message["run"] else []
                    _add(content["remarks"], message["remarks"])
                elif event in ("crashed", "missing"):
                    task["reason"] = message["reason"]
                elif event == "ended" and message["reason"]:
                    reason = task.pop("reason", message["reason"])
                    function = about["function"]
                    if not content["functions"]:
                        raise UsageError(f"{path}: cannot be imported: {reason}")
                    checks.append(_not_answered(path.stem, function or about["what"], about["what"], reason))
                    if function is None or function in task["given_up"]:
                        break  # nothing that could be left out the next time
                    workers.submit(task | {"given_up": [*task["given_up"], function]})
    content["seconds"] = {"all": time.monotonic() - started}
    return _results(path, dataset, hyper, variants, checks, content)


def _not_answered(implementation: str, function: str, what: str, reason: str) -> dict:
    stage = {"train": "update", "trace": "forward", "predict": "predictions"}.get(function, "trajectory")
    return {
        "variant": "none",
        "implementation": implementation,
        "stage": stage,
        "scope": what,
        "tensor": function,
        "iteration": 0,
        "difference": None,
        "allowed": None,
        "budget_used": None,
        "status": "skipped",
        "reason": f"{what}: {reason}",
    }


def _results(
    path: Path, dataset: Dataset, hyper: Hyperparameters, variants: list[str], checks: list[dict], content: dict
) -> dict:
    statuses = [check["status"] for check in checks]
    counts = {
        "planned": len(checks),
        "compared": len(checks) - statuses.count("skipped"),
        "failed": statuses.count("failed"),
        "skipped": statuses.count("skipped"),
    }
    verdict = "mismatch" if counts["failed"] else "incomplete" if counts["skipped"] or not checks else "match"
    failures = first_failures(checks)
    for failure in failures:
        failure["locations"] = _locations(path, failure, content["lines"])
    first = failures[0] if failures else None
    known = [d for d in content["diagnoses"] if d["mistake"]]
    if not known and any("expected dtype float64, got float32" in check["reason"] for check in checks):
        known = [_float32(check, path.stem) for check in checks if "got float32" in check["reason"]][:1]
    return {
        "schema": SCHEMA,
        "verdict": verdict,
        "environment": describe(THREADS),
        "data": describe_data(dataset),
        "hyperparameters": asdict(hyper)
        | {"layers_dims": hyper.layers_dims(dataset.X_train.shape[0]), "variants": variants},
        "port": {"file": str(path), "name": path.stem, "functions": content["functions"], "lines": content["lines"]}
        | {"not_checked": _not_defined(content["functions"])},
        "runs": content["runs"],
        "checks": checks,
        "first_divergence": first
        and {key: first[key] for key in ("variant", "implementation", "stage", "tensor", "iteration")},
        "failures": failures,
        "diagnoses": known or content["diagnoses"],
        "counts": counts,
        "beyond_horizon": sum(check["status"] == "passed" and bool(check["reason"]) for check in checks),
        "remarks": content["remarks"],
        "seconds": content["seconds"],
    }


def _not_defined(functions: list[str]) -> list[str]:
    """What the file might have defined beside what it does, of the same kind: a whole port, or the course's functions."""
    kinds: list[tuple[str, ...]] = [CONTRACT] if {"trace", "train"} & set(functions) else []
    if set(functions) - set(CONTRACT):
        kinds.append(COURSE)
    return [name for kind in kinds or [CONTRACT] for name in kind if name not in functions]


def _float32(check: dict, implementation: str) -> dict:
    mistake = next(mistake for mistake in CATALOGUE if mistake.name == "float32")
    return {
        "variant": check["variant"],
        "implementation": implementation,
        "mistake": mistake.name,
        "explanation": mistake.title,
        "fit": None,
        "remedy": mistake.remedy(implementation),
    }


def _locations(path: Path, failure: dict, lines: dict[str, int]) -> dict[str, str]:
    """The port's own line first: of the function that failed, where it is known."""
    own = next((name for name in lines if failure["scope"].startswith(name) or failure["tensor"].startswith(name)), None)
    if own is None:
        own = next((name for name in ("trace", "train", "predict") if name in lines), None)
    found = {failure["implementation"]: f"{path}:{lines[own]}"} if own else {}
    return found | locate(failure["stage"], failure["tensor"], VARIANTS[failure["variant"]].dropout)


def _add(remarks: list[str], new: list[str]) -> None:
    remarks += [remark for remark in new if remark not in remarks]
