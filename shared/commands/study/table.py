"""The tables of `compare.py study`, made from the results."""

import itertools
import math

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.commands.study.equivalence import MOST
from shared.commands.study.findings import Choice, Interval
from shared.commands.study.found import Found
from shared.commands.study.grid import Setting
from shared.harness.tables import fitting, make_table

STYLES = {"equivalent": "green", "different": "bold red", "not enough runs": "yellow"}
SHOWN = 24
"""Rows of equivalence on the terminal; all are in study.json."""


def show(results: Found, console: Console) -> None:
    """What is luck, what was chosen, what is equivalent, and what is missing."""
    data, grid, counts = results.data, results.grid, results.counts
    console.print(
        Text(
            f"{data.name}: {', '.join(grid.implementations)}; {grid.num_iterations:,} iterations, {grid.dtype}; "
            f"{counts.finished:,} of {counts.planned:,} runs, {counts.kept_before:,} of them kept from before"
            + (f" ({counts.others_kept:,} of other settings, data or sources are kept, too)" if counts.others_kept else "")
        )
    )
    if data.dev_share is not None:
        console.print(
            f"dev part: {data.dev_examples} examples split off the training part; the data set has none of its own",
            highlight=False,
        )
    _show_luck(results, console)
    if results.effects:
        _show_effects(results, console)
    if results.choice:
        _show_choice(results, console)
        console.print(
            "chosen: the simplest setting whose mean dev cost is within the limit: the lowest, plus its standard error; "
            "interval: over seeds and dev parts, for these training and test examples",
            style="dim",
        )
    if results.equivalence:
        _show_equivalence(results, console)
    if counts.diverged:
        console.print(Text(f"{counts.diverged} runs diverged: they are in no mean", "yellow"))
    for entry in results.missing:
        console.print(Text(f"missing: {entry.runs}: {entry.reason}", "yellow"))


def answer(results: Found) -> Text:
    """What the study says, in one line."""
    verdicts = [entry.verdict for entry in results.equivalence]
    found = ", ".join(f"{verdicts.count(word)} {word}" for word in STYLES if word in verdicts)
    counts = results.counts
    if "different" in verdicts:
        return Text("DIFFERENT", "bold red") + Text(f": {found}")
    if counts.finished < counts.planned:
        there = f"{counts.finished:,} of {counts.planned:,} runs are there"
        return Text("INCOMPLETE", "bold yellow") + Text(": " + "; ".join(filter(None, [there, found])))
    if counts.diverged == counts.planned:
        return Text("INCOMPLETE", "bold yellow") + Text(": every run diverged")
    if not verdicts:
        return Text("DONE", "bold green") + Text(": one implementation, nothing to compare")
    enough = "not enough runs" not in verdicts
    word, style = ("EQUIVALENT", "bold green") if enough else ("NOT ENOUGH RUNS", "bold yellow")
    return Text(word, style) + Text(f": {found}")


def name_of(entry: Setting, results: Found) -> str:
    """The setting, without what is the same in the whole grid."""
    grid = results.grid
    parts = [entry.variant]
    for key in ("lambd", "keep_prob", "learning_rate"):
        value = getattr(entry, key)
        if len(getattr(grid, f"{key}s")) > 1 and value is not None:
            parts.append(f"{key} {value:g}")
    if len(grid.hiddens) > 1:
        parts.append("hidden " + ",".join(map(str, entry.hidden)))
    return " ".join(parts)


def _show(
    headings: tuple[str, ...], rows: list[tuple[str, list[str]]], expendable: tuple[str, ...], console: Console
) -> None:
    """A table in groups: rows are (name of the group, cells). A space before a heading: a column of figures."""
    alone = len(rows) == len({name for name, _ in rows})  # one row of each group: it needs none above it

    def make(left_out: tuple[str, ...]) -> Table:
        shown = [place for place, heading in enumerate(headings) if heading not in left_out]
        table = make_table(*(headings[place] for place in shown))
        for name, group in itertools.groupby(rows, key=lambda row: row[0]):
            if not alone:
                table.add_row(Text(name, "bold"))
            for _, (first, *cells) in group:
                words = [Text(name) if alone else Text(f"  {first}"), *(Text(cell, STYLES.get(cell, "")) for cell in cells)]
                table.add_row(*(words[place] for place in shown))
        return table

    console.print(fitting(make, expendable, console))


def _shares(interval: Interval) -> str:
    """An interval of shares, in percent."""
    low, high = interval
    return "-" if low is None or high is None else f"{100 * max(0, low):.1f} to {100 * min(1, high):.1f}"


