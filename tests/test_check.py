"""`compare.py check FILE`: a correct port matches, a wrong one is named, a hostile one is reported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PORT = (ROOT / "tests" / "ports" / "numpy_port.py").read_text()
TRAIN = "def train(X, Y, parameters, *, learning_rate, num_iterations, lambd, keep_prob, seed):\n"
TRACE = "def trace(X, Y, parameters, *, lambd, keep_prob, seed):\n"
PREDICT = "def predict(X, parameters):\n"


@pytest.fixture
def check(tmp_path, clean_environment):
    """A function that checks a port, given as its source, and gives the process and the content of results.json."""

    def run(source, *flags, name="my_port.py", iterations=60):
        port = tmp_path / name
        if isinstance(source, bytes):
            port.write_bytes(source)
        elif source is not None:
            port.write_text(source)
        out = tmp_path / "out"
        command = [sys.executable, ROOT / "compare.py", "check", port, "--out", out, "--iterations", str(iterations), *flags]
        environment = clean_environment | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )  # fmt: skip
        path = out / "results.json"
        return done, json.loads(path.read_text()) if path.exists() else None

    return run


def names(results):
    return {diagnosis["mistake"] for diagnosis in results["diagnoses"]}


@pytest.mark.parametrize(
    "flags",
    [
        ["--variants", "none", "l2", "dropout", "l2-dropout"],
        ["--dtype", "float32"],
        ["--hidden", "7", "4", "--keep-prob", "0.5", "--lambd", "3"],
    ],
)
def test_a_correct_port_matches(check, flags):
    done, results = check(PORT, *flags)
    assert done.returncode == 0, done.stdout + done.stderr
    assert results["verdict"] == "match"
    assert results["counts"]["failed"] == results["counts"]["skipped"] == 0
    assert {"forward", "cost", "gradients", "update", "trajectory", "predictions"} <= {c["stage"] for c in results["checks"]}
    assert {run["variant"] for run in results["runs"]} == set(results["hyperparameters"]["variants"])


def test_the_keys_of_results_json_are_those_of_the_main_command(check):
    _, results = check(PORT, "--variants", "none", iterations=5)
    assert {
        "schema", "verdict", "environment", "data", "hyperparameters", "runs", "checks", "first_divergence", "diagnoses",
        "counts", "failures",
    } <= set(results)  # fmt: skip
    keys = {
        "variant",
        "implementation",
        "stage",
        "tensor",
        "iteration",
        "difference",
        "allowed",
        "budget_used",
        "status",
        "reason",
    }
    assert all(keys <= set(one) for one in results["checks"])
    assert {one["implementation"] for one in results["checks"]} == {"my_port"}


MISTAKES = [
    ("l2", 'for W in ("W1", "W2", "W3")}', "for W in p}", "biases-decayed"),
    ("l2", "decay = {W: lambd / m * p[W]", "decay = {W: 2 * lambd / m * p[W]", "decay-doubled"),
    ("l2", "decay = {W: lambd / m * p[W]", "decay = {W: lambd * p[W]", "decay-undivided"),
    ("l2", "decay.get(name, 0)", "0", "decay-lost"),
    ("l2", "learning_rate * (t", "learning_rate / 2 * (t", "other settings"),
    ("dropout", "D1 / keep_prob\n", "D1\n", None),
    ("dropout", "t = step(X, Y, p, keep_prob, rng)\n        costs",
     "t = step(X, Y, p, 1 - keep_prob, rng)\n        costs", "keep-prob-as-rate"),
    ("dropout", "t = step(X, Y, p, keep_prob, rng)\n        costs",
     "t = step(X, Y, p, 1, rng)\n        costs", "dropout-off"),
    ("dropout", "t = step(X, Y, p, keep_prob, rng)\n        costs",
     "t = step(X, Y, p, keep_prob, np.random.default_rng(1))\n        costs", "masks-frozen"),
    ("none", '(t["A3"] > 0.5)', '(t["Z3"] > 0.5)', "threshold-on-logits"),
    ("none", "p, m = dict(parameters), X.shape[1]",
     'p, m = {n: v.astype("float32") for n, v in parameters.items()}, X.shape[1]', "float32-parameters"),
    ("none", "dZ3 = A3 - Y", "dZ3 = (A3 - Y) * m", None),
]  # fmt: skip


@pytest.mark.parametrize(("variant", "right", "wrong", "mistake"), MISTAKES)
def test_a_mistake_is_found_and_named(check, variant, right, wrong, mistake):
    assert right in PORT
    done, results = check(PORT.replace(right, wrong), "--variants", variant)
    assert done.returncode == 1, done.stdout + done.stderr
    assert results["verdict"] == "mismatch"
    assert results["first_divergence"]
    if mistake:
        assert mistake in names(results), results["diagnoses"]
    assert "Traceback" not in done.stdout + done.stderr


def test_dropout_in_train_alone_is_replayed_with_the_masks_that_its_update_shows(check):
    only_train = PORT.replace("def trace(", "def _trace(").replace("def predict(", "def _predict(")
    done, results = check(only_train, "--variants", "dropout", "l2-dropout")
    assert done.returncode == 0, done.stdout
    assert {c["tensor"] for c in results["checks"] if c["stage"] == "update"} >= {"W1 after update 1", "b3 after update 1"}
    wrong = only_train.replace("D2 / keep_prob * (Z2 > 0)", "D2 * (Z2 > 0)").replace(
        "D1 / keep_prob * (Z1 > 0)", "D1 * (Z1 > 0)"
    )
    done, results = check(wrong, "--variants", "dropout")
    assert done.returncode == 1
    assert "dropout-forward-only" in names(results)


NO_ANSWER = {
    "raises": (TRAIN + "    raise RuntimeError('not ready')\n", "train raised RuntimeError: not ready (my_port.py, line 2)"),
    "ends the program": (TRAIN + "    raise SystemExit(3)\n", "train ends the program (exit code 3)"),
    "ends its process": ("import os\n" + TRAIN + "    os._exit(7)\n", "its process ended with exit code 7"),
    "kills itself": ("import os\n" + PREDICT + "    os.kill(os.getpid(), 9)\n", "its process was killed by SIGKILL"),
    "crashes": ("import ctypes\n" + PREDICT + "    ctypes.string_at(0)\n", "its process was killed by SIGSEGV"),
    "hangs": ("import time\n" + PREDICT + "    time.sleep(1000)\n", "it gave no answer within 6 seconds"),
    "has another signature": (PREDICT.replace(", parameters", "") + "    return 1\n", "predict raised TypeError"),
    "recurses": (PREDICT + "    return predict(X, parameters)\n", "predict raised RecursionError"),
}


@pytest.mark.parametrize("what", NO_ANSWER)
def test_a_function_without_an_answer_is_reported_and_the_rest_goes_on(check, what):
    source, said = NO_ANSWER[what]
    broken = source + ("" if "train" in source else "\n".join(PORT.split("\n\n\n")[:5])).replace('"""The', '"""The')
    done, results = check(broken, "--variants", "none", "--time-limit", "6")
    assert done.returncode == 3, done.stdout + done.stderr
    assert said in " ".join(done.stdout.split())
    assert results["verdict"] == "incomplete"
    assert "Traceback" not in done.stdout + done.stderr


WRONG_FORM = {
    "nothing": ("    return None\n", "train returned NoneType; expected (parameters, costs)"),
    "only the parameters": ("    return parameters\n", "train returned dict of 6; expected (parameters, costs)"),
    "no costs": ("    return parameters, None\n", "train's costs: expected a NumPy array, got NoneType"),
    "too few costs": ("    return parameters, np.zeros(1)[:0]\n", "train's costs: expected shape (1,), got (0,)"),
    "a missing bias": ("    p = dict(parameters)\n    del p['b3']\n    return p, np.zeros(num_iterations)\n", "no b3"),
    "lists": ("    return {k: v.tolist() for k, v in parameters.items()}, np.zeros(num_iterations)\n", "got list of 20"),
    "transposes": ("    return {k: v.T for k, v in parameters.items()}, np.zeros(num_iterations)\n",
                   "train's W1: expected shape (20, 2), got (2, 20)"),
    "float32": ("    return {k: v.astype('float32') for k, v in parameters.items()}, np.zeros(num_iterations)\n",
                "train's W1: expected dtype float64, got float32"),
    "not a number": ("    return {k: v * np.nan for k, v in parameters.items()}, np.zeros(num_iterations)\n", ""),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG_FORM)
def test_an_answer_of_another_form_is_a_failure_that_says_what_was_expected(check, what):
    body, said = WRONG_FORM[what]
    done, results = check("import numpy as np\n" + TRAIN + body, "--variants", "none")
    assert done.returncode == 1, done.stdout + done.stderr
    assert said in " ".join(done.stdout.split())
    assert results["verdict"] == "mismatch"
    if what == "not a number":
        assert any("40 of 40 values of the port's are not finite" in one["reason"] for one in results["checks"])
    if what == "float32":
        assert names(results) == {"float32"}


def test_changed_arguments_are_a_failure(check):
    start = "p, m = dict(parameters), X.shape[1]"
    done, _ = check(PORT.replace(start, start + "\n    parameters['W1'] -= 1e-3"), "--variants", "none")
    assert done.returncode == 1
    assert "train changes what it is given: W1; copy on the way in" in " ".join(done.stdout.split())


def test_what_is_not_defined_is_listed_as_not_checked(check):
    done, results = check(PORT.replace("def trace(", "def _trace("), "--variants", "none", iterations=5)
    assert results["port"]["not_checked"][0] == "trace"
    assert "not defined, so not checked: trace" in " ".join(done.stdout.split())


def test_printing_and_seeding_are_remarked_on(check):
    noisy = PORT.replace("    p, m = dict", "    print('epoch', 1)\n    np.random.seed(0)\n    p, m = dict")
    done, results = check(noisy, "--variants", "none")
    assert done.returncode == 0, done.stdout
    assert "train prints ('epoch 1')" in results["remarks"]
    assert any("train seeds or draws from NumPy's global generator" in remark for remark in results["remarks"])


def test_a_port_that_ignores_its_seed_is_not_repeatable(check):
    done, results = check(PORT.replace("np.random.default_rng(seed)", "np.random.default_rng()"), "--variants", "dropout")
    assert done.returncode == 1
    assert results["first_divergence"]["stage"] == "repeat"
    assert "two runs" in done.stdout


NO_PORT = {
    "nothing to check": ("x = 1\n", "defines nothing to check"),
    "no Python": ("def train(:\n", "is not Python, line 1"),
    "a null byte": (b"x = 1\0\n", "is not Python"),
    "no text": (b"\xff\xfe\x00", "is not text in UTF-8"),
    "nothing": ("", "defines nothing to check"),
    "not a function": ("train = 3\n", "expected train to be a function, got int"),
    "raises when it is read": ("1 / 0\n", "cannot be imported: ZeroDivisionError: division by zero (my_port.py, line 1)"),
    "ends when it is read": ("import sys; sys.exit(1)\n", "ends the program while it is imported"),
    "dies when it is read": ("import os; os._exit(5)\n", "cannot be imported: its process ended with exit code 5"),
    "hangs when it is read": ("while True: pass\n", "cannot be imported: it gave no answer within 6 seconds"),
    "lacks a package": ("import no_such_package\n", "ModuleNotFoundError: No module named 'no_such_package'"),
}


@pytest.mark.parametrize("what", NO_PORT)
def test_what_is_no_port_is_one_line_and_exit_code_2(check, what):
    source, said = NO_PORT[what]
    done, results = check(source, "--time-limit", "6")
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert results is None


def test_files_that_cannot_be_read_are_one_line(check, tmp_path):
    for name, said in (
        ("missing.py", "no such file"),
        ("port.txt", "expected a Python file"),
        ("my dir.py", "no such file"),
    ):
        if name == "my dir.py":
            (tmp_path / name).mkdir()
        done, _ = check(None, name=name)
        assert done.returncode == 2
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "flags",
    [
        ["--variants", "frozen-dropout"],
        ["--time-limit", "0"],
        ["--time-limit", "nan"],
        ["--keep-prob", "2"],
        ["--jobs", "2"],
    ],
)
def test_a_wrong_flag_is_one_line(check, flags):
    done, _ = check(PORT, *flags)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_names_with_markup_are_shown_as_they_are(check):
    done, _ = check(PORT, "--variants", "none", name="[red]port[_red].py", iterations=5)
    assert done.returncode == 0
    assert "[red]port[_red].py" in "".join(done.stdout.split())


def test_a_port_of_numpy_alone_imports_no_framework(check):
    spy = (
        PORT
        + """

def relu(x):
    import sys
    loaded = {"torch", "tensorflow", "keras", "matplotlib"} & set(sys.modules)
    if loaded:
        raise RuntimeError(f"imported: {sorted(loaded)}")
    return np.maximum(0, x)
"""
    )
    done, _ = check(spy, "--variants", "none", iterations=5)
    assert done.returncode == 0, done.stdout


def test_the_help_says_that_the_file_is_executed(clean_environment):
    done = subprocess.run(
        [sys.executable, ROOT / "compare.py", "check", "--help"],
        env=clean_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "The file is executed" in done.stdout
