"""The command: what it writes, how it ends, and that nothing wrong passes for a match."""

import itertools
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
IMPLEMENTATIONS = ["numpy", "torch", "tensorflow"]
VARIANTS = ["none", "l2", "dropout", "frozen-dropout"]
FLAGS = [
    "--data", "--variants", "--implementations", "--iterations", "--learning-rate", "--lambd", "--keep-prob", "--hidden",
    "--dtype", "--seed", "--init-seed", "--data-seed", "--out", "--jobs",
]  # fmt: skip
NUMPY_ALONE = ["--implementations", "numpy", "--variants", "none"]


def checks_of(results, implementation, variant):
    chosen = [c for c in results["checks"] if (c["implementation"], c["variant"]) == (implementation, variant)]
    assert chosen, f"nothing was planned for {implementation}, {variant}"
    return chosen


def statuses(results, implementation, variant):
    return {check["status"] for check in checks_of(results, implementation, variant)}


def run_of(results, implementation, variant):
    (run,) = [r for r in results["runs"] if (r["implementation"], r["variant"]) == (implementation, variant)]
    return run


# A match


@pytest.fixture(scope="module")
def everything(run_compare):
    """What runs where nothing is asked for, for 50 iterations."""
    return run_compare("--iterations", 50)


def test_three_correct_implementations_match_in_all_four_variants(everything):
    assert everything.code == 0, everything.stderr
    assert everything.results["verdict"] == "match"
    assert everything.results["first_divergence"] is None
    for implementation, variant in itertools.product(IMPLEMENTATIONS, VARIANTS):
        assert statuses(everything.results, implementation, variant) == {"passed"}
        assert run_of(everything.results, implementation, variant)["status"] == "completed"


def test_float32_and_both_regularizations_at_once_match_too(run_compare, everything):
    done = run_compare("--iterations", 50, "--variants", "l2-dropout", "--dtype", "float32")
    assert done.code == 0, done.stdout + done.stderr
    assert done.results["hyperparameters"]["dtype"] == "float32"
    assert done.results["verdict"] == "match"
    for results, variant, of_float32 in ((done.results, "l2-dropout", True), (everything.results, "l2", False)):
        costs = [run_of(results, name, variant)["costs"][-1][1] for name in IMPLEMENTATIONS]
        assert [float(np.float32(cost)) == cost for cost in costs] == [of_float32] * 3


def test_other_data_and_other_sizes_match_too(run_compare, tmp_path):
    rng = np.random.default_rng(0)
    lines = [
        f"{i % 2},{split},{rng.random()},{rng.random()},{rng.random()}" for split in ("train", "test") for i in range(9)
    ]
    (tmp_path / "three.csv").write_text("\n".join(["y,split,a,b,c", *lines]))
    flags = ["--data", tmp_path / "three.csv", "--hidden", 7, 2, "--implementations", "numpy", "torch", "--variants", "l2"]
    done = run_compare(*flags, "--iterations", 20)
    assert done.code == 0, done.stdout + done.stderr
    assert done.results["hyperparameters"]["layers_dims"] == [3, 7, 2, 1]
    assert [done.results["data"][key] for key in ("train_examples", "test_examples", "features")] == [9, 9, 3]
    assert not (done.out / "decision_boundary.png").exists()  # of two features only


def test_keep_prob_1_matches_too(run_compare):
    """Nothing is dropped then: a dropout variant without masks."""
    done = run_compare("--iterations", 20, "--variants", "dropout", "--keep-prob", 1, "--implementations", "numpy", "torch")
    assert done.code == 0, done.stdout + done.stderr


