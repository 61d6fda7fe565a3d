"""What the code imports is declared: an installed copy needs nothing that only came along with something else."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.conftest import MISSING

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OWN = {"numpy_impl", "torch_impl", "tf_impl", "shared", "samenet", "compare", "tests", "__future__"}
FRAMEWORKS = {"torch": "torch_impl", "tensorflow": "tf_impl", "keras": "tf_impl"}
OPTIONAL = {"pytest", "sklearn", "distributed", "numba"}
"""Imported only where they are asked for: by the plugin of pytest, by `bench`, by `study --scheduler`; Numba where it is."""


def imported(source: str) -> Iterator[str]:
    """The top-level names of all modules that a source imports, inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module).split(".")[0]


def distributions(requirements: list[str]) -> set[str]:
    names = (re.match(r"[A-Za-z0-9_.-]+", line) for line in requirements if line and not line.startswith(("#", "-")))
    return {name[0].lower().replace("_", "-") for name in names if name}


def undeclared(sources: dict[Path, str], declared: set[str]) -> list[str]:
    """Every import whose distribution is not declared: "file: module"."""
    known = packages_distributions()
    wrong = []
    for path, source in sources.items():
        for name in set(imported(source)) - OWN - sys.stdlib_module_names:
            owners = {owner.lower().replace("_", "-") for owner in known.get(name, [name])}
            if not owners & declared and not (name in FRAMEWORKS or name in OPTIONAL):
                wrong.append(f"{path}: {name}")
    return wrong


def sources_of(*folders: str) -> dict[Path, str]:
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(paths) > 20
    return {path.relative_to(ROOT): path.read_text(encoding="utf-8") for path in paths}


DECLARED = distributions(PROJECT["project"]["dependencies"])


def test_what_the_harness_imports_is_declared():
    sources = sources_of("shared", "numpy_impl") | {Path("compare.py"): (ROOT / "compare.py").read_text(encoding="utf-8")}
    assert undeclared(sources, DECLARED) == []
    assert undeclared(sources, DECLARED - {"jinja2"}) != []  # the control: it came along with PyTorch once, undeclared


def test_what_is_declared_is_pinned_and_imported():
    pinned = distributions((ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines())
    assert pinned >= DECLARED
    names = {name for source in sources_of("shared", "numpy_impl").values() for name in imported(source)}
    known = packages_distributions()
    used = {owner.lower() for name in names for owner in known.get(name, [])}
    assert used >= DECLARED


def test_frameworks_and_extras_are_imported_by_what_is_about_them_alone():
    users = {name: {path.parts[0] for path, source in sources_of("shared", "numpy_impl", "torch_impl", "tf_impl").items()
                    if name in set(imported(source))} for name in FRAMEWORKS}  # fmt: skip
    for name, package in FRAMEWORKS.items():
        assert users[name] <= {package, "shared"}, name
    extras = [line for path in ROOT.glob("requirements-*.txt") for line in path.read_text(encoding="utf-8").splitlines()]
    assert distributions(extras) >= {"scikit-learn", "distributed"}


BLOCKED = """
import importlib.abc, runpy, sys

class Blocked(importlib.abc.MetaPathFinder):
    names = {blocked!r}

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {{name!r}}: blocked", name=name)

sys.meta_path.insert(0, Blocked())
"""


def needed_by(declared: set[str]) -> set[str]:
    """The distributions that are declared, and those that they need in turn."""
    from importlib.metadata import PackageNotFoundError, requires

    found, todo = set(), list(declared)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            try:
                lines = [line for line in requires(name) or [] if "extra ==" not in line]
            except PackageNotFoundError:
                continue
            todo += distributions(lines)
    return found


@pytest.fixture
def blocked(tmp_path, clean_environment):
    """A function that makes an environment in which only what is declared can be imported, with its own needs."""

    def environment(declared):
        wanted = needed_by(declared)
        normal = {module: {owner.lower().replace("_", "-") for owner in owners}
                  for module, owners in packages_distributions().items()}  # fmt: skip
        names = {module for module, owners in normal.items() if not owners & wanted}
        assert names >= {"torch", "tensorflow", "keras", "pytest"} - MISSING
        (tmp_path / "sitecustomize.py").write_text(BLOCKED.format(blocked=names))
        return clean_environment | {"PYTHONPATH": str(tmp_path)}

    return environment


def run(environment, *arguments):
    command = [sys.executable, str(ROOT / "compare.py"), *map(str, arguments)]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.full
def test_the_command_runs_with_what_is_declared_alone(blocked, tmp_path):
    flags = ("--implementations", "numpy", "--variants", "l2", "--iterations", 20, "--out", tmp_path / "results")
    done = run(blocked(DECLARED), *flags)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert (tmp_path / "results" / "index.html").exists()
    without = run(blocked(DECLARED - {"jinja2"}), *flags)  # the control: what an installed copy met
    assert without.returncode != 0


@pytest.mark.full
def test_a_port_is_checked_with_what_is_declared_alone(blocked, tmp_path):
    port = tmp_path / "my_port.py"
    port.write_text("import numpy as np\n\n\ndef sigmoid(x):\n    return 1 / (1 + np.exp(-x))\n")
    done = run(blocked(DECLARED), "check", port, "--iterations", 20, "--out", tmp_path / "results")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
