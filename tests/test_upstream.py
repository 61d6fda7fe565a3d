"""Defects of the frameworks that this project works around are still there; once one is repaired, its test says what to do.

Each script in tests/upstream stands alone, to be run or sent as it is. It prints versions, and what is expected and seen.
"""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parent / "upstream"
SEEN = {
    "keras_weight_decay": [0.8999999985098839],
    "torch_compiled_step": [1.0, -0.3, 1.0, -0.3],
    "paddle_gradient_at_zero": [-0.5, -1.5],
    "paddle_dropout_scale": [1.1627906783327278],
    "paddle_groups": [0.5, 1.0],
}

pytestmark = pytest.mark.full


def verdict(name, output):
    """What is to be said of a script's output: nothing where the defect is what it was."""
    said = dict(
        line.split(": ", 1) for line in output.splitlines() if line.startswith(("versions: ", "expected: ", "seen: "))
    )
    expected, seen = json.loads(said["expected"]), json.loads(said["seen"])
    if seen == pytest.approx(expected, rel=1e-12):
        where = f"tests/upstream/{name}.py, and what the READMEs and the code say of it"
        return f"{name}: repaired in {said['versions']}: take out {where}"
    return "" if seen == pytest.approx(SEEN[name], rel=1e-12) else f"{name}: another defect in {said['versions']}: {seen}"


@pytest.mark.parametrize("name", SEEN)
def test_the_defect_is_still_there(name, clean_environment):
    package = name.split("_")[0]
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    command = [sys.executable, str(SCRIPTS / f"{name}.py")]
    done = subprocess.run(command, env=clean_environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not verdict(name, done.stdout), verdict(name, done.stdout)


def test_every_script_is_run_and_a_repaired_defect_is_said():
    assert {path.stem for path in SCRIPTS.glob("*.py")} == SEEN.keys()
    for name in SEEN:
        assert "repaired in Version 9" in verdict(name, "versions: Version 9\nexpected: [0.9]\nseen: [0.9]\n")
        assert "another defect" in verdict(name, "versions: Version 9\nexpected: [0.9]\nseen: [0.7]\n")
