"""A student's functions: the course's own pass, and one wrong line is said in the course's words."""

import json
from pathlib import Path

import pytest

from shared.case import Problem
from shared.commands.check.course import check_function
from shared.commands.check.functions import FUNCTIONS, make_cases
from shared.commands.check.loading import load_port
from shared.errors import UsageError
from shared.parameters import initialize_parameters
from shared.synthetic import make_dataset

ROOT = Path(__file__).resolve().parents[1]
SOLUTION = (ROOT / "tests" / "ports" / "student.py").read_text()
REGULARIZATION, DROPOUT = "backward_propagation_with_regularization", "backward_propagation_with_dropout"
COST, FORWARD = "compute_cost_with_regularization", "forward_propagation_with_dropout"


@pytest.fixture(scope="module")
def cases():
    data = make_dataset()
    problem = Problem(data.X_train, data.Y_train, 0.3, 0.7, 0.86)
    return make_cases(problem, initialize_parameters([2, 20, 3, 1]), "float64")


@pytest.fixture
def found(tmp_path, cases):
    """A function that checks one function of a student's file."""

    def run(name, source):
        path = tmp_path / "student.py"
        path.write_text(source)
        return check_function(FUNCTIONS[name], load_port(path), cases, path)

    return run


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_courses_own_function_passes(found, name):
    result = found(name, SOLUTION)
    assert result.checks
    assert [check for check in result.checks if check.status != "passed"] == []
    assert result.diagnoses == []


WRONG = [
    (REGULARIZATION, "A1.T) + (lambd * W2) / m", "A1.T)", "dW2 lacks the term lambd/m * W2"),
    (REGULARIZATION, "(lambd * W1) / m", "(lambd * W1) / (2 * m)",
     "dW1 has the term lambd/(2m) * W1; it should be lambd/m * W1"),
    (REGULARIZATION, "(lambd * W3) / m", "lambd * W3",
     "dW3 has the term lambd * W3, not divided by m; it should be lambd/m * W3"),
    (REGULARIZATION, "(lambd * W2) / m", "2 * (lambd * W2) / m",
     "dW2 has the term 2 * lambd/m * W2; it should be lambd/m * W2"),
    (REGULARIZATION, "+ (lambd * W1) / m", "- (lambd * W1) / m", "dW1 has the term -lambd/m * W1; it should be added"),
    (REGULARIZATION, "dZ3 = A3 - Y", "dZ3 = Y - A3", "dZ3 is Y - A3; it should be A3 - Y"),
    (REGULARIZATION, "np.multiply(dA1, np.int64(A1 > 0))", "dA1", "dZ1 without the factor A > 0, the derivative of ReLU"),
    (REGULARIZATION, "db2 = 1. / m * ", "db2 = ", "db2 not divided by m"),
    (REGULARIZATION, "dZ3 = A3 - Y", "dZ3 = (A3 - Y) * A3 * (1 - A3)", "dZ3 is multiplied by A3 * (1 - A3)"),
    (REGULARIZATION, "db1 = 1. / m * np.sum(", "db1 = 1. / m * np.mean(", "db1 divided by m twice"),
    (REGULARIZATION, "db1 = 1. / m * np.sum(dZ1, axis=1, keepdims=True)", "db1 = np.sum(dZ1) / m + 0 * b1",
     "db1 summed over all units (np.sum without axis=1)"),
    (DROPOUT, "db2 = 1. / m * ", "db2 = 2. / m * ", "db2 doubled"),
    (DROPOUT, "    dA1 = dA1 / keep_prob\n", "", "dA1 not divided by keep_prob"),
    (DROPOUT, "    dA2 = dA2 / keep_prob\n", "    dA2 = dA2 * keep_prob\n",
     "dA2 multiplied by keep_prob; it should be divided by it"),
    (FORWARD, "    A1 = A1 / keep_prob\n", "", "A1 not divided by keep_prob"),
    (FORWARD, "    A2 = A2 * D2\n", "", "A2 not multiplied by its mask"),
    (FORWARD, "A1 = A1 * D1", "A1 = A1 * (1 - D1)", "A1 multiplied by 1 - D: what should be kept is dropped"),
    (FORWARD, "D1 = (D1 < keep_prob)", "D1 = (D1 > keep_prob)", "D1 keeps the share that should be dropped"),
    (FORWARD, "    A1 = relu(Z1)", "    A1 = np.tanh(Z1)", "A1 with tanh where relu(Z) should be"),
    (FORWARD, "np.dot(W2, A1) + b2", "np.dot(W2, A1)", "Z2 without the bias b"),
    (COST, "lambd / (2 * m)", "lambd / m", "the penalty lacks the factor 1/2: it should be lambd/(2m), not lambd/m"),
    (COST, "lambd / (2 * m)", "lambd / 2", "the penalty is not divided by m: it should be lambd/(2m), not lambd/2"),
    (COST, " + np.sum(np.square(W3))", "", "the penalty lacks W3"),
    (COST, "np.square(W1)", "W1", None),
    (COST, "cross_entropy_cost + L2", "cross_entropy_cost", "the cost lacks the term lambd/(2m) * (sum(W1^2)"),
    (FORWARD, "D1 = np.random.rand(", "D1 = np.random.randn(", "D1 is drawn from randn, which is normal"),
    (COST, "np.sum(np.square(W1)) + np.sum(np.square(W2)) + np.sum(np.square(W3))",
     "np.sum(np.square(W1) + np.sum(np.square(W2)) + np.sum(np.square(W3)))", "the bracket of np.sum(np.square(W1)"),
    ("compute_cost", "-np.log(a3), Y) + np.multiply(-np.log(1 - a3)",
     "-np.log(a3 + 1e-8), Y) + np.multiply(-np.log(1 - a3 + 1e-8)", "the logarithms are of A3 + 1e-08"),
    (COST, "cross_entropy_cost + L2", "cross_entropy_cost - L2", "the penalty is subtracted; it should be added"),
    ("compute_cost", "1. / m * ", "", "the cross-entropy is a sum; it should be divided by m"),
    ("update_parameters", "- learning_rate", "+ learning_rate", "the gradient is added; it should be subtracted"),
    ("predict", "a3[0, i] > 0.5", "a3[0, i] <= 0.5", "the classes are exchanged"),
    ("forward_propagation", "A3 = sigmoid(Z3)", "A3 = Z3", "A3 is Z3; it should be sigmoid(Z3)"),
]  # fmt: skip


