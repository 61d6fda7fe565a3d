"""Progress of `compare.py bench` on a terminal. Silent when piped."""

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from shared.harness.workers import Message, Task


class BenchProgress:
    """Progress of `compare.py bench`: what is being measured. Silent when piped."""

    def __init__(self, console: Console):
        columns = (TextColumn("{task.fields[doing]:<40}"), BarColumn(bar_width=20), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._row = self._progress.add_task("", total=None, doing="starting")

    def __enter__(self) -> "BenchProgress":
        self._progress.start()
        return self

    def __exit__(self, *_) -> None:
        self._progress.stop()

    def __call__(self, task: Task, message: Message) -> None:
        """A message of a task."""
        doing = {"race": "racing", "whole": "the whole command"}.get(task["task"]) or f"{task['name']}: {task['grows']}"
        self._progress.update(self._row, doing=doing)
