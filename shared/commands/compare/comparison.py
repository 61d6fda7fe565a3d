"""The comparison: train every implementation, compare every run with the reference, gather the results."""

import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from shared.alignment.plan import planned, segments_of
from shared.commands.compare import pictures
from shared.commands.compare.command import SUMMARY, CompareOptions
from shared.commands.compare.markdown import markdown
from shared.commands.compare.progress import REPLAYS, add_rows, show, tell
from shared.commands.compare.reuse import OLDER, VERIFIED, Store
from shared.commands.compare.score import score
from shared.commands.compare.tasks import (
    REFERENCE,
    Bisect,
    Compared,
    CompareSteps,
    FirstBad,
    Imported,
    InPort,
    OnRun,
    OnVariant,
    RunReference,
    RunSteps,
    Train,
    Trained,
    Verify,
)
from shared.config import VARIANTS
from shared.contract import segment_lengths
from shared.diagnosis.failure import first_failures
from shared.harness.checks import Check, RunId, Updates
from shared.harness.command import Files, Made
from shared.harness.environment import describe
from shared.harness.inputs import describe_data, settings_of, write_arrays
from shared.harness.ledger import Ledger, first_failed
from shared.harness.messages import Done, Lost, Task
from shared.harness.processes import THREADS, Processes
from shared.harness.progress import Progress
from shared.harness.records import record_of
from shared.harness.results import Diagnosis, Failure, Results, Run, Verified
from shared.page import build
from shared.page.concepts import sources


def work(options: CompareOptions, progress: Progress) -> Made:
    """Run the whole comparison: its results, and the reproductions of failures.

    In options.out verified runs are kept; unless options.fresh, those that still hold are reused.
    """
    started, dataset, hyper = time.monotonic(), options.data.dataset, options.hyperparameters
    code = sources()  # before anybody can edit them
    add_rows(progress, options)
    with tempfile.TemporaryDirectory(prefix="samenet-") as folder:
        axes = write_arrays(Path(folder), dataset, hyper.dtype)
        comparison = Comparing(options, folder)
        comparison.reuse(progress)
        with Processes(options.jobs, THREADS, Path(folder)) as processes:
            for following in comparison.tasks():
                processes.submit(following)
            for task, said in processes.events():
                show(progress, task, said)
                for following in comparison.hear(task, said):
                    processes.submit(following)
                if isinstance(said, Compared) and tell(progress, said.verified, comparison.told) and options.fail_fast:
                    break
        comparison.close()
        failures = comparison.failures()
        files = {name: content for failure in failures for name, content in comparison.reproduction(failure).items()}
    comparison.forget()
    results = Results(
        environment=describe(THREADS),
        data=describe_data(dataset, axes),
        settings=settings_of(hyper, dataset, options.variants),
        runs=list(comparison.runs.values()),
        checks=comparison.ledger.checks(),
        failures=failures,
        diagnoses=comparison.diagnoses,
        seconds={"all": time.monotonic() - started, **comparison.seconds},
        notes=comparison.notes,
        sources=code,
    )
    return Made(results, files | pictures.unchanged(results, options.out))


def draw(results: Results) -> Files:
    """The summary, the pictures and the page, by file name."""
    yield SUMMARY, lambda: markdown(results).encode()
    yield from pictures.pictures(results)
    yield from build.draw(results)


