"""A study on a Dask cluster: a scheduler and workers of its own, in processes of their own."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="Dask is not installed: pip install -r requirements-dask.txt")

ROOT = Path(__file__).resolve().parents[1]
STUDY = (sys.executable, str(ROOT / "compare.py"), "study", "--implementations", "numpy", "--variants", "none", "dropout")
QUIET = ("--no-dashboard", "--protocol", "tcp")


@pytest.fixture
def cluster(tmp_path, clean_environment):
    """A function that starts a scheduler and workers: (address, scheduler, workers). path: where they find the sources."""
    processes: list[subprocess.Popen] = []

    def start(*arguments, path=ROOT):
        environment = clean_environment | {"PYTHONPATH": str(path), "OMP_NUM_THREADS": "1"}
        with open(tmp_path / f"log-{len(processes)}", "wb") as log:
            command = [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]]
            processes.append(subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log))
        return processes[-1]

    def make(workers, path=ROOT):
        file = tmp_path / "scheduler.json"
        scheduler = start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", file, *QUIET, path=path
        )
        while not file.exists() or not file.read_text().endswith("}"):
            assert scheduler.poll() is None, (tmp_path / "log-0").read_text()
            time.sleep(0.05)
        address = json.loads(file.read_text())["address"]
        flags = ("--nthreads", "1", "--no-nanny", "--no-dashboard")
        started = [start("dask_worker", address, *flags, path=path) for _ in range(workers)]
        for number, worker in enumerate(started, start=1):
            while "Registered to" not in (tmp_path / f"log-{number}").read_text():
                assert worker.poll() is None, (tmp_path / f"log-{number}").read_text()
                time.sleep(0.05)
        return address, scheduler, started

    yield make
    for process in reversed(processes):
        process.kill()
        process.wait()


def rows_in(folder):
    try:
        with sqlite3.connect(folder / "study.sqlite") as connection:
            return connection.execute("SELECT variant, init_seed, seed, train_cost FROM runs").fetchall()
    except sqlite3.Error:
        return []


def test_a_worker_that_is_killed_in_the_middle_loses_nothing_and_nothing_is_counted_twice(
    cluster, tmp_path, clean_environment
):
    address, _, workers = cluster(2)
    seeds = ("--init-seeds", "1-40", "--seeds", "1-40", "--iterations", "2000")
    out = tmp_path / "cluster"
    process = subprocess.Popen([*STUDY, *seeds, "--out", str(out), "--scheduler", address], env=clean_environment,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # fmt: skip
    while not (out / "study.sqlite").exists() or not rows_in(out):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    os.kill(workers[0].pid, signal.SIGKILL)
    assert len(rows_in(out)) < 80
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    rows = rows_in(out)
    assert len(rows) == len({row[:3] for row in rows}) == 80

    # The same study on this machine alone gives the same numbers, to the last bit.
    here = tmp_path / "here"
    subprocess.run([*STUDY, *seeds, "--out", str(here)], env=clean_environment, check=True, capture_output=True)
    assert sorted(rows_in(here), key=str) == sorted(rows, key=str)


@pytest.mark.parametrize(
    ("workers", "path", "message"),
    [
        (0, ROOT, "expected workers at"),
        (1, Path("/"), "the cluster cannot run this study"),
    ],
)
def test_a_cluster_that_cannot_do_it_is_one_clear_line(cluster, tmp_path, clean_environment, workers, path, message):
    address, _, _ = cluster(workers, path)
    done = subprocess.run([*STUDY, "--out", str(tmp_path / "out"), "--scheduler", address], env=clean_environment,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 2
    error = [line for line in done.stderr.splitlines() if line.startswith("compare.py: error: ")]
    assert len(error) == 1
    assert message in error[0]
    assert "dask worker" in error[0]
    assert "Traceback" not in done.stderr


def test_a_scheduler_that_goes_away_leaves_what_is_finished(cluster, tmp_path, clean_environment):
    address, scheduler, _ = cluster(1)
    out = tmp_path / "out"
    flags = ("--init-seeds", "1-100", "--seeds", "1-100", "--iterations", "3000", "--out", str(out), "--scheduler", address)
    process = subprocess.Popen(
        [*STUDY, *flags], env=clean_environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    while not (out / "study.sqlite").exists() or not rows_in(out):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    os.kill(scheduler.pid, signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode == 2
    assert "went away; what is finished is kept" in errors
    assert "Traceback" not in errors
    assert rows_in(out)


def test_no_scheduler_is_one_clear_line(tmp_path, clean_environment):
    for address in ("tcp://127.0.0.1:1", "nonsense://x:1", "tcp://", "somewhere", ""):
        done = subprocess.run([*STUDY, "--out", str(tmp_path), "--scheduler", address], env=clean_environment,
                              capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == 2, done.stderr
        assert "--scheduler: expected a Dask scheduler at tcp://HOST:PORT, none answers at" in done.stderr
        assert "Traceback" not in done.stderr
