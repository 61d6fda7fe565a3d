"""Verified runs: kept beside the results, and reused while nothing that they depend on has changed."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from shared.adapters import IMPLEMENTATIONS
from shared.config import Hyperparameters, Variant
from shared.data import Dataset
from shared.harness.checks import Check, Key, RunId
from shared.harness.environment import digest_of_sources
from shared.harness.output import write_whole
from shared.harness.results import Run, Verified
from shared.harness.typed import as_json, from_json

VERIFIED = "verified"
"""The folder of verified runs, in the output folder."""

OLDER = "proved"
"""What it was called by samenet 0.1, in another form."""


class Store:
    """The runs kept in a folder: one file per variant and implementation, each with the key of what it depends on.

    A convenience: where it cannot be used, nothing is reused, and `problem` says why.
    """

    def __init__(
        self, folder: Path, dataset: Dataset, hyper: Hyperparameters, environment: dict, implementations: list[str]
    ):
        self.folder = folder
        self.dataset = dataset
        self.hyper = hyper
        self.environment = environment
        self.problem: str | None = None
        # Read before anything runs: what is edited meanwhile is not what ran.
        self._sources = {name: _digest_of_sources(name) for name in implementations}

    def load(self, variant: Variant, implementation: str, planned: set[Key]) -> Verified | None:
        """A run that still holds, with its checks; None where there is none.

        planned: its comparisons. Only what passed in all of them is ever reused.
        """
        path = self._path(variant, implementation)
        try:
            if not path.is_file():  # a pipe would be waited for
                return None
            kept = json.loads(path.read_text(encoding="utf-8"))
            verified = from_json(Verified, kept["verified"])
            holds = (
                kept["key"] == self._key(variant, implementation)
                and kept["digest"] == _digest_of_content(kept["verified"])
                and verified.run.run == RunId(variant.name, implementation)
                and verified.run.status == "completed"
                and all(check.passed for check in verified.checks)
                and {check.key for check in verified.checks} == planned
                and len(verified.checks) == len(planned)
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        return verified if holds else None

    def save(self, variant: Variant, run: Run, checks: list[Check]) -> None:
        """Keep a run if everything in it passed, and forget it otherwise. Not if what it depends on changed meanwhile."""
        implementation = run.implementation
        path = self._path(variant, implementation)
        passed = run.status == "completed" and all(check.passed for check in checks)
        try:
            if not passed or not checks:
                path.unlink(missing_ok=True)
            elif _digest_of_sources(implementation) == self._sources[implementation]:
                path.parent.mkdir(exist_ok=True)
                content = as_json(Verified(run, checks, []))
                kept = {
                    "key": self._key(variant, implementation),
                    "digest": _digest_of_content(content),
                    "verified": content,
                }
                write_whole(path, json.dumps(kept).encode())
        except OSError as error:
            self.problem = f"{path}: {error.strerror or error}"

    def _path(self, variant: Variant, implementation: str) -> Path:
        return self.folder / f"{implementation}-{variant.name}.json"

    def _key(self, variant: Variant, implementation: str) -> str:
        """A digest of everything that the run and its comparison depend on."""
        packages = ("python", "numpy", "scipy", *IMPLEMENTATIONS[implementation].requires, "platform", "cpu", "threads")
        depends = {
            "variant": asdict(variant),
            "hyperparameters": asdict(self.hyper),
            "environment": {name: self.environment[name] for name in packages},
            "sources": self._sources[implementation],
        }
        digest = hashlib.sha256(json.dumps(depends, sort_keys=True).encode())
        for array in (self.dataset.X_train, self.dataset.Y_train, self.dataset.X_test, self.dataset.Y_test):
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()


def _digest_of_content(content: dict) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _digest_of_sources(implementation: str) -> str:
    """The digest of all source files of the implementation, of the reference and of shared/."""
    packages = {IMPLEMENTATIONS[implementation].package, IMPLEMENTATIONS["numpy"].package, "shared"}
    return digest_of_sources(sorted(packages))
