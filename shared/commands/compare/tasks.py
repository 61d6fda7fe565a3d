"""What the processes of a comparison do: train, run the reference, verify, look for the first bad update."""

import itertools
import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.adapters import IMPLEMENTATIONS, Adapter
from shared.config import VARIANTS, Hyperparameters
from shared.harness.checks import RunId
from shared.harness.child import Send
from shared.harness.inputs import read_inputs, read_problem
from shared.harness.records import RunRecord, save_arrays, write_record
from shared.harness.results import Verified, verified_as_json

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

    X, Y, parameters, hyper = read_problem(task)
    variant = hyper.effective(VARIANTS[name])
    folder = Path(task["folder"]) / task["implementation"] / name

    def report(done: int, cost: float) -> None:
        send("progress", variant=variant.name, iteration=done, cost=cost)

    lengths = task["lengths"][variant.name]
    with _warnings() as notes:
        seconds = record_run(port, X, Y, parameters, hyper, variant, lengths, read_inputs(task), folder, report)
    per_iteration = np.diff(seconds, prepend=0) / lengths
    # The first segment holds what is paid once: tracing, compiling, first touches.
    steady = per_iteration[1:] if len(per_iteration) > 1 else per_iteration
    per_update = 1e6 * float(np.median(steady))
    send("trained", variant=variant.name, seconds=seconds[-1], us_per_iteration=per_update, notes=list(dict.fromkeys(notes)))


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

    X, Y, parameters, hyper = read_problem(task)
    problem = _alignment_problem(X, Y, hyper, task["variant"])
    costs, ends = free_run(problem, parameters, hyper.num_iterations, None, lambda n: send("progress", updates=n))
    save_arrays(Path(task["folder"]) / f"reference-{task['variant']}.npz", {"costs": costs, **ends})
    send("referenced", variant=task["variant"])


def verify(task: dict, send: Send) -> None:
    """Compare one run, and its single steps, with the reference; leave the checks."""
    from shared.alignment.verification import verify_run
    from shared.diagnosis.run import diagnose_run

    X, Y, parameters, hyper = read_problem(task)
    implementation, variant = task["implementation"], task["variant"]
    folder = Path(task["folder"])
    effective, inputs = hyper.effective(VARIANTS[variant]), read_inputs(task)
    problem = _alignment_problem(X, Y, hyper, variant)
    record = folder / implementation / variant
    reference = folder / f"reference-{variant}.npz"

    def report(updates: int) -> None:
        send("progress", updates=updates)

    checks, run = verify_run(problem, parameters, inputs, record, reference, effective, implementation, hyper.seed, report)
    diagnoses = diagnose_run(problem, parameters, inputs, record, effective, implementation, checks)
    content = verified_as_json(Verified(run, checks, diagnoses))
    (record / "verified.json").write_text(json.dumps(content))
    send("verified", variant=variant, implementation=implementation)


def bisect(task: dict, send: Send) -> None:
    """Find the first bad update inside a bad segment: train again up to it, hand over every update of it, repeat each."""
    from shared.alignment.trajectory import repeat_in_segments

    X, Y, parameters, hyper = read_problem(task)
    variant = hyper.effective(VARIANTS[task["variant"]])
    before, length = task["lengths"][variant.name][: task["segment"]], task["lengths"][variant.name][task["segment"]]
    port = IMPLEMENTATIONS[task["implementation"]].adapter()
    # The last is never reached. A port may compile runs with long segments, and is to do here what it did there.
    lengths = [*before, *[1] * length, max(task["lengths"][variant.name])]
    run = port.train_segments(X, Y, parameters, lengths=lengths, seed=hyper.seed, frozen=variant.frozen, **hyper.of(variant))
    for _ in before:
        parameters = next(run).parameters
    folder = Path(task["folder"]) / task["implementation"] / variant.name / "bisected"
    write_record(folder, parameters, [1] * length, itertools.islice(run, length))
    problem = _alignment_problem(X, Y, hyper, variant.name)
    result = repeat_in_segments(problem, RunRecord(folder), RunId(variant.name, task["implementation"]))
    # The parameters' checks carry the number of updates done, the costs' the update they stand before.
    bad = [check.iteration - (check.tensor != "cost") for check in result.checks if check.failed]
    send("bisected", variant=variant.name, update=sum(before) + min(bad) if bad else None)


def _alignment_problem(X: NDArray, Y: NDArray, hyper: Hyperparameters, variant: str):
    from shared.alignment.problem import Problem

    return Problem(X, Y, **hyper.of(VARIANTS[variant]))


TASKS = {"train": train, "reference": reference, "verify": verify, "bisect": bisect}
