"""What the progress of a comparison counts: updates of each implementation, and those that the reference replays."""

from typing import Any

from shared.commands.compare.command import CompareOptions
from shared.commands.compare.tasks import RunSteps, Train
from shared.diagnosis.failure import first_failures, message
from shared.harness.checks import RunId
from shared.harness.messages import Done, Lost, Progressed
from shared.harness.progress import Progress
from shared.harness.results import Verified

REPLAYS = "reference"
"""The row of what the reference does."""


def add_rows(progress: Progress, options: CompareOptions) -> None:
    """A row for each implementation, and one for the reference."""
    variants, implementations = options.variants, options.implementations
    iterations = options.hyperparameters.num_iterations
    for name in implementations:
        progress.add(name, iterations * len(variants), doing="starting")
    # The reference replays every run in segments, and from the start: once per variant, or per run with dropout.
    dropouts = sum("dropout" in variant for variant in variants)
    free_runs = dropouts * len(implementations) + len(variants) - dropouts
    progress.add(REPLAYS, iterations * (len(variants) * len(implementations) + free_runs), doing="replays every update")


def show(progress: Progress, task: Any, message: Any) -> None:
    """Show what a process said."""
    row = task.implementation if isinstance(task, RunSteps | Train) else REPLAYS
    match message:
        case Progressed():
            progress.update(row, message.updates, message.doing or None)
        case Done() if row != REPLAYS:
            progress.update(row, doing=f"{task.variant}: {'done' if isinstance(task, Train) else 'single steps'}")
        case Lost() if row != REPLAYS:
            progress.update(row, doing=f"{task.variant}: {'missing' if message.missing else 'crashed'}")


def tell(progress: Progress, verified: Verified, told: set[RunId]) -> bool:
    """Say at once where a run differs first, and why; whether there was anything new. told: of which runs it was said."""
    failures = [failure for failure in first_failures(verified.checks) if failure.check.run not in told]
    told |= {failure.check.run for failure in failures}
    for failure in failures:
        headline, *lines = message(failure, verified.diagnoses)
        progress.say([f"differs: {headline}", *(f"  {line}" for line in lines)])
    return bool(failures)
