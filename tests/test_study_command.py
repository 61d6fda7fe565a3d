"""`compare.py study`: from the flags to the files, and what it says where something goes wrong."""

import contextlib
import csv
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import PathCollection

import shared.commands.study.study as module
from shared.commands.study import schedule
from shared.commands.study.choose import interval
from shared.commands.study.found import Found
from shared.commands.study.grid import Grid
from shared.commands.study.pictures import over_seeds
from shared.commands.study.runs import work
from shared.errors import SamenetError

ROOT = Path(__file__).resolve().parents[1]
GRID = Grid(
    implementations=["numpy"], variants=["none"], lambds=[0.7], keep_probs=[0.86], learning_rates=[0.3], hiddens=[(20, 3)],
    data_seeds=[0], split_seeds=[None], init_seeds=[1, 2, 3], seeds=[4, 5, 6], crossed=False, num_iterations=20,
    dtype="float64", dev_share=None,
)  # fmt: skip


@pytest.fixture
def run_study(run_compare, tmp_path):
    """A function that runs `compare.py study`, always in the same folder: (exit code, output, errors, study.json)."""

    def run(*flags):
        done = run_compare("study", "--implementations", "numpy", "--iterations", 30, "--out", tmp_path, *flags)
        path = tmp_path / "study.json"
        return done.code, done.stdout, done.stderr, json.loads(path.read_text()) if path.exists() else None

    return run


def rows_in(folder):
    try:
        with contextlib.closing(sqlite3.connect(f"file:{folder}/study.sqlite?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute("SELECT * FROM runs")]
    except sqlite3.Error:
        return []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--seeds", "5-1"], "--seeds: expected seeds >= 0 and < 2**31, lowest first"),
        (["--seeds", "x"], "--seeds: expected a seed or a range such as 1-30, got 'x'"),
        (["--init-seeds", "1-3", "--seeds", "1-2"], "--seeds: expected 1 or 3 seeds"),
        (["--lambd", "-1"], "lambd: expected a number >= 0"),
        (["--keep-prob", "0"], "keep_prob: expected a number > 0"),
        (["--keep-prob", "nan"], "keep_prob: expected a number > 0"),
        (["--hidden", "20"], "--hidden: expected the units of two hidden layers such as 20,3, got '20'"),
        (["--hidden", "20,0"], "hidden: expected a number >= 1"),
        (["--variants", "l3"], "--variants: expected one of"),
        (["--dtype", "float16"], "dtype: expected float64 or float32"),
        (["--dev-share", "1"], "--dev-share: expected a share > 0 and < 1"),
        (["--split-seeds", "1-3"], "--split-seeds are of the dev part"),
        (["--margin-cost", "0"], "--margin-cost: expected a number > 0"),
        (["--data", "no.mat"], "no such file"),
        (["--data", "no.mat", "--data-seeds", "1"], "--data-seeds are of the built-in data"),
        (["--crossed", "--seeds", "0-99999", "--init-seeds", "0-99999"], "expected at most 1,000,000 runs"),
        (["--jobs", "0"], "--jobs: expected a number from 1 to 64"),
        (["--nonsense"], "unrecognized arguments: --nonsense (see compare.py study --help)"),
    ],
)
def test_a_bad_grid_is_one_clear_line(run_study, tmp_path, flags, message):
    code, output, errors, _ = run_study(*flags)
    assert (code, output) == (2, "")
    assert errors.startswith("compare.py: error: ")
    assert errors.count("\n") == 1
    assert message in errors
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_cannot_be_used_is_one_clear_line(run_study, tmp_path):
    (tmp_path / "study.sqlite").write_text("this is no store" * 100)
    code, _, errors, _ = run_study("--init-seeds", "1", "--seeds", "1")
    assert code == 2
    assert errors.count("\n") == 1
    assert "file is not a database" in errors


