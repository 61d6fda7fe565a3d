"""Progress of `compare.py optimizers` on a terminal. Silent when piped."""

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from shared.commands.optimizers.rows import settings_of
from shared.harness.workers import Message, Task


class OptimizersProgress:
    """Progress of `compare.py optimizers`: a line for all runs. Silent when piped."""

    def __init__(self, console: Console):
        columns = (TextColumn("training"), BarColumn(bar_width=40), TimeRemainingColumn(compact=True))
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        # Every run is also repeated by hand.
        runs = sum(len(settings_of(framework)) for framework in ("torch", "tensorflow"))
        self._row = self._progress.add_task("", total=2 * runs)

    def __enter__(self) -> "OptimizersProgress":
        self._progress.start()
        return self

    def __exit__(self, *_) -> None:
        self._progress.stop()

    def __call__(self, task: Task, message: Message) -> None:
        """A message of a task."""
        if message["event"] == "progress":
            self._progress.advance(self._row)
