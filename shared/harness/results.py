"""The results of a comparison, and the one place that turns them into results.json (schema 1) and back."""

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from shared.harness.checks import Call, Cause, Check, Key, Outcome, RunId, Status, Updates, Where
from shared.harness.ledger import Counts, count, verdict_of
from shared.harness.output import SCHEMA

Curve = list[list[float]]
"""[iteration, largest difference, largest noise floor] of the cost, since the entry before."""


@dataclass(frozen=True)
class Diagnosis:
    """What explains the failed comparisons of a run; of a student's file, of one function.

    mistake: names joined by " + ", or None where nothing fits. fit: the largest share of the tolerance that is used where
    the mistake reproduces every tensor; None where it is recognized, not reproduced.
    """

    variant: str
    implementation: str
    mistake: str | None
    explanation: str
    fit: float | None = None
    remedy: str | None = None
    function: str | None = None

    @property
    def mistakes(self) -> list[str]:
        """The names of the mistakes that explain it together; none where nothing fits."""
        return self.mistake.split(" + ") if self.mistake else []

    @property
    def run(self) -> RunId:
        return RunId(self.variant, self.implementation)


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
    """

    implementation: str
    variant: str
    status: str = "not run"
    reused: bool = False
    reason: str | None = None
    costs: list[list[float]] | None = None
    train_accuracy: float | None = None
    test_accuracy: float | None = None
    predictions: dict[str, str] | None = None
    grid: list[str] | None = None
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
    """The data set: its sizes, its examples as far as they are drawn (features and label), the axes of the grid."""

    name: str
    source: str
    train_examples: int
    test_examples: int
    features: int
    sha256: str
    train: list[list[float]]
    test: list[list[float]]
    grid_axes: list[list[float]] | None = None


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
class Results:
    """Everything that is shown of a comparison.

    seconds: of the whole, of the ports and of the reference. sources: concept -> implementation -> where, and the code.
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

    @property
    def counts(self) -> Counts:
        return count(self.checks)

    @property
    def verdict(self) -> str:
        return verdict_of(self.counts)

    def checks_of(self, run: RunId) -> list[Check]:
        """The comparisons of one run."""
        return [check for check in self.checks if check.run == run]

    def implementations(self) -> list[str]:
        """The implementations that were asked for, in their order."""
        return list(dict.fromkeys(run.implementation for run in self.runs))


# To JSON


def results_as_json(results: Results) -> dict[str, Any]:
    """The content of results.json."""
    counts = asdict(results.counts)
    uninformative = counts.pop("uninformative")
    first = results.failures[0].check if results.failures else None
    told = ("variant", "implementation", "stage", "tensor", "iteration")
    entries = {
        "schema": SCHEMA,
        "verdict": results.verdict,
        "environment": results.environment,
        "data": asdict(results.data),
        "hyperparameters": asdict(results.settings),
        "port": results.port and asdict(results.port),
        "runs": [run_as_json(run) for run in results.runs],
        "checks": [check_as_json(check) for check in results.checks],
        "first_divergence": first and {name: getattr(first, name) for name in told},
        "failures": [_failure_as_json(failure) for failure in results.failures],
        "diagnoses": [diagnosis_as_json(diagnosis) for diagnosis in results.diagnoses],
        "counts": counts,
        "beyond_horizon": uninformative,
        "notes": results.notes,
        "remarks": results.remarks,
        "seconds": results.seconds,
        "sources": results.sources,
        "message": results.message,
    }
    of_port, of_comparison = {"port", "remarks", "message"}, {"notes", "sources"}
    left_out = of_port if results.port is None else of_comparison | ({"message"} if results.message is None else set())
    return {key: entry for key, entry in entries.items() if key not in left_out}


OPTIONAL = ("elements", "differing", "index", "port_value", "reference_value")
"""Entries of a comparison that are left out where they say nothing."""


def check_as_json(check: Check) -> dict[str, Any]:
    """The entry of one comparison."""
    names = (*(each.name for each in fields(Key)), "iteration", "difference", "allowed")
    entry: dict[str, Any] = {"scope" if name == "where" else name: getattr(check, name) for name in names}
    entry |= {"scope": str(check.where), "budget_used": check.budget_used, "status": str(check.status)}
    entry |= {"reason": check.reason, "cause": check.cause.name.lower()}
    if isinstance(check.where, Updates):
        entry |= {"first_update": check.where.first, "updates": check.where.length}
    if isinstance(check.where, Call):
        entry |= {"function": check.where.function, "call": check.where.name}
    return entry | {name: value for name in OPTIONAL if (value := getattr(check, name)) is not None}


