"""`compare.py check FILE`: a correct port matches, a wrong one is named, a hostile one is reported."""

import json
import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from shared.commands.check.checking import Seen
from shared.commands.check.loading import load_port
from shared.errors import UsageError

ROOT = Path(__file__).resolve().parents[1]
PORT = (ROOT / "tests" / "ports" / "numpy_port.py").read_text()
TRAIN = "def train(X, Y, parameters, *, learning_rate, num_iterations, lambd, keep_prob, seed):\n"
PREDICT = "def predict(X, parameters):\n"
STEP = "t = step(X, Y, p, keep_prob, rng)\n        costs"
SMALL = ("--hidden", "4", "3", "--iterations", "5")  # what is wrong costs seconds to explain: the more, the larger it is
SPY = """

def relu(x):
    import sys
    loaded = {"torch", "tensorflow", "keras", "matplotlib"} & set(sys.modules)
    if loaded:
        raise RuntimeError(f"imported: {sorted(loaded)}")
    return np.maximum(0, x)
"""


@pytest.fixture
def check(tmp_path, run_compare):
    """A function that checks a port, given as its source: how the command ended."""

    def run(source, *flags, name="my_port.py", iterations=60):
        (tmp_path / name).write_text(source)
        return run_compare("check", tmp_path / name, "--iterations", iterations, *flags)

    return run


def edited(*edits):
    """The correct port with texts replaced, each of which must be there."""
    source = PORT
    for right, wrong in edits:
        assert right in source, f"the port no longer holds {right!r}: fix this test"
        source = source.replace(right, wrong)
    return source


def words(text):
    return " ".join(text.split())


def names(results, variant):
    return {found["mistake"] for found in results["diagnoses"] if found["variant"] == variant}


LATE_RATE = """
import numpy as np
from numpy_impl.training import train as one

def train(X, Y, parameters, *, learning_rate, num_iterations, **settings):
    first = min(1100, num_iterations)
    parameters, costs = one(X, Y, parameters, learning_rate=learning_rate, num_iterations=first, **settings)
    if num_iterations > first:
        left = {"num_iterations": num_iterations - first, "learning_rate": learning_rate / LOWER}
        parameters, more = one(X, Y, parameters, **left, **settings)
        costs = np.concatenate([costs, more])
    return parameters, costs
"""


def test_what_only_a_long_run_shows_is_seen_though_every_segment_is_right_to_the_last_bit(check):
    """Segments are calls of their own, shorter than what the run does late."""
    for lower, code in ((1, 0), (10, 1)):
        ended = check(LATE_RATE.replace("LOWER", str(lower)), "--variants", "none", "--hidden", "4", "3", iterations=1200)
        assert ended.code == code
        failed = {check["stage"] for check in ended.results["checks"] if check["status"] == "failed"}
        assert failed == ({"trajectory"} if code else set())


# What is right


@pytest.mark.parametrize(
    ("variants", "flags"),
    [
        (["none", "l2-dropout"], []),
        pytest.param(["none", "l2", "dropout", "l2-dropout"], ["--dtype", "float32"], marks=pytest.mark.full),
        pytest.param(
            ["l2", "dropout"], ["--hidden", "7", "4", "--keep-prob", "0.5", "--lambd", "3"], marks=pytest.mark.full
        ),
    ],
)
def test_a_correct_port_matches(check, variants, flags):
    done = check(PORT + SPY, *flags, "--variants", *variants, name="[red]port[_red].py")
    assert done.code == 0, done.stdout + done.stderr
    results = done.results
    assert results["verdict"] == "match"
    assert results["counts"]["failed"] == results["counts"]["skipped"] == 0
    assert {"forward", "cost", "gradients", "update", "trajectory", "predictions"} <= {c["stage"] for c in results["checks"]}
    assert {run["variant"] for run in results["runs"]} == set(results["hyperparameters"]["variants"]) == set(variants)
    assert "[red]port[_red].py" in "".join(done.stdout.split())  # shown as it is, no markup
    assert "relu" in results["port"]["functions"]  # the process of a port in NumPy has imported no framework

    # The keys are those of the main command.
    assert {
        "schema", "verdict", "environment", "data", "hyperparameters", "runs", "checks", "first_divergence", "diagnoses",
        "counts", "failures",
    } <= set(results)  # fmt: skip
    keys = {"variant", "implementation", "stage", "tensor", "iteration", "difference", "allowed", "budget_used", "status",
            "reason"}  # fmt: skip
    assert all(keys <= set(one) for one in results["checks"])
    assert {one["implementation"] for one in results["checks"]} == {"[red]port[_red]"}


