"""Compare a whole run of someone's `train` with the reference: left alone, and in segments."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from numpy_impl.network import predict
from shared.alignment.segments import DOUBT_REPLICATES
from shared.alignment.trajectory import compare_free_run, free_run, free_run_difference, horizon, replay_in_segments
from shared.commands.check.contract import unpack_train
from shared.commands.check.course import Found
from shared.commands.check.during import explain_run
from shared.commands.check.port import fail
from shared.commands.check.saturation import excuse_run
from shared.commands.check.session import Session
from shared.contract import Segment, recorded_iterations, segment_lengths
from shared.harness.checks import Check
from shared.harness.records import Record
from shared.harness.results import Run
from shared.metrics import accuracy
from shared.parameters import Parameters


def check_run(
    session: Session, inputs: dict, labels: dict, report: Callable[[int], None], wrong: bool = False
) -> tuple[Found, Run]:
    """A whole run: its costs and parameters against the reference's, left alone and in segments; what results.json shows.

    wrong: single updates are known to differ. Then further replicates would clear nothing, and explain nothing more.
    """
    found = Found()
    problem, N = session.problem, session.hyper.num_iterations
    run = Run(session.implementation, session.variant.name, "crashed")
    settings = problem.step | {"seed": session.hyper.seed}

    def train(start: Parameters, updates: int, what: str):
        called = session.call("train", found, what, problem.X, problem.Y, start, num_iterations=updates, **settings)
        return unpack_train(called.result(), start, updates, found.remarks)

    try:
        ends, costs = train(session.parameters, N, "whole run")
    except ValueError as error:
        fail(session, found, "train", "whole run", error)
        return found, replace(run, reason=str(error))
    run = replace(
        run,
        status="completed" if np.isfinite(costs).all() else "diverged",
        costs=[[i, float(costs[i])] for i in recorded_iterations(N)],
        train_accuracy=accuracy(_classes(inputs["X_train"], ends), labels["train"]),
        test_accuracy=accuracy(_classes(inputs["X_test"], ends), labels["test"]),
    )
    if problem.keep_prob < 1:
        if not np.isfinite(costs).all():
            fail(session, found, "train", "whole run", ValueError("the costs are not finite"))
        return found, run
    segments = None
    with tempfile.TemporaryDirectory(prefix="samenet-") as name:
        whole = Record(Path(name) / "whole").write(session.parameters, [N], [Segment(costs, ends, None)])
        free, lengths = free_run(problem, session.parameters, N, None, report), segment_lengths(N)
        checks: list[Check] = []
        try:
            record = Record(Path(name) / "segments")
            record.write(session.parameters, lengths, _segments(session.parameters, lengths, train))
        except ValueError as error:
            fail(session, found, "train", "segments", error)
        else:
            segments = replay_in_segments(problem, record, session.run, report, () if wrong else DOUBT_REPLICATES)
            checks = segments.checks
            run = replace(run, segment_difference=float(segments.differences.max()))
        reference, alone = compare_free_run(problem, session.parameters, free, whole, checks, session.run)
        found.checks += alone + checks
        if segments:
            excuse_run(problem, record, segments.floors, found)
        apart = float(free_run_difference(reference, costs).max())
        run = replace(run, free_run_difference=apart, horizon=horizon(reference))
        if not wrong and any(check.failed for check in found.checks):
            session.keep(found, run)
            try:
                said = explain_run(session, found.checks, costs, reference[: horizon(reference), 0], train)
                found.diagnoses.append(said)
            except ValueError as error:
                fail(session, found, "train", "whole run", error)
    return found, run


def _segments(start: Parameters, lengths: list[int], train: Callable) -> Iterator[Segment]:
    """The run once more, each segment started where the one before has ended."""
    for length in lengths:
        start, costs = train(start, length, "segments")
        yield Segment(costs, start, None)


def _classes(X: NDArray, parameters: Parameters) -> NDArray:
    with np.errstate(all="ignore"):
        return predict(X, parameters)
