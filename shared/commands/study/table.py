"""The tables and the pictures of `compare.py study`, made from the content of study.json."""

import io
import itertools
import math
import statistics
import textwrap
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from shared.commands.study.equivalence import MOST
from shared.errors import UsageError
from shared.harness.figures import COLOURS
from shared.harness.output import write_json, write_whole
from shared.harness.tables import fitting

AXES = {"lambd": "study_lambd.png", "keep_prob": "study_keep_prob.png"}
WRITTEN = ("study.csv", "study.json", "study_seeds.png", *AXES.values())
STYLES = {"equivalent": "green", "different": "bold red", "not enough runs": "yellow"}
SHOWN = 24
"""Rows of equivalence on the terminal; all are in study.json."""


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


def show_study(results: dict, console: Console) -> None:
    """What is luck, what was chosen, what is equivalent, and what is missing."""
    data, grid, counts = results["data"], results["grid"], results["counts"]
    console.print(
        Text(
            f"{data['name']}: {', '.join(grid['implementations'])}; {grid['num_iterations']:,} iterations, {grid['dtype']}; "
            f"{counts['finished']:,} of {counts['planned']:,} runs, {counts['kept_before']:,} of them kept from before"
            + (
                f" ({counts['others_kept']:,} of other settings, data or sources are kept, too)"
                if counts["others_kept"]
                else ""
            )
        )
    )
    if data["dev_share"] is not None:
        console.print(
            f"dev part: {data['dev_examples']} examples split off the training part; the data set has none of its own",
            highlight=False,
        )
    _show_luck(results, console)
    if results["effects"]:
        _show_effects(results, console)
    if results["choice"]:
        _show_choice(results, console)
        console.print(
            "chosen: the simplest setting whose mean dev cost is within the limit: the lowest, plus its standard error; "
            "interval: over seeds and dev parts, for these training and test examples",
            style="dim",
        )
    if results["equivalence"]:
        _show_equivalence(results, console)
    if counts["diverged"]:
        console.print(Text(f"{counts['diverged']} runs diverged: they are in no mean", "yellow"))
    for entry in results["missing"]:
        console.print(Text(f"missing: {entry['runs']}: {entry['reason']}", "yellow"))
    console.print(_verdict(results))


def _verdict(results: dict) -> Text:
    verdicts = [entry["verdict"] for entry in results["equivalence"]]
    found = ", ".join(f"{verdicts.count(word)} {word}" for word in STYLES if word in verdicts)
    counts = results["counts"]
    if "different" in verdicts:
        return Text("DIFFERENT", "bold red") + Text(f": {found}")
    if counts["finished"] < counts["planned"]:
        there = f"{counts['finished']:,} of {counts['planned']:,} runs are there"
        return Text("INCOMPLETE", "bold yellow") + Text(": " + "; ".join(filter(None, [there, found])))
    if counts["diverged"] == counts["planned"]:
        return Text("INCOMPLETE", "bold yellow") + Text(": every run diverged")
    if not verdicts:
        return Text("DONE", "bold green") + Text(": one implementation, nothing to hold against each other")
    enough = "not enough runs" not in verdicts
    word, style = ("EQUIVALENT", "bold green") if enough else ("NOT ENOUGH RUNS", "bold yellow")
    return Text(word, style) + Text(f": {found}")


def _name(entry: dict, results: dict) -> str:
    """The setting, without what is the same in the whole grid."""
    grid = results["grid"]
    parts = [entry["variant"]]
    for key, axis in (("lambd", "lambds"), ("keep_prob", "keep_probs"), ("learning_rate", "learning_rates")):
        if len(grid[axis]) > 1 and entry[key] is not None:
            parts.append(f"{key} {entry[key]:g}")
    if len(grid["hiddens"]) > 1:
        parts.append("hidden " + ",".join(map(str, entry["hidden"])))
    return " ".join(parts)


def _show(
    headings: tuple[str, ...], rows: list[tuple[str, list[str]]], expendable: tuple[str, ...], console: Console
) -> None:
    """A table in groups: rows are (name of the group, cells). A space before a heading: a column of figures."""
    alone = len(rows) == len({name for name, _ in rows})  # one row of each group: it needs none above it

    def make(left_out: tuple[str, ...]) -> Table:
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
        shown = [place for place, heading in enumerate(headings) if heading not in left_out]
        for place in shown:
            justify: Any = "right" if headings[place].startswith(" ") else "left"
            table.add_column(headings[place].strip(), justify=justify, no_wrap=place > 0, overflow="fold")
        for name, group in itertools.groupby(rows, key=lambda row: row[0]):
            if not alone:
                table.add_row(Text(name, "bold"))
            for _, (first, *cells) in group:
                words = [Text(name) if alone else Text(f"  {first}"), *(Text(cell, STYLES.get(cell, "")) for cell in cells)]
                table.add_row(*(words[place] for place in shown))
        return table

    console.print(fitting(make, expendable, console))