class Comparing:
    """A comparison under way: what is known of it so far, and what is to be done next."""

    def __init__(self, options: CompareOptions, folder: str):
        """folder: where the data lies, and the records of the runs go."""
        self.options, self.folder, self.hyper, dataset = options, folder, options.hyperparameters, options.data.dataset
        mask_bytes = sum(self.hyper.hidden) * dataset.X_train.shape[1]
        self.variants = {name: self.hyper.effective(VARIANTS[name]) for name in options.variants}
        self.lengths = {
            name: segment_lengths(self.hyper.num_iterations, mask_bytes if variant.dropout else 0)
            for name, variant in self.variants.items()
        }
        ids = [RunId(variant, i) for variant in options.variants for i in options.implementations]
        self.runs = {run: Run(run.implementation, run.variant) for run in ids}
        self.ledger = Ledger(
            key for run in ids for key in planned(self.variants[run.variant], self.lengths[run.variant], run.implementation)
        )
        self.store = Store(options.out / VERIFIED, dataset, self.hyper, describe(THREADS), options.implementations)
        self.diagnoses: list[Diagnosis] = []
        self.notes: list[str] = []
        if (options.out / OLDER).exists():
            self.notes.append(f"{options.out / OLDER}: verified runs of samenet 0.1 are not reused; it can be deleted")
        self.seconds = dict.fromkeys(("ports", "imports", "compiling", "reference"), 0.0)
        self._waiting: dict[str, list[Task]] = {}  # variant -> the verifications that wait for its free run
        self._steps: dict[RunId, Verified] = {}  # the comparisons of single steps of the runs that are not verified yet
        self.told: set[RunId] = set()  # the runs whose first difference was said

    def reuse(self, progress: Progress) -> None:
        """Take over the runs that were verified before and still hold."""
        for run in self.runs if not self.options.fresh else ():
            kept = self.store.load(self.variants[run.variant], run.implementation, self.ledger.of(run))
            if kept:
                self.runs[run] = replace(kept.run, reused=True)
                self.ledger.fill(kept.checks)
                progress.update(run.implementation, self.hyper.num_iterations, doing="verified before")
                progress.update(REPLAYS, self.hyper.num_iterations)

    def tasks(self) -> Iterator[Task]:
        """What is to be done first: single steps, of the frameworks before the reference, and the reference's free runs."""
        left = [run for run, content in self.runs.items() if content.status == "not run"]
        others = [name for name in reversed(self.options.implementations) if name != REFERENCE]
        for implementation in (*others, REFERENCE):
            yield from (self._of(RunSteps, run) for run in left if run.implementation == implementation)
        for variant in dict.fromkeys(run.variant for run in left if not self.variants[run.variant].dropout):
            self._waiting[variant] = []
            yield RunReference(self.folder, self.hyper, variant)

    def hear(self, task: Task, message: Any) -> Iterable[Task]:
        """Take in what a process said; what is to be done for it next."""
        if isinstance(message, Done | Lost):
            self.seconds["ports" if isinstance(task, InPort) else "reference"] += message.seconds
        match task, message:
            case RunSteps(), Imported():
                self.seconds["imports"] += message.seconds
            case RunSteps(), Done():
                return [self._of(CompareSteps, task.id)]
            case CompareSteps(), Done() | Lost():  # where it is lost, the verification makes up for it
                return [self._of(Train, task.id)]
            case CompareSteps(), Compared():
                self._steps[task.id] = message.verified
            case Train(), Trained():
                return self._trained(task, message)
            case RunReference(), Done():
                return self._waiting.pop(task.variant)
            case Verify(), Compared():
                return self._compared(task, message)
            case Bisect(), FirstBad():
                self.runs[task.id] = replace(self.runs[task.id], first_bad_update=message.update)
            case OnVariant(), Lost():
                self._lost(task, message)
        return ()

    def _of(self, kind: type[OnRun], run: RunId, *more: int) -> Task:
        return kind(self.folder, self.hyper, run.variant, run.implementation, self.lengths[run.variant], *more)

    def _trained(self, task: Train, message: Trained) -> Iterable[Task]:
        each = message.microseconds_per_iteration
        try:
            scored = score(task.record, self.options, task.id)
        except Exception as error:  # whatever a port leaves in its record, it costs this run alone
            self._lost(task, Lost(f"the record of the run could not be read: {type(error).__name__}: {error}"))
            return ()
        self.runs[task.id] = replace(scored, seconds=message.seconds, microseconds_per_iteration=each)
        self.seconds["compiling"] += message.once
        self.notes += [f"{task.implementation}, {task.variant}: {note}" for note in message.notes]
        ready: list[Task] = []
        self._waiting.get(task.variant, ready).append(self._of(Verify, task.id))
        return ready

    def _compared(self, task: Verify, message: Compared) -> Iterable[Task]:
        verified = message.verified
        self._steps.pop(task.id, None)
        self.ledger.fill(verified.checks)
        self.diagnoses += verified.diagnoses
        self.runs[task.id] = self.runs[task.id].merged(verified.run)
        self.store.save(self.variants[task.variant], self.runs[task.id], verified.checks)
        segment = _bad_segment(verified.checks, task.lengths)
        return () if segment is None else [self._of(Bisect, task.id, segment)]

    def _lost(self, task: OnVariant, message: Lost) -> None:
        """A task ended without its work: say so wherever its work is missing."""
        if not isinstance(task, RunSteps | Train):
            implementation = task.implementation if isinstance(task, OnRun) else None
            self.ledger.skip(f"the reference could not replay the run: {message.reason}", task.variant, implementation)
        elif self.runs[task.id].status == "not run":
            status = "missing" if message.missing else "crashed"
            self.runs[task.id] = replace(self.runs[task.id], status=status, reason=message.reason)
            self.ledger.skip(message.reason, task.variant, task.implementation)

    def close(self) -> None:
        """Enter the single steps of runs that were not verified; say of what is missing without a reason why it is."""
        for verified in self._steps.values():
            self.ledger.fill(verified.checks)
            self.diagnoses += verified.diagnoses
        if self.options.fail_fast and self.told:
            for variant in self.variants:
                self.ledger.skip("stopped at the first difference (--fail-fast)", variant)

    def failures(self) -> list[Failure]:
        """The first failed comparison of every run that has one, and what helps to find its cause."""
        found = []
        for failure in first_failures(self.ledger.checks()):
            names = list(self.reproduction(failure))
            where = str(self.options.out / names[0]) if names else None
            run = self.runs[failure.check.run]
            found.append(replace(failure, reproduction=where, first_bad_update=run.first_bad_update))
        return found

    def reproduction(self, failure: Failure) -> dict[str, bytes]:
        """The script and the arrays that show a failure alone, by file name; nothing where there are none."""
        run = failure.check.run
        source = record_of(Path(self.folder), run.variant, run.implementation).reproduction
        if not source.exists():
            return {}
        name = f"reproduce_{run.implementation}_{run.variant.replace('-', '_')}"
        return {f"{name}{suffix}": source.with_suffix(suffix).read_bytes() for suffix in (".py", ".npz")}

    def forget(self) -> None:
        """Forget what was verified before of the runs that are not completed now."""
        for run, content in self.runs.items():
            if content.status not in ("completed", "not run"):
                self.store.save(self.variants[run.variant], content, [])
        if self.store.problem:
            self.notes.append(f"not kept for the next time: {self.store.problem}")


def _bad_segment(checks: list[Check], lengths: list[int]) -> int | None:
    """The segment in which to look for the first bad update of a run; None where nothing before it failed in one."""
    first = next(iter(first_failed(checks)), None)
    if first and first.stage == "repeat":  # only `train` may be right, or wrong: the run has segments
        first = next((check for check in checks if check.failed and check.stage == "trajectory"), None)
    return segments_of(lengths).index(first.where) if first and isinstance(first.where, Updates) else None
