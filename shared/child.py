"""One task in a process of its own: `python -m shared.child task.json`.

Messages go to the parent as JSON lines on what was standard output; whatever a framework prints goes to standard error.
"""

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.config import IMPLEMENTATIONS, VARIANTS, Hyperparameters
from shared.parameters import Parameters, initialize_parameters
from shared.records import RunRecord, write_record

Send = Callable[..., None]


def train(task: dict, send: Send) -> None:
    """Train one implementation in every variant; leave a record, predictions and timings of each."""
    X, Y, parameters, hyper = _problem(task)
    package = IMPLEMENTATIONS[task["implementation"]]
    network = importlib.import_module(f"{package}.network")
    training = importlib.import_module(f"{package}.training")
    for name in task["variants"]:
        variant = VARIANTS[name]
        folder = Path(task["folder"]) / task["implementation"] / name
        lengths = task["lengths"][name]
        marks = [time.perf_counter()]

        def report(done, cost, name=name, marks=marks):
            marks.append(time.perf_counter())
            send("progress", variant=name, iteration=done, cost=cost)

        run = training.train_segments(
            X, Y, parameters, lengths=lengths, seed=hyper.seed, frozen=variant.frozen, **hyper.of(variant)
        )
        write_record(folder, parameters, lengths, run, report)
        final = RunRecord(folder).final_parameters
        for part in ("X_train", "X_test", "grid"):
            np.save(folder / f"predictions_{part}.npy", network.predict(_array(task, part), final))
        per_iteration = np.diff(marks) / lengths
        # The first segment holds what is paid once: tracing, compiling, first touches.
        steady = per_iteration[1:] if len(per_iteration) > 1 else per_iteration
        send("trained", variant=name, seconds=marks[-1] - marks[0], us_per_iteration=1e6 * float(np.median(steady)))


def reference(task: dict, send: Send) -> None:
    """The reference's free run of a variant without dropout, which serves every implementation."""
    from shared.alignment.trajectory import free_run

    X, Y, parameters, hyper = _problem(task)
    problem = _alignment_problem(X, Y, hyper, task["variant"])
    costs, _ = free_run(problem, parameters, hyper.num_iterations, None, lambda n: send("progress", updates=n))
    np.save(Path(task["folder"]) / f"reference-{task['variant']}.npy", costs)
    send("referenced", variant=task["variant"])


def verify(task: dict, send: Send) -> None:
    """Hold the record of one run against the reference; leave the checks."""
    from shared.alignment.trajectory import free_run, free_run_check, horizon, repeat_in_segments

    X, Y, parameters, hyper = _problem(task)
    implementation, variant = task["implementation"], task["variant"]
    problem = _alignment_problem(X, Y, hyper, variant)
    folder = Path(task["folder"])
    record = RunRecord(folder / implementation / variant)

    def report(updates):
        send("progress", updates=updates)

    segments = repeat_in_segments(problem, record, variant, implementation, report)
    if problem.keep_prob < 1:
        costs, _ = free_run(problem, parameters, hyper.num_iterations, record, report)
    else:
        costs = np.load(folder / f"reference-{variant}.npy")
    checks = [*segments.checks, free_run_check(costs, record, variant, implementation)]
    (folder / implementation / variant / "checks.json").write_text(json.dumps([check.as_dict() for check in checks]))
    send(
        "verified",
        variant=variant,
        implementation=implementation,
        segment_difference=float(segments.differences.max()),
        free_run_difference=float(np.abs(record.costs - costs[:, 0]).max()),
        horizon=horizon(costs),
    )


TASKS = {"train": train, "reference": reference, "verify": verify}


def _problem(task: dict) -> tuple[NDArray, NDArray, Parameters, Hyperparameters]:
    settings = task["hyperparameters"]
    hyper = Hyperparameters(**settings | {"hidden": tuple(settings["hidden"])})
    X, Y = _array(task, "X_train"), _array(task, "Y_train")
    return X, Y, initialize_parameters(hyper.layers_dims(X.shape[0]), hyper.init_seed, hyper.dtype), hyper


def _alignment_problem(X: NDArray, Y: NDArray, hyper: Hyperparameters, variant: str):
    from shared.alignment.trajectory import Problem

    return Problem(X, Y, **hyper.of(VARIANTS[variant]))


def _array(task: dict, name: str) -> NDArray:
    return np.load(Path(task["folder"]) / f"{name}.npy")


def main() -> int:
    pipe = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    task = json.loads(Path(sys.argv[1]).read_text())

    def send(event: str, **content) -> None:
        pipe.write(json.dumps({"event": event, **content}) + "\n")

    try:
        TASKS[task["task"]](task, send)
    except BrokenPipeError:
        return 1  # the parent is gone, and nobody waits for this
    except ModuleNotFoundError as error:
        send("missing", reason=f"Python package {error.name} is not installed: pip install -r requirements.txt")
        return 1
    except Exception as error:
        traceback.print_exc()
        send("crashed", reason=f"{type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
