"""What travels of a comparison: where it belongs (Key), what came of it (Outcome), and both together (Check)."""

from dataclasses import dataclass, fields, replace
from enum import Enum, StrEnum
from typing import Any

STAGES = ("repeat", "data", "parameters", "forward", "cost", "gradients", "update", "trajectory", "predictions")
"""The stages in the order of checking; `repeat` compares a port with itself. The first stage that fails is the answer."""


@dataclass(frozen=True)
class Where:
    """Where a comparison was made: a state, by its name; or FREE_RUN, MASKS, FINAL, a segment (Updates), a call (Call)."""

    name: str

    def __str__(self) -> str:
        return self.name


FREE_RUN, MASKS, FINAL = Where("free run"), Where("masks"), Where("final parameters")


@dataclass(frozen=True)
class Updates(Where):
    """A segment of the run: so many updates, from the first."""

    first: int
    length: int

    @classmethod
    def of(cls, first: int, length: int) -> "Updates":
        """The segment, named as people read it."""
        return cls(f"updates {first} to {first + length - 1}", first, length)


@dataclass(frozen=True)
class Call(Where):
    """A call of one of a port's functions; the name says with what."""

    function: str

    def __str__(self) -> str:
        return f"{self.function}, {self.name}"


@dataclass(frozen=True)
class RunId:
    """A run: one implementation, trained in one variant."""

    variant: str
    implementation: str

    @property
    def run(self) -> "RunId":
        """The run alone, of a key or check as well."""
        return RunId(self.variant, self.implementation)

    def at(self, stage: str, where: Where, tensor: str) -> "Key":
        """The key of this run's comparison of `tensor`, in a stage and at a place."""
        return Key(self.variant, self.implementation, stage, where, tensor)


@dataclass(frozen=True)
class Key(RunId):
    """What tells a comparison from all others."""

    stage: str
    where: Where
    tensor: str

    @property
    def key(self) -> "Key":
        """The key alone, of a check as well."""
        return Key(self.variant, self.implementation, self.stage, self.where, self.tensor)


