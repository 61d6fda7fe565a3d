"""What the alignment can see, measured: the smallest fault that turns red.

Faults are put into the from-scratch implementation's own results,
where nothing else differs. Beside them stand legal neighbours: the same computation in another order, which must stay green.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.alignment.floor import spread
from shared.alignment.judge import FACTOR, judge
from shared.alignment.recording import port_tensors
from shared.alignment.segments import replay_segments
from shared.alignment.stages import judge_tensor
from shared.alignment.states import make_states
from shared.alignment.tensors import PROJECTIONS, REFERENCE, STAGE_OF, after, reference_tensors, tensors_of, with_decay
from shared.alignment.trajectory import cost_floor, replay_in_segments
from shared.case import Problem
from shared.commands.limits.false_alarms import NOWHERE, RUN
from shared.commands.limits.tasks import Limits, Smallest
from shared.harness.checks import Check
from shared.harness.records import Record
from shared.parameters import Parameters, initialize_parameters

LADDER = 10.0 ** np.arange(-17, -0.9, 0.25)
"""Relative sizes of the faults that are tried, ascending."""


def element_limits(problem: Problem, parameters: Parameters, rng: np.random.Generator) -> Iterator[tuple[str, float]]:
    """For each tensor of the single-step stages, the smallest relative change of one of its elements that turns it red."""
    port = port_tensors(REFERENCE, problem, parameters)
    reference, floors = reference_tensors(problem, parameters, port)
    port = with_decay(port, problem, parameters, reference)
    for stage in STAGE_OF:
        for name in tensors_of(stage, problem.keep_prob < 1):
            if not name.startswith("D") and name not in PROJECTIONS:

                def red(faulty: NDArray, stage=stage, name=name) -> bool:
                    return judge_tensor(stage, name, {**port, name: faulty}, reference, floors).failed

                yield from ((stage, limit) for limit in _element_limit(port[name], rng, red))


def trajectory_limits(problem: Problem, parameters: Parameters, rng: np.random.Generator) -> Iterator[float]:
    """The same for the costs and the final parameters of a segment of 1,000 updates."""
    with tempfile.TemporaryDirectory(prefix="samenet-") as folder:
        record = _train(problem, parameters, Path(folder))
        costs, ends = replay_segments(problem, record, np.array([0]), 2)
        tensors = {"cost": record.costs, **record.final_parameters}  # read now: the folder goes
    for name, values in tensors.items():
        replicates = costs[:, :, 0].T if name == "cost" else ends[name][:, 0]
        floor = cost_floor(costs[:, :, 0]) if name == "cost" else spread(replicates).max()

        def red(faulty: NDArray, reference=replicates[0], floor=floor) -> bool:
            return judge(faulty, reference, floor).failed

        yield from _element_limit(values, rng, red)


def hyperparameter_limit(problem: Problem, parameters: Parameters, which: str, stage: str) -> float:
    """The smallest e for which training with lambd, keep_prob or learning_rate times 1 + e is red at the stage."""

    def changed(e: float) -> Problem:
        return Problem(problem.X, problem.Y, **problem.step | {which: problem.step[which] * (1 + e)})

    if stage == "trajectory":
        with tempfile.TemporaryDirectory(prefix="samenet-") as folder:

            def red(e: float) -> bool:
                record = _train(changed(e), parameters, Path(folder) / repr(e))
                checks = replay_in_segments(problem, record, RUN, doubt=()).checks
                return any(check.failed for check in checks)

            return _smallest(red, LADDER[::2])

    port = port_tensors(REFERENCE, problem, parameters)
    reference, floors = reference_tensors(problem, parameters, port)

    def red_step(e: float) -> bool:
        faulty = port_tensors(REFERENCE, changed(e), parameters)
        faulty = with_decay(faulty, problem, parameters, reference)
        names = tensors_of(stage, problem.keep_prob < 1)
        return any(judge_tensor(stage, name, faulty, reference, floors).failed for name in names)

    return _smallest(red_step)


def neighbours(problem: Problem, parameters: Parameters, rng: np.random.Generator) -> Iterator[tuple[str, Check]]:
    """The checks of legal rewrites of the same step: name of the rewrite, check."""
    masks = _masks(problem, parameters)
    port = _step(problem, parameters, masks)
    reference, floors = reference_tensors(problem, parameters, port)
    examples, units = rng.permutation(problem.X.shape[1]), rng.permutation(len(parameters["b1"]))

    shuffled = Problem(problem.X[:, examples], problem.Y[:, examples], **problem.step)
    by_example = _step(shuffled, parameters, masks and tuple(D[:, examples] for D in masks))
    back = np.argsort(examples)
    per_example = {"X", "Y", "Z1", "A1", "D1", "Z2", "A2", "D2", "Z3", "A3"}
    by_example |= {name: by_example[name][:, back] for name in per_example & set(by_example)}

    turned = parameters | {"W1": parameters["W1"][units], "b1": parameters["b1"][units], "W2": parameters["W2"][:, units]}
    by_unit = _step(problem, turned, masks and (masks[0][units], masks[1]))
    back = np.argsort(units)
    rows = {"W1", "b1", "Z1", "A1", "D1", "dW1", "db1", "decay_W1", "decay_b1"}
    by_unit |= {name: by_unit[name][back] for name in rows & set(by_unit)}
    by_unit |= {name: by_unit[name][:, back] for name in ("W2", "dW2", "decay_W2")}

    rewrites = {"examples in another order": by_example, "units in another order": by_unit}
    m, rate = problem.X.shape[1], problem.learning_rate
    shrunk = {
        after(name, 1): parameters[name] * (1 - rate * problem.lambd / m * name.startswith("W")) - rate * port["d" + name]
        for name in parameters
    }
    rewrites["decay beside the gradient"] = port | shrunk
    for rewrite, tensors in rewrites.items():
        for stage in STAGE_OF:
            for name in tensors_of(stage, problem.keep_prob < 1):
                if name in tensors:
                    outcome = judge_tensor(stage, name, tensors, reference, floors)
                    yield rewrite, outcome.of(RUN.at(stage, NOWHERE, name))


def summary(dtype: str, problem: Problem, report: Callable[[], None]) -> Limits:
    """The detection limits on one data set, all states, with and without dropout."""
    rng = np.random.default_rng(0)
    initial = initialize_parameters([problem.X.shape[0], 20, 3, 1], dtype=dtype)
    states = make_states(problem.X, initial, initial)
    elements: dict[str, list[float]] = {stage: [] for stage in (*STAGE_OF, "trajectory")}
    used = 0.0
    for state in ("initial", "biases", "saturated"):
        for keep_prob in (1.0, problem.keep_prob):
            variant = Problem(problem.X, problem.Y, problem.learning_rate, problem.lambd, keep_prob)
            for _ in range(5):
                for stage, limit in element_limits(variant, states[state], rng):
                    elements[stage].append(limit)
                used = max(used, *(check.share or 0 for _, check in neighbours(variant, states[state], rng)))
            report()
    for keep_prob in (1.0, problem.keep_prob):
        variant = Problem(problem.X, problem.Y, problem.learning_rate, problem.lambd, keep_prob)
        elements["trajectory"] += trajectory_limits(variant, initial, rng)
    plain = Problem(problem.X, problem.Y, problem.learning_rate, problem.lambd, 1.0)
    hyperparameters: dict[str, float | None] = {}
    for which, stage in (
        *(("lambd", stage) for stage in ("cost", "gradients", "update", "trajectory")),
        *(("keep_prob", stage) for stage in ("forward", "trajectory")),
        *(("learning_rate", stage) for stage in ("update", "trajectory")),
    ):
        variant = problem if which == "keep_prob" else plain
        hyperparameters[f"{which} at {stage}"] = hyperparameter_limit(variant, states["biases"], which, stage)
        report()
    smallest = {
        stage: Smallest(
            len(limits), float(np.median(limits)), float(np.quantile(limits, 0.9, method="higher")), float(max(limits))
        )
        for stage, limits in elements.items()
    }
    return Limits(dtype, FACTOR, smallest, hyperparameters, used)


def _element_limit(values: NDArray, rng: np.random.Generator, red: Callable[[NDArray], bool]) -> Iterator[float]:
    places = np.argwhere(values)
    if len(places):  # a relative change of a zero is none
        index = tuple(places[rng.integers(len(places))])

        def red_at(e: float) -> bool:
            faulty = values.copy()
            faulty[index] *= 1 + e
            return red(faulty)

        yield _smallest(red_at)


def _smallest(red: Callable[[float], bool], ladder: NDArray = LADDER) -> float:
    """The smallest size on the ladder from which on all are red; infinite where none is."""
    limit = float("inf")
    for e in ladder[::-1]:
        if not red(float(e)):
            break
        limit = float(e)
    return limit


def _train(problem: Problem, parameters: Parameters, folder: Path) -> Record:
    run = REFERENCE.train_segments(problem, parameters, [1000])
    return Record(folder / "run").write(parameters, [1000], run)


def _masks(problem: Problem, parameters: Parameters) -> tuple[NDArray, NDArray] | None:
    if problem.keep_prob == 1:
        return None
    tensors = REFERENCE.trace(problem.X, problem.Y, parameters, **problem.regularization)
    return tensors["D1"], tensors["D2"]


def _step(problem: Problem, parameters: Parameters, masks) -> dict[str, NDArray]:
    tensors = REFERENCE.trace(problem.X, problem.Y, parameters, **problem.regularization, masks=masks)
    return {name: np.asarray(value) for name, value in tensors.items()}
