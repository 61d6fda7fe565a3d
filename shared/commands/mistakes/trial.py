"""Plant a mistake and see whether it is found, where, how it is named, and how large it grows."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from shared.adapters import Adapter
from shared.alignment.recording import record_run
from shared.alignment.verification import verify_run
from shared.case import Problem, case_of
from shared.commands.mistakes.planting import planted
from shared.commands.mistakes.tasks import Place, Planted, Sizes
from shared.config import VARIANTS, Hyperparameters
from shared.diagnosis.catalogue import CATALOGUE
from shared.diagnosis.legal import NOT_MISTAKES
from shared.diagnosis.mistake import Plant
from shared.diagnosis.run import diagnose_run
from shared.harness.checks import Check
from shared.harness.ledger import first_failed
from shared.harness.records import Record
from shared.harness.results import Diagnosis
from shared.metrics import accuracy
from shared.parameters import Parameters

PROBED = 100
"""Updates of the run that is compared with the reference."""

SIZES = (1, 10, 1000)
"""Updates after which the size of a mistake is measured; and at the end."""

SMALL_LOGITS = ("initial", "biases")
"""States in which no logit comes near 16."""


@dataclass(frozen=True)
class Trial:
    """One planting. name, stage: of the mistake, and where it must show first; or of what is none, and must not show."""

    name: str
    title: str
    plant: Plant
    stage: str | None
    small_logits: bool = False

    @property
    def planted(self) -> Planted:
        """What is planted; nothing is known of it yet."""
        changes = [list(change) for change in self.plant.changes]
        return Planted(self.name, self.title, self.legal, self.plant.implementation, self.plant.variant, changes)

    @property
    def legal(self) -> bool:
        return self.stage is None


TRIALS = (
    *(Trial(mistake.name, mistake.title, plant, mistake.stage) for mistake in CATALOGUE for plant in mistake.plants),
    *(Trial(legal.name, legal.title, legal.plant, None, legal.small_logits) for legal in NOT_MISTAKES),
)
"""Every planting, mistakes first."""


Snapshots = dict[int, tuple[Parameters, float]]
"""Number of updates -> the parameters after them, and the accuracy on the test set."""


def try_out(trial: Trial, hyper: Hyperparameters, data: dict, parameters: Parameters, correct: Snapshots | None) -> Planted:
    """Plant it, compare it with the reference, diagnose it; measure it against the correct run of the same implementation.

    data: X_train, Y_train, X_test, Y_test, grid. correct: see `correct_run`; None: sizes are not measured."""
    with tempfile.TemporaryDirectory(prefix="samenet-") as name, planted(trial.plant, Path(name) / "source") as port:
        found, diagnoses = _verdict(trial, port, hyper, data, parameters, Path(name))
        sizes = None
        if correct is not None and not trial.legal:
            sizes = _sizes(port, trial.plant, hyper, data, parameters, correct)
    named = any(trial.name in diagnosis.mistakes for diagnosis in diagnoses)
    return replace(
        trial.planted,
        found=None if found is None else Place(found.stage, str(found.where), found.tensor),
        named=named,
        right=found is None if trial.legal else found is not None and found.stage == trial.stage and named,
        diagnoses=diagnoses,
        sizes=sizes,
    )


def _verdict(
    trial: Trial, port: Adapter, hyper: Hyperparameters, data: dict, parameters: Parameters, folder: Path
) -> tuple[Check | None, list[Diagnosis]]:
    """The first failed comparison, and what explains it."""
    inputs = {part: data[part] for part in ("X_train", "X_test", "grid")}
    given = data["X_train"], data["Y_train"], inputs
    case = case_of(hyper, VARIANTS[trial.plant.variant], given, parameters, [PROBED // 2] * 2)
    record, implementation = Record(folder / "run"), trial.plant.implementation
    record_run(port, case, record)
    checks, _ = verify_run(case, record, implementation)
    if trial.small_logits:
        checks = [check for check in checks if check.where.name in SMALL_LOGITS]
    return next(iter(first_failed(checks)), None), diagnose_run(case, record, implementation, checks)


def correct_run(port: Adapter, variant: str, hyper: Hyperparameters, data: dict, parameters: Parameters) -> Snapshots:
    """The run of an implementation in which nothing is changed, where sizes are measured."""
    return dict(_snapshots(port, variant, hyper, data, parameters, hyper.num_iterations))


def _sizes(
    port: Adapter, plant: Plant, hyper: Hyperparameters, data: dict, parameters: Parameters, correct: Snapshots
) -> Sizes:
    """The sizes after every number of updates at which both runs were looked at."""
    last = min(hyper.num_iterations, plant.iterations or hyper.num_iterations)
    differences: dict[str, float | None] = {}
    for done, (ends, score) in _snapshots(port, plant.variant, hyper, data, parameters, last):
        if done in correct:
            right, right_score = correct[done]
            with np.errstate(all="ignore"):
                differences[str(done)] = max(float(np.abs(ends[name].astype(float) - right[name]).max()) for name in right)
            lost, finite = right_score - score, all(bool(np.isfinite(value).all()) for value in ends.values())
    return Sizes(differences, last, lost, finite)


def _snapshots(
    port: Adapter, variant: str, hyper: Hyperparameters, data: dict, parameters: Parameters, last: int
) -> Iterator[tuple[int, tuple[Parameters, float]]]:
    """The parameters after 1, 10, 1000, 2000, ... and `last` updates, and the accuracy on the test set."""
    marks = sorted({mark for mark in (*SIZES, *range(2000, last, 1000), last) if mark <= last})
    # Few different lengths: a compiling framework compiles each of them.
    lengths = [1] * min(10, last) + np.diff([10, *(mark for mark in marks if mark > 10)]).tolist()
    problem = Problem(data["X_train"], data["Y_train"], **hyper.of(VARIANTS[variant]))
    start = {name: value.copy() for name, value in parameters.items()}
    done = 0
    for segment in port.train_segments(problem, start, lengths, seed=hyper.seed):
        done += len(segment.costs)
        if done in marks:
            ends = {name: value.copy() for name, value in segment.parameters.items()}
            yield done, (ends, accuracy(port.predict(data["X_test"], ends), data["Y_test"]))
