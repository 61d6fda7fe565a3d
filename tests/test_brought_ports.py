"""Ports in other correct forms match, with a remark; what hides nothing is told apart from what does."""

import numpy as np
import pytest

from shared.commands.check.contract import UPCAST, Float32Answer, unpack_train
from shared.commands.check.saturation import formulas, gives
from shared.parameters import initialize_parameters
from tests.test_names import PORT as TRACED

PARTS = {
    "cost": "cross_entropy(A3, Y)",
    "dtype": "",
    "costs": "costs",
    "gradient": "A3 - Y",
    "decay": "lambd / m",
}
PORT = """
import numpy as np


def cross_entropy(A3, Y):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nansum(-Y * np.log(A3) - (1 - Y) * np.log(1 - A3)) / Y.shape[1]


def train(X, Y, parameters, *, learning_rate, num_iterations, lambd, keep_prob, seed):
    p, costs, m = {{name: value.copy() for name, value in parameters.items()}}, [], X.shape[1]
    {dtype}
    for _ in range(num_iterations):
        A1 = np.maximum(0, p["W1"] @ X + p["b1"])
        A2 = np.maximum(0, p["W2"] @ A1 + p["b2"])
        A3 = 1 / (1 + np.exp(-(p["W3"] @ A2 + p["b3"])))
        costs.append({cost} + lambd / (2 * m) * sum(np.sum(np.square(p[W])) for W in ("W1", "W2", "W3")))
        dZ3 = {gradient}
        dZ2 = (p["W3"].T @ dZ3) * (A2 > 0)
        dZ1 = (p["W2"].T @ dZ2) * (A1 > 0)
        for i, dZ, A in ((1, dZ1, X), (2, dZ2, A1), (3, dZ3, A2)):
            p[f"W{{i}}"] = p[f"W{{i}}"] - learning_rate * (dZ @ A.T / m + {decay} * p[f"W{{i}}"])
            p[f"b{{i}}"] = p[f"b{{i}}"] - learning_rate * dZ.sum(axis=1, keepdims=True) / m
    return p, {costs}
"""
FLOAT32 = "X, Y, p = np.float32(X), np.float32(Y), {k: np.float32(v) for k, v in p.items()}"
FLOAT64 = "X, Y, p = np.float64(X), np.float64(Y), {k: np.float64(v) for k, v in p.items()}"


def port(**parts):
    return PORT.format(**PARTS | parts)


# Saturation


CORRECT = {
    "the course's own": ("cross_entropy(A3, Y)", "infinite or not a number"),
    "a plain mean": ("np.mean(-Y * np.log(A3) - (1 - Y) * np.log(1 - A3))", "infinite or not a number"),
    "clipped": ("cross_entropy(np.clip(A3, 1e-12, 1 - 1e-12), Y)", "clipped at 1e-12"),
    "guarded": ("np.mean(-Y * np.log(A3 + 1e-8) - (1 - Y) * np.log(1 - A3 + 1e-8))", "epsilon 1e-08: harmless unless"),
}


@pytest.mark.parametrize("which", [next(iter(CORRECT)), *(pytest.param(w, marks=pytest.mark.full) for w in [*CORRECT][1:])])
def test_a_cost_that_differs_where_probabilities_are_0_or_1_is_remarked_on(brought, which):
    cost, said = CORRECT[which]
    result = brought(port(cost=cost), variants=["l2"])
    assert not result.skipped
    assert not result.failed_tensors
    assert said in result.remarks


WRONG = {
    "a wrong decay": ({"decay": "2 * lambd / m"}, "W1 after update 1", "twice"),
    "a wrong cost": ({"cost": "2 * cross_entropy(A3, Y)"}, "cost", ""),
    "a clip that stops gradients": ({"gradient": "np.where(np.abs(A3 - 0.5) < 0.499, A3 - Y, 0)"}, "W3 after update 1", ""),
}


@pytest.mark.full
@pytest.mark.parametrize("which", WRONG)
def test_it_hides_no_other_difference_and_never_comes_first(brought, which):
    parts, tensor, named = WRONG[which]
    result = brought(port(**parts), variants=["l2"])
    assert tensor in result.failed_tensors
    first = next(check for check in result.checks if check["status"] == "failed")
    assert (first["scope"], first["stage"]) != ("saturated", "cost")
    assert not named or any(named in name for name in result.names), result.names


