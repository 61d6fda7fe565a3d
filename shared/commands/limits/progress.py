"""Progress of `compare.py limits` on a terminal. Silent when piped."""

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from shared.harness.workers import Message, Task


class LimitsProgress:
    """Progress of `compare.py limits`: a line for all problems (single steps and whole ones together) and faults."""

    def __init__(self, implementations: list[str], problems: int, console: Console):
        columns = (TextColumn("measuring"), BarColumn(bar_width=40), TimeRemainingColumn(compact=True))
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        # Two dtypes; the detection limits report 14 times each.
        self._row = self._progress.add_task("", total=2 * (len(implementations) * problems + 14))

    def __enter__(self) -> "LimitsProgress":
        self._progress.start()
        return self

    def __exit__(self, *_) -> None:
        self._progress.stop()

    def __call__(self, task: Task, message: Message) -> None:
        """A message of a task."""
        if message["event"] == "progress":
            self._progress.advance(self._row)
