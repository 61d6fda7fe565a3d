"""The pytest fixture for other projects, as they get it: installed, in a project of their own."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

pytestmark = pytest.mark.full

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
def test_a_correct_port(check_port):
    results = check_port("correct.py", variants=["none"], iterations=50)
    assert results["verdict"] == "match"

def test_a_wrong_port(check_port):
    check_port("wrong.py", variants=["none"], iterations=50)

def test_a_port_without_an_answer(check_port):
    check_port("without_answer.py", variants=["none"], iterations=50)

def test_what_is_no_port(check_port):
    check_port("no_port.py", variants=["none"], iterations=50)

def test_an_unknown_flag(check_port):
    check_port("correct.py", variants=["none"], epochs=50)
"""


@pytest.fixture(scope="session")
def installed(once):
    """The folder into which samenet was installed, from a copy of the sources."""

    def make(folder):
        tracked = shutil.ignore_patterns(".venv", ".git", "results", "__pycache__", ".*_cache", "build", "*.egg-info")
        shutil.copytree(ROOT, folder / "samenet", ignore=tracked)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
        command += ["--disable-pip-version-check", "--target", str(folder / "site"), str(folder / "samenet")]
        subprocess.run(command, check=True, capture_output=True)

    return once("installed", make) / "site"


def test_a_project_is_told_what_is_wrong_with_its_ports(tmp_path, installed, clean_environment):
    ports = {
        "correct": PORT.replace("THRESHOLD", "0"),
        "wrong": PORT.replace("THRESHOLD", "0.5"),
        "without_answer": "def predict(X, parameters):\n    raise RuntimeError('not ready')\n",
        "no_port": "x = 1\n",
    }
    for name, port in ports.items():
        (tmp_path / f"{name}.py").write_text(port)
    (tmp_path / "test_ports.py").write_text(TEST)
    environment = clean_environment | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "4 failed, 1 passed" in done.stdout
    heads = [
        f"_ test_{name} _" for name in ("a_wrong_port", "a_port_without_an_answer", "what_is_no_port", "an_unknown_flag")
    ]
    parts = re.split("|".join(heads), done.stdout.split("short test summary")[0])
    said = (
        "the class is 1 where the logit Z3 is > 0.5",
        "not ready",
        "defines nothing to check",
        "unrecognized arguments: --epochs 50",
    )
    for part, words in zip(parts[1:], said, strict=True):
        assert words in part
    assert "Traceback" not in done.stdout + done.stderr


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
        [sys.executable, "-c", "from samenet.shared.harness.installed import main; main()", "--help"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout.startswith("usage: samenet ")
    assert "compare.py" not in done.stdout


def test_the_tests_here_do_not_use_an_installed_copy():
    with pytest.raises(Exception, match="samenet"):
        distribution("samenet")
    assert Path(os.path.realpath(__file__)).parents[1] == ROOT
