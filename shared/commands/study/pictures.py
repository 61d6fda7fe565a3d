"""The pictures of `compare.py study`, made from the results."""

import statistics
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from shared.commands.study.command import AXES
from shared.commands.study.findings import Luck
from shared.commands.study.found import Found
from shared.commands.study.table import name_of
from shared.harness.figures import COLOURS, png


def _figure(columns: int, rows: int, width: float, height: float, sharey: bool = False) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, sharey=sharey)


def draw(results: Found) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Test accuracy over the seeds, and where there are several values, curves over lambd and keep_prob."""
    figures = {"study_seeds.png": over_seeds(results)} | {name: over_values(results, axis) for axis, name in AXES.items()}
    yield from ((name, partial(png, figure)) for name, figure in figures.items() if figure is not None)


def over_seeds(results: Found) -> Any:
    """Test accuracy of every run, in the setting that was chosen, or the only one: a dot each, mean and 95 % interval."""
    chosen = {(c.variant, c.implementation): c.chosen for c in results.choice}
    shown = [
        (entry, entry.test_accuracy)
        for entry in results.luck
        if entry.test_accuracy and entry.setting == chosen.get((entry.variant, entry.implementation), entry.setting)
    ]
    if not shown:
        return None
    everything = [value for _, measure in shown for value in measure.values]
    low, high = np.percentile(everything, (25, 75))
    floor = low - 6 * (high - low)  # a network that learned nothing must not flatten all others
    names = list(dict.fromkeys(name_of(entry, results) for entry, _ in shown))
    figure, axes = _figure(len(names), 1, max(2.6, 8 / len(names)), 3.2, sharey=True)
    for ax, name in zip(axes[0], names, strict=True):
        own = [(entry, measure) for entry, measure in shown if name_of(entry, results) == name]
        for place, (entry, measure) in enumerate(own):
            colour = COLOURS.get(entry.implementation)
            for value, count in Counter(measure.values).items():  # equal ones side by side
                spread = [place + 0.8 * (i - (count - 1) / 2) / max(20, count) for i in range(count)]
                if value >= floor:
                    ax.scatter(spread, [100 * value] * count, s=8, color=colour, alpha=0.6, linewidths=0)
                else:
                    ax.scatter(spread, [100 * floor] * count, s=16, color=colour, marker="v", linewidths=0, clip_on=False)
                    ax.annotate(f"{100 * value:.1f}", (place, 100 * floor), (0, 6), textcoords="offset points",
                                ha="center", fontsize=7)  # fmt: skip
            low, high = measure.interval
            if low is not None and high is not None:
                ends = [[100 * (measure.mean - low)], [100 * (high - measure.mean)]]
                ax.errorbar(place, 100 * measure.mean, ends, color="black", capsize=4, marker="_", markersize=12)
        ax.set_xlim(-0.6, len(own) - 0.4)
        ax.set_xticks(range(len(own)), [entry.implementation for entry, _ in own], fontsize=8)
        ax.set_title(f"{textwrap.fill(name, 24)}\n{own[0][0].runs} runs", fontsize=9)
        ax.grid(alpha=0.3, axis="y")
        ax.tick_params(labelleft=True)
    if min(everything) < floor:
        axes[0][0].set_ylim(bottom=100 * floor)
    axes[0][0].set_ylabel("test accuracy, %")
    return figure


def over_values(results: Found, axis: str) -> Any:
    """Accuracy and cost on train and dev over lambd or keep_prob, all implementations together; bias and variance named."""
    chosen = {(entry.variant, entry.implementation): entry.chosen for entry in results.choice}
    curves: dict[str, dict[float, list[Luck]]] = {}
    for entry in results.luck:
        setting = chosen.get((entry.variant, entry.implementation))
        value = getattr(entry, axis)
        if setting and value is not None and entry.dev_cost and entry.setting == replace(setting, **{axis: value}):
            curves.setdefault(entry.variant, {}).setdefault(value, []).append(entry)
    curves = {variant: points for variant, points in curves.items() if len(points) > 1}
    if not curves:
        return None
    figure, axes = _figure(2, len(curves), 4.2, 3.2)
    for row, (variant, points) in zip(axes, curves.items(), strict=True):
        values = sorted(points)
        places = range(len(values))  # evenly, whatever the values
        for ax, what in zip(row, ("accuracy, %", "cost"), strict=True):
            for part, colour in (("train", COLOURS["numpy"]), ("dev", COLOURS["torch"])):
                metric = f"{part}_{what.split(',')[0]}"
                samples = [[v for entry in points[value] for v in getattr(entry, metric).values] for value in values]
                scale = 100 if "%" in what else 1
                bands = [[scale * p for p in np.percentile(each, (10, 90))] for each in samples]
                means = [scale * statistics.fmean(each) for each in samples]
                ax.plot(places, means, "--" if part == "dev" else "-", color=colour, label=part, marker="o", markersize=3)
                ax.fill_between(places, *zip(*bands, strict=True), color=colour, alpha=0.15, linewidth=0)
            for value in {getattr(setting, axis) for (name, _), setting in chosen.items() if name == variant}:
                ax.axvline(values.index(value), color="black", linewidth=0.8, linestyle=":")
            ax.set_xticks(places, [f"{value:g}" for value in values], fontsize=8)
            ax.set_xlabel(f"{axis} (dotted: chosen)", fontsize=8)
            ax.set_ylabel(what)
            ax.set_title(variant, fontsize=9)
            ax.grid(alpha=0.3)
        # Weak regularization, a small lambd or a large keep_prob, shows as a gap between the two; strong, as a low accuracy.
        ends = ("variance: dev apart from train", "bias: both fall")
        for place, side, text in zip((0.02, 0.98), ("left", "right"), ends if axis == "lambd" else ends[::-1], strict=True):
            row[0].text(place, 0.03, text, ha=side, transform=row[0].transAxes, fontsize=7)
    axes[0][1].legend(fontsize=8, title="mean, and 10 % to 90 %\nof the runs", title_fontsize=7)
    return figure
