"""The tables and the plot of `compare.py bench`, made from the results."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.commands.bench.measure import Found, Whole
from shared.commands.bench.tasks import Grown, Speed
from shared.harness.tables import answer_of, make_table

COLUMNS = (
    "of the plain loop: divided by the time of the course's own NumPy loop in the same round; first block: the first "
    "updates, with what is compiled for them"
)
MEANING = {"match": "everything was measured", "incomplete": "not everything could be measured"}


def show(results: Found, console: Console) -> None:
    """Speed, growth, the whole command, and what could not be measured."""
    environment = results.environment
    console.print(
        f"{results.data.name}: {results.data.train_examples} examples, {results.hyperparameters.dtype}, "
        f"{environment['threads']} thread, {results.rounds} rounds: median (lowest to highest)",
        markup=False,
        highlight=False,
    )
    if results.speed:
        console.print(_speed(results.speed))
        console.print(COLUMNS, style="dim", highlight=False)
    if results.growth:
        console.print(_growth(results.growth))
        console.print(
            f"{environment['growth_threads']} threads, no regularization; us, MB: at the last point; x^: fitted exponents",
            highlight=False,
        )
    for whole in filter(None, (results.whole, results.short)):
        _show_whole(whole, console)
    for entry in results.missing:
        console.print(f"not measured: {entry.contestant}: {entry.reason}", markup=False, highlight=False)


def answer(results: Found) -> Text:
    """Whether everything was measured, in one line."""
    return answer_of(results.verdict, MEANING)


def _speed(rows: list[Speed]) -> Table:
    table = make_table("", " us/update", " of the plain loop", " first block", gap=2)
    for variant in dict.fromkeys(row.variant for row in rows):
        table.add_row(Text(variant, style="bold"))
        for row in rows:
            if row.variant == variant:
                table.add_row(
                    Text(f"  {row.contestant}"),
                    f"{row.microseconds.median:,.0f}",
                    f"{row.ratio.median:.2f} ({row.ratio.low:.2f} to {row.ratio.high:.2f})",
                    f"{row.first_block_seconds:.1f} s",
                )
    return table


def _growth(rows: list[Grown]) -> Table:
    table = make_table("grows", "", " to", " us", " time x^", " MB", " memory x^", gap=2)
    for row in sorted(rows, key=lambda row: row.grows):
        last = row.points[-1]
        table.add_row(
            row.grows,
            Text(row.implementation),
            f"{last.value:,}",
            f"{1e6 * last.seconds_per_update:,.0f}",
            _number(row.exponents.seconds_per_update, ".2f"),
            _number(last.bytes and last.bytes / 1e6, ",.0f"),
            _number(row.exponents.bytes, ".2f"),
        )
    return table


def _show_whole(whole: Whole, console: Console) -> None:
    peak = whole.peak_bytes_of_the_largest_process
    parts = ", ".join(f"{part} {value:.1f} s" for part, value in whole.process_seconds.items())
    console.print(
        f"compare.py, {whole.iterations:,} iterations: {whole.seconds:.1f} s, again {whole.seconds_of_a_second_run:.1f} s"
        f" ({_number(whole.ratio, '.2f')} times the plain loop's three runs of the course,"
        f" {_number(whole.plain_loop_seconds, '.1f')} s); of it, side by side: {parts};"
        f" the largest process holds {_number(peak and peak / 1e6, ',.0f')} MB",
        highlight=False,
    )


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"
