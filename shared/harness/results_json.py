"""The one place that turns results into the entries of results.json (schema 1), and back."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from shared.errors import UsageError
from shared.harness.checks import Call, Cause, Check, Key, Status, Updates, Where
from shared.harness.measured import Content
from shared.harness.output import SCHEMA
from shared.harness.results import Data, Diagnosis, Failure, PortFile, Results, Run, Settings
from shared.harness.typed import WrongType, as_json, from_json, known_from_json

T = TypeVar("T")


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
        "checks": as_json(results.checks),
        "first_divergence": first and {name: getattr(first, name) for name in told},
        "failures": [_failure_as_json(failure) for failure in results.failures],
        "diagnoses": as_json(results.diagnoses),
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
    names = (*(each.name for each in fields(Key)), "iteration", "difference")
    entry: dict[str, Any] = {"scope" if name == "where" else name: getattr(check, name) for name in names}
    entry |= {"scope": str(check.where), "allowed": check.tolerance, "budget_used": check.share, "status": str(check.status)}
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


def _failure_as_json(failure: Failure) -> dict[str, Any]:
    entry = check_as_json(failure.check) | {
        "inputs_agreed": failure.inputs_agreed,
        "inputs_differ": failure.inputs_differ,
        "locations": failure.locations,
        "first_bad_update": failure.first_bad_update,
    }
    return entry if failure.reproduction is None else entry | {"reproduction": failure.reproduction}


# From JSON: ValueError where an entry is not what it should be, whoever wrote it


def results_from_json(content: dict[str, Any]) -> Results:
    """What results.json holds, also one of before comparisons had a cause."""
    with _refusing():
        port = _read(PortFile, content["port"]) if "port" in content else None
        entries = content | {
            "data": _read(Data, content["data"]),
            "settings": _read(Settings, content["hyperparameters"]),
            "runs": [run_from_json(entry) for entry in content["runs"]],
            "checks": from_json(list[Check], content["checks"]),
            "failures": [_failure_from_json(entry) for entry in content["failures"]],
            "diagnoses": from_json(list[Diagnosis], content["diagnoses"]),
            "port": port,
        }
        return Results(**{each.name: entries[each.name] for each in fields(Results) if each.name in entries})


def read_results(path: Path) -> tuple[Results, Content]:
    """The results in a results.json, and its content as it is; UsageError where it is none of a comparison or a check."""
    try:
        content = json.loads(path.read_bytes())
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']!r}")
        return results_from_json(content), content
    except OSError as error:
        raise UsageError(
            f"{path}: expected the results of a comparison or a check ({error.strerror}): run one of them with --out first"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{path}: expected the results of a comparison or a check, of schema {SCHEMA}; it is damaged, of another "
            "version or something else: make the results again"
        ) from error


def check_from_json(entry: dict[str, Any]) -> Check:
    """The comparison of an entry."""
    with _refusing():
        figures = {"cause": _cause(entry), "tolerance": entry["allowed"]}
        return _read(Check, entry | figures | {"where": _where(entry)})


def run_from_json(entry: dict[str, Any]) -> Run:
    """The run of an entry."""
    return _read(Run, entry)


def _failure_from_json(entry: dict[str, Any]) -> Failure:
    return _read(Failure, entry | {"check": check_from_json(entry)})


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (AttributeError, KeyError, TypeError, WrongType) as error:
        raise ValueError(f"not an entry of results.json: {type(error).__name__}: {error}") from error


def _read(kind: type[T], entry: dict[str, Any]) -> T:
    """A dataclass from the entries that it knows."""
    with _refusing():
        return known_from_json(kind, entry)


def _where(entry: dict[str, Any]) -> Where:
    """Where the comparison was made; of an older file, the words alone."""
    if "first_update" in entry:
        updates = {"name": entry["scope"], "first": entry["first_update"], "length": entry["updates"]}
        return from_json(Updates, updates)
    if "function" in entry:
        return from_json(Call, {"name": entry["call"], "function": entry["function"]})
    return from_json(Where, {"name": entry["scope"]})


def _cause(entry: dict[str, Any]) -> Cause:
    """The cause; of an older file, what the status says of it."""
    status = Status(entry["status"])
    named = Cause.__members__.get(str(entry.get("cause")).upper())
    if named is not None and named.status is status:
        return named
    if status is Status.PASSED:
        return Cause.ROUNDING if entry["reason"] else Cause.AGREES
    return Cause.UNKNOWN if status is Status.FAILED else Cause.NOT_RUN