class Status(StrEnum):
    """What became of a comparison, as results.json has it."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Cause(Enum):
    """Why a comparison has the outcome that it has: its status, and the words, made here and nowhere else."""

    AGREES = Status.PASSED, ""
    # Passed, but uninformative: rounding, or too little to look at, would hide a difference.
    ROUNDING = Status.PASSED, "uninformative: rounding alone moves it by {:.1g}"
    HORIZON = (
        Status.PASSED,
        "beyond the horizon of {:,} iterations, where two correct runs differ visibly: only finite is asked",
    )
    NONE_DROPPED = Status.PASSED, "uninformative: no unit is seen dropped, or none is seen kept"
    FEW_UNITS = Status.PASSED, "uninformative: too few units are seen for a repeated mask to be told from chance"

    SATURATED = Status.PASSED, "another cost only where probabilities reach 0 or 1: {}"

    MISSING = Status.FAILED, "missing"
    NO_ARRAY = Status.FAILED, "expected a NumPy array, got {}"
    SHAPE = Status.FAILED, "expected shape {}, got {}"
    DTYPE = Status.FAILED, "expected dtype {}, got {}"
    EMPTY = Status.FAILED, "empty: nothing to compare"
    NOT_FINITE = Status.FAILED, "{} of {} values of {} are not finite"
    BOTH_DIVERGE = (
        Status.FAILED,
        "{} of {} values of the port's are not finite, nor are {} of the reference's: training diverges",
    )
    VALUES = Status.FAILED, "differs by {:.3g} where rounding explains {:.3g}"
    NOT_EQUAL = Status.FAILED, "must be equal bit for bit, and differs by {:.3g}"
    NOT_ZERO = Status.FAILED, "must be exactly 0, and is {:.3g}"
    NO_CLASSES = Status.FAILED, "expected classes 0 and 1 only"
    ENDS_NOT_FINITE = Status.FAILED, "the final parameters are not finite"
    TWO_RUNS = Status.FAILED, "two runs of the port differ: {}"
    OWN_TRAINING = Status.FAILED, "its own `train` and a run of its `update` differ: {}"
    UNLIKELY = Status.FAILED, "{}: a chance of less than {:g} for masks with keep_prob {:g}"
    SHARE = Status.FAILED, "{} keeps {:.1%} of {} units; keep_prob is {:g}"
    MASKS_CHANGE = (
        Status.FAILED,
        "the masks {} {} the updates {} to {}: "
        "of {:,} units of examples that are on and dropped, {:,} are kept at another iteration",
    )
    MASKS_REPEAT = Status.FAILED, "the masks repeat themselves {}: of {:,} units kept before, {:.1%} are kept again"
    MASKS_FROZEN = Status.FAILED, "the masks are the same at every iteration: the cost stays what it is while nothing moves"
    DROPOUT_OFF = Status.FAILED, "dropout is off {}: the cost is that of the whole network"
    COSTS_OF_MASKS = (
        Status.FAILED,
        "{} of {} costs are none that masks with keep_prob {:g} can give, whatever they are: dropout is not applied as it "
        "should be, or the reported cost is another one",
    )
    OTHER_COST = Status.FAILED, "with the masks that it shows, {}"
    ARGUMENTS = Status.FAILED, "{} changes what it is given: {}; copy on the way in"
    FORM = Status.FAILED, "{}"
    FLOAT32 = Status.FAILED, "{}expected dtype float64, got float32"
    UNKNOWN = Status.FAILED, "{}"

    NO_ANSWER = Status.SKIPPED, "{}"
    NOT_RUN = Status.SKIPPED, "{}"
    NEVER_COMPARED = Status.SKIPPED, "never compared"

    def __init__(self, status: Status, words: str):
        self.status = status
        self.words = words

    def __new__(cls, status: Status, words: str) -> "Cause":
        self = object.__new__(cls)
        self._value_ = len(cls.__members__)  # FORM and UNKNOWN have the same words, and are two causes
        return self

    @property
    def uninformative(self) -> bool:
        """Whether the comparison passed without saying much."""
        return self.status is Status.PASSED and self not in (Cause.AGREES, Cause.SATURATED)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a comparison: the cause decides, the reason is its words.

    Where it failed on values: elements, differing (how many are beyond the tolerance), index of the worst, its two values.
    """

    cause: Cause = Cause.AGREES
    reason: str = ""
    iteration: int = 0
    difference: float | None = None
    tolerance: float | None = None
    elements: int | None = None
    differing: int | None = None
    index: list[int] | None = None
    port_value: float | None = None
    reference_value: float | None = None

    @property
    def status(self) -> Status:
        return self.cause.status

    @property
    def failed(self) -> bool:
        return self.status is Status.FAILED

    @property
    def passed(self) -> bool:
        return self.status is Status.PASSED

    @property
    def share(self) -> float | None:
        """The share of the tolerance that the difference uses: up to 1 is rounding."""
        if self.difference is None or self.tolerance is None:
            return None
        if self.tolerance == 0:
            return 0.0 if self.difference == 0 else float("inf")
        return self.difference / self.tolerance

    def because(self, cause: Cause, *details: object) -> "Outcome":
        """The same outcome for another cause; details: what its words name."""
        return replace(self, cause=cause, reason=cause.words.format(*details))

    def of(self, key: Key, iteration: int = 0) -> "Check":
        """The outcome as that of this comparison."""
        content = {field.name: getattr(self, field.name) for field in fields(Outcome)}
        return Check(*(getattr(key, field.name) for field in fields(Key)), **content | {"iteration": iteration})


def because(cause: Cause, *details: object, difference: float | None = None, tolerance: float | None = None) -> Outcome:
    """The outcome that a cause has; details: what its words name."""
    return Outcome(difference=difference, tolerance=tolerance).because(cause, *details)


@dataclass(frozen=True)
class Check(Outcome, Key):
    """A planned comparison of one tensor, and what came of it."""

    @property
    def rank(self) -> tuple[int, int]:
        """The order of failures: the first stage that fails is the answer, and in it the first iteration."""
        return STAGES.index(self.stage), self.iteration

    def as_json(self) -> dict[str, Any]:
        """The entry of results.json."""
        from shared.harness.results_json import check_as_json

        return check_as_json(self)

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> "Check":
        """The comparison of an entry."""
        from shared.harness.results_json import check_from_json

        return check_from_json(entry)
