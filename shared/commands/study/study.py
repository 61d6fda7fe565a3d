"""A study: run what is not kept yet, then say what it shows."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from shared.commands.study.command import StudyOptions
from shared.commands.study.findings import Table, across, choice, effects, luck
from shared.commands.study.found import Counts, Found, Missing, StudyData
from shared.commands.study.grid import Failed, Grid, Run, Scored, groups
from shared.commands.study.runs import Source, version_of
from shared.commands.study.schedule import finished
from shared.commands.study.store import Store, as_csv, key_of
from shared.data import Dataset
from shared.errors import SamenetError, UsageError
from shared.harness.command import Made
from shared.harness.environment import describe
from shared.harness.progress import Progress

BUILT_IN = "built-in"


@dataclass(frozen=True)
class Question:
    """The runs of a grid on some data; keys: of each run in the store; versions: of each implementation's sources.

    data: what identifies the data, the SHA-256 of its file or BUILT_IN.
    """

    grid: Grid
    runs: list[Run]
    source: Source
    name: str
    data: str
    versions: dict[str, str]
    keys: dict[Run, str]


@dataclass
class Answers:
    """What came of the runs that are finished, their rows in the store, and why others are missing.

    before: how many were kept from before; others: how many of other studies are kept beside them.
    """

    table: Table
    rows: list[dict[str, Any]]
    missing: list[Missing]
    before: int
    others: int


def work(options: StudyOptions, progress: Progress) -> Made:
    """Run what is not kept yet, and say what it shows."""
    problem = options.grid, options.dataset, options.margins
    found, table = study(*problem, options.out, options.jobs, options.scheduler, progress)
    return Made(found, {"study.csv": table})


def study(
    grid: Grid,
    dataset: Dataset | None,
    margins: dict[str, float],
    folder: Path,
    jobs: int,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> tuple[Found, bytes]:
    """Run the grid; (what it shows, the content of study.csv).

    dataset: None for the built-in data. margins: of training_cost and test_accuracy, the largest mean difference that is
    called equivalent.
    """
    question = _question(grid, dataset)
    answers = _run(question, folder, jobs, scheduler, progress or Progress())
    return _found(question, answers, margins), as_csv(answers.rows)


def _question(grid: Grid, dataset: Dataset | None) -> Question:
    runs = grid.runs()
    source, name, data = Source(None, None), "built-in noisy diagonal", BUILT_IN
    if dataset is not None:
        source = Source((dataset.X_train, dataset.Y_train), (dataset.X_test, dataset.Y_test))
        name, data = dataset.name, dataset.sha256
        fewest = int(min(dataset.Y_train.sum(), (1 - dataset.Y_train).sum()))
        if grid.dev_share is not None and fewest < 2:
            raise UsageError(
                f"--data: a dev part takes at least two training examples of each class, got {fewest}: give another --data"
            )
    versions = {implementation: version_of(implementation) for implementation in grid.implementations}
    keys = {run: key_of(run, data, versions[run.implementation]) for run in runs}
    return Question(grid, runs, source, name, data, versions, keys)


def _run(question: Question, folder: Path, jobs: int, scheduler: str | None, progress: Progress) -> Answers:
    """Train what the store does not hold yet, and keep each run as soon as it is finished."""
    runs, keys = question.runs, question.keys
    missing: dict[str, Missing] = {}
    with Store(folder / "study.sqlite") as store:
        kept = store.load(keys.values())
        left = [run for run in runs if keys[run] not in kept]
        before = len(runs) - len(left)
        progress.add("training", len(runs), done=before, doing=f"{before:,} of {len(runs):,} runs kept from before")
        done = before
        m = question.source.parts(runs[0])["train"][0].shape[1]
        for group, ends in finished(list(groups(left, m)), question.source, jobs, scheduler) if left else ():
            good = []
            for run, end in zip(group, ends, strict=True):
                checked = _usable(run, end, question, elsewhere=scheduler is not None)
                if isinstance(checked, Failed):
                    who = f"{run.implementation}, {run.setting}"
                    missing[who] = Missing(who, checked.reason)
                else:
                    good.append(run.flat() | {"key": keys[run], "data": question.data} | asdict(checked))
            store.save(good)
            done += len(good)
            progress.update("training", len(good), f"{done:,} of {len(runs):,} runs")
        kept = store.load(keys.values())
        others = store.count() - len(kept)
    rows = {run: kept[keys[run]] for run in runs if keys[run] in kept}
    table = {run: Scored(**{field.name: row[field.name] for field in fields(Scored)}) for run, row in rows.items()}
    return Answers(table, list(rows.values()), list(missing.values()), before, others)


def _usable(run: Run, end: Scored | Failed, question: Question, elsewhere: bool) -> Scored | Failed:
    """What can be kept of a run, or why nothing can. elsewhere: whether it comes from a cluster."""
    if isinstance(end, Failed) or end.version == question.versions[run.implementation]:
        return end
    if elsewhere:
        return Failed("a worker has other sources or packages than this machine")
    raise SamenetError(
        f"the sources of {run.implementation} changed while the study ran; what was finished before is "
        "kept: give the same command again"
    )


def _found(question: Question, answers: Answers, margins: dict[str, float]) -> Found:
    grid, table = question.grid, answers.table
    parts = question.source.parts(question.runs[0])
    dev_examples = parts["dev"][0].shape[1] if "dev" in parts else None
    diverged = sum(not scored.completed for scored in table.values())
    return Found(
        environment=describe(1),
        data=StudyData(question.name, question.data, grid.dev_share, dev_examples),
        grid=grid,
        counts=Counts(len(question.runs), len(table), answers.before, answers.others, diverged),
        missing=answers.missing,
        seconds_per_run={
            name: _median([scored.seconds for run, scored in table.items() if run.implementation == name])
            for name in grid.implementations
        },
        luck=luck(table, grid.unit),
        effects=effects(table, grid.unit),
        choice=choice(table, grid.unit) if grid.dev_share is not None else [],
        equivalence=across(table, margins, grid.unit),
    )


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None
