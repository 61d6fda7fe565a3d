"""Progress of every command: rows on a terminal; where the output goes elsewhere, a line now and then."""

import time
from datetime import timedelta
from types import TracebackType

import rich.progress
from rich.console import Console
from rich.table import Column
from rich.text import Text

from shared.harness.output import plain

NOW_AND_THEN = 300.0
"""Seconds between the lines of what is no terminal."""


class Progress:
    """Named rows, each with how much of it is done; a context manager around the work. Silent without a console."""

    def __init__(self, console: Console | None = None):
        self._console = console or Console(quiet=True)
        doing = rich.progress.TextColumn(
            "{task.fields[doing]:<38}", markup=False, table_column=Column(no_wrap=True, overflow="crop")
        )
        self._display = rich.progress.Progress(
            rich.progress.TextColumn("{task.description:<10}", markup=False),
            rich.progress.BarColumn(bar_width=20),
            *([doing] if self._console.width >= 76 else []),  # on a narrow terminal the bar and the time say more
            _Time(),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._rows: dict[str, rich.progress.TaskID] = {}
        self._said = time.monotonic()

    def __enter__(self) -> "Progress":
        self._display.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self._display.stop()

    def add(self, row: str, total: int | None = None, doing: str = "", done: int = 0) -> None:
        """A row. total: of what is to be done, None where nobody knows; done: what was done before."""
        self._rows[row] = self._display.add_task(row, total=total, completed=done, doing=plain(doing), before=done)

    def update(self, row: str, advance: int = 0, doing: str | None = None) -> None:
        """Advance a row by that much; doing: what is being done now."""
        words = {} if doing is None else {"doing": plain(doing[:200])}
        self._display.update(self._rows[row], advance=advance, **words)
        if not self._console.is_terminal and time.monotonic() - self._said > NOW_AND_THEN:
            self._said = time.monotonic()
            self._console.print("; ".join(map(_line, self._display.tasks)), markup=False, highlight=False, soft_wrap=True)

    def say(self, lines: list[str]) -> None:
        """Print lines above the rows."""
        self._console.print("\n".join(map(plain, lines)), markup=False, highlight=False, soft_wrap=True)


def _line(task: rich.progress.Task) -> str:
    """A row, in words."""
    share = "" if task.total is None else f" {task.percentage:.0f} %"
    return ": ".join(filter(None, [f"{task.description}{share}", task.fields["doing"]]))


class _Time(rich.progress.ProgressColumn):
    """The time left; where nobody knows how much is to be done, the time since the start."""

    def render(self, task: rich.progress.Task) -> Text:
        seconds, done = task.elapsed or 0.0, task.completed - task.fields["before"]
        if task.total is not None:
            if done <= 0:
                return Text("-:--:--")
            # Over all that was done: work finishes in waves, from which the moment's speed says little.
            seconds *= (task.total - task.completed) / done
        return Text(str(timedelta(seconds=max(0, round(seconds)))))