def function_with(name, right, wrong):
    """The solution with one line of one function changed."""
    start = SOLUTION.index(f"def {name}(")
    body = SOLUTION[start:]
    end = body.find("\ndef ", 1)
    body, rest = (body, "") if end < 0 else (body[:end], body[end:])
    assert right in body, f"{name} does not hold {right!r}: fix this test"
    return SOLUTION[:start] + body.replace(right, wrong) + rest


QUICK = {name: number for number, (name, *_) in enumerate(WRONG)}.values()
"""The last mistake of every function; the others are left to the full set."""


@pytest.mark.parametrize(
    ("name", "right", "wrong", "words"),
    [each if i in QUICK else pytest.param(*each, marks=pytest.mark.full) for i, each in enumerate(WRONG)],
)
def test_one_wrong_line_is_said_in_the_courses_words(found, name, right, wrong, words):
    result = found(name, function_with(name, right, wrong))
    assert any(check.status == "failed" for check in result.checks)
    said = [entry.explanation for entry in result.diagnoses]
    if words is None:
        assert [entry.mistake for entry in result.diagnoses] == [None], "a guess"
    else:
        assert any(one.startswith(words) for one in said), said


def test_all_three_layers_are_named_together(found):
    source = SOLUTION
    for i in (1, 2, 3):
        source = source.replace(f" + (lambd * W{i}) / m", "")
    said = found(REGULARIZATION, source).diagnoses[0].explanation
    assert said == "; ".join(f"dW{i} lacks the term lambd/m * W{i}" for i in (1, 2, 3))


