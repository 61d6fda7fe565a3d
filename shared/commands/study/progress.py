"""Progress of `compare.py study` on a terminal. Silent when piped."""

import time
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn


class StudyProgress:
    """Progress of `compare.py study`: runs done, and the time left. Silent when piped."""

    def __init__(self, console: Console):
        columns = (TextColumn("training"), BarColumn(bar_width=30), MofNCompleteColumn(), TextColumn("{task.fields[left]}"))
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._row = self._progress.add_task("", total=None, left="")
        self._kept: int | None = None
        self._started = time.monotonic()

    def __enter__(self) -> "StudyProgress":
        self._progress.start()
        return self

    def __exit__(self, *_) -> None:
        self._progress.stop()

    def __call__(self, done: int, total: int, seconds: float | None) -> None:
        """So many runs are done, of so many."""
        if self._kept is None:  # what was kept before says nothing of the time left
            self._kept = done
            self._started = time.monotonic()
            self._progress.reset(self._row, total=total, completed=done)
        elif done > self._kept:
            # Over all that was done: runs finish in waves, from which the moment's speed says little.
            seconds_left = (time.monotonic() - self._started) * (total - done) / (done - self._kept)
            left = f"{timedelta(seconds=round(seconds_left))} left"
            self._progress.update(self._row, completed=done, left=left)
