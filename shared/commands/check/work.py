"""What the process of a check does: read the port, then one item after the other, saying before each call what it is."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

from shared.case import Problem
from shared.commands.check.course import Found, check_function
from shared.commands.check.dropout import check_dropout
from shared.commands.check.functions import FUNCTIONS, make_cases
from shared.commands.check.lines import places_of
from shared.commands.check.loading import Port, load_port
from shared.commands.check.model import check_model, model_variants
from shared.commands.check.port import check_predictions, check_step, compared
from shared.commands.check.run import check_run
from shared.commands.check.session import Session
from shared.commands.check.tasks import WHOLE, Calling, Checked, CheckPort, Loaded, Refused, SoFar
from shared.config import VARIANTS
from shared.errors import UsageError
from shared.harness.checks import STAGES, Call, Cause, Check, RunId, because
from shared.harness.messages import Progressed, Send
from shared.harness.results import Run

EVERYTHING = "every variant"
READING = "reading"
"""The item of what the file means to define and cannot be called."""


def items_of(functions: dict[str, Callable], variants: list[str]) -> Iterator[tuple[str, str]]:
    """(kind or function, variant) of everything there is to do, cheap and telling things first."""
    courses = "predict" in functions and _takes_labels(functions["predict"])
    for name in FUNCTIONS:
        if name in functions and (name != "predict" or courses):
            yield name, EVERYTHING
    for variant in sorted(variants, key=list(VARIANTS).index):  # what fails without regularization fails with it again
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


def check_port(task: CheckPort, send: Send) -> None:
    """Check everything that is neither done nor given up; see `items_of`."""
    send(Calling(None, "reading the file in pieces" if task.without_end else f"reading the file, {WHOLE:g} s at most"))
    try:
        port = load_port(Path(task.path), task.without_end)
    except UsageError as error:
        send(Refused(str(error)))
        return
    places = places_of(port.functions, port.trees, port.uses, Path(task.path))
    send(Loaded(list(port.functions), port.lines, port.remarks, places))
    work = Work(task, port, send)
    unread = [(READING, EVERYTHING)] if port.unread else []
    for kind, variant in [*unread, *items_of(work.usable, task.variants)]:
        if [kind, variant] not in task.done:
            send(Calling(kind if kind in FUNCTIONS else None, kind))
            found, run = work.check(kind, variant)
            message = work.message(Checked, kind, variant, found, run)
            send(message)
            if task.fail_fast and any(check.failed for check in message.checks):
                break


def up_to_first(checks: list[Check]) -> list[Check]:
    """The comparisons, those after the first stage that fails skipped; and one that says so of all that is not begun."""
    stage = min((STAGES.index(check.stage) for check in checks if check.failed), default=None)
    if stage is None:
        return checks
    said = f"not compared: --fail-fast, and the stage {STAGES[stage]} differs"
    later = because(Cause.NOT_RUN, said)
    rest = later.of(
        RunId(checks[0].variant, checks[0].implementation).at("predictions", Call("everything else", ""), "rest")
    )
    return [later.of(each.key) if STAGES.index(each.stage) > stage else each for each in checks] + [rest]


class Work:
    """What a port is checked with: the data, and its functions that are not given up."""

    def __init__(self, task: CheckPort, port: Port, send: Send):
        self.task, self.port, self.send, self.hyper = task, port, send, task.hyper
        self.usable = {name: function for name, function in port.functions.items() if name not in task.given_up}
        self.X, self.Y, self.parameters = task.problem()
        self.wrong: set[str] = set()
        """Variants of which single updates differ."""

    def check(self, kind: str, variant: str) -> tuple[Found, Run | None]:
        """Check one item."""
        if kind in FUNCTIONS:
            return self._function(kind), None
        if kind == READING:
            return self._unread(), None
        session = self._session(kind, variant)
        match kind:
            case "step":
                found, run = compared(session, lambda each: (check_step(each), None))
                self.wrong |= {variant} if any(check.failed for check in found.checks) else set()
                return found, run
            case "dropout":
                return compared(session, lambda each: (check_dropout(each), None))
            case "run":
                labels = {"train": self.Y, "test": self.task.array("Y_test")}
                inputs = self.task.inputs()
                return compared(session, lambda each: check_run(each, inputs, labels, self._report, variant in self.wrong))
            case "predictions":
                return check_predictions(session, self.task.inputs()), None
            case _:
                return check_model(session, self.hyper, model_variants(self.hyper, self.task.variants)), None

    def message(self, form: type[Checked], kind: str, variant: str, found: Found, run: Run | None) -> Checked:
        """What came of an item, or what it has come to."""
        checks = up_to_first(found.checks) if self.task.fail_fast else found.checks
        return form([kind, variant], checks, found.diagnoses, run, found.remarks)

    def _session(self, kind: str, name: str) -> Session:
        variant = VARIANTS["none" if name == EVERYTHING else name]
        problem = Problem(self.X, self.Y, **self.hyper.of(variant))
        path = Path(self.task.path)
        given = self.usable, path, self.port, variant, self.hyper, problem, self.parameters

        def keep(found: Found, run: Run | None) -> None:
            self.send(self.message(SoFar, kind, name, found, run))

        return Session(*given, self._begin, lambda: self._report(0), keep)

    def _report(self, updates: int) -> None:
        self.send(Progressed(updates))

    def _begin(self, function: str, what: str) -> None:
        self.send(Calling(function or None, what))

    def _function(self, name: str) -> Found:
        self._begin(name, name)
        problem = Problem(self.X, self.Y, self.hyper.learning_rate, self.hyper.lambd, self.hyper.keep_prob)
        cases = make_cases(problem, self.parameters, self.hyper.dtype)
        whole = {"model": model_variants(self.hyper, self.task.variants), "train": self.task.variants}
        whole = {each: variants for each, variants in whole.items() if each in self.usable}
        return check_function(FUNCTIONS[name], self.port, cases, Path(self.task.path), whole)

    def _unread(self) -> Found:
        """What the file means to define and cannot be called: never compared."""
        found = Found()
        for name, said in self.port.unread.items():
            spec = FUNCTIONS.get(name)
            variant, stage = (spec.variant, spec.stage) if spec else ("none", "update")
            key = RunId(variant, self.port.name).at(stage, Call("reading the file", name), name)
            found.checks.append(because(Cause.NO_ANSWER, f"{name}: {said}").of(key))
        return found