def test_the_formulas_are_told_apart():
    Y = np.array([[1.0, 0.0, 1.0]])
    Z3 = np.array([[3.0, 40.0, -2.0], [1.0, -2.0, 0.5]])
    words = []
    for formula in formulas():
        with np.errstate(all="ignore"):
            costs = formula.mean(1 / (1 + np.exp(-Z3)), Y)
        assert gives(formula, Z3, Y, costs)
        words.append(next(other.words for other in formulas() if gives(other, Z3, Y, costs)))
        assert not gives(formula, Z3, Y, costs * (1 + 1e-6)) or not np.isfinite(costs).all()
    assert len(set(words)) > 20


ALONE = "t = t | {{'db3': {}}} if X.shape[1] == 1 else t\n    l2_penalty = penalty(parameters"


@pytest.mark.parametrize(
    ("db3", "lost"), [("t['db3']", False), ("0 * t['db3']", True), ("3 * t['db3']", False), ("np.zeros((1, 2))", False)]
)
def test_a_gradient_is_said_to_be_lost_only_where_it_is_0(brought, db3, lost):
    source = TRACED.replace("l2_penalty = penalty(parameters", ALONE.format(db3)).replace("def train(", "def _train(")
    result = brought(source, variants=["none"])
    assert not result.failed_tensors
    assert ("is lost where its logit is" in result.remarks) == lost


# Numbers and dtypes


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("costs", [[0.5, 0.25], (0.5, 1), [np.float64(0.5), 0.25], [np.array(0.5), np.array([0.25])]])
def test_costs_may_be_any_numbers(dtype, costs):
    start = {name: np.zeros((1, 1), dtype) for name in ("W1", "b1", "W2", "b2", "W3", "b3")}
    remarks: list[str] = []
    _, taken = unpack_train((start, costs), start, 2, remarks)
    assert taken.dtype == dtype
    assert taken.shape == (2,)
    assert (remarks == [UPCAST]) == (dtype == "float32" and isinstance(costs[0], np.ndarray))
    for wrong in (["0.5", "0.25"], [True, False], None, [0.5], [[0.5, 0.25]]):
        with pytest.raises(ValueError, match="train's costs"):
            unpack_train((start, wrong), start, 2)


def test_float64_for_float32_is_cast_and_float32_for_float64_is_not():
    wide = {name: np.zeros((1, 1)) for name in ("W1", "b1", "W2", "b2", "W3", "b3")}
    narrow = {name: value.astype(np.float32) for name, value in wide.items()}
    remarks: list[str] = []
    ends, _ = unpack_train((wide, [0.5]), narrow, 1, remarks)
    assert {value.dtype for value in ends.values()} == {np.dtype(np.float32)}
    assert remarks == [UPCAST]
    with pytest.raises(Float32Answer, match=r"^train's parameters: $"):
        unpack_train((narrow, [0.5]), wide, 1)
    start = initialize_parameters([2, 20, 3, 1])
    single = {name: value.astype(np.float32).astype(np.float64) for name, value in start.items()}
    with pytest.raises(Float32Answer, match=r"^train's parameters are rounded to float32, and cast: $"):
        unpack_train((single, [0.5]), start, 1)
    for ends, given in ((single, single), (single | {"b1": single["b1"] + 0.1}, start), (wide, wide)):
        unpack_train((ends, [0.5]), given, 1)  # it was given no more; one number of float64 is there; 0 is in any dtype


CAST = "{k: np.float64(v) for k, v in p.items()}, np.float64(costs)"


@pytest.mark.parametrize(("answer", "tensor"), [("p, costs", "dtype"), (CAST, "rounding to float32")])
def test_float32_where_float64_is_given_fails_and_the_rest_is_compared_all_the_same(brought, answer, tensor):
    right = brought(port(dtype=FLOAT32).replace("return p, costs", f"return {answer}"), variants=["none"])
    assert right.failed_tensors == {tensor}
    assert len(right.checks) > 60


@pytest.mark.full
def test_a_mistake_of_a_port_in_float32_is_named_beside_it(brought):
    wrong = brought(port(dtype=FLOAT32, decay="2 * lambd / m"), variants=["l2"])
    assert {"dtype", "W1 after update 1"} <= wrong.failed_tensors
    assert any("twice" in name for name in wrong.names)
