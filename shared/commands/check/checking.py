"""The check of a port from outside: its process, its time limit, and the results."""

import re
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from shared.adapters.places import locate
from shared.alignment.plan import symbol_of
from shared.commands.check.calling import PRINTS
from shared.commands.check.command import CheckOptions
from shared.commands.check.loading import CONTRACT, COURSE
from shared.commands.check.source import modules_of
from shared.commands.check.table import failure_text
from shared.commands.check.tasks import WHOLE, Calling, Checked, CheckPort, Loaded, Refused, SoFar
from shared.commands.check.told import told
from shared.config import VARIANTS, Hyperparameters
from shared.data import Dataset
from shared.diagnosis.failure import first_failures
from shared.errors import UsageError
from shared.harness.checks import Call, Cause, Check, RunId, Where, because
from shared.harness.command import Made
from shared.harness.environment import describe
from shared.harness.inputs import describe_data, settings_of, write_arrays
from shared.harness.messages import Lost
from shared.harness.processes import THREADS, Processes
from shared.harness.progress import Progress
from shared.harness.results import Diagnosis, Failure, PortFile, Results, Run, Settings


@dataclass
class Seen:
    """What is known of a port so far."""

    path: Path
    functions: list[str] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    diagnoses: list[Diagnosis] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    calling: Calling = field(default_factory=lambda: Calling(None, "reading the file"))
    done: list[list[str]] = field(default_factory=list)
    so_far: SoFar | None = None
    """Of the item that is under way."""

    def add(self, remarks: list[str]) -> None:
        """Add the remarks that are not in the list yet; of what a function prints, one."""
        for remark in remarks:
            if remark.split(PRINTS)[0] not in [each.split(PRINTS)[0] for each in self.remarks]:
                self.remarks.append(remark)

    def load(self, file: Loaded) -> None:
        """Take in what the file defines; only the first time, because a process that comes later reads it again."""
        if not self.functions:
            self.functions, self.lines, self.places = file.functions, file.lines, file.places
            self.add(file.remarks)

    def take(self, item: Checked) -> None:
        """Take in what came of an item."""
        self.done.append(item.item)
        self.so_far = None
        self.checks += item.checks
        self.diagnoses += self._known_again(item.diagnoses)
        self.runs += [item.run] if item.run else []
        self.add(item.remarks)

    def _known_again(self, diagnoses: list[Diagnosis]) -> list[Diagnosis]:
        """Of explanations that fit an item equally well, those that others have shown already, if there are any."""
        before = {each.mistake for each in self.diagnoses if each.mistake}
        equal = [each for each in diagnoses if each.mistake and each.fit is not None and each.function is None]
        again = [each for each in equal if each.mistake in before]
        return [each for each in diagnoses if each not in equal or not again or each in again]

    def lose(self, task: CheckPort, lost: Lost) -> CheckPort | None:
        """The process ended in a call: what is left to do without that function; None where nothing can be left out."""
        if not self.functions:
            if task.without_end or self.path.suffix != ".py":
                raise UsageError(f"{self.path}: cannot be imported: {lost.reason}")
            return replace(task, without_end=lost.reason)
        if self.so_far:
            self.take(self.so_far)
        function, what = self.calling.function, self.calling.what
        self.checks.append(_not_answered(self.path.stem, function, what, lost.reason))
        stop = task.fail_fast and any(check.failed for check in self.checks)
        if stop or function not in self.functions or function in task.given_up:
            return None
        return replace(task, done=list(self.done), given_up=[*task.given_up, function])


def work(options: CheckOptions, progress: Progress) -> Made:
    """Check the port that the options name."""
    wanted = options.hyperparameters, options.variants, options.time_limit
    results = check(options.file, options.data.dataset, *wanted, progress, fail_fast=options.fail_fast)
    return Made(replace(results, message=failure_text(results)))


