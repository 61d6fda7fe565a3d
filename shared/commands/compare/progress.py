"""What the progress of a comparison counts: updates of each implementation, and those that the reference replays."""

from typing import Any

from shared.commands.compare.command import CompareOptions
from shared.commands.compare.tasks import Train
from shared.harness.messages import Done, Lost, Progressed, Task
from shared.harness.progress import Progress

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


def show(progress: Progress, task: Task, message: Any) -> None:
    """Show what a process said."""
    row = task.implementation if isinstance(task, Train) else REPLAYS
    match message:
        case Progressed():
            progress.update(row, message.updates, message.doing or None)
        case Done() | Lost() if isinstance(task, Train):
            words = "done" if isinstance(message, Done) else "missing" if message.missing else "crashed"
            progress.update(row, doing=f"{task.variant}: {words}")
