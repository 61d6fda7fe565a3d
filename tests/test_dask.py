"""A study on a Dask cluster: a scheduler and workers of its own, in processes of their own."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Outcome

pytest.importorskip("distributed", reason="Dask is not installed: pip install -r requirements-dask.txt")
pytestmark = pytest.mark.full

ROOT = Path(__file__).resolve().parents[1]
STUDY = ("study", "--implementations", "numpy", "--variants", "none", "dropout")


class Cluster:
    """A scheduler on this machine, and workers that are started and killed as a test wants."""

    def __init__(self, folder, environment):
        self.folder, self.environment = folder, environment
        self.processes: list[subprocess.Popen] = []
        file = folder / "scheduler.json"
        flags = ("--host", "127.0.0.1", "--port", "0", "--scheduler-file", file, "--no-dashboard", "--protocol", "tcp")
        self.scheduler = self._start(ROOT, "dask_scheduler", *flags)
        self._wait(self.scheduler, lambda: file.exists() and file.read_text().endswith("}"))
        self.address = json.loads(file.read_text())["address"]

    def worker(self, path=ROOT):
        """Start a worker that finds the sources at `path`."""
        log = self.folder / f"log-{len(self.processes)}"
        process = self._start(path, "dask_worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
        self._wait(process, lambda: "Registered to" in log.read_text())
        return process

    def end(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()

    def _start(self, path, program, *arguments):
        environment = self.environment | {"PYTHONPATH": str(path), "OMP_NUM_THREADS": "1"}
        with open(self.folder / f"log-{len(self.processes)}", "wb") as log:
            command = [sys.executable, "-m", f"distributed.cli.{program}", *arguments]
            self.processes.append(subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log))
        return self.processes[-1]

    def _wait(self, process, ready):
        while not ready():
            assert process.poll() is None, [log.read_text() for log in self.folder.glob("log-*")]
            time.sleep(0.05)


@pytest.fixture
def cluster(tmp_path, clean_environment):
    made = Cluster(tmp_path, clean_environment)
    yield made
    made.end()


IMPATIENT = """
import sys
import compare
from shared.commands.study import schedule
schedule.PATIENCE = float(sys.argv.pop(1))
sys.argv[0] = "compare.py"
sys.exit(compare.main())
"""


@pytest.fixture
def impatient(clean_environment, tmp_path):
    """A function that runs the command, which waits for so many seconds at most."""

    def run(seconds, *flags):
        command = [sys.executable, "-c", IMPATIENT, str(seconds), *flags, "--out", str(tmp_path)]
        done = subprocess.run(command, cwd=ROOT, env=clean_environment, capture_output=True, text=True, check=False)
        return Outcome(done.returncode, done.stdout, done.stderr, tmp_path)

    return run


@pytest.fixture
def killed(tmp_path, clean_environment, cluster):
    """A function that starts a study and kills a process once runs are kept: (exit code, errors, rows by then, rows)."""

    def run(name, seeds, iterations, process):
        out = tmp_path / name
        flags = ("--init-seeds", seeds, "--seeds", seeds, "--iterations", iterations, "--out", out)
        study = subprocess.Popen(
            list(map(str, (sys.executable, ROOT / "compare.py", *STUDY, *flags, "--scheduler", cluster.address))),
            env=clean_environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        while not rows_in(out):
            assert study.poll() is None, study.communicate()[1]
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        before = len(rows_in(out))
        _, errors = study.communicate()
        return study.returncode, errors, before, rows_in(out)

    return run


def rows_in(folder):
    try:
        with contextlib.closing(sqlite3.connect(f"file:{folder}/study.sqlite?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT variant, init_seed, seed, train_cost FROM runs").fetchall()
    except sqlite3.Error:
        return []


def the_error(done):
    """The one line that says what is wrong."""
    assert done.code == 2, done.stderr
    assert "Traceback" not in done.stderr
    [line] = [line for line in done.stderr.splitlines() if line.startswith("compare.py: error: ")]
    return line


def test_a_cluster_from_its_start_to_its_end(cluster, killed, run_compare, impatient):
    on_it = (*STUDY, "--scheduler", cluster.address)
    error = the_error(impatient(10, *on_it))
    assert "expected workers at" in error
    assert "dask worker" in error

    lost = cluster.worker(path=Path("/"))
    error = the_error(impatient(10, *on_it))
    assert "the cluster cannot run this study" in error
    assert "dask worker" in error
    lost.kill()
    lost.wait()

    # A worker that is killed in the middle loses nothing, and nothing is counted twice.
    first, _ = cluster.worker(), cluster.worker()
    code, errors, before, rows = killed("cluster", "1-20", 500, first)
    assert code == 0, errors
    assert before < 40
    assert len(rows) == len({row[:3] for row in rows}) == 40

    # The same study on this machine alone gives the same numbers, to the last bit.
    here = run_compare(*STUDY, "--init-seeds", "1-20", "--seeds", "1-20", "--iterations", 500)
    assert sorted(rows_in(here.out), key=str) == sorted(rows, key=str)

    # A scheduler that goes away leaves what is finished.
    code, errors, _, rows = killed("left", "1-50", 1000, cluster.scheduler)
    assert code == 2
    assert "went away; what is finished is kept" in errors
    assert "Traceback" not in errors
    assert rows


def test_no_scheduler_is_one_clear_line(impatient):
    for address in ("tcp://127.0.0.1:1", "nonsense://x:1", ""):
        error = the_error(impatient(1, *STUDY, "--scheduler", address))
        assert "--scheduler: expected a Dask scheduler at tcp://HOST:PORT, none answers at" in error
