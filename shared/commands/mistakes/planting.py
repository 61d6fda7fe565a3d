"""Write a mistake into a copy of one of the implementations, and import that copy in its place."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.adapters import IMPLEMENTATIONS, Adapter
from shared.diagnosis.mistake import Plant
from shared.harness.processes import ROOT


@contextmanager
def planted(plant: Plant, folder: Path) -> Iterator[Adapter]:
    """The adapter of the changed implementation; ValueError where a line that is to be changed is not there."""
    implementation = IMPLEMENTATIONS[plant.implementation]
    package = implementation.package
    shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file, right, wrong in plant.changes:
        path = folder / package / file
        source = path.read_text(encoding="utf-8")
        if right not in source:
            raise ValueError(f"{package}/{file} does not hold {right!r}: fix the entry of the catalogue")
        path.write_text(source.replace(right, wrong), encoding="utf-8")
    with _imported(package, folder):
        yield implementation.adapter()


@contextmanager
def _imported(package: str, folder: Path) -> Iterator[None]:
    own = {name: module for name, module in sys.modules.items() if name.split(".")[0] == package}
    for name in own:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == package]:
            del sys.modules[name]
        sys.modules.update(own)