@pytest.mark.full
def test_dropout_in_train_alone_is_replayed_with_the_masks_that_its_update_shows(check):
    only_train = [("def trace(", "def _trace("), ("def predict(", "def _predict(")]
    noise = ("    p, m = dict", "    print('epoch', 1)\n    np.random.seed(0)\n    p, m = dict")
    done = check(edited(*only_train, noise), "--variants", "dropout", "l2-dropout")
    assert done.code == 0, done.stdout
    results = done.results
    assert {c["tensor"] for c in results["checks"] if c["stage"] == "update"} >= {"W1 after update 1", "b3 after update 1"}
    assert results["port"]["not_checked"][:2] == ["trace", "predict"]
    assert "not defined, so not checked: trace" in words(done.stdout)
    assert "train prints ('epoch 1')" in results["remarks"]
    assert any("train seeds or draws from NumPy's global generator" in remark for remark in results["remarks"])

    wrong = [(f"D{i} / keep_prob * (Z{i} > 0)", f"D{i} * (Z{i} > 0)") for i in (1, 2)]
    done = check(edited(*only_train, *wrong), "--variants", "dropout")
    assert done.code == 1
    assert "dropout-forward-only" in names(done.results, "dropout")


# What is wrong: a port that holds mistakes in different variants

MISTAKES = [
    ("l2", 'for W in ("W1", "W2", "W3")}', "for W in p}", "biases-decayed"),
    ("none", '(t["A3"] > 0.5)', '(t["Z3"] > 0.5)', "threshold-on-logits"),
    ("dropout", STEP, STEP.replace("keep_prob, rng", "1, rng"), "dropout-off"),
]


def test_mistakes_are_found_and_named(check):
    source = edited(*((right, wrong) for _, right, wrong, _ in MISTAKES))
    done = check(source, *SMALL, "--variants", *(variant for variant, *_ in MISTAKES))
    assert done.code == 1, done.stdout + done.stderr
    results = done.results
    assert results["verdict"] == "mismatch"
    assert results["first_divergence"]
    assert {failure["variant"] for failure in results["failures"]} == {variant for variant, *_ in MISTAKES}
    for variant, _, _, mistake in MISTAKES:
        assert mistake in names(results, variant), results["diagnoses"]
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.full
def test_changed_arguments_and_an_ignored_seed_are_failures(check):
    start = "p, m = dict(parameters), X.shape[1]"
    changed = (start, start + "\n    if keep_prob == 1:\n        parameters['W1'] -= 1e-3")
    source = edited(changed, ("np.random.default_rng(seed)", "np.random.default_rng()"))
    done = check(source, *SMALL, "--variants", "none", "dropout")
    assert done.code == 1
    assert "train changes what it is given: W1; copy on the way in" in words(done.stdout)
    assert "repeat" in {failure["stage"] for failure in done.results["failures"] if failure["variant"] == "dropout"}
    assert "two runs" in done.stdout


# What gives no answer, or one of another form

SAYS_ANYTHING = """import os
    for pipe in range(3, 30):
        try:
            os.write(pipe, b'{"message": "Checked", "content": {"item": ["step"]}}\\n')
        except OSError:
            pass"""
WITHOUT_ANSWER = [
    {
        "train": (
            "raise RuntimeError('not ready')",
            "train raised RuntimeError: not ready (my_port.py, line 2: `raise",
        ),
        "predict": ("return predict(X, parameters)", "predict raised RecursionError"),
    },
    {
        "train": ("raise SystemExit(3)", "train ends the program (exit code 3)"),
        "predict": ("import os; os.kill(os.getpid(), 9)", "its process was killed by SIGKILL"),
    },
    {
        "train": ("import os; os._exit(7)", "its process ended with exit code 7"),
        "predict": ("import ctypes; ctypes.string_at(0)", "its process was killed by SIGSEGV"),
    },
    {
        "train": (SAYS_ANYTHING, "its process said what is no message: Checked with a wrong content"),
        "predict": ("import time; time.sleep(1000)", "it gave no answer within 6 seconds"),
    },
]


