"""Compare `trace`, `train` and `predict` of someone's port with the reference."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl.training import train as reference_train
from shared.alignment.masks import all_on, mask_checks
from shared.alignment.stages import prediction_check, single_step_checks
from shared.alignment.states import make_states
from shared.alignment.tensors import PROJECTIONS, UPDATED, after, one_step
from shared.commands.check.calling import NoAnswer
from shared.commands.check.contract import ROUNDED, UPCAST, Float32Answer, unpack_predict, unpack_trace, unpack_train
from shared.commands.check.course import Found
from shared.commands.check.explaining import explain, own_weights
from shared.commands.check.saturation import excuse_steps
from shared.commands.check.session import Session
from shared.diagnosis.diagnose import diagnose
from shared.diagnosis.hypothesis import Evidence
from shared.harness.checks import Call, Cause, Where, because
from shared.harness.results import Run
from shared.parameters import PARAMETER_NAMES, Parameters

WARM_UP = 500
"""Updates of the reference after which the state `late` is taken, and with whose parameters predictions are compared."""

WHOLE = ("whole run", "segments")
"""The calls of `train` for all updates."""

MASK_BITS = 200_000
"""Mask bits drawn through `trace`, about, with one call per seed."""


def compared(session: Session, check: Callable[[Session], tuple[Found, Any]]) -> tuple[Found, Any]:
    """What a check finds. A port that answers in float32 where it is given float64 fails, and is compared all the same."""
    try:
        return check(session)
    except Float32Answer as error:
        tensor = ROUNDED if error.cast else "dtype"
        first = because(Cause.FLOAT32, error).of(session.run.at("data", Call("dtype", "train"), tensor))

        def keep(found: Found, run: Run | None) -> None:
            session.keep(replace(found, checks=[first, *found.checks]), run)

        found, more = check(replace(session.in_float32(), keep=keep))
        found.checks.insert(0, first)
        found.remarks = [remark for remark in found.remarks if remark != UPCAST]  # it is given float64 all the same
        return found, more


def check_step(session: Session) -> Found:
    """One step and two updates from every state, by `trace` and (without dropout) `train`; and the masks of `trace`."""
    found = Found()
    problem = session.problem
    late, _ = reference_train(problem.X, problem.Y, session.parameters, num_iterations=WARM_UP, **problem.step)
    states = make_states(problem.X, session.parameters, late)
    evidence = {}
    wanted: set[str] = set()
    for state, start in states.items():
        port = _step(session, found, start, state)
        if state == "initial":
            wanted = set(port)
        if not wanted:
            break
        again = _step(session, found, start, state)
        found.checks += single_step_checks(
            problem, Where(state), start, port, again, session.run, wanted | _projections(wanted)
        )
        evidence[Where(state)] = start, port
    masks = _masks(session, found) if problem.keep_prob < 1 and {"D1", "D2"} <= wanted else None
    excuse_steps(problem, evidence, found)
    compared = wanted | _projections(wanted)
    failed = {check.tensor for check in found.checks if check.failed}
    session.keep(found, None)
    if "db3" in wanted and problem.keep_prob == 1 and not failed:
        _look_at_one_example(session, found)
    if failed and evidence:
        of_train = compared & {*UPDATED, *PROJECTIONS}
        if (
            failed <= of_train and "trace" in session.functions
        ):  # which passed: its tensors cannot explain an error of `train`
            compared = of_train
        if "train" in session.functions and problem.keep_prob == 1:
            compared |= own_weights(session, found, evidence)
        explain(session, found, evidence, frozenset(compared), masks)
    return found


def _look_at_one_example(session: Session, found: Found) -> None:
    """Remark on a gradient that is lost where a label is 0 and its probability small: beside others', rounding hides it."""
    problem, seed = session.problem, session.hyper.seed
    alone = replace(problem, X=problem.X[:, :1], Y=np.zeros_like(problem.Y[:, :1]))
    logit = one_step(alone, session.parameters, {})["Z3"]
    wanted = np.log(np.finfo(logit.dtype).eps / 8)
    start = session.parameters | {"b3": (session.parameters["b3"] + wanted - logit).astype(logit.dtype)}
    called = session.call("trace", found, "one example", alone.X, alone.Y, start, seed=seed, **problem.regularization)
    try:
        tensors, _ = unpack_trace(called.result(), alone.X.dtype)
    except ValueError:
        return  # what it says of all examples is judged
    right, own = one_step(alone, start, {})["db3"], tensors.get("db3")
    if own is not None and (own.shape, own.dtype) == (right.shape, right.dtype) and not own.any():
        words = f"of an example with the label 0 is lost where its logit is {wanted:.0f}: {right.item():.1e} is right"
        _once(found.remarks, f"the gradient {words}; beside other examples rounding hides it")


