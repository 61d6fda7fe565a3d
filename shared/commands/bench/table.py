"""The tables and the plot of `compare.py bench`, made from the content of bench.json."""

import io
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from shared.harness.figures import COLOURS
from shared.harness.output import write_whole
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


def show_bench(results: dict, console: Console) -> None:
    """Speed, growth, the whole command, and what could not be measured."""
    environment, data = results["environment"], results["data"]
    console.print(
        f"{data['name']}: {data['train_examples']} examples, {results['hyperparameters']['dtype']}, "
        f"{environment['threads']} thread, {results['rounds']} rounds: median (lowest to highest)",
        markup=False,
        highlight=False,
    )
    if results["speed"]:
        console.print(_speed(results["speed"]))
    if results["growth"]:
        console.print(_growth(results["growth"]))
        console.print(
            f"{environment['growth_threads']} threads, no regularization; us, MB: at the last point; x^: fitted exponents",
            highlight=False,
        )
    if results["whole"]:
        _show_whole(results["whole"], console)
    for entry in results["missing"]:
        console.print(f"not measured: {entry['contestant']}: {entry['reason']}", markup=False, highlight=False)


def _speed(rows: list[dict]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("")
    for heading in ("us/update", "of the plain loop", "first block"):
        table.add_column(heading, justify="right")
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    for variant in variants:
        table.add_row(Text(variant, style="bold"))
        for row in rows:
            if row["variant"] == variant:
                ratio = row["ratio"]
                table.add_row(
                    Text(f"  {row['contestant']}"),
                    f"{row['microseconds']['median']:,.0f}",
                    f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})",
                    f"{row['first_block_seconds']:.1f} s",
                )
    return table


def _growth(rows: list[dict]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("grows")
    table.add_column("")
    for heading in ("to", "us", "time x^", "MB", "memory x^"):
        table.add_column(heading, justify="right")
    for row in sorted(rows, key=lambda row: row["grows"]):
        last, exponents = row["points"][-1], row["exponents"]
        table.add_row(
            row["grows"],
            Text(row["implementation"]),
            f"{last['value']:,}",
            f"{1e6 * last['seconds_per_update']:,.0f}",
            _number(exponents["seconds_per_update"], ".2f"),
            _number(last["bytes"] and last["bytes"] / 1e6, ",.0f"),
            _number(exponents["bytes"], ".2f"),
        )
    return table


def _show_whole(whole: dict, console: Console) -> None:
    inside, peak = whole["process_seconds"], whole["peak_bytes_of_the_largest_process"]
    console.print(
        f"compare.py, {whole['iterations']:,} iterations: {whole['seconds']:.1f} s"
        f", again {whole['seconds_of_a_second_run']:.1f} s"
        f" ({_number(whole['ratio'], '.1f')} times the plain loop's three runs,"
        f" {_number(whole['plain_loop_seconds'], '.1f')} s); its processes: ports {_number(inside['ports'], '.0f')} s,"
        f" reference {_number(inside['reference'], '.0f')} s; the largest holds {_number(peak and peak / 1e6, ',.0f')} MB",
        highlight=False,
    )


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"


def draw_bench(results: dict, path: Path) -> None:
    """Write the plot: ratios to the plain loop, and growth on logarithmic axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 7), layout="constrained")
    axes = figure.subplots(2, 3)
    _draw_ratios(figure, axes[0], results["speed"])
    for ax, what in zip(axes[1], ("examples", "hidden", "iterations"), strict=True):
        for row in results["growth"]:
            if row["grows"] == what:
                values = [point["value"] for point in row["points"]]
                times = [1e6 * point["seconds_per_update"] for point in row["points"]]
                colour = COLOURS.get(row["implementation"], "#555555")
                ax.loglog(values, times, "o-", color=colour, label=row["implementation"])
        ax.set_xlabel({"examples": "examples m", "hidden": "units of the first hidden layer"}.get(what, what))
        ax.set_ylabel("microseconds per update")
        if ax.lines:
            ax.legend()
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=110)
    write_whole(path, image.getvalue())


def _draw_ratios(figure: Any, axes: Any, rows: list[dict]) -> None:
    for ax in axes[1:]:
        ax.remove()
    ax = axes[0]
    ax.remove()
    ax = figure.add_subplot(2, 1, 1)
    shown = [row for row in rows if row["contestant"] != "Keras fit"]  # beside which everything else would vanish
    for i, row in enumerate(shown):
        ratio = row["ratio"]
        colour = COLOURS.get(row["contestant"], "#999999")
        error = [[ratio["median"] - ratio["low"]], [ratio["high"] - ratio["median"]]]
        ax.bar(i, ratio["median"], color=colour, yerr=error, capsize=2)
    ax.axhline(1, color="black", linewidth=0.8)
    ax.set_xticks(range(len(shown)), [f"{row['contestant']}\n{row['variant']}" for row in shown], rotation=60, fontsize=7)
    ax.set_ylabel("time, of the plain loop's")