def test_files_that_cannot_be_written_are_one_clear_line(run_study, tmp_path):
    (tmp_path / "study_seeds.png").mkdir()
    code, _, errors, _ = run_study("--variants", "none", "--init-seeds", "1-2")
    assert code == 2
    assert re.fullmatch(r"compare\.py: error: --out: .*study_seeds\.png.*\n", errors)
    assert not (tmp_path / "study.sqlite").exists()  # seen before anything was trained


def test_sources_that_change_meanwhile_stop_the_study(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "version_of", lambda implementation: "as it was")
    with pytest.raises(SamenetError, match="the sources of numpy changed while the study ran"):
        module.study(GRID, None, {}, tmp_path, 1)


@pytest.mark.full
def test_a_study_from_end_to_end_and_once_more(run_study, tmp_path):
    code, output, errors, results = run_study("--variants", "none", "dropout", "--init-seeds", "1-12", "--seeds", "1-12")
    assert (code, errors) == (0, "")
    assert results["counts"] == {"planned": 24, "finished": 24, "kept_before": 0, "others_kept": 0, "diverged": 0}
    assert "24 of 24 runs" in output
    table = list(csv.DictReader((tmp_path / "study.csv").read_text().splitlines()))
    assert len(table) == 24
    assert {row["variant"] for row in table} == {"none", "dropout"}
    accuracies = [float(row["test_accuracy"]) for row in table if row["variant"] == "dropout"]
    entry = next(entry for entry in results["luck"] if entry["variant"] == "dropout")["test_accuracy"]
    assert entry["mean"] == pytest.approx(np.mean(accuracies))
    assert entry["interval"] == pytest.approx(interval(accuracies))
    without = [float(row["test_accuracy"]) for row in table if row["variant"] == "none"]
    [effect] = results["effects"]
    assert (effect["variant"], effect["against"], effect["n"]) == ("dropout", "none", 12)
    assert effect["mean"] == pytest.approx(np.mean(accuracies) - np.mean(without))
    assert effect["interval"] == pytest.approx(interval(np.subtract(accuracies, without)))
    assert "dropout against none" in output
    assert (tmp_path / "study_seeds.png").read_bytes().startswith(b"\x89PNG")

    code, output, _, again = run_study("--variants", "none", "dropout", "--init-seeds", "1-12", "--seeds", "1-12")
    assert code == 0
    assert again["counts"]["kept_before"] == 24
    assert again["luck"] == results["luck"]
    _, _, _, more = run_study("--variants", "none", "dropout", "--init-seeds", "1-14", "--seeds", "1-14")
    assert more["counts"] == {"planned": 28, "finished": 28, "kept_before": 24, "others_kept": 0, "diverged": 0}

    # Every run stands in the picture, however far it lies from the others.
    for entry, worst in zip(results["luck"], (0.95, 0.7), strict=True):
        entry["test_accuracy"] = entry["test_accuracy"] | {"values": [worst - 0.01 * i for i in range(12)]}
    for ax in over_seeds(Found.from_json(results)).axes:
        low, high = ax.get_ylim()
        dots = np.concatenate(
            [np.asarray(dots.get_offsets())[:, 1] for dots in ax.collections if isinstance(dots, PathCollection)]
        )
        assert low <= dots.min() <= dots.max() <= high


@pytest.mark.full
def test_a_cost_that_is_not_finite_is_a_run_that_diverged(run_study):
    code, output, errors, results = run_study(
        "--variants", "none", "l2-dropout", "--lambd", 0, "--learning-rate", 0.3, 1e6, "--dtype", "float32",
        "--iterations", 2, "--init-seeds", "1-12",
    )  # fmt: skip
    assert (code, errors) == (0, "")
    assert all(row["chosen"]["learning_rate"] == 0.3 for row in results["choice"])
    assert f"{results['counts']['diverged']} runs diverged" in output


@pytest.mark.full
def test_where_everything_diverges_nothing_is_chosen_and_it_is_not_done(run_study):
    code, output, _, results = run_study("--variants", "l2", "--lambd", 1e12, 1e11, "--init-seeds", "1-2")
    assert (code, results["verdict"], results["choice"]) == (3, "incomplete", [])
    assert "every run diverged" in output


