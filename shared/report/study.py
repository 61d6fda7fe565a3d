"""The tables and the pictures of `compare.py study`, made from the content of study.json."""

import io
import math
import statistics
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from shared.report.pictures import COLOURS
from shared.report.results import write_whole

AXES = {"lambd": "study_lambd.png", "keep_prob": "study_keep_prob.png"}
STYLES = {"equivalent": "green", "different": "bold red", "not enough runs": "yellow"}
SHOWN = 24
"""Rows of equivalence on the terminal; all are in study.json."""


class StudyProgress:
    """Progress of `compare.py study`: runs done, and the time left. Silent when piped."""

    def __init__(self, console: Console):
        columns = (TextColumn("training"), BarColumn(bar_width=30), MofNCompleteColumn(), TimeRemainingColumn(compact=True))
        self._progress = Progress(
            *columns, console=console, disable=not console.is_terminal, transient=True, speed_estimate_period=600
        )
        self._row = self._progress.add_task("", total=None)
        self._kept: int | None = None

    def __enter__(self) -> "StudyProgress":
        self._progress.start()
        return self

    def __exit__(self, *_) -> None:
        self._progress.stop()

    def __call__(self, done: int, total: int, seconds: float | None) -> None:
        """So many runs are done, of so many."""
        if self._kept is None:  # what was kept before says nothing of the time left
            self._kept = done
            self._progress.reset(self._row, total=total, completed=done)
        else:
            self._progress.update(self._row, completed=done)


def show_study(results: dict, console: Console) -> None:
    """What is luck, what was chosen, what is equivalent, and what is missing."""
    data, counts = results["data"], results["counts"]
    console.print(
        Text(
            f"{data['name']}: {results['grid']['num_iterations']:,} iterations, {results['grid']['dtype']}; "
            f"{counts['finished']:,} of {counts['planned']:,} runs, {counts['kept_before']:,} of them kept from before"
        )
    )
    if data["dev_share"] is not None:
        console.print(
            f"dev part: {data['dev_examples']} examples split off the training examples, which has none of its own",
            highlight=False,
        )
    console.print(_luck(results))
    if results["choice"]:
        console.print(_choice(results))
        console.print("chosen: the simplest setting within one standard error of the lowest mean dev cost", style="dim")
    if results["equivalence"]:
        console.print(_equivalence(results["equivalence"][:SHOWN], results))
        if len(results["equivalence"]) > SHOWN:
            console.print(f"... {len(results['equivalence']) - SHOWN} more in study.json", highlight=False)
        console.print(
            "difference: mean over runs of equal seeds, and its 90 % interval; equivalent: it lies within the margin; "
            "needed: runs for a power of 0.9",
            style="dim",
        )
    if counts["diverged"]:
        console.print(Text(f"{counts['diverged']} runs diverged: they are in no mean", "yellow"))
    for entry in results["missing"]:
        console.print(Text(f"missing: {entry['runs']}: {entry['reason']}", "yellow"))
    console.print(_verdict(results))


def _verdict(results: dict) -> Text:
    verdicts = [entry["verdict"] for entry in results["equivalence"]]
    counts = ", ".join(f"{verdicts.count(word)} {word}" for word in STYLES if word in verdicts)
    if results["missing"]:
        return Text("INCOMPLETE", "bold yellow") + Text(
            f": {results['counts']['finished']:,} of the runs are there; {counts}"
        )
    if not verdicts:
        return Text("DONE", "bold green") + Text(": one implementation, nothing to hold against each other")
    word, style = {"mismatch": ("DIFFERENT", "bold red"), "incomplete": ("NOT ENOUGH RUNS", "bold yellow")}.get(
        results["verdict"], ("EQUIVALENT", "bold green")
    )
    return Text(word, style) + Text(f": {counts}")


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


def _luck(results: dict) -> Table:
    part = "dev" if results["data"]["dev_share"] is not None else "test"
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("")
    table.add_column("")
    for heading in ("runs", "train", part, "95 % interval", "range"):
        table.add_column(heading, justify="right")
    previous = None
    for entry in results["luck"]:
        name = _name(entry, results)
        cells = ["-"] * 4
        measure, train = entry.get(f"{part}_accuracy"), entry.get("train_accuracy")
        if measure and train:
            low, high = measure["interval"]
            cells = [f"{train['mean']:.1%}", f"{measure['mean']:.1%}"]
            cells.append("-" if low is None else f"{100 * low:.1f} to {100 * high:.1f}")
            cells.append(f"{100 * measure['lowest']:.1f} to {100 * measure['highest']:.1f}")
        table.add_row(Text("" if name == previous else name), entry["implementation"], str(entry["runs"]), *cells)
        previous = name
    return table


def _choice(results: dict) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("chosen", ""):
        table.add_column(heading)
    for heading in ("dev cost", "test", "95 % interval"):
        table.add_column(heading, justify="right")
    for entry in results["choice"]:
        cost, test = entry["dev_cost"], entry["test_accuracy"]
        name = _name(entry["chosen"], results)
        cells = ["-", "-", "-"]
        if cost["mean"] is not None:
            low, high = test["interval"]
            span = "-" if low is None else f"{100 * low:.1f} to {100 * high:.1f}"
            cells = [f"{cost['mean']:.4f}", f"{test['mean']:.1%}", span]
        table.add_row(Text(name), entry["implementation"], *cells)
    return table