def test_results_json_holds_what_was_run(everything):
    results = everything.results
    assert results.keys() >= {
        "schema", "verdict", "environment", "data", "hyperparameters", "runs", "checks", "first_divergence", "diagnoses",
        "counts",
    }  # fmt: skip
    assert results["schema"] == 1
    assert results["environment"].keys() >= {"python", "numpy", "torch", "tensorflow", "keras", "platform", "cpu", "threads"}
    assert all(results["environment"].values())
    assert results["data"].keys() >= {"name", "source", "train_examples", "test_examples", "features", "sha256"}
    assert [results["data"][key] for key in ("train_examples", "test_examples", "features")] == [100, 1000, 2]
    assert "synthetic" in results["data"]["source"]
    assert results["hyperparameters"].items() >= {
        "learning_rate": 0.3, "num_iterations": 50, "lambd": 0.7, "keep_prob": 0.86, "layers_dims": [2, 20, 3, 1],
        "dtype": "float64", "seed": 1,
    }.items()  # fmt: skip
    assert len(results["runs"]) == 12
    for run in results["runs"]:
        assert run.keys() >= {
            "implementation", "variant", "status", "costs", "train_accuracy", "test_accuracy", "seconds",
            "microseconds_per_iteration",
        }  # fmt: skip
        assert [iteration for iteration, _ in run["costs"]] == [0, 49]
        assert 0 < run["costs"][1][1] < run["costs"][0][1] < 1
        assert 0.5 < run["train_accuracy"] <= 1


def test_every_planned_comparison_is_in_results_json_and_counted(everything):
    checks, counts = everything.results["checks"], everything.results["counts"]
    assert counts == {"planned": len(checks), "compared": len(checks), "failed": 0, "skipped": 0}
    for check in checks:
        assert check.keys() >= {
            "variant", "implementation", "stage", "tensor", "iteration", "difference", "allowed", "budget_used", "status",
            "reason",
        }  # fmt: skip
        assert check["status"] == "passed"
    compared = {(check["variant"], check["implementation"]) for check in checks}
    assert compared == set(itertools.product(VARIANTS, IMPLEMENTATIONS))
    assert f"{len(checks):,} planned" in everything.stdout


def test_pictures_are_written_beside_the_results_and_nothing_unfinished(everything):
    names = {path.name for path in everything.out.iterdir()} - {"proved"}
    pictures = {"cost_curves.png", "decision_boundary.png", "noise_floor.png"}
    assert names == {"results.json", "index.html", "summary.md"} | pictures
    for name in pictures:
        assert (everything.out / name).read_bytes().startswith(b"\x89PNG")
    assert all(f"out/{name}" in everything.stdout for name in names)  # and all are named


def test_piped_output_has_neither_progress_nor_colour(everything):
    assert everything.stderr == ""
    assert not re.search(r"[\x1b\r\b]", everything.stdout)
    for name in (*IMPLEMENTATIONS, *VARIANTS, "MATCH"):
        assert name in everything.stdout


def on_a_terminal(environment, folder):
    """What a short run prints on a terminal."""
    ours, its = pty.openpty()
    command = [sys.executable, str(ROOT / "compare.py"), *NUMPY_ALONE, "--iterations", "2"]
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


def test_a_terminal_gets_progress_and_colours_but_no_colours_where_the_user_wants_none(clean_environment, tmp_path):
    colour = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")
    terminal = clean_environment | {"TERM": "xterm-256color"}
    coloured, plain = (on_a_terminal(terminal | extra, tmp_path) for extra in ({}, {"NO_COLOR": "1"}))
    assert colour.search(coloured)
    assert not colour.search(plain)
    for printed in (coloured, plain):
        assert "repeats every update" in printed  # a line of the progress display
        assert "MATCH" in printed


# Help and wrong usage


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
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2_and_nothing_is_written(run_compare, flags, named):
    done = run_compare(*NUMPY_ALONE, "--iterations", 1, *flags.split())
    assert done.code == 2, done.stdout
    assert re.fullmatch(r"compare\.py: error: [^\n]+\n", done.stderr)
    assert named.replace("_", "-") in done.stderr.replace("_", "-")
    assert done.stdout == ""
    assert list(done.out.parent.iterdir()) == []


def test_the_usage_that_those_lines_depart_from_is_right(run_compare):
    done = run_compare(*NUMPY_ALONE, "--iterations", 1)
    assert done.code == 0
    assert done.results["verdict"] == "match"