@pytest.mark.full
def test_lambd_and_keep_prob_are_chosen_on_a_part_split_off_and_said_so(run_study, tmp_path):
    code, output, _, results = run_study("--variants", "l2", "dropout", "--lambd", 0, 0.7, 300, "--keep-prob", 0.1, 0.86,
                                         "--init-seeds", "1-4", "--seeds", "1-4", "--split-seeds", "1-4")  # fmt: skip
    assert code == 0
    assert "dev part: 20 examples split off the training part" in output
    assert results["data"]["dev_examples"] == 20
    l2, dropout = results["choice"]
    assert l2["chosen"]["lambd"] in (0, 0.7)
    assert dropout["chosen"]["keep_prob"] == 0.86
    assert "dropout, numpy: keep_prob 0.86 is at the edge of the values tried" in output.replace("\n", " ").replace(
        "  ", " "
    )
    assert "l2, numpy" not in output
    rows = [row for row in rows_in(tmp_path) if row["variant"] == "l2" and row["lambd"] == l2["chosen"]["lambd"]]
    assert l2["dev_cost"]["mean"] == pytest.approx(np.mean([row["dev_cost"] for row in rows]))
    assert (tmp_path / "study_lambd.png").exists()
    assert (tmp_path / "study_keep_prob.png").exists()

    run_study("--variants", "none", "--init-seeds", "1-2")
    assert not (tmp_path / "study_lambd.png").exists()  # the picture of an earlier study


@pytest.mark.full
def test_a_study_that_is_killed_goes_on_where_it_was_and_a_worker_that_is_killed_loses_nothing(tmp_path, clean_environment):
    command = [sys.executable, ROOT / "compare.py", "study", "--implementations", "numpy", "--iterations", 800, "--jobs", 2,
               "--variants", "dropout", "--init-seeds", "1-60", "--seeds", "1-60", "--out", tmp_path]  # fmt: skip

    def start():
        return subprocess.Popen(list(map(str, command)), env=clean_environment, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True, start_new_session=True)  # fmt: skip

    def wait_for(more):
        while len(rows_in(tmp_path)) < more:
            assert process.poll() is None
            time.sleep(0.05)

    process = start()
    wait_for(1)
    os.killpg(process.pid, signal.SIGKILL)  # its workers too: they would go on and hold its pipe
    process.communicate()
    kept = rows_in(tmp_path)
    assert 0 < len(kept) < 60

    process = start()
    wait_for(len(kept) + 1)
    listed = subprocess.run(  # -ww: whole lines, however long the path of Python is
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(process.pid)], capture_output=True, text=True, check=True
    )
    workers = [int(line.split()[0]) for line in listed.stdout.splitlines() if "popen_loky" in line]
    assert workers
    os.kill(workers[0], signal.SIGKILL)
    _, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    rows = rows_in(tmp_path)
    assert len(rows) == len({(row["init_seed"], row["seed"]) for row in rows}) == 60
    assert all(row in rows for row in kept)  # not trained again
    assert json.loads((tmp_path / "study.json").read_text())["counts"]["kept_before"] == len(kept)


@pytest.mark.full
def test_processes_that_always_die_are_given_up_with_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(schedule, "work", die_on_seed_2)
    results, _ = module.study(replace(GRID, hiddens=[(20, 3), (5, 2)], init_seeds=[1], seeds=[1]), None, {}, tmp_path, 2)
    assert results.counts.finished == 1
    assert results.verdict == "incomplete"
    [missing] = results.missing
    assert "hidden 5,2" in missing.runs
    assert missing.reason == "its process was killed, 3 times in a row"


def die_on_seed_2(number, runs, source):
    if runs[0].setting.hidden == (5, 2):
        os.kill(os.getpid(), signal.SIGKILL)
    return work(number, runs, source)
