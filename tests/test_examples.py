"""The two whole examples: a team's port in continuous integration, and the course's notebook compared with the three."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.full

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "tests" / "examples"
NOTEBOOK = EXAMPLES / "course_notebook" / "regularization.ipynb"


def run_in(folder, environment):
    """What the last step of the workflow does in a folder; installing is what test_plugin.py looks at."""
    *_, install, command = re.findall(r"^      - run: python (.*)$", (folder / "port.yml").read_text(), re.MULTILINE)
    assert install == "-m pip install torch pytest ./samenet"
    plugin = ["-p", "shared.commands.check.pytest_plugin", "-p", "no:cacheprovider"]
    with_samenet = environment | {"PYTHONPATH": os.fspath(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [sys.executable, *command.split(), *plugin],
        cwd=folder,
        env=with_samenet,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_team_s_workflow_passes_and_fails_where_its_port_is_wrong(tmp_path, clean_environment):
    folder = shutil.copytree(EXAMPLES / "port_in_ci", tmp_path / "port")
    test = folder / "test_network.py"
    test.write_text(test.read_text().replace("iterations=200", "iterations=20"))
    done = run_in(folder, clean_environment)
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout
    source = (folder / "network.py").read_text()
    (folder / "network.py").write_text(source.replace("lambd / (2 * m)", "lambd / m"))  # the control
    done = run_in(folder, clean_environment)
    assert (done.returncode, "1 failed" in done.stdout) == (1, True), done.stdout
    assert "l2" in done.stdout


def cells():
    """The code of the notebook."""
    content = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]


def test_the_course_s_notebook_is_the_same_network_in_the_three():
    names: dict = {}
    exec("\n".join(cells()), names)
    assert names["apart"].keys() == {"numpy_impl", "torch_impl", "tf_impl"}
    assert max(names["apart"].values()) < 1e-13
    wrong: dict = {}
    exec("\n".join(cells()[:-1]).replace("lambd / m * W2", "lambd / (2 * m) * W2"), wrong)  # the control
    assert max(abs(wrong["mine"][name] - names["mine"][name]).max() for name in names["mine"]) > 1e-3


def test_the_functions_of_the_course_s_notebook_are_checked(run_compare, tmp_path):
    done = run_compare("check", NOTEBOOK, "--iterations", 10)
    assert done.code == 0, done.stdout
    for name in (
        "compute_cost",
        "backward_propagation",
        "forward_propagation_with_dropout",
        "backward_propagation_with_dropout",
    ):
        assert name in done.stdout
    wrong = tmp_path / "wrong.ipynb"
    source, right = NOTEBOOK.read_text(encoding="utf-8"), "np.dot(W2.T, dZ2) * D1 / keep_prob"
    assert right in source
    wrong.write_text(source.replace(right, "np.dot(W2.T, dZ2) * D1"))  # the control
    assert run_compare("check", wrong, "--iterations", 10).code == 1
