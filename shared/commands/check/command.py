"""The check of a port from outside: its process, its time limit, and the content of results.json."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from shared.adapters.places import locate
from shared.alignment.plan import symbol_of
from shared.commands.check.loading import CONTRACT, COURSE
from shared.commands.check.work import task_of
from shared.config import VARIANTS, Hyperparameters
from shared.data import Dataset
from shared.diagnosis.catalogue import CATALOGUE
from shared.diagnosis.failure import first_failures
from shared.errors import UsageError
from shared.harness.checks import Call, Cause, Check, RunId, Where, because
from shared.harness.environment import describe
from shared.harness.inputs import describe_data, settings_of, write_arrays
from shared.harness.results import Diagnosis, PortFile, Results, Run
from shared.harness.results_json import check_from_json, diagnosis_from_json, results_as_json, run_from_json
from shared.harness.workers import THREADS, Message, Task, Workers

TASKS = "shared.commands.check.tasks"
"""The module of what the processes do."""

Listener = Callable[[Task, Message], None]


@dataclass
class Seen:
    """What is known of a port so far."""

    path: Path
    functions: list[str] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    diagnoses: list[Diagnosis] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def add(self, remarks: list[str]) -> None:
        """Take in the remarks that were not made before."""
        self.remarks += [remark for remark in remarks if remark not in self.remarks]


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
    seen = Seen(path)
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
                    seen.functions, seen.lines = message["functions"], message["lines"]
                    seen.add(message["remarks"])
                elif event == "checked":
                    task["done"].append(message["item"])
                    seen.checks += map(check_from_json, message["checks"])
                    seen.diagnoses += map(diagnosis_from_json, message["diagnoses"])
                    seen.runs += [run_from_json(message["run"])] if message["run"] else []
                    seen.add(message["remarks"])
                elif event in ("crashed", "missing"):
                    task["reason"] = message["reason"]
                elif event == "ended" and message["reason"]:
                    reason = task.pop("reason", message["reason"])
                    function = about["function"]
                    if not seen.functions:
                        raise UsageError(f"{path}: cannot be imported: {reason}")
                    seen.checks.append(_not_answered(path.stem, function, about["what"], reason))
                    if function is None or function in task["given_up"]:
                        break  # nothing that could be left out the next time
                    workers.submit(task | {"given_up": [*task["given_up"], function]})
    return results_as_json(_results(seen, dataset, hyper, variants, time.monotonic() - started))


def _results(seen: Seen, dataset: Dataset, hyper: Hyperparameters, variants: list[str], seconds: float) -> Results:
    return Results(
        environment=describe(THREADS),
        data=describe_data(dataset),
        settings=settings_of(hyper, dataset, variants),
        runs=seen.runs,
        checks=seen.checks,
        failures=[replace(failure, locations=_locations(failure.check, seen)) for failure in first_failures(seen.checks)],
        diagnoses=_told(seen),
        seconds={"all": seconds},
        port=PortFile(str(seen.path), seen.path.stem, seen.functions, seen.lines, _not_defined(seen.functions)),
        remarks=seen.remarks,
    )


def _not_answered(implementation: str, function: str | None, what: str, reason: str) -> Check:
    """The comparison that a function which hangs or dies leaves undone."""
    stage = {"train": "update", "trace": "forward", "predict": "predictions"}.get(function or "", "trajectory")
    key = RunId("none", implementation).at(stage, Where(what), function or what)
    return because(Cause.NO_ANSWER, f"{what}: {reason}").of(key)


def _not_defined(functions: list[str]) -> list[str]:
    """What the file might have defined beside what it does, of the same kind: a whole port, or the course's functions."""
    kinds: list[tuple[str, ...]] = [CONTRACT] if {"trace", "train"} & set(functions) else []
    if set(functions) - set(CONTRACT):
        kinds.append(COURSE)
    return [name for kind in kinds or [CONTRACT] for name in kind if name not in functions]


def _told(seen: Seen) -> list[Diagnosis]:
    """The diagnoses that name something; where none does and the port computes in float32, that."""
    known = [diagnosis for diagnosis in seen.diagnoses if diagnosis.mistake]
    single = next((check for check in seen.checks if check.cause is Cause.FLOAT32), None)
    if known or single is None:
        return known or seen.diagnoses
    mistake = next(mistake for mistake in CATALOGUE if mistake.name == "float32")
    remedy = mistake.remedy(single.implementation)
    return [Diagnosis(single.variant, single.implementation, mistake.name, mistake.title, remedy=remedy)]


def _locations(check: Check, seen: Seen) -> dict[str, str]:
    """The port's own line first: of the function that failed, where it is known."""
    called = check.where.function if isinstance(check.where, Call) else check.tensor
    own = next((name for name in (called, "trace", "train", "predict") if name in seen.lines), None)
    found = {check.implementation: f"{seen.path}:{seen.lines[own]}"} if own else {}
    return found | locate(check.stage, symbol_of(check.tensor), VARIANTS[check.variant].dropout)