def _equivalence(rows: list[dict], results: dict) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("")
    table.add_column("of")
    for heading in ("difference", "margin", "power", "needed"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    previous = None
    for entry in rows:
        name = f"{_name(entry, results)}, {entry['n']} runs"
        if name != previous:
            table.add_row(Text(name, "bold"))
        previous = name
        low, high = entry["interval"] or (math.nan, math.nan)
        mean = "-" if entry["mean"] is None else f"{_short(entry['mean'])} +- {(high - low) / 2:.4f}"
        power, needed = entry["power"], entry["needed"]
        cells = [
            mean,
            f"{entry['margin']:g}",
            "-" if power is None else f"{power:.2f}",
            "-" if needed is None else f"{needed:,}",
        ]
        what = "cost" if "cost" in entry["metric"] else "accuracy"
        table.add_row(f"  {entry['one']}, {entry['other']}", what, *cells, Text(entry["verdict"], STYLES[entry["verdict"]]))
    return table


def _short(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "-"
    return f"{value:+.4f}"


def draw_study(results: dict, folder: Path) -> list[Path]:
    """Write the pictures: test accuracy over the seeds, and where there are several, curves over lambd and keep_prob."""
    figures = {"study_seeds.png": _over_seeds(results)} | {name: _over(results, axis) for axis, name in AXES.items()}
    paths = []
    for name, figure in figures.items():
        if figure is not None:
            image = io.BytesIO()
            figure.savefig(image, format="png", dpi=120)
            write_whole(folder / name, image.getvalue())
            paths.append(folder / name)
    return paths


def _figure(columns: int, rows: int, width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def _over_seeds(results: dict) -> Any:
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
    variants = list(dict.fromkeys(entry["variant"] for entry in shown))
    figure, axes = _figure(len(variants), 1, 2.6, 3.2)
    for ax, variant in zip(axes[0], variants, strict=True):
        own = [entry for entry in shown if entry["variant"] == variant]
        for place, entry in enumerate(own):
            measure = entry["test_accuracy"]
            colour = COLOURS.get(entry["implementation"])
            for value in sorted(set(measure["values"])):  # equal ones side by side
                count = measure["values"].count(value)
                spread = [place + 0.8 * (i - (count - 1) / 2) / max(20, count) for i in range(count)]
                ax.scatter(spread, [100 * value] * count, s=8, color=colour, alpha=0.6, linewidths=0)
            low, high = measure["interval"]
            if low is not None:
                ends = [[100 * (measure["mean"] - low)], [100 * (high - measure["mean"])]]
                ax.errorbar(place, 100 * measure["mean"], ends, color="black", capsize=4, marker="_", markersize=12)
        ax.set_xticks(range(len(own)), [entry["implementation"] for entry in own], rotation=20, fontsize=8)
        ax.set_title(f"{variant}\n{own[0]['runs']} runs", fontsize=9)
        ax.grid(alpha=0.3, axis="y")
        ax.sharey(axes[0][0])
    axes[0][0].set_ylabel("test accuracy, %")
    return figure


def _over(results: dict, axis: str) -> Any:
    """Accuracy and cost on train and dev over lambd or keep_prob, all implementations together; bias and variance named."""
    chosen = {entry["variant"]: entry["chosen"] for entry in results["choice"]}
    others = [key for key in ("lambd", "keep_prob", "learning_rate", "hidden") if key != axis]
    curves: dict[str, dict[float, list[dict]]] = {}
    for entry in results["luck"]:
        setting = chosen.get(entry["variant"])
        if setting and entry[axis] is not None and "dev_cost" in entry and all(entry[key] == setting[key] for key in others):
            curves.setdefault(entry["variant"], {}).setdefault(entry[axis], []).append(entry)
    curves = {variant: points for variant, points in curves.items() if len(points) > 1}
    if not curves:
        return None
    figure, axes = _figure(len(curves), 2, 3.6, 2.8)
    for column, (variant, points) in enumerate(curves.items()):
        values = sorted(points)
        for row, what in enumerate(("accuracy", "cost")):
            ax = axes[row][column]
            means = {}
            for part, style in (("train", "-"), ("dev", "--")):
                samples = [[v for entry in points[value] for v in entry[f"{part}_{what}"]["values"]] for value in values]
                mean = [statistics.fmean(each) for each in samples]
                spread = [statistics.stdev(each) if len(each) > 1 else 0.0 for each in samples]
                colour = COLOURS["numpy" if part == "train" else "torch"]
                ax.plot(values, mean, style, color=colour, label=part, marker="o", markersize=3)
                low, high = ([m + sign * s for m, s in zip(mean, spread, strict=True)] for sign in (-1, 1))
                ax.fill_between(values, low, high, color=colour, alpha=0.15, linewidth=0)
                means[part] = mean
            ax.axvline(chosen[variant][axis], color="black", linewidth=0.8, linestyle=":")
            if axis == "lambd":
                ax.set_xscale("symlog", linthresh=min((v for v in values if v > 0), default=1))
            ax.grid(alpha=0.3)
            ax.set_ylabel(what)
            if row == 0:
                ax.set_title(variant, fontsize=9)
                # Weak regularization shows as a gap between the two, strong as a low training accuracy.
                weak, strong = (0, -1) if axis == "lambd" else (-1, 0)
                ax.annotate("variance: the gap", (values[weak], (means["train"][weak] + means["dev"][weak]) / 2), fontsize=7)
                ax.annotate(
                    "bias: train falls",
                    (values[strong], means["train"][strong]),
                    fontsize=7,
                    ha="right" if axis == "lambd" else "left",
                )
            else:
                ax.set_xlabel(f"{axis} (dotted: chosen)")
    axes[0][0].legend(fontsize=8)
    return figure
