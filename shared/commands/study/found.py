"""The content of study.json."""

from dataclasses import dataclass
from typing import Any

from shared.commands.study.equivalence import ALPHA, POWER
from shared.commands.study.findings import METRICS, Choice, Effect, Luck, Question
from shared.commands.study.grid import Grid
from shared.harness.measured import Content, Measured


@dataclass(frozen=True)
class StudyData:
    """The data of a study, and the dev part that is split off its training examples; sha256: of its file, or `built-in`."""

    name: str
    sha256: str
    dev_share: float | None
    dev_examples: int | None


@dataclass(frozen=True)
class Counts:
    """How many runs were asked for, and are finished; how many were kept before, or diverged; others are kept too."""

    planned: int
    finished: int
    kept_before: int
    others_kept: int
    diverged: int


@dataclass(frozen=True)
class Missing:
    """Runs that are missing, and why."""

    runs: str
    reason: str


@dataclass(frozen=True)
class Found(Measured):
    """What a study shows."""

    environment: dict[str, Any]
    data: StudyData
    grid: Grid
    counts: Counts
    missing: list[Missing]
    seconds_per_run: dict[str, float | None]
    luck: list[Luck]
    effects: list[Effect]
    choice: list[Choice]
    equivalence: list[Question]
    alpha: float = ALPHA
    power_asked: float = POWER

    @property
    def verdict(self) -> str:
        """Mismatch where implementations differ, incomplete where runs are missing or too few to tell."""
        verdicts = {question.verdict for question in self.equivalence}
        if "different" in verdicts:
            return "mismatch"
        missing = self.counts.finished < self.counts.planned or self.counts.diverged == self.counts.planned
        return "incomplete" if "not enough runs" in verdicts or missing else "match"

    def as_json(self) -> Content:
        """The content of study.json, without the measures that a setting has not."""
        content = super().as_json()
        content["luck"] = [
            {key: value for key, value in entry.items() if value is not None or key not in METRICS}
            for entry in content["luck"]
        ]
        return content
