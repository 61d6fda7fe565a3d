"""What people bring to `check`: unfinished notebooks, scripts that do not run, other forms. Nothing unseen matches."""

import json
from pathlib import Path

import pytest

from shared.commands.check.lines import places_of
from shared.commands.check.loading import load_port

ROOT = Path(__file__).resolve().parents[1]
SOLUTION = (ROOT / "tests" / "ports" / "student.py").read_text()
IMPORTS = "import numpy as np\nfrom reg_utils import sigmoid, relu, compute_cost\n"
COST = """
def compute_cost_with_regularization(A3, Y, parameters, lambd):
    m = Y.shape[1]
    penalty = lambd / (2 * m) * sum(np.sum(np.square(parameters[W])) for W in ("W1", "W2", "W3"))
    return compute_cost(A3, Y) + penalty
"""
PENALTY = COST.partition("penalty = ")[2].partition("\n")[0]
CONSTANT = COST.replace("lambd / (2 * m)", "half * lambd / m")
L2, DROPOUT = "compute_cost_with_regularization", "forward_propagation_with_dropout"


def function(name):
    """One function of the solution."""
    return "def " + next(part for part in SOLUTION.split("\ndef ") if part.startswith(f"{name}("))


def notebook(*cells, nbformat=4):
    if nbformat == 4:
        return json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": cell} for cell in cells]})
    return json.dumps({"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": [cell]} for cell in cells]}]})


# Nothing unseen is a match


