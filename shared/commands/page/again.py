"""Make the page of results that were written before."""

from typing import Any

from rich.console import Console
from rich.text import Text

from shared.commands.page.command import PageOptions
from shared.harness.command import Made
from shared.harness.progress import Progress
from shared.harness.results_json import results_from_json
from shared.harness.tables import answer_of

MEANING = {
    "match": "the page shows that everything compared agrees",
    "mismatch": "the page begins with what differs, and why",
    "incomplete": "the page says what was not compared",
}


def work(options: PageOptions, progress: Progress) -> Made:
    """The results as they are."""
    return Made(options.content)


def show(content: dict[str, Any], console: Console) -> None:
    """Show whose results they are."""
    results = results_from_json(content)
    console.print(Text(results.port.file if results.port else results.data.name))


def answer(content: dict[str, Any]) -> Text:
    """Return the verdict of the results."""
    return answer_of(content["verdict"], MEANING)
