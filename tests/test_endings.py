"""How the command ends: interrupted, on a terminal, on an ASCII terminal, with a reader that leaves."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from shared.commands.compare.reuse import VERIFIED

ROOT = Path(__file__).resolve().parents[1]
NUMPY_ALONE = ["--implementations", "numpy", "--variants", "none"]


@pytest.fixture
def verified(numpy_alone, tmp_path):
    """A folder, and the command of a run that is reused in it: nothing is trained."""
    shutil.copytree(numpy_alone.out / VERIFIED, tmp_path / "Fu\xdf" / VERIFIED)
    return tmp_path, [sys.executable, str(ROOT / "compare.py"), *NUMPY_ALONE, "--iterations", "50", "--out", "Fu\xdf"]


def on_a_terminal(command, environment, folder):
    """What the command prints on a terminal."""
    ours, its = pty.openpty()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=its, stderr=its)
    os.close(its)
    printed = b""
    try:
        while chunk := os.read(ours, 4096):
            printed += chunk
    except OSError:  # Linux says so when the other end is closed
        pass
    os.close(ours)
    assert process.wait() == 0, printed
    return printed.decode()


@pytest.mark.full
def test_terminals_get_progress_and_colours_where_wanted_and_lose_nothing(verified, clean_environment):
    folder, command = verified
    colour = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")
    terminal = clean_environment | {"TERM": "xterm-256color"}
    coloured = on_a_terminal(command, terminal, folder)
    written = {path.name for path in (folder / "Fu\xdf").iterdir()}
    plain = on_a_terminal(command, terminal | {"NO_COLOR": "1", "PYTHONIOENCODING": "ascii"}, folder)
    assert colour.search(coloured)
    assert not colour.search(plain)
    for printed in (coloured, plain):
        assert "replays every update" in printed  # a line of the progress display
        assert "MATCH" in printed
    assert "written: Fu\xdf" in coloured
    assert "written: Fu\\xdf" in plain
    assert {path.name for path in (folder / "Fu\xdf").iterdir()} == written

    for path in (folder / "Fu\xdf").glob("*.*"):
        path.unlink()
    reading, writing = os.pipe()
    os.close(reading)
    left = subprocess.run(command, cwd=folder, env=clean_environment, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (left.returncode, left.stderr) == (0, b"")
    assert {path.name for path in (folder / "Fu\xdf").iterdir()} == written


def processes_with(text):
    """Ids of the processes in whose environment this text stands."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if text.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue  # it has ended
    return found


@pytest.mark.full
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_process_no_file_and_the_old_results(clean_environment, tmp_path, how):
    out, temporary = tmp_path / "out", tmp_path / "temporary"
    out.mkdir()
    temporary.mkdir()
    (out / "results.json").write_text("the old results")
    # A shell starts what runs in the background with SIGINT ignored, which processes hand on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, ROOT / "compare.py", *NUMPY_ALONE, "--iterations", "1000000", "--out", out],
        cwd=tmp_path, env=clean_environment | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while process.poll() is None and not list(temporary.glob("*/numpy/none")):
        time.sleep(0.05)  # until it trains
    assert len(processes_with(str(temporary))) > 1  # the command, and what trains for it
    process.send_signal(how)
    stdout, stderr = process.communicate()
    assert process.returncode == 130
    assert re.fullmatch(r"[^\n]*interrupted[^\n]*\n", stderr)
    assert stdout == ""
    assert processes_with(str(temporary)) == []
    assert list(temporary.iterdir()) == []
    assert [path.name for path in out.iterdir()] == ["results.json"]
    assert (out / "results.json").read_text() == "the old results"


def test_results_are_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    from shared.harness.output import write_json

    path = tmp_path / "results.json"
    write_json({"old": [1.5, float("nan"), float("inf")]}, path)
    old = path.read_text()
    assert json.loads(old) == {"old": [1.5, None, None]}

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_json({"new": 1}, path)
    assert [each.name for each in tmp_path.iterdir()] == ["results.json"]
    assert path.read_text() == old

    seen = set()
    stop = threading.Event()

    def read():
        while not stop.is_set():
            seen.add(path.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    new = {"new": list(range(50_000))}
    for _ in range(5):
        write_json(new, path)
    stop.set()
    reader.join()
    assert seen <= {old, path.read_text()}
    assert json.loads(path.read_text()) == new
