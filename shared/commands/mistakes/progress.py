"""Progress of `compare.py mistakes` on a terminal. Silent when piped."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from shared.harness.workers import Message, Task


class MistakesProgress:
    """Progress of `compare.py mistakes`: a line for all plantings. Silent when piped."""

    def __init__(self, total: int, console: Console):
        columns = (TextColumn("planting"), BarColumn(bar_width=40), MofNCompleteColumn(), TimeRemainingColumn(compact=True))
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._row = self._progress.add_task("", total=total)

    def __enter__(self) -> "MistakesProgress":
        self._progress.start()
        return self

    def __exit__(self, *_) -> None:
        self._progress.stop()

    def __call__(self, task: Task, message: Message) -> None:
        """A message of a task."""
        if message["event"] == "tried":
            self._progress.advance(self._row)