def _show_luck(results: dict, console: Console) -> None:
    part = "dev" if results["data"]["dev_share"] is not None else "test"
    rows = []
    for entry in results["luck"]:
        cells = ["-"] * 4
        measure, train = entry.get(f"{part}_accuracy"), entry.get("train_accuracy")
        if measure and train:
            low, high = measure["interval"]
            cells = [f"{train['mean']:.1%}", f"{measure['mean']:.1%}"]
            cells.append("-" if low is None else f"{100 * max(0, low):.1f} to {100 * min(1, high):.1f}")
            cells.append(f"{100 * measure['lowest']:.1f} to {100 * measure['highest']:.1f}")
        rows.append((_name(entry, results), [entry["implementation"], str(entry["runs"]), *cells]))
    _show(
        ("", " runs", " train", f" {part}", " 95 % interval", " range"), rows, (" train", " 95 % interval", " runs"), console
    )


def _show_effects(results: dict, console: Console) -> None:
    rows = []
    for entry in sorted(results["effects"], key=lambda entry: results["grid"]["variants"].index(entry["variant"])):
        low, high = entry["interval"]
        span = "-" if low is None else f"{100 * low:+.1f} to {100 * high:+.1f}"
        name = f"{entry['variant']} against {entry['against']}"
        rows.append((name, [entry["implementation"], str(entry["n"]), f"{100 * entry['mean']:+.1f}", span]))
    _show(("", " seeds", " test, points", " 95 % interval"), rows, (" seeds", " 95 % interval"), console)


def _show_choice(results: dict, console: Console) -> None:
    rows = []
    for entry in results["choice"]:
        cost, test = entry["dev_cost"], entry["test_accuracy"]
        cells = ["-"] * 4
        if cost["mean"] is not None:
            low, high = test["interval"]
            span = "-" if low is None else f"{100 * max(0, low):.1f} to {100 * min(1, high):.1f}"
            cells = [f"{cost['mean']:.4f}", f"{entry['limit']:.4f}", f"{test['mean']:.1%}", span]
        rows.append((_name(entry["chosen"], results), [entry["implementation"], *cells]))
    _show(("chosen", " dev cost", " limit", " test", " 95 % interval"), rows, (" 95 % interval", " limit"), console)
    for entry in results["choice"]:
        for key in ("lambd", "keep_prob"):
            if _at_the_edge(entry, key, results):
                said = f"{entry['variant']}, {entry['implementation']}: {key} {entry['chosen'][key]:g}"
                console.print(Text(f"{said} is at the edge of the values tried: better ones may lie beyond", "yellow"))


def _at_the_edge(entry: dict, key: str, results: dict) -> bool:
    """Whether the value chosen is the smallest or the largest tried, and there are values beyond."""
    values, value = results["grid"][f"{key}s"], entry["chosen"][key]
    bound = {"lambd": 0.0, "keep_prob": 1.0}[key]
    return value is not None and len(values) > 1 and value in (min(values), max(values)) and value != bound


def _show_equivalence(results: dict, console: Console) -> None:
    rows = []
    order = {verdict: rank for rank, verdict in enumerate(("different", "not enough runs", "equivalent"))}
    first = sorted(results["equivalence"], key=lambda entry: order[entry["verdict"]])[:SHOWN]
    for entry in (entry for entry in results["equivalence"] if entry in first):
        low, high = entry["interval"] or (math.nan, math.nan)
        power, needed = entry["power"], entry["needed"]
        cells = [
            f"{entry['one']}, {entry['other']}",
            "cost" if "cost" in entry["metric"] else "accuracy",
            "-" if entry["mean"] is None else f"{round(entry['mean'], 4) + 0.0:+.4f} +-{(high - low) / 2:.4f}",
            "-" if power is None else f"{power:.2f}",
            "-" if needed is None else f"{'>' if needed == MOST else ''}{needed:,}",
            "-" if entry["p_kolmogorov_smirnov"] is None else f"{entry['p_kolmogorov_smirnov']:.2f}",
            entry["verdict"],
        ]
        rows.append((f"{_name(entry, results)}, {entry['n']} runs", cells))
    headings = ("", "of", " difference", " power", " needed", " KS", "verdict")
    _show(headings, rows, (" KS", " needed", " power", " difference"), console)
    if len(results["equivalence"]) > SHOWN:
        console.print(f"... {len(results['equivalence']) - SHOWN} more in study.json", highlight=False)
    margins = {"cost" if "cost" in e["metric"] else "accuracy": e["margin"] for e in results["equivalence"]}
    console.print(
        "difference: mean of first minus second over runs of equal seeds, and its 90 % interval; equivalent: it lies within "
        + " and ".join(f"{margin:g} in {what}" for what, margin in margins.items())
        + "; different: the mean is not 0 (5 % over all questions); needed: runs for a power of 0.9; KS: p, distributions",
        style="dim",
        highlight=False,
    )


