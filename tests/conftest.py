"""What the tests share: the implementations, small random problems, the course's data, and the command.

What a test may cost stands in CONTRIBUTING.md.
"""

import contextlib
import functools
import importlib
import io
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

# One thread each, as the harness computes: on networks this small, threads that wait for one another double the work.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import numpy as np
import pytest
from filelock import FileLock
from numpy.typing import NDArray

from shared.adapters import IMPLEMENTATIONS, Adapter

ROOT = Path(__file__).resolve().parents[1]
COURSE_DATA = ROOT.parent / "shared" / "football" / "data.mat"
NAMES = ("numpy", "torch", "tensorflow")
MISSING = {name for name in NAMES if find_spec(name) is None}
"""A framework that cannot be installed takes its own tests with it, and those that need all three; each says so."""

os.environ["MPLBACKEND"] = "Agg"
if find_spec("triton"):  # it comes with PyTorch's builds for GPUs; imported after TensorFlow, it takes the process down
    importlib.import_module("triton")

collect_ignore = ["examples"]
"""They are run as projects of their own, by test_examples.py."""


def pytest_collection_modifyitems(items):
    """Skip the tests of a framework that is not installed: those with its name among their parameters."""
    for item in items:
        given = item.callspec.params.values() if hasattr(item, "callspec") else ()
        for name in MISSING & {value for value in given if isinstance(value, str)}:
            item.add_marker(pytest.mark.skip(reason=f"{name} is not installed"))


def need_all():
    """Skip the test that runs, where a framework is missing."""
    if MISSING:
        pytest.skip(f"{' and '.join(sorted(MISSING))} is not installed")


@dataclass(frozen=True)
class Implementation:
    """An implementation's modules, as `import numpy_impl.network` gives them, and what looks into them."""

    name: str
    network: ModuleType
    cost: ModuleType
    training: ModuleType
    adapter: Adapter


class Problem(NamedTuple):
    """X (n_x, m), Y (1, m), parameters of a network of the given sizes."""

    X: NDArray
    Y: NDArray
    parameters: dict[str, NDArray]


@dataclass(frozen=True)
class Outcome:
    """How the command ended, and the folder it was told to write to."""

    code: int
    stdout: str
    stderr: str
    out: Path

    @functools.cached_property
    def results(self) -> dict:
        """The content of results.json, read as JSON is defined: without NaN and Infinity."""

        def refuse(word):
            raise ValueError(f"{word} is not JSON")

        return json.loads((self.out / "results.json").read_text(), parse_constant=refuse)


@functools.cache
def load(name: str) -> Implementation:
    adapter = IMPLEMENTATIONS[name].adapter()
    return Implementation(name, adapter.network, adapter.cost, adapter.training, adapter)


@pytest.fixture(params=NAMES)
def implementation(request):
    """Each of the three implementations in turn."""
    return load(request.param)


@pytest.fixture(params=["torch", "tensorflow"])
def port(request):
    """Each of the two that are compared with NumPy."""
    return load(request.param)


@pytest.fixture(scope="session")
def reference():
    """The implementation from scratch."""
    return load("numpy")


@pytest.fixture(scope="session")
def make_problem():
    """A function that makes a small random problem, with biases that are not zero."""

    def make(layers_dims=(3, 5, 4, 1), m=12, dtype="float64", seed=0) -> Problem:
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((layers_dims[0], m)).astype(dtype)
        Y = (np.arange(m) % 2)[np.newaxis].astype(dtype)
        parameters = {}
        for layer, (n_in, n_out) in enumerate(itertools.pairwise(layers_dims), start=1):
            parameters[f"W{layer}"] = (rng.standard_normal((n_out, n_in)) / np.sqrt(n_in)).astype(dtype)
            parameters[f"b{layer}"] = rng.uniform(0.1, 0.5, (n_out, 1)).astype(dtype)
        return Problem(X, Y, parameters)

    return make


@pytest.fixture(scope="session")
def course_data():
    """The course's data set, for those who have a copy."""
    if not COURSE_DATA.exists():
        pytest.skip(f"no copy of the course's data at {COURSE_DATA}")
    from shared.data import load_dataset

    return load_dataset(COURSE_DATA)


