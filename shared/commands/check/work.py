"""What the process of a check does: read the port, then one item after the other, saying before each call what it is."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from shared.case import Problem
from shared.commands.check.course import Found, check_function
from shared.commands.check.dropout import check_dropout
from shared.commands.check.functions import FUNCTIONS, make_cases
from shared.commands.check.loading import load_port
from shared.commands.check.model import check_model
from shared.commands.check.port import Session, check_predictions, check_step
from shared.commands.check.run import check_run
from shared.config import VARIANTS, Hyperparameters
from shared.errors import UsageError
from shared.harness.results import Run
from shared.harness.results_json import check_as_json, diagnosis_as_json, run_as_json
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


@dataclass(frozen=True)
class Given:
    """What a port is checked with. inputs: X_train, X_test and grid, to predict. labels: train and test."""

    X: NDArray
    Y: NDArray
    inputs: dict[str, NDArray]
    labels: dict[str, NDArray]
    start: Parameters
    hyper: Hyperparameters


def check_port(path: Path, given: Given, task: dict, send: Send) -> None:
    """Check everything that is neither done nor given up; see `items_of`. task: variants, done, given_up."""
    send("begin", function=None, what="reading the file")
    try:
        port = load_port(path)
    except UsageError as error:
        send("refused", reason=str(error))
        return
    send("loaded", functions=list(port.functions), lines=port.lines, remarks=port.remarks)
    usable = {name: function for name, function in port.functions.items() if name not in task["given_up"]}

    def begin(function: str, what: str) -> None:
        send("begin", function=function, what=what)

    for kind, variant in items_of(usable, task["variants"]):
        if [kind, variant] in task["done"]:
            continue
        send("begin", function=kind if kind in FUNCTIONS else None, what=kind)
        chosen = VARIANTS["none" if variant == EVERYTHING else variant]
        problem = Problem(given.X, given.Y, **given.hyper.of(chosen))
        session = Session(usable, path, port.name, chosen, given.hyper, problem, given.start, begin)
        found, run = _check(kind, session, given, lambda updates: send("progress", updates=updates))
        content: dict[str, Any] = {
            "checks": [check_as_json(check) for check in found.checks],
            "diagnoses": [diagnosis_as_json(diagnosis) for diagnosis in found.diagnoses],
            "run": run and run_as_json(run),
        }
        send("checked", item=[kind, variant], remarks=found.remarks, **content)


def _check(kind: str, session: Session, given: Given, report: Callable[[int], None]) -> tuple[Found, Run | None]:
    if kind == "step":
        return check_step(session), None
    if kind == "dropout":
        return check_dropout(session), None
    if kind == "run":
        return check_run(session, given.inputs, given.labels, report)
    if kind == "predictions":
        return check_predictions(session, given.inputs), None
    if kind == "model":
        return check_model(session, given.hyper), None
    hyper = given.hyper
    session.begin(kind, kind)
    problem = Problem(given.X, given.Y, hyper.learning_rate, hyper.lambd, hyper.keep_prob)
    cases = make_cases(problem, given.start, hyper.dtype)
    return check_function(FUNCTIONS[kind], session.functions[kind], cases, session.path, session.implementation), None


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
