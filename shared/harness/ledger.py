"""The ledger of comparisons: the plan, written down before the run, and what came of it.

What is planned and not done is never taken for a match.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.harness.checks import Cause, Check, Key, RunId, Status, because


@dataclass(frozen=True)
class Counts:
    """How many comparisons were planned, compared (passed or failed), failed and skipped; and passed without saying much."""

    planned: int
    compared: int
    failed: int
    skipped: int
    uninformative: int


def count(checks: Iterable[Check]) -> Counts:
    """The counts of these comparisons."""
    causes = [check.cause for check in checks]
    statuses = [cause.status for cause in causes]
    skipped = statuses.count(Status.SKIPPED)
    uninformative = sum(cause.uninformative for cause in causes)
    return Counts(len(causes), len(causes) - skipped, statuses.count(Status.FAILED), skipped, uninformative)


def verdict_of(counts: Counts) -> str:
    """match only if everything planned was compared and passed."""
    if counts.failed:
        return "mismatch"
    return "incomplete" if counts.skipped or not counts.planned else "match"


def first_failed(checks: Iterable[Check]) -> list[Check]:
    """The first failed comparison of every run that has one, first things first."""
    first: dict[RunId, Check] = {}
    for check in checks:
        if check.failed and (check.run not in first or check.rank < first[check.run].rank):
            first[check.run] = check
    return sorted(first.values(), key=lambda check: check.rank)


class Ledger:
    """Every comparison that is to be made, and its outcome once it is made."""

    def __init__(self, planned: Iterable[Key]):
        self._checks: dict[Key, Check | None] = dict.fromkeys(planned)
        self._reasons: dict[Key, str] = {}

    def fill(self, checks: Iterable[Check]) -> None:
        """Enter outcomes. One that was not planned, or comes twice, is a defect of the harness and raises."""
        for check in checks:
            if check.key not in self._checks:
                raise ValueError(f"a comparison that was not planned: {check.key}")
            if self._checks[check.key] is not None:
                raise ValueError(f"a comparison made twice: {check.key}")
            self._checks[check.key] = check

    def of(self, run: RunId) -> set[Key]:
        """The comparisons planned for a run."""
        return {key for key in self._checks if key.run == run}

    def skip(self, reason: str, variant: str, implementation: str | None = None) -> None:
        """Give the reason why what is still open of a variant (of one implementation, or of all) is not compared."""
        for key, check in self._checks.items():
            if check is None and key.variant == variant and implementation in (None, key.implementation):
                self._reasons.setdefault(key, reason)

    def checks(self) -> list[Check]:
        """Every planned comparison, in the order of the plan."""
        return [check or self._skipped(key) for key, check in self._checks.items()]

    def counts(self) -> Counts:
        """The counts of everything that was planned."""
        return count(self.checks())

    def verdict(self) -> str:
        """The verdict on everything that was planned."""
        return verdict_of(self.counts())

    def _skipped(self, key: Key) -> Check:
        reason = self._reasons.get(key)
        return (because(Cause.NOT_RUN, reason) if reason else because(Cause.NEVER_COMPARED)).of(key)