def _projections(wanted: set[str]) -> set[str]:
    updated = all(after(name, 1) in wanted for name in PARAMETER_NAMES)
    return set(PROJECTIONS) if updated else set()


def _step(session: Session, found: Found, start: Parameters, state: str) -> dict[str, NDArray]:
    """The port's tensors from `start`: its trace, and the parameters after one and after two updates of its training."""
    problem, seed = session.problem, session.hyper.seed
    tensors: dict[str, NDArray] = {}
    if "trace" in session.functions:
        called = session.call("trace", found, state, problem.X, problem.Y, start, seed=seed, **problem.regularization)
        try:
            tensors, unknown = unpack_trace(called.result(), problem.X.dtype, found.remarks)
            if unknown:
                _once(found.remarks, f"trace: not known, and not compared: {', '.join(unknown)}")
            if problem.keep_prob < 1 and not {"D1", "D2"} <= set(tensors):
                _once(
                    found.remarks,
                    "trace returns no D1 and D2 with dropout: its masks cannot be replayed, nothing is compared",
                )
                tensors = {}
        except ValueError as error:
            fail(session, found, "trace", state, error)
    if "train" in session.functions and problem.keep_prob == 1:  # with dropout: see shared/commands/check/dropout.py
        for updates in (1, 2):
            settings = problem.step | {"num_iterations": updates, "seed": seed}
            called = session.call("train", found, f"{state}, {updates} updates", problem.X, problem.Y, start, **settings)
            try:
                ends, costs = unpack_train(called.result(), start, updates, found.remarks)
            except ValueError as error:
                fail(session, found, "train", state, error)
                break
            tensors |= {after(name, updates): value for name, value in ends.items()}
            if "trace" not in session.functions:
                tensors["cost"] = np.asarray(costs[0])
    return tensors


def _masks(session: Session, found: Found) -> tuple[NDArray, NDArray] | None:
    """The masks of many seeds, tested as random numbers."""
    problem = session.problem
    start = all_on(session.parameters)
    units = len(start["b1"]) + len(start["b2"])
    drawn: list[tuple] = []
    for seed in range(1, max(2, MASK_BITS // (units * problem.X.shape[-1])) + 1):
        called = session.call("trace", found, "masks", problem.X, problem.Y, start, seed=seed, **problem.regularization)
        try:
            tensors, _ = unpack_trace(called.result(), problem.X.dtype)
            D1, D2 = tensors["D1"], tensors["D2"]
            if [np.shape(D) for D in (D1, D2)] != [(len(start[b]), problem.X.shape[-1]) for b in ("b1", "b2")]:
                return None  # reported where the step is compared
            drawn.append((D1, D2))
        except (ValueError, KeyError):
            return None
    D1s, D2s = (np.stack(Ds).astype(bool) for Ds in zip(*drawn, strict=True))
    found.checks += mask_checks(D1s, D2s, problem.keep_prob, False, session.run)
    return D1s, D2s


def check_predictions(session: Session, inputs: dict) -> Found:
    """The classes of the training and test examples and of a grid, by the parameters of a short run of the reference."""
    found = Found()
    problem = session.problem
    parameters, _ = reference_train(problem.X, problem.Y, session.parameters, num_iterations=WARM_UP, **problem.step)
    seen = {}
    for part, X in inputs.items():
        called = session.call("predict", found, part, X, parameters)
        try:
            classes = unpack_predict(called.result(), X.shape[1])
        except ValueError as error:
            fail(session, found, "predict", part, error)
            continue
        seen[part] = X, parameters, classes
        found.checks.append(prediction_check(X, parameters, classes, part.removeprefix("X_"), WARM_UP, session.run))
    if seen and any(check.failed for check in found.checks):
        evidence = Evidence(problem, {}, None, seen)
        found.diagnoses = diagnose(evidence, found.checks, session.run)
    return found


def fail(session: Session, found: Found, function: str, what: str, error: ValueError) -> None:
    """What could not be compared: skipped where the function gave no answer, failed where the answer has another form."""
    stage = {"trace": "forward", "train": "trajectory" if what in WHOLE else "update"}
    key = session.run.at(stage.get(function, "predictions"), Call(what, function), function)
    cause = Cause.NO_ANSWER if isinstance(error, NoAnswer) else Cause.FORM
    if not any((check.where, check.tensor) == (key.where, key.tensor) for check in found.checks):
        found.checks.append(because(cause, error).of(key))


def _once(remarks: list[str], remark: str) -> None:
    if remark not in remarks:
        remarks.append(remark)
