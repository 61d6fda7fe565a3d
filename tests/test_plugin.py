"""The pytest fixture for other projects, as they get it: installed, in a project of their own."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PORT = """
import numpy as np


def predict(X, parameters):
    A1 = np.maximum(0, parameters["W1"] @ X + parameters["b1"])
    A2 = np.maximum(0, parameters["W2"] @ A1 + parameters["b2"])
    Z3 = parameters["W3"] @ A2 + parameters["b3"]
    return (Z3 > THRESHOLD).astype(int)
"""
TEST = """
def test_my_port_is_the_same_network(check_port):
    results = check_port("my_port.py", variants=["none"], iterations=50)
    assert results["verdict"] == "match"
"""


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The folder into which samenet was installed, from a copy of the sources."""
    folder = tmp_path_factory.mktemp("installed")
    tracked = shutil.ignore_patterns(".venv", ".git", "results", "__pycache__", ".*_cache", "build", "*.egg-info")
    shutil.copytree(ROOT, folder / "samenet", ignore=tracked)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    command += ["--disable-pip-version-check", "--target", str(folder / "site"), str(folder / "samenet")]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "site"


@pytest.fixture
def project(tmp_path, installed, clean_environment):
    """A function that runs the tests of another project with a port, and gives the outcome."""

    def run(port, test=TEST):
        (tmp_path / "my_port.py").write_text(port)
        (tmp_path / "test_port.py").write_text(test)
        environment = clean_environment | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


def test_a_project_with_a_correct_port_passes(project):
    done = project(PORT.replace("THRESHOLD", "0"))
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_a_project_with_a_wrong_port_fails_with_what_is_wrong(project):
    done = project(PORT.replace("THRESHOLD", "0.5"))
    assert done.returncode == 1
    assert "the class is 1 where the logit Z3 is > 0.5" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_port_without_an_answer_fails_too(project):
    done = project("def predict(X, parameters):\n    raise RuntimeError('not ready')\n")
    assert done.returncode == 1
    assert "not ready" in done.stdout


def test_what_is_no_port_fails_with_one_line(project):
    done = project("x = 1\n")
    assert done.returncode == 1
    assert "defines nothing to check" in done.stdout


def test_an_unknown_flag_fails_with_one_line(project):
    done = project(PORT.replace("THRESHOLD", "0"), TEST.replace("iterations=50", "epochs=50"))
    assert done.returncode == 1
    assert "unrecognized arguments: --epochs 50" in done.stdout


def test_nothing_of_samenet_is_left_lying_about(installed):
    names = {path.name for path in installed.iterdir() if path.is_dir() and not path.name.endswith(".dist-info")}
    assert names - {"bin", "__pycache__"} == {"samenet"}


def test_every_module_is_installed(installed):
    sources = {
        path.relative_to(ROOT)
        for part in ("numpy_impl", "torch_impl", "tf_impl", "shared")
        for path in (ROOT / part).rglob("*.py")
    }
    assert {path.relative_to(installed / "samenet") for path in (installed / "samenet").rglob("*.py")} == sources | {
        Path("compare.py")
    }


def test_the_installed_command_is_compare_py(installed, clean_environment):
    environment = clean_environment | {"PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", "from samenet.shared.installed import main; main()", "--help"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "compare.py" in done.stdout


def test_the_tests_here_do_not_use_an_installed_copy():
    with pytest.raises(Exception, match="samenet"):
        distribution("samenet")
    assert Path(os.path.realpath(__file__)).parents[1] == ROOT
