"""A pytest fixture for projects with a port of their own: `pip install samenet`'s folder, and any test can ask for it.

    def test_my_port_is_the_same_network(check_port):
        check_port("my_port.py", variants=["none", "l2"], iterations=2000)

Nothing of samenet is imported into the tests: the check runs in a process of its own, as `compare.py check` does.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

COMPARE = Path(__file__).resolve().parents[3] / "compare.py"


@pytest.fixture
def check_port(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """A function that checks a port as `compare.py check FILE` does, and fails the test with what is wrong.

    check_port(file, **flags): the flags of `compare.py check` by their names, with _ for -; a list where several values
    follow. Returns the content of results.json where everything matches.
    """

    def check(file: str | os.PathLike[str], **flags: Any) -> dict[str, Any]:
        command = [sys.executable, str(COMPARE), "check", os.fspath(file), "--out", str(tmp_path / "samenet")]
        for flag, value in flags.items():
            values = [value] if isinstance(value, str) or not isinstance(value, Sequence) else value
            command += [f"--{flag.replace('_', '-')}", *map(str, values)]
        environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "100"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        path = tmp_path / "samenet" / "results.json"
        if done.returncode == 0:
            return json.loads(path.read_text())
        if done.returncode in (1, 3):
            pytest.fail(json.loads(path.read_text())["message"], pytrace=False)
        pytest.fail(done.stderr.strip(), pytrace=False)

    return check
