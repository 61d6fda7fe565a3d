"""The summary on the terminal, made from the results."""

from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.diagnosis.failure import ToCopy, message
from shared.harness.results import Results, Run
from shared.harness.tables import TOLERANCE, answer_of, fitting, make_table

MEANING = {
    "match": "every update of every run agrees to rounding",
    "mismatch": "some updates differ by more than rounding explains",
    "incomplete": "not everything planned could be compared",
}
COLUMNS = {
    "us/iter": "microseconds per update; in a short run they hold the compiling",
    "in segments": "the largest difference of a cost from the reference's, where the reference (numpy) replays the run from "
    "the implementation's own parameters, in segments of up to 1,000 updates",
    "free run": "the same where both start together and are left alone, up to the horizon: from there on rounding alone "
    "makes two correct runs differ",
}
HEADINGS = ("cost", "train", "test", "us/iter", "in segments", "free run", "verdict")
EXPENDABLE = ("us/iter", "free run", "train", "in segments", "cost")
"""The columns that a narrow terminal leaves out, the first of these first, so that no figure is cut off."""


def show(results: Results, console: Console) -> None:
    """Data, the table of runs, what went wrong, the counts and the verdict."""
    data, settings, seconds, counts = results.data, results.settings, results.seconds, results.counts
    console.print(
        Text(
            f"{data.name}: {data.train_examples} training and {data.test_examples} test examples; "
            f"{settings.num_iterations:,} iterations, {settings.dtype}"
        )
    )
    console.print(fitting(lambda left_out: _runs(results, left_out), EXPENDABLE, console))
    for column, meaning in COLUMNS.items():
        console.print(f"{column}: {meaning}", style="dim", highlight=False)
    if "frozen-dropout" in settings.variants:
        console.print(
            "frozen-dropout repeats one mask at every iteration: its test accuracy is a property of that mask",
            style="dim",
        )
    for run in results.runs:
        if run.reason:
            console.print(Text(f"{run.implementation}, {run.variant}: {run.status}: {run.reason}", "yellow"))
    _show_divergence(results, console)
    parts = f"training and single steps {seconds['ports']:.0f} s, the reference's replays {seconds['reference']:.0f} s"
    console.print(f"it took {seconds['all']:.0f} s; side by side: {parts}", style="dim", highlight=False)
    reused = sum(run.reused for run in results.runs)
    if reused:
        said = f"{reused} of {len(results.runs)} runs reused: verified before, and nothing changed since (--fresh: again)"
        console.print(said, highlight=False)
    for note in results.notes:
        console.print(Text(note, "yellow"))
    _show_shares(results, console)
    console.print(
        Text(f"comparisons: {counts.planned:,} planned, {counts.compared:,} made, ")
        + Text(f"{counts.failed:,} failed, {counts.skipped:,} skipped")
    )
    if counts.uninformative:
        where = Counter(check.variant for check in results.checks if check.cause.uninformative)
        console.print(
            f"{counts.uninformative:,} of them uninformative ({', '.join(f'{name}: {n:,}' for name, n in where.items())}): "
            "rounding, or too few units seen, would hide a difference, so that even a large one matches there",
            style="yellow",
            highlight=False,
        )


def answer(results: Results) -> Text:
    """The verdict, in one line."""
    return answer_of(results.verdict, MEANING, results.counts.uninformative)


def _show_shares(results: Results, console: Console) -> None:
    """How near the comparisons that passed came to their tolerance."""
    # Statistics of masks have a chance, and no noise floor.
    passed = [check for check in results.checks if check.passed and check.share is not None and ":" not in check.tensor]
    if passed:
        most = max(passed, key=lambda check: check.share or 0)
        where = f"{most.implementation}, {most.variant}: {most.stage}, {most.tensor}"
        console.print(
            f"{TOLERANCE}; the largest share of it that a comparison used: {most.share:.2f} ({where})",
            style="dim",
            markup=False,
            highlight=False,
        )


def _runs(results: Results, left_out: tuple[str, ...]) -> Table:
    shown = [heading for heading in HEADINGS if heading not in left_out]
    table = make_table("", *(f" {heading}" for heading in shown))
    variant = None
    for run in results.runs:
        if run.variant != variant:
            variant = run.variant
            table.add_row(Text(variant, "bold"))
        cells = [*map(Text, figures(run)), Text(*state(results, run))]
        words = dict(zip(HEADINGS, cells, strict=True))
        table.add_row(f"  {run.implementation}", *(words[heading] for heading in shown))
    return table


def figures(run: Run) -> list[str]:
    """The last cost, both accuracies, microseconds per update, the differences in segments and in the free run; in words."""
    cells = ["-"] * 4
    if run.costs is not None:
        cost, micros = run.costs[-1][1], run.microseconds_per_iteration
        cells = [
            "not finite" if cost is None else f"{cost:.6f}",
            *("-" if share is None else f"{share:.2%}" for share in (run.train_accuracy, run.test_accuracy)),
            "-" if micros is None else f"{micros:.0f}",
        ]
    apart = run.segment_difference, run.free_run_difference
    return cells + ["-" if difference is None else f"{difference:.1e}" for difference in apart]


def state(results: Results, run: Run) -> tuple[str, str]:
    """What became of a run, in a word, and its colour."""
    word = results.state(run)
    return word, {"match": "green", "differs": "red", "diverged": "red"}.get(word, "yellow")


def _show_divergence(results: Results, console: Console) -> None:
    for i, failure in enumerate(results.failures):
        headline, *lines = message(failure, results.diagnoses)
        console.print(Text("first difference: " if i == 0 else "also: ", "bold red") + Text(headline))
        for line in lines if i == 0 else lines[:1]:
            console.print(Text(f"  {line}"), soft_wrap=isinstance(line, ToCopy))
