"""One task in a process of its own: `python -m shared.child task.json`.

Messages go to the parent as JSON lines on what was standard output; whatever a framework prints goes to standard error.
"""

import itertools
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.adapters import IMPLEMENTATIONS, Adapter
from shared.config import VARIANTS, Hyperparameters
from shared.parameters import Parameters, initialize_parameters
from shared.records import RunRecord, save_arrays, write_record

Send = Callable[..., None]

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

    X, Y, parameters, hyper = _problem(task)
    variant = hyper.effective(VARIANTS[name])
    folder = Path(task["folder"]) / task["implementation"] / name

    def report(done: int, cost: float) -> None:
        send("progress", variant=variant.name, iteration=done, cost=cost)

    lengths = task["lengths"][variant.name]
    with _warnings() as notes:
        seconds = record_run(port, X, Y, parameters, hyper, variant, lengths, _inputs(task), folder, report)
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

    X, Y, parameters, hyper = _problem(task)
    problem = _alignment_problem(X, Y, hyper, task["variant"])
    costs, ends = free_run(problem, parameters, hyper.num_iterations, None, lambda n: send("progress", updates=n))
    save_arrays(Path(task["folder"]) / f"reference-{task['variant']}.npz", {"costs": costs, **ends})
    send("referenced", variant=task["variant"])


def verify(task: dict, send: Send) -> None:
    """Hold one run, and its single steps, against the reference; leave the checks."""
    from shared.alignment.verification import verify_run
    from shared.diagnosis.run import diagnose_run

    X, Y, parameters, hyper = _problem(task)
    implementation, variant = task["implementation"], task["variant"]
    folder = Path(task["folder"])
    problem, effective, inputs = _alignment_problem(X, Y, hyper, variant), hyper.effective(VARIANTS[variant]), _inputs(task)
    record = folder / implementation / variant
    reference = folder / f"reference-{variant}.npz"

    def report(updates: int) -> None:
        send("progress", updates=updates)

    result = verify_run(problem, parameters, inputs, record, reference, effective, implementation, hyper.seed, report)
    result["diagnoses"] = diagnose_run(problem, parameters, inputs, record, effective, implementation, result["checks"])
    (record / "verified.json").write_text(json.dumps(result))
    send("verified", variant=variant, implementation=implementation)


def bisect(task: dict, send: Send) -> None:
    """Find the first bad update inside a bad segment: train again up to it, hand over every update of it, repeat each."""
    from shared.alignment.trajectory import repeat_in_segments

    X, Y, parameters, hyper = _problem(task)
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
    place = {"variant": variant.name, "implementation": task["implementation"]}
    result = repeat_in_segments(problem, RunRecord(folder), place)
    # The parameters' checks carry the number of updates done, the costs' the update they stand before.
    bad = [check.iteration - (check.tensor != "cost") for check in result.checks if check.status == "failed"]
    send("bisected", variant=variant.name, update=sum(before) + min(bad) if bad else None)


def count_alarms(task: dict, send: Send) -> None:
    """False alarms of one implementation on random problems (see shared/alignment/limits.py)."""
    from shared.alignment.limits import false_alarms

    found = false_alarms(task["implementation"], task["problems"], task["dtype"], lambda: send("progress"))
    send("counted", **found)


def find_limits(task: dict, send: Send) -> None:
    """The detection limits in one dtype."""
    from shared.alignment.limits import summary

    X, Y, _, hyper = _problem(task)
    problem = _alignment_problem(X, Y, hyper, "l2-dropout")
    send("found", **summary(hyper.dtype, problem, lambda: send("progress")))


def train_optimizers(task: dict, send: Send) -> None:
    """Every optimizer setting of one implementation, trained (see shared/optimizers)."""
    from shared.optimizers.runs import train_all

    X, Y, parameters, hyper = _problem(task)
    implementation, rates = task["implementation"], (hyper.learning_rate, hyper.lambd)
    arrays = train_all(implementation, X, Y, parameters, *rates, lambda: send("progress"))
    save_arrays(Path(task["folder"]) / f"optimizers-{implementation}.npz", arrays)
    send("optimized")


def try_mistakes(task: dict, send: Send) -> None:
    """Plant some mistakes in one implementation, one after the other (see shared/diagnosis/trial.py)."""
    from shared.diagnosis.trial import TRIALS, correct_run, try_out

    _, Y, parameters, hyper = _problem(task)
    data = _inputs(task) | {"Y_train": Y, "Y_test": _array(task, "Y_test")}
    port = IMPLEMENTATIONS[task["implementation"]].adapter()
    correct: dict[str, dict] = {}
    for number in task["trials"]:
        trial = TRIALS[number]
        send("begin", trial=number)
        if not trial.legal and trial.plant.variant not in correct:
            correct[trial.plant.variant] = correct_run(port, trial.plant.variant, hyper, data, parameters)
        try:
            result = try_out(trial, hyper, data, parameters, correct.get(trial.plant.variant))
        except Exception as error:  # the others may still be tried
            traceback.print_exc()
            send("tried", trial=number, reason=f"{type(error).__name__}: {error}")
        else:
            send("tried", trial=number, result=result)


def check(task: dict, send: Send) -> None:
    """Check someone's port (see shared/check/)."""
    from shared.check.work import check_port

    X, Y, parameters, hyper = _problem(task)
    labels = {"train": Y, "test": _array(task, "Y_test")}
    check_port(Path(task["path"]), X, Y, _inputs(task), labels, parameters, hyper, task, send)


def run_race(task: dict, send: Send) -> None:
    """The speed of everything, side by side (see shared/bench/)."""
    from shared.bench.race import race

    X, Y, parameters, hyper = _problem(task)
    names, updates, rounds = task["names"], task["updates"], task["rounds"]
    send("raced", **race(X, Y, parameters, hyper, names, updates, rounds, lambda: send("progress")))


def run_growth(task: dict, send: Send) -> None:
    """How time and memory of one implementation grow with one size."""
    from shared.bench.growth import grow

    send("grown", result=grow(task["name"], task["grows"], lambda: send("progress")))


TASKS = {
    "check": check,
    "race": run_race,
    "grow": run_growth,
    "mistakes": try_mistakes,
    "train": train,
    "reference": reference,
    "verify": verify,
    "bisect": bisect,
    "alarms": count_alarms,
    "limits": find_limits,
    "optimizers": train_optimizers,
}


def _problem(task: dict) -> tuple[NDArray, NDArray, Parameters, Hyperparameters]:
    settings = task["hyperparameters"]
    hyper = Hyperparameters(**settings | {"hidden": tuple(settings["hidden"])})
    X, Y = _array(task, "X_train"), _array(task, "Y_train")
    return X, Y, initialize_parameters(hyper.layers_dims(X.shape[0]), hyper.init_seed, hyper.dtype), hyper


def _inputs(task: dict) -> dict[str, NDArray]:
    return {part: _array(task, part) for part in ("X_train", "X_test", "grid")}


def _alignment_problem(X: NDArray, Y: NDArray, hyper: Hyperparameters, variant: str):
    from shared.alignment.problem import Problem

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
    code = main()
    sys.stderr.flush()
    os._exit(code)  # threads that a port has left running would keep the process
