"""What the processes of a comparison do: train, run the reference, verify, look for the first bad update."""

import itertools
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from shared.adapters import IMPLEMENTATIONS, Adapter
from shared.case import Case
from shared.config import VARIANTS
from shared.harness.checks import RunId
from shared.harness.inputs import OnData
from shared.harness.messages import Progressed, Send
from shared.harness.records import Record, read_free_run, record_of, save_free_run
from shared.harness.results import Run, Verified
from shared.harness.typed import as_json

ADAPTERS = "shared.adapters"
"""Whose warnings are passed on."""
REFERENCE = "numpy"


@cache
def adapter_of(implementation: str) -> Adapter:
    """The adapter that serves every task of a process: what it has compiled serves the next variant, too."""
    return IMPLEMENTATIONS[implementation].adapter()


@dataclass(frozen=True)
class Trained:
    """A run is recorded. seconds: of its training, once: what of them is paid once; notes: what its adapter warns of."""

    seconds: float
    once: float
    microseconds_per_iteration: float
    notes: list[str]


@dataclass(frozen=True)
class Imported:
    """The framework was imported."""

    seconds: float


@dataclass(frozen=True)
class Compared:
    """A run was compared with the reference."""

    verified: Verified


@dataclass(frozen=True)
class FirstBad:
    """The first update that differs; None where every one alone agrees."""

    update: int | None


@dataclass(frozen=True)
class OnVariant(OnData):
    """A task of one variant."""

    variant: str

    @property
    def home(self) -> str:
        return REFERENCE


@dataclass(frozen=True)
class RunReference(OnVariant):
    """Leave the reference's free run of a variant without dropout, which serves every implementation."""

    def run(self, send: Send) -> None:
        from shared.alignment.trajectory import free_run

        iterations = self.hyper.num_iterations
        case = self.case(VARIANTS[self.variant], [iterations])
        costs, ends = free_run(case.problem, case.start, iterations, None, lambda updates: send(Progressed(updates)))
        save_free_run(Path(self.folder), self.variant, costs, ends)


@dataclass(frozen=True)
class OnRun(OnVariant):
    """A task of one run."""

    implementation: str
    lengths: list[int]

    @property
    def id(self) -> RunId:
        """Which run it is."""
        return RunId(self.variant, self.implementation)

    @property
    def record(self) -> Record:
        """The record of the run."""
        return record_of(Path(self.folder), self.variant, self.implementation)

    def read(self) -> Case:
        """What is trained."""
        return self.case(VARIANTS[self.variant], self.lengths)


@dataclass(frozen=True)
class InPort(OnRun):
    """A task that the implementation itself does; its process serves all variants."""

    few = 5

    @property
    def home(self) -> str:
        return self.implementation


@dataclass(frozen=True)
class RunSteps(InPort):
    """Run the single steps of one implementation that need no training; leave them in its record."""

    answers = (Imported,)
    urgent = True

    def run(self, send: Send) -> None:
        from shared.alignment.recording import record_steps
        from shared.alignment.verification import early_states

        started = time.perf_counter()
        adapter = adapter_of(self.implementation)
        send(Imported(time.perf_counter() - started))
        case = self.read()
        record_steps(adapter, case, self.record, early_states(case))


@dataclass(frozen=True)
class CompareSteps(OnRun):
    """Compare these single steps with the reference, and explain what differs: the first answer."""

    answers = (Compared,)
    urgent = True

    def run(self, send: Send) -> None:
        from shared.alignment.verification import early_checks, reproduce
        from shared.diagnosis.run import diagnosed

        case, record = self.read(), self.record
        checks = early_checks(case, record, self.id)
        record.save_checks(as_json(checks))
        reproduce(case, record, checks)
        diagnoses = diagnosed(case, record, self.implementation, checks)
        send(Compared(Verified(Run(self.implementation, self.variant), checks, diagnoses)))


@dataclass(frozen=True)
class Train(InPort):
    """Train one implementation in one variant, and run its last single steps; leave a record."""

    answers = (Trained,)

    def run(self, send: Send) -> None:
        from shared.alignment.recording import record_run

        port = adapter_of(self.implementation)
        updates = iter(self.lengths)

        def report(done: int, cost: float) -> None:
            send(Progressed(next(updates), f"{self.variant}, {done:,}: cost {cost:.6f}"))

        with _warnings() as notes:
            seconds = record_run(port, self.read(), self.record, report)
        per_iteration = np.diff(seconds, prepend=0) / self.lengths
        # The first segment holds what is paid once: tracing, compiling, first touches.
        steady = per_iteration[1:] if len(per_iteration) > 1 else per_iteration
        each = float(np.median(steady))
        once = max(0.0, seconds[0] - each * self.lengths[0])
        send(Trained(seconds[-1], once, 1e6 * each, list(dict.fromkeys(notes))))


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """What an adapter logs as a warning meanwhile, such as that it runs uncompiled."""
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger(ADAPTERS).addHandler(handler)
    try:
        yield said
    finally:
        logging.getLogger(ADAPTERS).removeHandler(handler)


@dataclass(frozen=True)
class Verify(OnRun):
    """Compare one run, and its single steps, with the reference, and explain what differs."""

    answers = (Compared,)

    def run(self, send: Send) -> None:
        from shared.alignment.shared_floors import SharedFloors
        from shared.alignment.verification import verify_run
        from shared.diagnosis.run import diagnosed

        def report(updates: int) -> None:
            send(Progressed(updates, f"{self.implementation}, {self.variant}"))

        case, record, folder, reference, shared = self.read(), self.record, Path(self.folder), None, None
        if not case.variant.dropout:  # what does not depend on masks is the same for every implementation
            reference, shared = read_free_run(folder, self.variant), SharedFloors(folder / f"floors-{self.variant}.npz")
        checks, run = verify_run(case, record, self.implementation, reference, report, shared)
        send(Compared(Verified(run, checks, diagnosed(case, record, self.implementation, checks))))


@dataclass(frozen=True)
class Bisect(InPort):
    """Find the first bad update inside a bad segment: train again up to it, hand over every update of it, replay each."""

    answers = (FirstBad,)
    segment: int

    def run(self, send: Send) -> None:
        from shared.alignment.trajectory import replay_in_segments

        case = self.read()
        start = case.start
        before, length = self.lengths[: self.segment], self.lengths[self.segment]
        port = adapter_of(self.implementation)
        # The last is never reached. A port may compile runs with long segments, and is to do here what it did there.
        lengths = [*before, *[1] * length, max(self.lengths)]
        trained = port.train_segments(case.problem, start, lengths, seed=case.seed, frozen=case.variant.frozen)
        for _ in before:
            start = next(trained).parameters
        record = self.record.beside("bisected").write(start, [1] * length, itertools.islice(trained, length))
        result = replay_in_segments(case.problem, record, self.id)
        # The parameters' checks carry the number of updates done, the costs' the update they stand before.
        bad = [check.iteration - (check.tensor != "cost") for check in result.checks if check.failed]
        send(FirstBad(sum(before) + min(bad) if bad else None))
