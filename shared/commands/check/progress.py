"""Progress of `compare.py check` on a terminal. Silent when piped."""

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from shared.harness.workers import Message, Task


class CheckProgress:
    """Progress of `compare.py check`: what is being called. How long a port takes nobody knows."""

    def __init__(self, console: Console):
        columns = (SpinnerColumn("line"), TextColumn("{task.fields[doing]}"), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._row = self._progress.add_task("", total=None, doing="starting")

    def __enter__(self) -> "CheckProgress":
        self._progress.start()
        return self

    def __exit__(self, *_) -> None:
        self._progress.stop()

    def __call__(self, task: Task, message: Message) -> None:
        """A message of the task."""
        if message["event"] == "begin":
            self._progress.update(self._row, doing=escape(message["what"]))
