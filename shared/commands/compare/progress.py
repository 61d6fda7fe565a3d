"""Progress on a terminal: a line per implementation and one for the reference. Silent when piped."""

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from shared.harness.workers import Message, Task


class TrainingProgress:
    """Listens to the tasks' messages; a context manager around the run."""

    def __init__(self, implementations: list[str], variants: list[str], num_iterations: int, console: Console):
        self._iterations = num_iterations
        self._variants = variants
        doing = TextColumn("{task.fields[doing]:<38}", table_column=Column(no_wrap=True, overflow="crop"))
        self._progress = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=20),
            *([doing] if console.width >= 76 else []),  # on a narrow terminal the bar and the time left say more
            TimeRemainingColumn(compact=True),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        total = num_iterations * len(variants)
        self._rows = {name: self._progress.add_task(name, total=total, doing="starting") for name in implementations}
        # The reference repeats every run in segments, and from the start: once per variant, or per run with dropout.
        dropouts = sum("dropout" in variant for variant in variants)
        free_runs = dropouts * len(implementations) + len(variants) - dropouts
        total = num_iterations * (len(variants) * len(implementations) + free_runs)
        self._reference = self._progress.add_task("reference", total=total, doing="repeats every update")

    def __enter__(self) -> "TrainingProgress":
        self._progress.start()
        return self

    def __exit__(self, *_) -> None:
        self._progress.stop()

    def __call__(self, task: Task, message: Message) -> None:
        """A message of a task."""
        if message["event"] == "ended" and task["task"] == "train":
            row = self._rows[task["implementation"]]
            self._progress.update(row, doing=task.get("status", "crashed") if message["reason"] else "done")
        elif message["event"] == "reused":
            self._progress.update(self._rows[task["implementation"]], advance=self._iterations, doing="proved before")
            self._progress.update(self._reference, advance=self._iterations)
        elif message["event"] != "progress":
            return
        elif task["task"] == "train":
            done = self._variants.index(message["variant"]) * self._iterations + message["iteration"]
            doing = f"{message['variant']}, {message['iteration']:,}: cost {message['cost']:.6f}"
            self._progress.update(self._rows[task["implementation"]], completed=done, doing=doing)
        else:
            doing = ", ".join(filter(None, [task.get("implementation"), task["variant"]]))
            self._progress.update(self._reference, advance=message["updates"], doing=doing)