def test_a_folder_where_the_results_should_go_is_said_before_anything_is_computed(clean_environment, tmp_path):
    (tmp_path / "out/results.json").mkdir(parents=True)
    done = subprocess.run([sys.executable, ROOT / "compare.py", "--out", "out"], cwd=tmp_path, env=clean_environment,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 2
    assert re.fullmatch(r"compare\.py: error: --out: [^\n]*'out/results\.json' is a folder[^\n]*\n", done.stderr)


def test_an_ascii_terminal_and_a_reader_that_leaves_lose_nothing(clean_environment, tmp_path):
    command = [sys.executable, str(ROOT / "compare.py"), *NUMPY_ALONE, "--iterations", "3", "--out", "Fu\xdf"]
    ascii_only = clean_environment | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=tmp_path, env=ascii_only, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "written: Fu\\xdf" in done.stdout
    written = {path.name for path in (tmp_path / "Fu\xdf").iterdir()}

    reading, writing = os.pipe()
    os.close(reading)
    left = subprocess.run([*command[:-1], "left"], cwd=tmp_path, env=clean_environment,
                          stdout=writing, stderr=subprocess.PIPE, check=False)  # fmt: skip
    os.close(writing)
    assert (left.returncode, left.stderr) == (0, b"")
    assert {path.name for path in (tmp_path / "left").iterdir()} == written


# Something is wrong in a port


MISTAKES = {
    # name: {(implementation, variant) that must not match}, the other variants that run, [(file, old, new), ...]
    "the biases are decayed too": (
        {("torch", "l2"), ("tensorflow", "l2")}, [],
        [
            ("torch_impl/training.py", '"weight_decay": 0.0}', '"weight_decay": lambd / m}'),
            ("tf_impl/training.py", "var_list=[dense.bias for dense in network.linears()]", "var_list=[]"),
        ],
    ),
    "keep_prob is given as the rate": (
        {("torch", "dropout"), ("tensorflow", "dropout")}, [],
        [
            ("torch_impl/network.py", "p=1 - keep_prob", "p=keep_prob"),
            ("tf_impl/network.py", "rate=1 - keep_prob", "rate=keep_prob"),
        ],
    ),
    "float32 inside, float64 handed over; decay as a Python float": (
        {("torch", "l2"), ("tensorflow", "l2")}, [],
        [
            ("torch_impl/network.py", "torch.tensor(array.T)", "torch.tensor(array.T, dtype=torch.float32)"),
            ("torch_impl/network.py", 'torch.from_numpy(parameters["W1"]).dtype', "torch.float32"),
            ("torch_impl/network.py", "linear.weight.detach()", "linear.weight.detach().double()"),
            ("torch_impl/network.py", "linear.bias.detach()", "linear.bias.detach().double()"),
            ("torch_impl/training.py", "torch.stack(costs)", "torch.stack(costs).double()"),
            ("tf_impl/training.py", "weight_decay=np.dtype(dtype).type(lambd / m)", "weight_decay=lambd / m"),
        ],
    ),
    "a seed in the forward pass; generators set back before every step": (
        {("torch", "dropout"), ("tensorflow", "dropout")}, [],
        [
            ("torch_impl/network.py", "Z1 = self.linear1(X)", "torch.manual_seed(self.seed)\n        Z1 = self.linear1(X)"),
            ("tf_impl/training.py", "if frozen:", "if True:"),
        ],
    ),
    "0.5 as the threshold of the logits; a sigmoid before a cost of logits": (
        {("torch", "none"), ("tensorflow", "none")}, [],
        [
            ("torch_impl/network.py", "(torch.sigmoid(Z3) > 0.5)", "(Z3 > 0.5)"),
            ("tf_impl/cost.py", "logits=Z3", "logits=2 * tf.sigmoid(Z3)"),
        ],
    ),
    "NumPy's backward pass does not divide by keep_prob": (
        {("torch", "dropout")}, ["none"],
        [("numpy_impl/gradients.py", "dA1 * D1 / keep_prob", "dA1 * D1")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_port_is_exit_code_1_and_nobody_elses_mismatch(run_compare, checkout, mistake):
    folder, edit = checkout
    wrong, other_variants, edits = MISTAKES[mistake]
    for change in edits:
        edit(*change)
    variants = [*other_variants, *(v for v in VARIANTS if any(v == variant for _, variant in wrong))]
    implementations = ["numpy", *(name for name in IMPLEMENTATIONS if any(name == i for i, _ in wrong))]
    done = run_compare("--iterations", 50, "--variants", *variants, "--implementations", *implementations, checkout=folder)
    assert done.code == 1, done.stdout + done.stderr
    assert done.results["verdict"] == "mismatch"
    first = done.results["first_divergence"]
    assert (first["implementation"], first["variant"]) in wrong
    for pair in itertools.product(implementations, variants):
        assert ("failed" in statuses(done.results, *pair)) == (pair in wrong), pair
    counts = done.results["counts"]
    assert counts["failed"] == sum(check["status"] == "failed" for check in done.results["checks"]) > 0


# Something is missing, crashes or is killed


def test_a_framework_that_is_not_installed_leaves_the_others_results(run_compare, tmp_path):
    for name in ("torch", "keras"):
        (tmp_path / name).mkdir()
        message = f"raise ModuleNotFoundError(\"No module named '{name}'\", name='{name}')"
        (tmp_path / name / "__init__.py").write_text(message)
    done = run_compare("--iterations", 5, "--variants", "l2", environment={"PYTHONPATH": str(tmp_path)})
    assert done.code == 3, done.stdout + done.stderr
    assert done.results["verdict"] == "incomplete"
    assert statuses(done.results, "numpy", "l2") == {"passed"}
    for implementation, package in (("torch", "torch"), ("tensorflow", "keras")):
        run = run_of(done.results, implementation, "l2")
        assert run["status"] == "missing"
        assert package in run["reason"]
        assert package in done.stdout
        for check in checks_of(done.results, implementation, "l2"):
            assert check["status"] == "skipped"
            assert check["reason"] == run["reason"]
    counts = done.results["counts"]
    assert counts["planned"] == counts["compared"] + counts["skipped"]
    assert min(counts["compared"], counts["skipped"]) > 0


def test_a_crashed_and_a_killed_process_leave_everything_else(run_compare, checkout):
    folder, edit = checkout
    start = "    m = X.shape[-1]\n"
    edit("torch_impl/training.py", start, f"    if lambd:\n        raise ValueError('out of luck')\n{start}")
    kill = "    if lambd:\n        import os\n\n        os.kill(os.getpid(), 9)\n"
    edit("tf_impl/training.py", start, kill + start)
    done = run_compare("--iterations", 5, "--variants", "none", "l2", checkout=folder)
    assert done.code == 3, done.stdout + done.stderr
    assert done.results["verdict"] == "incomplete"
    for pair in itertools.product(IMPLEMENTATIONS, ["none", "l2"]):
        fell = pair in {("torch", "l2"), ("tensorflow", "l2")}
        assert statuses(done.results, *pair) == ({"skipped"} if fell else {"passed"}), pair
        assert run_of(done.results, *pair)["status"] == ("crashed" if fell else "completed")
    for implementation, reason in (("torch", "ValueError: out of luck"), ("tensorflow", "SIGKILL")):
        assert reason in run_of(done.results, implementation, "l2")["reason"]
        assert reason in done.stdout
    assert "Traceback" not in done.stderr


def test_a_run_that_diverges_is_never_a_match(run_compare):
    """The penalty takes 3,000 times each weight off at every update: soon nothing is finite."""
    flags = ["--variants", "l2", "--learning-rate", 1e6, "--iterations", 100, "--implementations", "numpy", "torch"]
    done = run_compare(*flags)
    assert done.code == 1, done.stdout + done.stderr
    for implementation in ("numpy", "torch"):  # also where the port is the reference itself
        run = run_of(done.results, implementation, "l2")
        assert run["status"] == "diverged"
        assert run["costs"][0][1] == pytest.approx(0.65, abs=0.1)
        assert run["costs"][-1][1] is None  # JSON has no NaN
        assert "failed" in statuses(done.results, implementation, "l2")
    for check in done.results["checks"]:
        if check["status"] == "passed":
            assert isinstance(check["difference"], int | float)
    assert "diverged" in done.stdout


# Interrupted


def processes_with(text):
    """Ids of the processes on whose command line this text stands."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue  # it has ended
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc")
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
    assert processes_with(str(temporary))
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
    from shared.report.results import write_json

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


@pytest.mark.parametrize("line", ["def (", "raise ImportError('libsomething.so: no such file')", "raise SystemExit(7)"])
def test_a_port_that_cannot_be_imported_leaves_the_others_results(run_compare, checkout, line):
    folder, edit = checkout
    edit("torch_impl/gradients.py", "\nfrom torch_impl", f"\n{line}\nfrom torch_impl")
    done = run_compare("--implementations", "numpy", "torch", "--variants", "none", "l2", "--iterations", 5, checkout=folder)
    assert done.code == 3, done.stderr
    assert done.stderr == ""
    states = {(run["implementation"], run["variant"]): run["status"] for run in done.results["runs"]}
    assert states["numpy", "none"] == states["numpy", "l2"] == "completed"
    assert states["torch", "none"] == states["torch", "l2"] == "crashed"


def test_predictions_of_another_shape_are_a_failed_comparison_and_nothing_else_is_lost(run_compare, checkout):
    folder, edit = checkout
    edit("torch_impl/network.py", ".numpy().astype(np.int64)", ".numpy().astype(np.int64)[:, :-1]")
    done = run_compare("--implementations", "numpy", "torch", "--variants", "none", "--iterations", 20, checkout=folder)
    assert (done.code, done.stderr) == (1, "")
    assert done.results["first_divergence"]["stage"] == "predictions"
    assert {(c["implementation"], c["stage"]) for c in done.results["checks"] if c["status"] == "failed"} == {
        ("torch", "predictions")
    }
    assert (done.out / "index.html").exists()


def test_a_port_s_words_never_steer_the_terminal(run_compare, checkout):
    folder, edit = checkout
    words = "\\x1b[2J\\x1b]0;title\\x07\\u202egnp"
    edit("torch_impl/training.py", "    m = X.shape[-1]\n", f"    raise RuntimeError('{words}')\n")
    done = run_compare("--implementations", "torch", "--variants", "none", "--iterations", 20, checkout=folder)
    assert done.code == 3
    shown = [done.stdout, done.stderr, *((done.out / name).read_text() for name in ("summary.md", "index.html"))]
    for text in (*shown, *(run["reason"] for run in done.results["runs"])):
        assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert "\\x1b[2J" in done.stdout


def test_a_folder_that_pytorch_cannot_make_is_named(run_compare, tmp_path):
    """Its optimizers import the compiler, which makes its folder at once: nothing trains without it."""
    (tmp_path / "file").write_text("")
    unusable = {"TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "file" / "cache")}
    flags = ("--implementations", "numpy", "torch", "--variants", "none", "--iterations", 5)
    done = run_compare(*flags, environment=unusable)
    assert done.code == 3, done.stderr
    assert done.stderr == ""
    assert {run["implementation"]: run["status"] for run in done.results["runs"]} == {
        "numpy": "completed",
        "torch": "crashed",
    }
    assert "file/cache" in next(run["reason"] for run in done.results["runs"] if run["implementation"] == "torch")


@pytest.mark.full
def test_the_first_bad_update_of_a_compiled_step_is_found(run_compare, checkout):
    folder, edit = checkout
    inner = " " * 16
    wrong = f"def wrong():\n{inner}network.linear1.weight[0, 0] += 1e-6\n{inner}return compiled()\n\n"
    edit(
        "torch_impl/compiling.py", "return network, compiled", f"{wrong}            return network, wrong"
    )  # after the trial
    done = run_compare("--implementations", "torch", "--variants", "none", "--iterations", 2000, checkout=folder)
    assert done.code == 1, done.stderr
    assert done.results["failures"][0]["stage"] == "trajectory"
    assert done.results["failures"][0]["first_bad_update"] == 0