def run_as_json(run: Run) -> dict[str, Any]:
    """The entry of one run: what it came to, and null there where it should have been measured."""
    shown = {"train_accuracy", "test_accuracy", "predictions", "grid"} if run.costs is not None else set()
    shown |= {"kept_share"} if run.segments is not None else set()
    return {name: value for name, value in asdict(run).items() if value is not None or name in shown}


def diagnosis_as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """The entry of one diagnosis; `function` only where it has one."""
    entry = asdict(diagnosis)
    return entry if diagnosis.function is not None else {key: entry[key] for key in entry if key != "function"}


def verified_as_json(verified: Verified) -> dict[str, Any]:
    """A run with its comparisons and diagnoses."""
    return {
        "run": run_as_json(verified.run),
        "checks": [check_as_json(check) for check in verified.checks],
        "diagnoses": [diagnosis_as_json(diagnosis) for diagnosis in verified.diagnoses],
    }


def _failure_as_json(failure: Failure) -> dict[str, Any]:
    entry = check_as_json(failure.check) | {
        "inputs_agreed": failure.inputs_agreed,
        "inputs_differ": failure.inputs_differ,
        "locations": failure.locations,
        "first_bad_update": failure.first_bad_update,
    }
    return entry if failure.reproduction is None else entry | {"reproduction": failure.reproduction}


# From JSON


def results_from_json(content: dict[str, Any]) -> Results:
    """What results.json holds, also one of before comparisons had a cause."""
    return Results(
        environment=content["environment"],
        data=_known(Data, content["data"]),
        settings=_known(Settings, content["hyperparameters"]),
        runs=[run_from_json(entry) for entry in content["runs"]],
        checks=[check_from_json(entry) for entry in content["checks"]],
        failures=[_failure_from_json(entry) for entry in content["failures"]],
        diagnoses=[diagnosis_from_json(entry) for entry in content["diagnoses"]],
        seconds=content["seconds"],
        notes=content.get("notes", []),
        sources=content.get("sources", {}),
        port=_known(PortFile, content["port"]) if "port" in content else None,
        remarks=content.get("remarks", []),
        message=content.get("message"),
    )


def check_from_json(entry: dict[str, Any]) -> Check:
    """The comparison of an entry."""
    figures: dict[str, Any] = {name: entry.get(name) for name in (*OPTIONAL, "difference", "allowed")}
    outcome = Outcome(cause=_cause(entry), reason=entry["reason"], **figures)
    key = Key(entry["variant"], entry["implementation"], entry["stage"], _where(entry), entry["tensor"])
    return outcome.of(key, entry["iteration"])


def run_from_json(entry: dict[str, Any]) -> Run:
    """The run of an entry."""
    return _known(Run, entry)


def diagnosis_from_json(entry: dict[str, Any]) -> Diagnosis:
    """The diagnosis of an entry."""
    return _known(Diagnosis, entry)


def verified_from_json(content: dict[str, Any]) -> Verified:
    """The run of such a content."""
    checks = [check_from_json(entry) for entry in content["checks"]]
    return Verified(run_from_json(content["run"]), checks, [diagnosis_from_json(entry) for entry in content["diagnoses"]])


def _failure_from_json(entry: dict[str, Any]) -> Failure:
    return _known(Failure, entry | {"check": check_from_json(entry)})


def _known(kind: type, entry: dict[str, Any]) -> Any:
    """A dataclass from the entries that it knows."""
    names = {each.name for each in fields(kind)}
    return kind(**{key: value for key, value in entry.items() if key in names})


def _where(entry: dict[str, Any]) -> Where:
    """Of an older file, the words alone."""
    if "first_update" in entry:
        return Updates(entry["scope"], entry["first_update"], entry["updates"])
    if "function" in entry:
        return Call(entry["call"], entry["function"])
    return Where(entry["scope"])


def _cause(entry: dict[str, Any]) -> Cause:
    """The cause; of an older file, what the status says of it."""
    status = Status(entry["status"])
    named = Cause.__members__.get(str(entry.get("cause")).upper())
    if named is not None and named.status is status:
        return named
    if status is Status.PASSED:
        return Cause.ROUNDING if entry["reason"] else Cause.AGREES
    return Cause.UNKNOWN if status is Status.FAILED else Cause.NOT_RUN
