"""The summary in Markdown, for the summary of a CI job or a pull request."""

import re

from shared.commands.compare.table import cost_text, percent, state
from shared.diagnosis.failure import message
from shared.harness.tables import VERDICTS


def markdown(results: dict) -> str:
    """Verdict, table of runs, what differs, counts."""
    word, _, meaning = VERDICTS[results["verdict"]]
    data, hyper, counts = results["data"], results["hyperparameters"], results["counts"]
    lines = [
        f"## samenet: {word}",
        "",
        f"{_text(meaning)}. {_text(data['name'])}: {data['train_examples']} training and {data['test_examples']} test "
        f"examples; {hyper['num_iterations']:,} iterations, {hyper['dtype']}.",
        "",
        "| variant | implementation | cost | train | test | us/update | in segments | free run | verdict |",
        "|---|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for run in results["runs"]:
        cells = ["-"] * 4
        if "costs" in run:
            cells = [
                cost_text(run),
                percent(run["train_accuracy"]),
                percent(run["test_accuracy"]),
                f"{run['microseconds_per_iteration']:.0f}",
            ]
        apart = [_scientific(run.get(key)) for key in ("segment_difference", "free_run_difference")]
        verdict = ": ".join(filter(None, [state(results["checks"], run)[0], run.get("reason")]))
        cells = [run["variant"], run["implementation"], *cells, *apart, _text(verdict)]
        lines.append(f"| {' | '.join(cells)} |")
    for failure in results["failures"]:
        headline, *rest = message(failure, results["diagnoses"])
        fence = "`" * 6  # longer than any run of them in what is quoted
        lines += ["", f"### {_text(headline)}", "", fence, *(line.replace("`", "'") for line in rest), fence]
    lines += [
        "",
        f"{counts['planned']:,} comparisons planned, {counts['compared']:,} made, {counts['failed']:,} failed, "
        f"{counts['skipped']:,} skipped.",
    ]
    return "\n".join(lines) + "\n"


def _scientific(value: float | None) -> str:
    return "-" if value is None else f"{value:.1e}"


def _text(words: str) -> str:
    """What comes from outside, as text of one line: none of Markdown's or HTML's signs is one."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&-])", r"\\\1", " ".join(words.split()))