def test_a_mask_left_out_where_it_makes_no_difference_is_not_flagged(found):
    result = found(DROPOUT, function_with(DROPOUT, "    dA1 = dA1 * D1\n", "").replace("    dA2 = dA2 * D2\n", ""))
    assert [check for check in result.checks if check.status != "passed"] == []
    assert [remark for remark in result.remarks if "mask is not applied to dA1 and dA2" in remark]


def test_fresh_masks_are_no_mistake_but_remarked_on(found):
    result = found(FORWARD, SOLUTION.replace("    np.random.seed(1)\n", ""))
    assert [check for check in result.checks if check.status != "passed"] == []
    assert any("is not the course's mask" in remark for remark in result.remarks)


def test_the_graded_functions_alone_are_enough(tmp_path):
    parts = SOLUTION.split("\n\n\n")
    graded = [part for part in parts if any(f"def {name}(" in part for name in (REGULARIZATION, DROPOUT, COST, FORWARD))]
    (tmp_path / "graded.py").write_text("\n\n\n".join(graded))
    assert set(load_port(tmp_path / "graded.py").functions) == {REGULARIZATION, DROPOUT, COST, FORWARD}


def notebook(*cells):
    return json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": cell} for cell in cells]})


@pytest.mark.full
def test_of_a_notebook_the_functions_are_taken_and_nothing_else_is_run(tmp_path, run_compare):
    witness = tmp_path / "witness"
    path = tmp_path / "Regularization.ipynb"
    cells = ["%matplotlib inline\nimport numpy as np\nfrom reg_utils import *\nfrom testCases import *", SOLUTION]
    cells += [f"open({str(witness)!r}, 'w').write('run')", "!rm -rf /nowhere", "this is no Python at all"]
    path.write_text(notebook(*cells))
    done = run_compare("check", path, "--iterations", 50)
    assert done.code == 0, done.stdout + done.stderr
    assert not witness.exists()
    assert {check["variant"] for check in done.results["checks"]} == {"none", "l2", "frozen-dropout"}
    assert "; model (none, l2, frozen-dropout)" in " ".join(done.stdout.split())
    assert any(check["tensor"] == "W1" and check["stage"] == "trajectory" for check in done.results["checks"])
    assert any("cell 5 is not Python, line 1: `this is no Python at all`" in remark for remark in done.results["remarks"])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": 3}', '{"cells": [{"cell_type": "code"}]}', "{"])
def test_what_is_no_notebook_is_said(tmp_path, text):
    path = tmp_path / "broken.ipynb"
    path.write_text(text)
    with pytest.raises(UsageError, match="is not a notebook"):
        load_port(path)


@pytest.mark.full
def test_one_wrong_line_makes_the_run_of_model_differ_too(tmp_path, run_compare):
    path = tmp_path / "student.py"
    path.write_text(function_with(REGULARIZATION, "A1.T) + (lambd * W2) / m", "A1.T)"))
    done = run_compare("check", path, "--iterations", 50)
    assert done.code == 1
    assert "dW2 lacks the term lambd/m * W2" in done.stdout
    assert done.results["first_divergence"]["tensor"] == "dW2"
    assert f"\n{REGULARIZATION}  " in done.stdout  # whole, on a terminal of 80 columns
    assert max(len(line) for line in done.stdout.splitlines() if str(tmp_path) not in line) <= 80


@pytest.mark.parametrize(
    ("variants", "covered"), [(["none"], "forward_propagation"), (["dropout"], FORWARD), (["l2"], "forward_propagation")]
)
def test_train_covers_what_the_variants_that_are_compared_reach(tmp_path, cases, variants, covered):
    """Another form of a function that is not reached is no match; with dropout alone, the plain function is not."""
    path = tmp_path / "student.py"
    names = ("forward_propagation", FORWARD)
    source = "".join(f"def {name}(a, b, c, d):\n    return 1\n\n\n" for name in names)
    path.write_text(f"{source}def train(X):\n    return {', '.join(f'{name}(X, 1, 2, 3)' for name in names)}\n")
    for name in names:
        result = check_function(FUNCTIONS[name], load_port(path), cases, path, {"train": variants})
        assert [check.status for check in result.checks] == ([] if name == covered else ["skipped"])
        assert ("train, which uses it, is" in str(result.remarks)) == (name == covered)