@pytest.mark.parametrize(
    "broken", [WITHOUT_ANSWER[0], *(pytest.param(each, marks=pytest.mark.full) for each in WITHOUT_ANSWER[1:])]
)
def test_functions_without_an_answer_are_reported_and_the_rest_goes_on(check, broken):
    bodies = {name: f"    {body}\n" for name, (body, _) in broken.items()}
    rest = "\n\n".join(PORT.split("\n\n\n")[1:5])  # sigmoid, step, penalty, trace
    source = TRAIN + bodies["train"] + PREDICT + bodies["predict"] + "import numpy as np\n" + rest
    limit = ["--time-limit", "6"] if "within 6" in broken["predict"][1] else []  # a busy machine is slow
    done = check(source, "--variants", "none", *limit)
    assert done.code == 3, done.stdout + done.stderr
    assert [said for _, said in broken.values() if said not in words(done.stdout)] == []
    results = done.results
    assert results["verdict"] == "incomplete"
    assert {c["status"] for c in results["checks"] if c["tensor"] in ("Z1", "A3", "dW2", "cost")} == {"passed"}
    assert "Traceback" not in done.stdout + done.stderr


def test_what_was_seen_to_differ_holds_where_an_explanation_is_never_answered(check):
    ends = ("p, m = dict(parameters), X.shape[1]", "if learning_rate < 1e-20: __import__('os')._exit(7)\n    "
            "p, m = dict(parameters), X.shape[1]")  # fmt: skip
    done = check(edited(ends, ("learning_rate * (t", "2 * learning_rate * (t")), *SMALL, "--variants", "none")
    assert done.code == 1, done.stdout + done.stderr
    [failure] = done.results["failures"]
    assert failure["tensor"] == "W1 after update 1"
    assert re.search(r"my_port\.py, lines \d+ to \d+ \(train\)$", failure["locations"]["my_port"])  # of the trace nothing is
    assert "its process ended with exit code 7" in words(done.stdout)


@pytest.mark.full
def test_another_signature_is_reported(check):
    done = check(PREDICT.replace(", parameters", "") + "    return 1\n")
    assert done.code == 3
    assert "predict has another signature: it takes (X), and is called with 2 arguments" in words(done.stdout)


OTHER_FORMS = [
    {
        "none": ("return None", "train returned NoneType; expected (parameters, costs)"),
        "l2": ("return parameters, costs[:0]", "train's costs: expected shape (1,), got (0,)"),
        "dropout": ("return parameters, None", "train's costs: expected a NumPy array, got NoneType"),
        "l2-dropout": ("return parameters", "train returned dict of 6; expected (parameters, costs)"),
    },
    {
        "none": ("return {k: parameters[k] for k in parameters if k != 'b3'}, costs", "no b3"),
        "l2": (
            "return {k: v * np.nan for k, v in parameters.items()}, costs", "8 of 8 values of the port's are not finite"
        ),
        "dropout": (
            "return {k: v.T for k, v in parameters.items()}, costs", "train's W1: expected shape (4, 2), got (2, 4)"
        ),
        "l2-dropout": ("return {k: v.tolist() for k, v in parameters.items()}, costs", "got list of 4"),
    },
    {"none": ("return {k: v.astype('float32') for k, v in parameters.items()}, costs",
              "train's parameters: expected dtype float64, got float32")},
]  # fmt: skip


@pytest.mark.parametrize(
    "forms", [OTHER_FORMS[0], *(pytest.param(each, marks=pytest.mark.full) for each in OTHER_FORMS[1:])]
)
def test_answers_of_other_forms_are_failures_that_say_what_was_expected(check, forms):
    """Each variant gets an answer of another form."""
    source = "import numpy as np\n" + TRAIN + "    costs = np.zeros(num_iterations)\n"
    for variant, (body, _) in forms.items():
        is_variant = f"(lambd > 0) is {'l2' in variant} and (keep_prob < 1) is {'dropout' in variant}"
        source += f"    if {is_variant}:\n        {body}\n"
    done = check(source, *SMALL, "--variants", *forms)
    assert done.code == 1, done.stdout + done.stderr
    reasons: dict[str, str] = defaultdict(str)
    for one in done.results["checks"]:
        reasons[one["variant"]] += one["reason"] + " "
    assert [said for variant, (_, said) in forms.items() if said not in reasons[variant]] == []
    assert done.results["verdict"] == "mismatch"
    first = forms["none"][1]
    assert first in words(done.stdout)
    assert ("float32" in names(done.results, "none")) == ("float32" in first)


# What is no port

