"""Runs that were proved before: kept beside the results, and reused while nothing that they depend on has changed."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from shared.config import IMPLEMENTATIONS, Hyperparameters, Variant
from shared.data import Dataset
from shared.report.results import write_whole
from shared.workers import ROOT

PACKAGES = {"numpy": (), "torch": ("torch",), "tensorflow": ("tensorflow", "keras")}
"""Whose version a run depends on, beside those of the reference: Python, NumPy and SciPy."""


@dataclass(frozen=True)
class Store:
    """The runs kept in a folder: one file per variant and implementation, each with the key of what it depends on."""

    folder: Path
    dataset: Dataset
    hyper: Hyperparameters
    environment: dict

    def load(self, variant: Variant, implementation: str, planned: set) -> tuple[dict, list[dict]] | None:
        """The entry `run` and the checks of a run that still holds; None where there is none.

        planned: (stage, scope, tensor) of its comparisons. Only what passed in all of them is ever reused.
        """
        try:
            kept = json.loads(self._path(variant, implementation).read_text(encoding="utf-8"))
            run, checks = kept["run"], kept["checks"]
            compared = {(check["stage"], check["scope"], check["tensor"]) for check in checks}
            holds = (
                kept["key"] == self._key(variant, implementation)
                and (run["variant"], run["implementation"], run["status"]) == (variant.name, implementation, "completed")
                and all(check["status"] == "passed" for check in checks)
                and all((c["variant"], c["implementation"]) == (variant.name, implementation) for c in checks)
                and compared == planned
                and len(checks) == len(planned)
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return (run, checks) if holds else None

    def save(self, variant: Variant, implementation: str, run: dict, checks: list[dict]) -> None:
        """Keep a run, if it is complete and everything in it passed."""
        if run["status"] != "completed" or any(check["status"] != "passed" for check in checks):
            return
        path = self._path(variant, implementation)
        path.parent.mkdir(exist_ok=True)
        kept = {"key": self._key(variant, implementation), "run": run, "checks": checks}
        write_whole(path, json.dumps(kept).encode())

    def _path(self, variant: Variant, implementation: str) -> Path:
        return self.folder / f"{implementation}-{variant.name}.json"

    def _key(self, variant: Variant, implementation: str) -> str:
        """A digest of everything that the run and its comparison depend on."""
        packages = ("python", "numpy", "scipy", *PACKAGES[implementation], "platform", "cpu", "threads")
        depends = {
            "variant": asdict(variant),
            "hyperparameters": asdict(self.hyper),
            "environment": {name: self.environment[name] for name in packages},
        }
        digest = hashlib.sha256(json.dumps(depends, sort_keys=True).encode())
        for array in (self.dataset.X_train, self.dataset.Y_train, self.dataset.X_test, self.dataset.Y_test):
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(array.tobytes())
        for path in _sources(implementation):
            digest.update(path.relative_to(ROOT).as_posix().encode())
            digest.update(path.read_bytes())
        return digest.hexdigest()


def _sources(implementation: str) -> Iterator[Path]:
    """The implementation's own lines, the reference's and the comparison's."""
    for package in sorted({IMPLEMENTATIONS[implementation], IMPLEMENTATIONS["numpy"], "shared"}):
        yield from sorted((ROOT / package).rglob("*.py"))
