"""The one place that turns results into the entries of results.json (schema 1), and back."""

from dataclasses import asdict, fields
from typing import Any

from shared.harness.checks import Call, Cause, Check, Key, Outcome, Status, Updates, Where
from shared.harness.output import SCHEMA
from shared.harness.results import Data, Diagnosis, Failure, PortFile, Results, Run, Settings, Verified


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