@pytest.fixture(scope="session")
def clean_environment():
    """The environment without what could change colours, imports, threads or the framework behind Keras."""
    unwanted = ("PYTHONPATH", "KERAS_BACKEND", "COLUMNS", "LINES", "TERM", "NO_COLOR", "FORCE_COLOR", "TTY_",
                "OMP_", "OPENBLAS_", "MKL_")  # fmt: skip
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """A function that makes a folder once for all processes of a test run: once(name, make) -> the folder made."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def get(name, make):
        folder = root / name
        with FileLock(root / f"{name}.lock"):
            if not folder.exists():
                unfinished = root / f"{name}-unfinished"
                unfinished.mkdir()
                make(unfinished)
                unfinished.rename(folder)
        return folder

    return get


@pytest.fixture(scope="session")
def run_compare(tmp_path_factory, clean_environment):
    """A function that runs compare.py in an empty folder, with an empty page and no pictures: they would take seconds.

    In this process, where nothing asks for one of its own: another checkout or environment.
    """

    def run(*flags, checkout=ROOT, environment=None) -> Outcome:
        folder = tmp_path_factory.mktemp("compare")
        if environment or checkout != ROOT:
            return _run_apart(folder, flags, checkout, clean_environment | (environment or {}))
        return _run_here(folder, flags, clean_environment)

    return run


def _arguments(flags) -> list[str]:
    """The flags with a folder to write to, behind the name of a command such as `check`."""
    command = 0 if not flags or str(flags[0]).startswith("-") else 1
    return [*map(str, flags[:command]), "--out", "out", *map(str, flags[command:])]


def _run_apart(folder, flags, checkout, environment) -> Outcome:
    done = subprocess.run(
        [sys.executable, checkout / "compare.py", *_arguments(flags)],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return Outcome(done.returncode, done.stdout, done.stderr, folder / "out")


def _run_here(folder, flags, environment) -> Outcome:
    import compare
    from shared.commands.compare import pictures
    from shared.page import build

    stdout, stderr = io.StringIO(), io.StringIO()
    handlers = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGHUP)}
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["compare.py", *_arguments(flags)])
        patch.setattr(pictures, "pictures", lambda results: {})
        patch.setattr(build, "page", lambda results: "")
        for name in os.environ.keys() - environment.keys():
            patch.delenv(name)
        try:
            code = compare.main()
        except SystemExit as end:  # --help
            code = int(end.code or 0)
        finally:
            for name, handler in handlers.items():
                signal.signal(name, handler)
    return Outcome(code, stdout.getvalue(), stderr.getvalue(), folder / "out")


@pytest.fixture(scope="session")
def run_once(once, clean_environment):
    """A function that gives what compare.py gives for 50 iterations: run once for all tests that look at it."""

    def run(name, *flags) -> Outcome:
        def make(folder):
            done = _run_apart(folder, ("--iterations", 50, *flags), ROOT, clean_environment)
            (folder / "ended.json").write_text(json.dumps([done.code, done.stdout, done.stderr]))

        folder = once(name, make)
        code, stdout, stderr = json.loads((folder / "ended.json").read_text())
        return Outcome(code, stdout, stderr, folder / "out")

    return run


@pytest.fixture(scope="session")
def everything(run_once):
    """What compare.py gives where nothing is asked for."""
    need_all()
    return run_once("everything")


@pytest.fixture(scope="session")
def numpy_alone(run_once):
    """What it gives of NumPy: a fifth of the work, for the tests to which it makes no difference."""
    return run_once("numpy_alone", "--implementations", "numpy")


@pytest.fixture
def checkout(tmp_path):
    """A copy of the program, and a function that edits it: the old text must be there."""
    shutil.copy(ROOT / "compare.py", tmp_path)
    for package in ("numpy_impl", "torch_impl", "tf_impl", "shared"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))

    def edit(file, old, new):
        source = (tmp_path / file).read_text()
        assert old in source, f"{file} no longer holds {old!r}: fix this test"
        (tmp_path / file).write_text(source.replace(old, new))

    return tmp_path, edit


@pytest.fixture
def brought(tmp_path, monkeypatch):
    """A function that checks the source of a port in this process (see tests/helpers/brought.py)."""
    from tests.helpers.brought import Brought

    def check(source, name="brought.py", variants=("none", "l2", "dropout"), dtype="float64"):
        monkeypatch.setattr(sys, "path", [*sys.path])  # a port's folder comes first on it
        for module in ("reg_utils", "testCases", "checked_port", "checked_package"):
            monkeypatch.delitem(sys.modules, module, raising=False)
        (tmp_path / name).write_bytes(source if isinstance(source, bytes) else source.encode())
        return Brought(tmp_path / name, variants, dtype)

    return check
