"""The summary on the terminal, made from the content of results.json."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.diagnosis.failure import message
from shared.harness.tables import VERDICTS, fitting

HEADINGS = ("cost", "train", "test", "us/iter", "in segments", "free run", "verdict")
EXPENDABLE = ("us/iter", "free run", "train", "in segments", "cost")
"""What a narrow terminal leaves out, in this order, rather than cut figures off."""


def show(results: dict, console: Console) -> None:
    """Data, the table of runs, what went wrong, the counts and the verdict."""
    data, hyper = results["data"], results["hyperparameters"]
    console.print(
        Text(
            f"{data['name']}: {data['train_examples']} training and {data['test_examples']} test examples; "
            f"{hyper['num_iterations']:,} iterations, {hyper['dtype']}"
        )
    )
    console.print(fitting(lambda left_out: _runs(results, left_out), EXPENDABLE, console))
    console.print("in segments, free run: largest cost difference from the reference (see README)", style="dim")
    if "frozen-dropout" in hyper["variants"]:
        console.print(
            "frozen-dropout repeats one mask at every iteration: its test accuracy is a property of that mask",
            style="dim",
        )
    for run in results["runs"]:
        if run.get("reason"):
            console.print(Text(f"{run['implementation']}, {run['variant']}: {run['status']}: {run['reason']}", "yellow"))
    _show_divergence(results, console)
    seconds = results["seconds"]
    times = f"ports {seconds['ports']:.0f} s, reference {seconds['reference']:.0f} s, side by side {seconds['all']:.0f} s"
    console.print(times, style="dim", highlight=False)
    reused = sum(run["reused"] for run in results["runs"])
    if reused:
        said = f"{reused} of {len(results['runs'])} runs reused: proved before, and nothing changed since (--fresh: again)"
        console.print(said, highlight=False)
    for note in results["notes"]:
        console.print(Text(note, "yellow"))
    counts = results["counts"]
    console.print(
        Text(f"{counts['planned']:,} planned, {counts['compared']:,} compared, ")
        + Text(f"{counts['failed']:,} failed, {counts['skipped']:,} skipped")
    )
    if results["beyond_horizon"]:
        console.print(
            f"{results['beyond_horizon']:,} of them beyond the horizon, where rounding alone hides any difference",
            style="yellow",
        )
    show_verdict(results, console)


def show_verdict(results: dict, console: Console) -> None:
    """The verdict, in one line."""
    word, style, meaning = VERDICTS[results["verdict"]]
    console.print(Text(word, style) + Text(f": {meaning}"))


def _runs(results: dict, left_out: tuple[str, ...]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("", no_wrap=True)
    shown = [heading for heading in HEADINGS if heading not in left_out]
    for heading in shown:
        table.add_column(heading, justify="right", no_wrap=True)
    variant = None
    for run in results["runs"]:
        if run["variant"] != variant:
            variant = run["variant"]
            table.add_row(Text(variant, "bold"))
        status, style = state(results["checks"], run)
        cells = dict.fromkeys(HEADINGS, "-")
        if "costs" in run:
            cells |= {
                "cost": cost_text(run),
                "train": percent(run["train_accuracy"]),
                "test": percent(run["test_accuracy"]),
                "us/iter": f"{run['microseconds_per_iteration']:.0f}",
            }
        cells |= {"in segments": _scientific(run.get("segment_difference"))}
        cells |= {"free run": _scientific(run.get("free_run_difference"))}
        words = {heading: Text(cell) for heading, cell in cells.items()} | {"verdict": Text(status, style)}
        table.add_row(f"  {run['implementation']}", *(words[heading] for heading in shown))
    return table


def cost_text(run: dict) -> str:
    """The last cost that a run recorded."""
    cost = run["costs"][-1][1]
    return "not finite" if cost is None else f"{cost:.6f}"


def percent(share: float | None) -> str:
    """An accuracy; "-" where the predictions had no accuracy."""
    return "-" if share is None else f"{share:.2%}"


def state(checks: list[dict], run: dict) -> tuple[str, str]:
    """What became of a run, in a word, and its colour."""
    statuses = {
        check["status"]
        for check in checks
        if (check["variant"], check["implementation"]) == (run["variant"], run["implementation"])
    }
    if "failed" in statuses:
        return ("diverged" if run["status"] == "diverged" else "differs"), "red"
    if run["status"] not in ("completed", "diverged"):
        return run["status"], "yellow"
    if "skipped" in statuses:
        return "incomplete", "yellow"
    return "match", "green"


def _show_divergence(results: dict, console: Console) -> None:
    for i, failure in enumerate(results["failures"]):
        headline, *lines = message(failure, results["diagnoses"])
        console.print(Text("first divergence: " if i == 0 else "also: ", "bold red") + Text(headline))
        for line in lines if i == 0 else lines[:1]:
            to_copy = line.startswith(("reproduce it alone:", "  write:"))
            console.print(Text(f"  {line}"), soft_wrap=to_copy)


def _scientific(value: float | None) -> str:
    return "-" if value is None else f"{value:.1e}"
