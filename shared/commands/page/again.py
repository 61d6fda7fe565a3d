"""Make the page of results that were written before."""

from dataclasses import dataclass, field

from rich.console import Console
from rich.text import Text

from shared.commands.page.command import PageOptions
from shared.harness.command import Made
from shared.harness.measured import Content
from shared.harness.progress import Progress
from shared.harness.results import Results
from shared.harness.tables import answer_of

MEANING = {
    "match": "the page shows that everything compared agrees",
    "mismatch": "the page begins with what differs, and why",
    "incomplete": "the page says what was not compared",
}


@dataclass(frozen=True)
class AsRead(Results):
    """Results whose file stays what it is, whoever wrote it."""

    content: Content = field(default_factory=dict)

    def as_json(self) -> Content:
        return self.content

    @classmethod
    def from_json(cls, content: Content) -> "AsRead":
        return cls(**vars(Results.from_json(content)), content=content)


def work(options: PageOptions, progress: Progress) -> Made:
    """The results as they are."""
    results, content = options.read
    return Made(AsRead(**vars(results), content=content))


def show(results: Results, console: Console) -> None:
    """Show whose results they are."""
    console.print(Text(results.port.file if results.port else results.data.name))


def answer(results: Results) -> Text:
    """Return the verdict of the results."""
    return answer_of(results.verdict, MEANING)
