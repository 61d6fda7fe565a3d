"""Help and wrong usage: answered at once, in one line, and nothing is written."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLAGS = [
    "--data", "--variants", "--implementations", "--iterations", "--learning-rate", "--lambd", "--keep-prob", "--hidden",
    "--dtype", "--seed", "--init-seed", "--data-seed", "--out", "--jobs",
]  # fmt: skip
NUMPY_ALONE = ["--implementations", "numpy", "--variants", "none", "--iterations", 50]


def imported(*flags, environment):
    """The top-level packages that the command imports, how it ends and what it prints."""
    command = [sys.executable, "-X", "importtime", ROOT / "compare.py", *flags]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    names = re.findall(r"^import time:.*\| +([\w.]+)$", done.stderr, re.MULTILINE)
    return {name.split(".")[0] for name in names}, done


@pytest.mark.parametrize("flags", [["--help"], ["--lambd", "-1"]], ids=["help", "wrong flag"])
def test_help_and_a_wrong_flag_answer_without_importing_anything_heavy(clean_environment, flags):
    packages, done = imported(*flags, environment=clean_environment)
    assert {"argparse", "shared"} <= packages  # the list is read correctly
    assert not packages & {"numpy", "scipy", "torch", "tensorflow", "keras", "matplotlib", "rich"}
    if flags == ["--help"]:
        assert done.returncode == 0
        assert set(FLAGS) <= set(re.findall(r"--[a-z-]+", done.stdout))


def test_a_run_would_be_seen_to_import_numpy(clean_environment, tmp_path):
    packages, _ = imported("--data", str(tmp_path / "missing.mat"), environment=clean_environment)
    assert "numpy" in packages


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ("--lambd -1", "lambd"),
        ("--lambd nan", "lambd"),
        ("--lambd much", "lambd"),
        ("--keep-prob 0", "keep_prob"),
        ("--keep-prob 1.5", "keep_prob"),
        ("--keep-prob nan", "keep_prob"),
        ("--learning-rate 0", "learning_rate"),
        ("--learning-rate -0.3", "learning_rate"),
        ("--learning-rate inf", "learning_rate"),
        ("--iterations 0", "iterations"),
        ("--iterations -5", "iterations"),
        ("--iterations 99999999999", "iterations"),
        ("--iterations 1e3", "iterations"),
        ("--hidden 0 3", "hidden"),
        ("--hidden 20", "hidden"),
        ("--hidden 20 3 1", "unrecognized"),
        ("--hidden 20 999999999", "hidden"),
        ("--dtype float16", "dtype"),
        ("--seed -1", "seed"),
        ("--seed 2147483648", "seed"),
        ("--init-seed -1", "init_seed"),
        ("--data-seed -1", "data-seed"),
        ("--data missing.mat", "missing.mat"),
        ("--data .", "directory"),
        ("--data=", "--data"),
        ("--data missing.mat --data-seed 1", "data-seed"),
        ("--variants l1", "l1"),
        ("--variants l2 l2", "l2"),
        ("--variants", "--variants"),
        ("--implementations jax", "jax"),
        ("--implementations numpy numpy", "numpy"),
        ("--out /dev/null", "--out"),
        ("--out /dev/null/below", "--out"),
        ("--jobs 0", "--jobs"),
        ("--jobs -1", "--jobs"),
        ("--jobs 100000", "--jobs"),
        ("--iter 5", "--iter"),
        ("--frobnicate", "--frobnicate"),
        ("bench --rounds 0", "--rounds"),
        ("bench --whole -1", "--whole"),
        ("bench --updates x", "--updates"),
        ("check port.py --variants frozen", "--variants"),
        ("check port.py --time-limit nan", "--time-limit"),
        ("check port.py --jobs 2", "--jobs"),
        ("check port.py --keep-prob 2", "keep_prob"),
        ("limits --problems 0", "--problems"),
        ("limits --whole-problems -1", "--whole-problems"),
        ("mistakes --iterations 0", " iterations: expected a number >= 1"),
        ("mistakes --lambd 1", "unrecognized arguments"),
        ("mistakes --data nowhere.mat", "no such file"),
        ("optimizers --out /dev/null", "--out"),
        ("optimizers --out=", "--out: expected a path, got ''"),
        ("optimizers --variants l2", "--variants"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2_and_nothing_is_written(run_compare, flags, named):
    of_a_command = not flags.startswith("-")
    done = run_compare(*(() if of_a_command else NUMPY_ALONE), *flags.split())
    assert done.code == 2, done.stdout
    assert re.fullmatch(r"compare\.py: error: [^\n]+\n", done.stderr)
    assert named.replace("_", "-") in done.stderr.replace("_", "-")
    assert done.stdout == ""
    assert list(done.out.parent.iterdir()) == []


def test_the_usage_that_those_lines_depart_from_is_right(run_compare, everything, tmp_path):
    out = shutil.copytree(everything.out, tmp_path / "out")  # its run is reused
    done = run_compare(*NUMPY_ALONE, "--out", out)
    assert (done.code, done.stderr) == (0, "")
    assert "MATCH" in done.stdout


def test_a_folder_where_the_results_should_go_is_said_before_anything_is_computed(run_compare, tmp_path):
    (tmp_path / "results.json").mkdir()
    done = run_compare(*NUMPY_ALONE, "--out", tmp_path)
    assert done.code == 2
    assert re.fullmatch(r"compare\.py: error: --out: [^\n]*/results\.json' is a folder[^\n]*\n", done.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]