NO_PORT = {
    "nothing to check": ("x = 1\n", "defines nothing to check"),
    "no Python": ("def train(:\n", "is not Python, line 1"),
    "a return at the top": ("x = 1\nreturn x\n", "is not Python, line 2: `return x`: 'return' outside function"),
    "a class": ("class Network:\n    pass\n", "defines nothing to check (it defines Network): expected train, trace"),
    "a null byte": (b"x = 1\0\n", "is not Python"),
    "no text": (b"\xff\xfe\x00", "is not text in UTF-8"),
    "nothing": ("", "defines nothing to check"),
    "another thing": ("def forward(x):\n    pass\nclass train:\n    pass\n", "expected train to be a function, got type"),
    "not a function": ("train = 3\n", "expected train to be a function, got int"),
    "raises when it is read": (
        "1 / 0\n",
        "cannot be imported: ZeroDivisionError: division by zero (my_port.py, line 1: `1 / 0`)",
    ),
    "ends when it is read": ("import sys; sys.exit(1)\n", "ends the program while it is imported"),
    "lacks a package": ("import no_such_package\n", "ModuleNotFoundError: No module named 'no_such_package'"),
}


@pytest.fixture
def refusal(tmp_path, monkeypatch):
    """A function that reads a file which is no port, and gives what is said of it."""

    def read(content, name="my_port.py"):
        monkeypatch.setattr(sys, "path", [*sys.path])  # a port's folder comes first on it
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(UsageError) as raised:
            load_port(path)
        return str(raised.value)

    return read


@pytest.mark.parametrize("what", NO_PORT)
def test_what_is_no_port_is_said_in_one_line(refusal, what):
    content, said = NO_PORT[what]
    message = refusal(content)
    assert said in message
    assert "\n" not in message


def test_files_that_cannot_be_read_are_one_line(refusal, tmp_path):
    (tmp_path / "my dir.py").mkdir()
    (tmp_path / "my dir").mkdir()
    for name, said in (
        ("missing.py", "no such file"),
        ("port.txt", "expected a Python file"),
        *((name, "is a folder; expected a Python file (.py) or a notebook (.ipynb)") for name in ("my dir.py", "my dir")),
    ):
        assert said in refusal(None, name)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("1 / 0\n", "cannot be imported: ZeroDivisionError: division by zero (my_port.py, line 1: `1 / 0`)"),
        pytest.param(
            "import os; os._exit(5)\n", "cannot be imported: its process ended with exit code 5", marks=pytest.mark.full
        ),
        pytest.param("while True: pass\n", "cannot be imported: it gave no answer within 6 seconds", marks=pytest.mark.full),
    ],
)
def test_what_is_no_port_is_one_line_and_exit_code_2(check, source, said):
    done = check(source, *(["--time-limit", "6"] if "within 6" in said else []))
    assert done.code == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (done.out / "results.json").exists()


def test_a_script_without_end_is_taken_in_pieces(check, monkeypatch):
    monkeypatch.setattr("shared.commands.check.checking.WHOLE", 1.0)
    unfinished = "def sigmoid(x=some_name):\n    return x\n"
    done = check(f"import numpy as np\ndef relu(x):\n    return np.maximum(0, x)\nwhile True:\n    pass\n{unfinished}")
    assert done.code == 3, done.stdout + done.stderr
    said = words(done.stdout)
    assert "taken in pieces, since it gave no answer within 1 seconds: imports, definitions" in said
    assert "judged: relu not judged: sigmoid: cannot be defined (NameError: name 'some_name'" in said
    assert done.results["port"]["functions"] == ["relu"]
    assert "sigmoid" not in done.results["port"]["not_checked"]  # it is defined, and listed as not judged


def test_what_a_function_prints_is_said_once():
    seen = Seen(Path("port.py"))
    seen.add(["train prints ('1')", "train draws", "trace prints ('1')"])
    seen.add(["train prints ('2')", "train draws", "train seeds"])
    assert seen.remarks == ["train prints ('1')", "train draws", "trace prints ('1')", "train seeds"]


def test_scripts_get_the_json_or_the_verdict_alone(check):
    relu = "import numpy as np\ndef relu(x):\n    return np.maximum(0, x)\n"
    assert (
        check(relu, "--quiet").stdout
        == "MATCH: everything that this file defines is what the reference computes, to rounding\n"
    )
    done = check(relu, "--json")
    assert json.loads(done.stdout) == done.results


def test_the_help_says_that_the_file_is_executed(run_compare):
    assert "The file is executed" in run_compare("check", "--help").stdout