def _show_luck(results: Found, console: Console) -> None:
    part = "dev" if results.data.dev_share is not None else "test"
    rows = []
    for entry in results.luck:
        cells = ["-"] * 4
        measure, train = entry.measure(f"{part}_accuracy"), entry.train_accuracy
        if measure and train:
            cells = [f"{train.mean:.1%}", f"{measure.mean:.1%}", _shares(measure.interval)]
            cells.append(f"{100 * measure.lowest:.1f} to {100 * measure.highest:.1f}")
        rows.append((name_of(entry, results), [entry.implementation, str(entry.runs), *cells]))
    _show(
        ("", " runs", " train", f" {part}", " 95 % interval", " range"), rows, (" train", " 95 % interval", " runs"), console
    )


def _show_effects(results: Found, console: Console) -> None:
    rows = []
    for entry in sorted(results.effects, key=lambda entry: results.grid.variants.index(entry.variant)):
        low, high = entry.interval
        span = "-" if low is None or high is None else f"{100 * low:+.1f} to {100 * high:+.1f}"
        name = f"{entry.variant} against {entry.against}"
        rows.append((name, [entry.implementation, str(entry.n), f"{100 * entry.mean:+.1f}", span]))
    _show(("", " seeds", " test, points", " 95 % interval"), rows, (" seeds", " 95 % interval"), console)


def _show_choice(results: Found, console: Console) -> None:
    rows = []
    for entry in results.choice:
        cost, test = entry.dev_cost, entry.test_accuracy
        cells = ["-"] * 4
        if cost.mean is not None:
            cells = [f"{cost.mean:.4f}", f"{entry.limit:.4f}", f"{test.mean:.1%}", _shares(test.interval)]
        rows.append((name_of(entry.chosen, results), [entry.implementation, *cells]))
    _show(("chosen", " dev cost", " limit", " test", " 95 % interval"), rows, (" 95 % interval", " limit"), console)
    for entry in results.choice:
        for key in ("lambd", "keep_prob"):
            if _at_the_edge(entry, key, results):
                said = f"{entry.variant}, {entry.implementation}: {key} {getattr(entry.chosen, key):g}"
                console.print(Text(f"{said} is at the edge of the values tried: better ones may lie beyond", "yellow"))


def _at_the_edge(entry: Choice, key: str, results: Found) -> bool:
    """Whether the value chosen is the smallest or the largest tried, and there are values beyond."""
    values, value = getattr(results.grid, f"{key}s"), getattr(entry.chosen, key)
    bound = {"lambd": 0.0, "keep_prob": 1.0}[key]
    return value is not None and len(values) > 1 and value in (min(values), max(values)) and value != bound


def _show_equivalence(results: Found, console: Console) -> None:
    rows = []
    order = {verdict: rank for rank, verdict in enumerate(("different", "not enough runs", "equivalent"))}
    first = sorted(results.equivalence, key=lambda entry: order[entry.verdict])[:SHOWN]
    for entry in (entry for entry in results.equivalence if entry in first):
        low, high = entry.interval or (math.nan, math.nan)
        power, needed = entry.power, entry.needed
        cells = [
            f"{entry.one}, {entry.other}",
            "cost" if "cost" in entry.metric else "accuracy",
            "-" if entry.mean is None else f"{round(entry.mean, 4) + 0.0:+.4f} +-{(high - low) / 2:.4f}",
            "-" if power is None else f"{power:.2f}",
            "-" if needed is None else f"{'>' if needed == MOST else ''}{needed:,}",
            "-" if entry.p_kolmogorov_smirnov is None else f"{entry.p_kolmogorov_smirnov:.2f}",
            entry.verdict,
        ]
        rows.append((f"{name_of(entry, results)}, {entry.n} runs", cells))
    headings = ("", "of", " difference", " power", " needed", " KS", "verdict")
    _show(headings, rows, (" KS", " needed", " power", " difference"), console)
    if len(results.equivalence) > SHOWN:
        console.print(f"... {len(results.equivalence) - SHOWN} more in study.json", highlight=False)
    margins = {"cost" if "cost" in e.metric else "accuracy": e.margin for e in results.equivalence}
    console.print(
        "difference: mean of first minus second over runs of equal seeds, and its 90 % interval; equivalent: it lies within "
        + " and ".join(f"{margin:g} in {what}" for what, margin in margins.items())
        + "; different: the mean is not 0 (5 % over all questions); needed: runs for a power of 0.9; KS: p, distributions",
        style="dim",
        highlight=False,
    )
