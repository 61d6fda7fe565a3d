"""The plot of `compare.py bench`, made from the results."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from shared.commands.bench.measure import Found
from shared.commands.bench.tasks import Speed
from shared.harness.figures import COLOURS, png


def draw(results: Found) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """The plot, with its name."""
    yield "bench.png", partial(bench_picture, results)


def bench_picture(results: Found) -> bytes:
    """The plot as PNG: ratios to the plain loop, and growth on logarithmic axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 7), layout="constrained")
    axes = figure.subplots(2, 3)
    _draw_ratios(figure, axes[0], results.speed)
    for ax, what in zip(axes[1], ("examples", "hidden", "iterations"), strict=True):
        for row in results.growth:
            if row.grows == what:
                values = [point.value for point in row.points]
                times = [1e6 * point.seconds_per_update for point in row.points]
                colour = COLOURS.get(row.implementation, "#555555")
                ax.loglog(values, times, "o-", color=colour, label=row.implementation)
        ax.set_xlabel({"examples": "examples m", "hidden": "units of the first hidden layer"}.get(what, what))
        ax.set_ylabel("microseconds per update")
        if ax.lines:
            ax.legend()
    return png(figure)


def _draw_ratios(figure: Any, axes: Any, rows: list[Speed]) -> None:
    for ax in axes[1:]:
        ax.remove()
    ax = axes[0]
    ax.remove()
    ax = figure.add_subplot(2, 1, 1)
    shown = [row for row in rows if row.contestant != "Keras fit"]  # beside which everything else would vanish
    for i, row in enumerate(shown):
        ratio = row.ratio
        colour = COLOURS.get(row.contestant, "#999999")
        error = [[ratio.median - ratio.low], [ratio.high - ratio.median]]
        ax.bar(i, ratio.median, color=colour, yerr=error, capsize=2)
    ax.axhline(1, color="black", linewidth=0.8)
    ax.set_xticks(range(len(shown)), [f"{row.contestant}\n{row.variant}" for row in shown], rotation=60, fontsize=7)
    ax.set_ylabel("time, of the plain loop's")