UNSEEN = {
    "a cell that is left unfinished": (
        notebook(IMPORTS, COST, f"def {DROPOUT}(X, parameters, keep_prob=0.5):\n    D1 =      # Step 1\n"),
        DROPOUT, f"{DROPOUT}: cell 3 is not finished, line 2: `D1 =      # Step 1`",
    ),
    "a cell of Python 2": (
        notebook(IMPORTS, COST.replace("(2 * m)", "m") + '\nprint "cost"', function(DROPOUT)),
        L2, f'{L2}: cell 2 cannot be read as Python 3, line 7: `print "cost"`: nothing of it was checked',
    ),
    "the template's None": (
        notebook(IMPORTS, COST.replace(PENALTY, "None")), L2, f"{L2} is not written yet: cell 2, line 4: `penalty = None`",
    ),
    "a body of nothing": (
        IMPORTS + COST.split("    m = ")[0] + "    pass\n", L2, "is not written yet: brought.py, line 5: `pass`",
    ),
    "a name that is not here": (COST.replace("compute_cost(A", "entropy(A"), L2, "NameError: name 'entropy' is not"),
    "a module that is not here": (
        "import no_such_module as other\n" + COST.replace("compute_cost(A3, Y)", "other.entropy(A3, Y)"),
        L2, "no_such_module is not here (ModuleNotFoundError: No module named 'no_such_module')",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", UNSEEN)
def test_what_was_not_seen_is_said_with_its_line_and_is_no_match(brought, what):
    source, name, said = UNSEEN[what]
    result = brought(source, "brought.ipynb" if source.startswith("{") else "brought.py")
    assert said in result.skipped[name]
    assert name not in result.passed | result.failed


def test_our_function_never_runs_in_place_of_one_that_is_not_there(brought):
    """`model` would use our own dropout and our own penalty, and match."""
    rest = [function(name) for name in ("model", "forward_propagation", "update_parameters", "backward_propagation")]
    result = brought(notebook(IMPORTS, *rest, f"def {DROPOUT}(X, parameters, keep_prob):\n    D1 =\n"), "brought.ipynb")
    reasons = [check["reason"] for check in result.checks if check["status"] == "skipped" and check["function"] == "model"]
    assert any("name 'compute_cost_with_regularization' is not defined" in reason for reason in reasons)
    assert any("cell 6 is not finished, line 2: `D1 =`" in reason for reason in reasons)
    variants = {check["variant"] for check in result.checks if check["function"] == "model" and check["status"] == "passed"}
    assert variants == {"none"}


# Scripts like notebooks


HERE = {
    "all is well": IMPORTS + COST,
    "get_ipython": "get_ipython().magic('matplotlib inline')\n" + IMPORTS + COST,
    "a magic": "%matplotlib inline\n" + IMPORTS + COST,
    "a backend that needs a screen": IMPORTS + "import matplotlib\nmatplotlib.use('TkAgg')\n"
    "import matplotlib.pyplot as plt\n" + COST.replace("m = Y", "plt.figure()\n    m = Y"),
    "a data file": IMPORTS + "import scipy.io\ndata = scipy.io.loadmat('datasets/data.mat')\n" + COST,
    "a missing module": "import no_such_module\nfrom no_such_module.datasets import moons\n" + IMPORTS + COST,
    "training at the top": IMPORTS + COST + f"cost = {L2}(*load_test_case())\nraise RuntimeError('never run')\n",
    "an assertion of the exercise": IMPORTS + "from testCases import *\n" + COST + "print(compute_cost_test_case())\n",
    "helpers at the top": IMPORTS + "half = 0.5\nsquared = lambda W: np.sum(W * W)\n1 / 0\n"
    + CONSTANT.replace("np.sum(np.square(parameters[W]))", "squared(parameters[W])"),
    "a coding line": ("# -*- coding: gbk -*-\n# \u6b63\u5219\u5316\n" + IMPORTS + COST).encode("gbk"),
    "nothing imported": COST,
}  # fmt: skip


@pytest.mark.parametrize("what", HERE)
def test_a_script_is_taken_in_pieces_where_it_cannot_be_run(brought, what):
    result = brought(HERE[what])
    assert not result.failed
    assert not result.skipped, result.skipped
    assert result.passed == {L2}
    if what not in ("all is well", "nothing imported", "a coding line", "a backend that needs a screen"):
        assert "taken in pieces" in result.remarks or what == "a magic"
    assert "samenet's own" in result.remarks


@pytest.mark.parametrize("nbformat", [3, 4])
def test_a_notebook_of_either_format_and_its_constants(brought, nbformat):
    cells = [
        "%matplotlib inline\n" + IMPORTS,
        "%%bash\nls",
        "half = 0.5",
        COST.replace("lambd / (2 * m)", "half * lambd / m"),
    ]
    result = brought(notebook(*cells, nbformat=nbformat), "brought.ipynb")
    assert result.passed == {L2}
    assert not result.skipped
    wrong = brought(notebook(*cells[:2], "half = 1", cells[3], nbformat=nbformat), "brought.ipynb")
    assert wrong.failed == {L2}


def test_what_has_a_functions_name_and_is_none_is_left_alone(brought):
    """The data are called `train`, and a network `model`; what is not written yet is said."""
    network = "class Network:\n    def forward(self, x):\n        return x\n    __call__ = forward\nmodel = Network()\n"
    result = brought(f"{IMPORTS}train, test = np.zeros(2), np.ones(2)\npredict = None\n{network}{COST}")
    assert (result.passed, result.skipped) == ({L2}, {"predict": "predict: is None"})
    assert "expected train to be a function, got ndarray" in result.remarks
    assert "expected model to be a function, got Network" in result.remarks


def test_relative_imports_and_what_a_notebook_waits_for(brought, tmp_path):
    (tmp_path / "entropy.py").write_text("from .reg_utils import compute_cost\n")
    (tmp_path / "reg_utils.py").write_text("from numpy_impl.course import compute_cost\n")
    own = COST.replace("compute_cost(A", "entropy.compute_cost(A")
    relative = brought("import numpy as np\nfrom . import entropy\n" + own)
    assert (relative.passed, relative.remarks) == ({L2}, "")
    assert brought(notebook("await something()", IMPORTS, COST), "brought.ipynb").passed == {L2}


def test_a_helper_that_numpy_no_longer_runs_is_noted(brought):
    source = (
        COST
        + """

def predict(X, y, parameters):
    p = np.zeros((1, X.shape[1]), dtype=np.int)
    p[0] = forward_propagation(X, parameters)[0][0] > 0.5
    return p
"""
    )
    result = brought(source)
    assert result.passed == {L2, "predict"}
    assert not result.skipped
    assert "np.int, which NumPy no longer has" in result.remarks


# Form is not meaning


MERGED = """
import numpy as np
from reg_utils import initialize_parameters, relu, sigmoid, update_parameters


def forward_propagation(X, parameters, keep_prob=1.0):
    np.random.seed(1)
    A, cache = X, []
    for i in (1, 2):
        Z = parameters[f"W{i}"] @ A + parameters[f"b{i}"]
        D = np.random.rand(*Z.shape) < keep_prob
        A = relu(Z) * D / keep_prob
        cache += [D, A]
    return sigmoid(parameters["W3"] @ A + parameters["b3"]), cache


def backward_propagation(X, Y, parameters, A3, cache, lambd=0.0, keep_prob=1.0):
    D1, A1, D2, A2 = cache
    grads, dZ, m = {}, A3 - Y, X.shape[1]
    for i, A, D in ((3, A2, D2), (2, A1, D1), (1, X, None)):
        grads[f"dW{i}"] = (dZ @ A.T + lambd * parameters[f"W{i}"]) / m
        grads[f"db{i}"] = dZ.mean(axis=1, keepdims=True)
        if D is not None:
            dZ = parameters[f"W{i}"].T @ dZ * D / keep_prob * (A > 0)
    return grads
"""
MODEL = """

def model(X, Y, learning_rate=0.3, num_iterations=30000, print_cost=True, lambd=0.0, keep_prob=1.0):
    parameters = initialize_parameters([X.shape[0], 20, 3, 1])
    for _ in range(num_iterations):
        A3, cache = forward_propagation(X, parameters, keep_prob)
        grads = backward_propagation(X, Y, parameters, A3, cache, lambd, keep_prob)
        parameters = update_parameters(parameters, grads, learning_rate)
    return parameters
"""


def test_functions_in_another_form_are_covered_by_the_model_that_uses_them(brought):
    result = brought(MERGED + MODEL)
    assert result.passed == {"model"}
    assert not result.failed
    assert not result.skipped
    for name in ("forward_propagation", "backward_propagation"):
        assert f"{name} is not compared by itself: another form" in result.remarks
    wrong = brought((MERGED + MODEL).replace("lambd * parameters", "2 * lambd * parameters"))
    assert wrong.failed == {"model"}


def test_model_is_compared_in_what_is_asked_for_and_a_keyword_that_changes_nothing_is_not_asked(brought):
    own = MODEL.replace(", print_cost=True, lambd=0.0, keep_prob=1.0", "").replace(
        "return parameters", "return parameters, []"
    )
    own = (MERGED + own).replace("parameters, keep_prob)", "parameters)").replace("cache, lambd, keep_prob)", "cache)")
    for variants, passed, skipped in (
        (["none"], {"none"}, set()),
        (["none", "dropout"], {"none"}, {"frozen-dropout"}),
        (["l2-dropout"], set(), {"none"}),
    ):
        checks = [check for check in brought(own, variants=variants).checks if check["function"] == "model"]
        for status, expected in (("passed", passed), ("skipped", skipped)):
            assert {check["variant"] for check in checks if check["status"] == status} == expected


def test_a_cost_in_another_form_is_called_by_its_names_or_is_not_judged(brought):
    """`model` does not return it."""
    cost = "def compute_cost(A, Y, parameters, lambd=0.0):" + COST.partition("lambd):")[2].replace(
        "compute_cost(A3, Y)", "\\\n        np.mean(-Y * np.log(A) - (1 - Y) * np.log(1 - A))"
    )
    model = MODEL.replace("        grads = ", "        compute_cost(A3, Y, parameters, lambd)\n        grads = ")
    right, wrong, unknown = (brought(MERGED + each + model) for each in (
        cost, cost.replace("2 * m", "m"), cost.replace("lambd", "how_much")))  # fmt: skip
    assert right.passed == {"compute_cost", "model"}
    assert wrong.failed == {"compute_cost"}
    assert {*unknown.skipped} == {"compute_cost"}


def test_functions_in_another_form_that_nothing_covers_are_not_judged(brought):
    result = brought(MERGED)
    assert {*result.skipped} == {"forward_propagation", "backward_propagation"}
    assert not result.passed


# Words


def test_the_own_line_is_said_as_exactly_as_it_is_known(tmp_path):
    path = tmp_path / "brought.ipynb"
    path.write_text(notebook(IMPORTS, COST))
    port = load_port(path)
    assert places_of([L2], port.trees, port.uses, path) == {L2: f"cell 2, lines 2 to 5 ({L2})"}
