"""The results of a comparison; results_json.py turns them into results.json and back."""

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

from shared.harness.checks import Check, RunId, Status
from shared.harness.ledger import Counts, count, verdict_of
from shared.harness.measured import Content, Measured
from shared.harness.typed import fields_as_json, known_from_json

Curve = list[list[float | None]]
"""A curve of the cost: rows of iteration, largest difference and noise floor since the row before; None: not finite."""


@dataclass(frozen=True)
class Diagnosis:
    """What explains the failed comparisons of a run; of a student's file, of one function.

    mistakes: the names of those that explain it together; none where nothing fits. said: what they do; where nothing fits,
    the facts that are known. left: the stages that nothing explains, where a mistake explains the others. fit: the largest
    share of the tolerance where the mistakes reproduce every tensor; None where they are recognized, not reproduced.
    """

    variant: str
    implementation: str
    mistakes: tuple[str, ...]
    said: tuple[str, ...]
    left: tuple[str, ...] = ()
    fit: float | None = None
    remedy: str | None = None
    function: str | None = None

    @property
    def mistake(self) -> str | None:
        """The mistakes in one word; None where nothing fits."""
        return " + ".join(self.mistakes) or None

    @property
    def explanation(self) -> str:
        """Everything that is said, in one line."""
        return ("; and " if len(self.mistakes) > 1 else "; ").join(self.said)

    @property
    def run(self) -> RunId:
        return RunId(self.variant, self.implementation)

    def as_json(self) -> Content:
        """The entry of results.json; `function` and `left` only where there are any."""
        entry = {"mistake": self.mistake, "explanation": self.explanation, **fields_as_json(self)}
        return {key: value for key, value in entry.items() if key not in ("function", "left") or value}

    @classmethod
    def from_json(cls, entry: Content) -> "Diagnosis":
        """The diagnosis of an entry; of an older one, the names as they are joined there."""
        older = {"mistakes": [entry["mistake"]] if entry["mistake"] else [], "said": [entry["explanation"]]}
        return known_from_json(cls, older | entry)


def named(run: RunId, mistake: str, *said: str, **more: Any) -> Diagnosis:
    """The diagnosis that this mistake explains the failures of a run; more: other fields."""
    return Diagnosis(run.variant, run.implementation, (mistake,), said, **more)


def unnamed(run: RunId, *facts: str, **more: Any) -> Diagnosis:
    """What is known of the failures of a run where no mistake explains them; more: other fields."""
    return Diagnosis(run.variant, run.implementation, (), facts, **more)


@dataclass(frozen=True)
class Failure:
    """The first failed comparison of a run, and what helps to find its cause.

    locations: implementation -> file and line. reproduction: a script that shows the difference alone.
    """

    check: Check
    inputs_agreed: list[str]
    inputs_differ: list[str]
    locations: dict[str, str]
    first_bad_update: int | None = None
    reproduction: str | None = None


@dataclass(frozen=True)
class Run:
    """A run, as far as it came. What is None was not measured.

    costs: [iteration, cost]. predictions, grid: the classes, a digit each. kept_share: of each layer's units.
    accuracies: [iteration, on train, on test], of the recorded parameters; film: what these decide over the grid's plane,
    one square picture under the other, as PNG in base64.
    """

    implementation: str
    variant: str
    status: str = "not run"
    reused: bool = False
    reason: str | None = None
    costs: list[list[float | None]] | None = None
    train_accuracy: float | None = None
    test_accuracy: float | None = None
    predictions: dict[str, str] | None = None
    grid: list[str] | None = None
    accuracies: Curve | None = None
    film: str | None = None
    seconds: float | None = None
    microseconds_per_iteration: float | None = None
    segment_difference: float | None = None
    free_run_difference: float | None = None
    horizon: int | None = None
    kept_share: dict[str, float] | None = None
    segments: Curve | None = None
    free_run: Curve | None = None
    first_bad_update: int | None = None

    def merged(self, part: "Run") -> "Run":
        """The run with what is known in part as well."""
        known = {each.name: getattr(part, each.name) for each in fields(Run) if getattr(part, each.name) != each.default}
        return replace(self, **known)

    @property
    def run(self) -> RunId:
        return RunId(self.variant, self.implementation)


@dataclass(frozen=True)
class Verified:
    """A run that was compared with the reference: what was measured of it, its comparisons, what explains the failures."""

    run: Run
    checks: list[Check]
    diagnoses: list[Diagnosis]


@dataclass(frozen=True)
class Data:
    """The data set: its sizes, its examples as far as they are drawn (features and label), the axes of the grid.

    seed: of the built-in data; an older file does not hold it.
    """

    name: str
    source: str
    train_examples: int
    test_examples: int
    features: int
    sha256: str
    train: list[list[float]]
    test: list[list[float]]
    grid_axes: list[list[float]] | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Settings:
    """The hyperparameters (see shared/config.py), the units of all layers, and the variants that were asked for."""

    learning_rate: float
    num_iterations: int
    lambd: float
    keep_prob: float
    hidden: list[int]
    dtype: str
    seed: int
    init_seed: int
    layers_dims: list[int]
    variants: list[str]


@dataclass(frozen=True)
class PortFile:
    """Someone's own port: its file, what it defines and on which lines, and what it does not define."""

    file: str
    name: str
    functions: list[str]
    lines: dict[str, int]
    not_checked: list[str]


@dataclass(frozen=True)
class Results(Measured):
    """Everything that is shown of a comparison.

    seconds: of the whole, of the ports (of them imports, and what a training pays once: compiling) and of the reference.
    sources: concept -> implementation -> where, and the code.
    port, remarks, message: of a port that was checked.
    """

    environment: dict[str, Any]
    data: Data
    settings: Settings
    runs: list[Run]
    checks: list[Check]
    failures: list[Failure]
    diagnoses: list[Diagnosis]
    seconds: dict[str, float]
    notes: list[str] = field(default_factory=list)
    sources: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    port: PortFile | None = None
    remarks: list[str] = field(default_factory=list)
    message: str | None = None

    def as_json(self) -> Content:
        from shared.harness.results_json import results_as_json

        return results_as_json(self)

    @classmethod
    def from_json(cls, content: Content) -> "Results":
        from shared.harness.results_json import results_from_json

        return results_from_json(content)

    @property
    def counts(self) -> Counts:
        return count(self.checks)

    @property
    def verdict(self) -> str:
        return verdict_of(self.counts)

    def checks_of(self, run: RunId) -> list[Check]:
        """The comparisons of one run."""
        return self._by_run.get(run, [])

    @cached_property
    def _by_run(self) -> dict[RunId, list[Check]]:
        found: dict[RunId, list[Check]] = {}
        for check in self.checks:
            found.setdefault(check.run, []).append(check)
        return found

    def state(self, run: Run) -> str:
        """What became of a run, in a word: match, differs, diverged, incomplete, or why it was not compared."""
        statuses = {check.status for check in self.checks_of(run.run)}
        if Status.FAILED in statuses:
            return "diverged" if run.status == "diverged" else "differs"
        if run.status not in ("completed", "diverged"):
            return run.status
        return "incomplete" if Status.SKIPPED in statuses else "match"

    def implementations(self) -> list[str]:
        """The implementations that were asked for, in their order."""
        return list(dict.fromkeys(run.implementation for run in self.runs))
