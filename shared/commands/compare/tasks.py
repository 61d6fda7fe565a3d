"""What the processes of a comparison do: train, run the reference, verify, look for the first bad update."""

import itertools
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from shared.adapters import IMPLEMENTATIONS, Adapter
from shared.harness.checks import RunId
from shared.harness.child import Send
from shared.harness.inputs import read_case
from shared.harness.records import read_free_run, record_of, save_free_run
from shared.harness.results import Verified
from shared.harness.results_json import verified_as_json

ADAPTERS = "shared.adapters"
"""Whose warnings are passed on."""


def train(task: dict, send: Send) -> None:
    """Train one implementation in every variant, and run its single steps; leave a record of each."""
    port = IMPLEMENTATIONS[task["implementation"]].adapter()
    for variant in task["variants"]:
        try:
            _train_variant(task, port, variant, send)
        except BrokenPipeError:
            raise
        except Exception as error:  # the other variants may still work
            traceback.print_exc()
            send("crashed", variant=variant, reason=f"{type(error).__name__}: {error}")


def _train_variant(task: dict, port: Adapter, name: str, send: Send) -> None:
    from shared.alignment.recording import record_run

    case = read_case(task, name)

    def report(done: int, cost: float) -> None:
        send("progress", variant=name, iteration=done, cost=cost)

    with _warnings() as notes:
        seconds = record_run(port, case, record_of(Path(task["folder"]), name, task["implementation"]), report)
    per_iteration = np.diff(seconds, prepend=0) / case.lengths
    # The first segment holds what is paid once: tracing, compiling, first touches.
    steady = per_iteration[1:] if len(per_iteration) > 1 else per_iteration
    per_update = 1e6 * float(np.median(steady))
    send("trained", variant=name, seconds=seconds[-1], us_per_iteration=per_update, notes=list(dict.fromkeys(notes)))


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


def reference(task: dict, send: Send) -> None:
    """The reference's free run of a variant without dropout, which serves every implementation."""
    from shared.alignment.trajectory import free_run

    case = read_case(task, task["variant"])
    costs, ends = free_run(case.problem, case.start, sum(case.lengths), None, lambda n: send("progress", updates=n))
    save_free_run(Path(task["folder"]), task["variant"], costs, ends)
    send("referenced", variant=task["variant"])


def verify(task: dict, send: Send) -> None:
    """Compare one run, and its single steps, with the reference; leave the checks."""
    from shared.alignment.verification import verify_run
    from shared.diagnosis.run import diagnose_run

    implementation, variant, folder = task["implementation"], task["variant"], Path(task["folder"])
    case, record = read_case(task, variant), record_of(folder, variant, implementation)
    reference = None if case.variant.dropout else read_free_run(folder, variant)
    checks, run = verify_run(case, record, implementation, reference, lambda n: send("progress", updates=n))
    diagnoses = diagnose_run(case, record, implementation, checks)
    record.save_verified(verified_as_json(Verified(run, checks, diagnoses)))
    send("verified", variant=variant, implementation=implementation)


def bisect(task: dict, send: Send) -> None:
    """Find the first bad update inside a bad segment: train again up to it, hand over every update of it, replay each."""
    from shared.alignment.trajectory import replay_in_segments

    case, run = read_case(task, task["variant"]), RunId(task["variant"], task["implementation"])
    before, length = case.lengths[: task["segment"]], case.lengths[task["segment"]]
    port = IMPLEMENTATIONS[run.implementation].adapter()
    # The last is never reached. A port may compile runs with long segments, and is to do here what it did there.
    lengths = [*before, *[1] * length, max(case.lengths)]
    trained = port.train_segments(case.problem, case.start, lengths, seed=case.seed, frozen=case.variant.frozen)
    start = case.start
    for _ in before:
        start = next(trained).parameters
    record = record_of(Path(task["folder"]), run.variant, run.implementation).beside("bisected")
    record.write(start, [1] * length, itertools.islice(trained, length))
    result = replay_in_segments(case.problem, record, run)
    # The parameters' checks carry the number of updates done, the costs' the update they stand before.
    bad = [check.iteration - (check.tensor != "cost") for check in result.checks if check.failed]
    send("bisected", variant=run.variant, update=sum(before) + min(bad) if bad else None)


TASKS = {"train": train, "reference": reference, "verify": verify, "bisect": bisect}
