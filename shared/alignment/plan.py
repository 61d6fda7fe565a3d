"""The plan of comparisons, written down before the run. What is planned and not done is never taken for a match."""

from collections.abc import Iterable, Iterator

from shared.alignment.masks import mask_tests
from shared.alignment.run_masks import RUN_TESTS
from shared.alignment.states import STATES
from shared.alignment.tensors import STAGE_OF, tensors_of
from shared.config import Variant
from shared.parameters import PARAMETER_NAMES

Key = tuple[str, str, str, str, str]

FREE_RUN = "free run"
PREDICTED = ("train", "test", "grid")


class Plan:
    """Every comparison that is to be made, and its outcome once it is made."""

    def __init__(self, variants: list[Variant], implementations: list[str], lengths: dict[str, list[int]]):
        self._checks: dict[Key, dict | None] = {}
        self._reasons: dict[Key, str] = {}
        for variant in variants:
            for implementation in implementations:
                for stage, scope, tensor in planned(variant, lengths[variant.name]):
                    self._checks[variant.name, implementation, stage, scope, tensor] = None

    def fill(self, checks: Iterable[dict]) -> None:
        """Enter outcomes. One that was not planned, or comes twice, is a defect of the harness and raises."""
        for check in checks:
            key = _key(check)
            if key not in self._checks:
                raise ValueError(f"a comparison that was not planned: {key}")
            if self._checks[key] is not None:
                raise ValueError(f"a comparison made twice: {key}")
            self._checks[key] = check

    def of(self, variant: str, implementation: str) -> set[tuple[str, str, str]]:
        """Stage, scope and tensor of every comparison planned for a run."""
        return {key[2:] for key in self._checks if key[:2] == (variant, implementation)}

    def skip(self, reason: str, variant: str, implementation: str | None = None) -> None:
        """Give the reason why what is still open of a variant (of one implementation, or of all) is not compared."""
        for key, check in self._checks.items():
            if check is None and key[0] == variant and implementation in (None, key[1]):
                self._reasons.setdefault(key, reason)

    def checks(self) -> list[dict]:
        """Every planned comparison, in the order of the plan."""
        return [check or _skipped(key, self._reasons.get(key)) for key, check in self._checks.items()]

    def counts(self) -> dict[str, int]:
        """How many comparisons were planned, compared (passed or failed), failed and skipped."""
        statuses = [check["status"] for check in self.checks()]
        return {
            "planned": len(statuses),
            "compared": len(statuses) - statuses.count("skipped"),
            "failed": statuses.count("failed"),
            "skipped": statuses.count("skipped"),
        }

    def blind(self) -> int:
        """How many of those that passed say little, because rounding alone moves the result visibly."""
        return sum(check["status"] == "passed" and bool(check["reason"]) for check in self.checks())

    def verdict(self) -> str:
        """match only if everything planned was compared and passed."""
        counts = self.counts()
        if counts["failed"]:
            return "mismatch"
        if counts["skipped"] or not counts["planned"]:
            return "incomplete"
        return "match"


def planned(variant: Variant, lengths: list[int]) -> Iterator[tuple[str, str, str]]:
    """Stage, scope and tensor of every comparison of one run, in the order in which a port is checked."""
    for state in STATES:
        yield "repeat", state, "step"
    yield "repeat", segment_scope(0, lengths[0]), "training"
    for stage in STAGE_OF:
        for state in STATES:
            for tensor in tensors_of(stage, variant.dropout):
                yield stage, state, tensor
        if stage == "forward" and variant.dropout:
            for test in (*mask_tests(variant.frozen), *RUN_TESTS):
                yield stage, "masks", test
    first = 0
    for length in lengths:
        for tensor in ("cost", *PARAMETER_NAMES):
            yield "trajectory", segment_scope(first, length), tensor
        first += length
    for tensor in ("cost", *PARAMETER_NAMES):
        yield "trajectory", FREE_RUN, tensor
    for part in PREDICTED:
        yield "predictions", "final parameters", part


def segment_scope(first: int, length: int) -> str:
    """How a segment is named in a check."""
    return f"updates {first} to {first + length - 1}"


def _key(check: dict) -> Key:
    return check["variant"], check["implementation"], check["stage"], check["scope"], check["tensor"]


def _skipped(key: Key, reason: str | None) -> dict:
    variant, implementation, stage, scope, tensor = key
    return {
        "variant": variant,
        "implementation": implementation,
        "stage": stage,
        "tensor": tensor,
        "scope": scope,
        "iteration": 0,
        "difference": None,
        "allowed": None,
        "budget_used": None,
        "status": "skipped",
        "reason": reason or "never compared",
    }