def check(
    path: Path,
    dataset: Dataset,
    hyper: Hyperparameters,
    variants: list[str],
    time_limit: float,
    progress: Progress | None = None,
    fail_fast: bool = False,
) -> Results:
    """Check the port in a process of its own. If a function hangs or ends the process, another process checks the rest.

    UsageError where the file cannot be read or defines nothing to check.
    """
    started, progress = time.monotonic(), progress or Progress()
    progress.add("checking", doing="starting")
    seen = Seen(path)
    with tempfile.TemporaryDirectory(prefix="samenet-") as name:
        folder = Path(name)
        write_arrays(folder, dataset, hyper.dtype)
        np.save(folder / "Y_test.npy", dataset.Y_test)
        reading = min(time_limit, WHOLE) if path.suffix == ".py" else time_limit
        with Processes(1, THREADS, folder, reading) as processes:
            processes.submit(
                CheckPort(name, hyper, str(path.absolute()), variants, done=[], given_up=[], fail_fast=fail_fast)
            )
            for task, message in processes.events():
                assert isinstance(task, CheckPort)
                match message:
                    case Refused():
                        raise UsageError(message.reason)
                    case Lost():
                        processes.time_limit = time_limit
                        following = seen.lose(task, message)
                        if following is None:
                            break
                        processes.submit(following)
                    case Calling():
                        seen.calling = message
                        progress.update("checking", doing=message.what)
                    case Loaded():
                        processes.time_limit = time_limit
                        seen.load(message)
                    case SoFar():
                        seen.so_far = message
                    case Checked():
                        seen.take(message)
    return _results(seen, dataset, settings_of(hyper, dataset, variants), time.monotonic() - started)


def _results(seen: Seen, dataset: Dataset, settings: Settings, seconds: float) -> Results:
    failures = sorted(first_failures(seen.checks), key=_in_order)
    return Results(
        environment=describe(THREADS),
        data=describe_data(dataset),
        settings=settings,
        runs=seen.runs,
        checks=seen.checks,
        failures=[replace(each, locations=_locations(each.check, seen)) for each in failures],
        diagnoses=told(seen.diagnoses, seen.checks, modules_of(seen.path)),
        seconds={"all": seconds},
        port=PortFile(str(seen.path), seen.path.stem, seen.functions, seen.lines, _not_defined(seen)),
        remarks=seen.remarks,
    )


def _not_answered(implementation: str, function: str | None, what: str, reason: str) -> Check:
    """The comparison that a function which hangs or dies leaves undone."""
    stage = {"train": "update", "trace": "forward", "predict": "predictions"}.get(function or "", "trajectory")
    key = RunId("none", implementation).at(stage, Where(what), function or what)
    return because(Cause.NO_ANSWER, f"{what}: {reason}").of(key)


def _not_defined(seen: Seen) -> list[str]:
    """What the file might have defined beside what it does, of the same kind: a whole port, or the course's functions."""
    functions = {*seen.functions} | {check.where.function for check in seen.checks if isinstance(check.where, Call)}
    kinds: list[tuple[str, ...]] = [CONTRACT] if {"trace", "train"} & functions else []
    if functions - {*CONTRACT} - ({"sigmoid", "relu"} if kinds else set()):  # which a whole port has for itself
        kinds.append(COURSE)
    return [name for kind in kinds or [CONTRACT] for name in kind if name not in functions]


def _in_order(failure: Failure) -> tuple[int, int, int]:
    """Failures of the plain network show again in the others, so it comes first; then l2, then dropout."""
    return list(VARIANTS).index(failure.check.variant), *failure.check.rank


def _locations(check: Check, seen: Seen) -> dict[str, str]:
    """The port's own line first, as exactly as it is known; of one of the course's functions it alone."""
    called = check.where.function if isinstance(check.where, Call) else check.tensor
    of_train = check.stage in ("parameters", "update", "trajectory")
    names = called, *(("train", "trace") if of_train else ("trace", "train")), "predict"
    own = next((name for name in names if name in seen.lines), None)
    keys = [f"{own}.{re.split('[: ]', check.tensor)[0]}", f"{own}"]
    place = next((seen.places[key] for key in keys if key in seen.places), "")
    if seen.path.suffix == ".py":
        place = place.replace(f"{seen.path.name}, line ", f"{seen.path}:", 1)
        place = place.replace(f"{seen.path.name}, lines ", f"{seen.path}, lines ", 1)
    elif place:
        place = f"{seen.path}, {place}"
    found = {check.implementation: place} if place else {}
    if called in {*COURSE} - {*CONTRACT} and found:
        return found
    return found | locate(check.stage, symbol_of(check.tensor), VARIANTS[check.variant].dropout)
