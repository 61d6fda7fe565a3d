"""What the process of a check does: read the port, then one item after the other, saying before each call what it is."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from shared.case import Problem
from shared.commands.check.course import Found, check_function
from shared.commands.check.dropout import check_dropout
from shared.commands.check.functions import FUNCTIONS, make_cases
from shared.commands.check.loading import Port, load_port
from shared.commands.check.model import check_model
from shared.commands.check.port import Session, check_predictions, check_run, check_step
from shared.config import VARIANTS, Hyperparameters
from shared.errors import UsageError
from shared.harness.results import Run, check_as_json, diagnosis_as_json, run_as_json
from shared.parameters import Parameters

Send = Callable[..., None]

EVERYTHING = "every variant"


def items_of(functions: dict[str, Callable], variants: list[str]) -> Iterator[tuple[str, str]]:
    """(kind or function, variant) of everything there is to do, cheap and telling things first."""
    courses = "predict" in functions and _takes_labels(functions["predict"])
    for name in FUNCTIONS:
        if name in functions and (name != "predict" or courses):
            yield name, EVERYTHING
    for variant in variants:
        if {"trace", "train"} & set(functions):
            yield "step", variant
        if "train" in functions and VARIANTS[variant].dropout:
            yield "dropout", variant
        if "train" in functions:
            yield "run", variant
    if "predict" in functions and not courses:
        yield "predictions", EVERYTHING
    if "model" in functions:
        yield "model", EVERYTHING


def _takes_labels(predict: Callable) -> bool:
    """The course's predict(X, y, parameters), as against the contract's predict(X, parameters)."""
    try:
        return len(inspect.signature(predict).parameters) >= 3
    except (TypeError, ValueError):
        return False


def check_port(
    path: Path,
    X: NDArray,
    Y: NDArray,
    inputs: dict[str, NDArray],
    labels: dict[str, NDArray],
    parameters: Parameters,
    hyper: Hyperparameters,
    task: dict,
    send: Send,
) -> None:
    """Check everything that is neither done nor given up; see `items_of`. task: variants, done, given_up."""
    send("begin", function=None, what="reading the file")
    try:
        port = load_port(path)
    except UsageError as error:
        send("refused", reason=str(error))
        return
    send("loaded", functions=list(port.functions), lines=port.lines, remarks=port.remarks)
    usable = {name: function for name, function in port.functions.items() if name not in task["given_up"]}
    for kind, variant in items_of(usable, task["variants"]):
        if [kind, variant] in task["done"]:
            continue
        send("begin", function=kind if kind in FUNCTIONS else None, what=kind)
        found, run = _check(kind, variant, port, usable, path, X, Y, inputs, labels, parameters, hyper, send)
        content: dict[str, Any] = {
            "checks": [check_as_json(check) for check in found.checks],
            "diagnoses": [diagnosis_as_json(diagnosis) for diagnosis in found.diagnoses],
            "run": run and run_as_json(run),
        }
        send("checked", item=[kind, variant], remarks=found.remarks, **content)


def _check(
    kind: str,
    variant: str,
    port: Port,
    usable: dict[str, Callable],
    path: Path,
    X: NDArray,
    Y: NDArray,
    inputs: dict,
    labels: dict,
    parameters: Parameters,
    hyper: Hyperparameters,
    send: Send,
) -> tuple[Found, Run | None]:
    def begin(function: str, what: str) -> None:
        send("begin", function=function, what=what)

    chosen = VARIANTS["none" if variant == EVERYTHING else variant]
    problem = Problem(X, Y, **hyper.of(chosen))
    session = Session(usable, path, port.name, chosen, hyper, problem, parameters, begin)
    if kind == "step":
        return check_step(session), None
    if kind == "dropout":
        return check_dropout(session), None
    if kind == "run":
        return check_run(session, inputs, labels, lambda updates: send("progress", updates=updates))
    if kind == "predictions":
        return check_predictions(session, inputs), None
    if kind == "model":
        return check_model(session, hyper), None
    spec = FUNCTIONS[kind]
    begin(kind, kind)
    cases = make_cases(Problem(X, Y, hyper.learning_rate, hyper.lambd, hyper.keep_prob), parameters, hyper.dtype)
    return check_function(spec, usable[kind], cases, path, port.name), None


def task_of(path: Path, hyper: Hyperparameters, variants: list[str], folder: Path) -> dict:
    """The task for a process that has done nothing yet."""
    return {
        "task": "check",
        "path": str(path),
        "folder": str(folder),
        "hyperparameters": asdict(hyper),
        "variants": variants,
        "done": [],
        "given_up": [],
    }
