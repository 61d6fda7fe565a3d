"""The summary in Markdown, for the summary of a CI job or a pull request."""

import re

from shared.commands.compare.table import MEANING, figures, state
from shared.diagnosis.failure import message
from shared.harness.results import Results


def markdown(results: Results) -> str:
    """Verdict, table of runs, what differs, counts."""
    word, meaning = results.verdict.upper(), MEANING[results.verdict]
    data, counts = results.data, results.counts
    lines = [
        f"## samenet: {word}",
        "",
        f"{_text(meaning)}. {_text(data.name)}: {data.train_examples} training and {data.test_examples} test "
        f"examples; {results.settings.num_iterations:,} iterations, {results.settings.dtype}.",
        "",
        "| variant | implementation | cost | train | test | us/update | in segments | free run | verdict |",
        "|---|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for run in results.runs:
        verdict = ": ".join(filter(None, [state(results, run)[0], run.reason]))
        cells = [run.variant, run.implementation, *figures(run), _text(verdict)]
        lines.append(f"| {' | '.join(cells)} |")
    for failure in results.failures:
        headline, *rest = message(failure, results.diagnoses)
        fence = "`" * 6  # longer than any run of them in what is quoted
        lines += ["", f"### {_text(headline)}", "", fence, *(line.replace("`", "'") for line in rest), fence]
    lines += [
        "",
        f"{counts.planned:,} comparisons planned, {counts.compared:,} made, {counts.failed:,} failed, "
        f"{counts.skipped:,} skipped.",
    ]
    return "\n".join(lines) + "\n"


def _text(words: str) -> str:
    """What comes from outside, as text of one line: none of Markdown's or HTML's signs is one."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&-])", r"\\\1", " ".join(words.split()))