def write_study(results: dict, table: bytes, folder: Path) -> list[Path]:
    """Write study.json, study.csv and the pictures; the paths, the store first. UsageError where nothing can be written.

    The pictures: test accuracy over the seeds, and where there are several, curves over lambd and keep_prob. Those of an
    earlier study go first.
    """
    paths = [folder / "study.sqlite", folder / "study.csv", folder / "study.json"]
    try:
        for name in WRITTEN[2:]:
            (folder / name).unlink(missing_ok=True)
        write_whole(paths[1], table)
        write_json(results, paths[2])
        figures = {"study_seeds.png": over_seeds(results)} | {name: _over(results, axis) for axis, name in AXES.items()}
        for name, figure in figures.items():
            if figure is not None:
                image = io.BytesIO()
                figure.savefig(image, format="png", dpi=120)
                write_whole(folder / name, image.getvalue())
                paths.append(folder / name)
    except OSError as error:
        said = f"--out: cannot write into {str(folder)!r}: {error.strerror}"
        raise UsageError(f"{said}; every run is kept in study.sqlite: mend that and give the same command again") from error
    return paths


def _figure(columns: int, rows: int, width: float, height: float, sharey: bool = False) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, sharey=sharey)


def over_seeds(results: dict) -> Any:
    """Test accuracy of every run, in the setting that was chosen, or the only one: a dot each, mean and 95 % interval."""
    chosen = {(c["variant"], c["implementation"]): c["chosen"] for c in results["choice"]}
    shown = [
        entry
        for entry in results["luck"]
        if "test_accuracy" in entry
        and all(entry[key] == value for key, value in chosen.get((entry["variant"], entry["implementation"]), {}).items())
    ]
    if not shown:
        return None
    everything = [value for entry in shown for value in entry["test_accuracy"]["values"]]
    low, high = np.percentile(everything, (25, 75))
    floor = low - 6 * (high - low)  # a network that learned nothing must not flatten all others
    names = list(dict.fromkeys(_name(entry, results) for entry in shown))
    figure, axes = _figure(len(names), 1, max(2.6, 8 / len(names)), 3.2, sharey=True)
    for ax, name in zip(axes[0], names, strict=True):
        own = [entry for entry in shown if _name(entry, results) == name]
        for place, entry in enumerate(own):
            measure = entry["test_accuracy"]
            colour = COLOURS.get(entry["implementation"])
            for value, count in Counter(measure["values"]).items():  # equal ones side by side
                spread = [place + 0.8 * (i - (count - 1) / 2) / max(20, count) for i in range(count)]
                if value >= floor:
                    ax.scatter(spread, [100 * value] * count, s=8, color=colour, alpha=0.6, linewidths=0)
                else:
                    ax.scatter(spread, [100 * floor] * count, s=16, color=colour, marker="v", linewidths=0, clip_on=False)
                    ax.annotate(f"{100 * value:.1f}", (place, 100 * floor), (0, 6), textcoords="offset points",
                                ha="center", fontsize=7)  # fmt: skip
            low, high = measure["interval"]
            if low is not None:
                ends = [[100 * (measure["mean"] - low)], [100 * (high - measure["mean"])]]
                ax.errorbar(place, 100 * measure["mean"], ends, color="black", capsize=4, marker="_", markersize=12)
        ax.set_xlim(-0.6, len(own) - 0.4)
        ax.set_xticks(range(len(own)), [entry["implementation"] for entry in own], fontsize=8)
        ax.set_title(f"{textwrap.fill(name, 24)}\n{own[0]['runs']} runs", fontsize=9)
        ax.grid(alpha=0.3, axis="y")
        ax.tick_params(labelleft=True)
    if min(everything) < floor:
        axes[0][0].set_ylim(bottom=100 * floor)
    axes[0][0].set_ylabel("test accuracy, %")
    return figure


def _over(results: dict, axis: str) -> Any:
    """Accuracy and cost on train and dev over lambd or keep_prob, all implementations together; bias and variance named."""
    chosen = {(entry["variant"], entry["implementation"]): entry["chosen"] for entry in results["choice"]}
    others = [key for key in ("lambd", "keep_prob", "learning_rate", "hidden") if key != axis]
    curves: dict[str, dict[float, list[dict]]] = {}
    for entry in results["luck"]:
        setting = chosen.get((entry["variant"], entry["implementation"]))
        if setting and entry[axis] is not None and "dev_cost" in entry and all(entry[key] == setting[key] for key in others):
            curves.setdefault(entry["variant"], {}).setdefault(entry[axis], []).append(entry)
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
                samples = [[v for entry in points[value] for v in entry[metric]["values"]] for value in values]
                scale = 100 if "%" in what else 1
                bands = [[scale * p for p in np.percentile(each, (10, 90))] for each in samples]
                means = [scale * statistics.fmean(each) for each in samples]
                ax.plot(places, means, "--" if part == "dev" else "-", color=colour, label=part, marker="o", markersize=3)
                ax.fill_between(places, *zip(*bands, strict=True), color=colour, alpha=0.15, linewidth=0)
            for value in {setting[axis] for (name, _), setting in chosen.items() if name == variant}:
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
