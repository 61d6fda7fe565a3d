"""The classes a port predicts: the reference's, but where rounding moves the logit across zero."""

import numpy as np
import pytest

from numpy_impl.network import predict
from shared.alignment.stages import prediction_check
from shared.alignment.states import make_states
from shared.harness.checks import RunId

RUN = RunId("none", "torch")


@pytest.fixture
def decision(make_problem):
    """X, parameters, and the reference's classes."""
    X, _, parameters = make_problem((3, 6, 4, 1), m=40)
    start = make_states(X, parameters, parameters)["biases"]
    return X, start, predict(X, start)


def predicted(X, parameters, classes):
    return prediction_check(X, parameters, classes, "train", 60, RUN)


def test_the_references_classes_pass_and_any_other_fails(decision):
    X, parameters, classes = decision
    assert predicted(X, parameters, classes).status == "passed"
    for i in (0, 7, 39):
        wrong = classes.copy()
        wrong[0, i] = 1 - wrong[0, i]
        check = predicted(X, parameters, wrong)
        assert (check.status, check.index, check.differing) == ("failed", [0, i], 1)


def test_predictions_that_are_not_the_classes_fail(decision):
    X, parameters, classes = decision
    assert 0 < classes.mean() < 1
    wrong = {
        "missing": None,
        "float": classes.astype(float),
        "bool": classes.astype(bool),
        "vector": classes[0],
        "transposed": classes.T,
        "empty": classes[:, :0],
        "reversed": classes[:, ::-1],
        "flipped": 1 - classes,
        "all zero": 0 * classes,
        "twice": 2 * classes,
    }
    assert [what for what, given in wrong.items() if predicted(X, parameters, given).status != "failed"] == []


def test_a_class_may_differ_only_where_rounding_moves_the_logit_across_zero(decision):
    X, parameters, classes = decision
    undecided = {name: np.zeros_like(value) for name, value in parameters.items()}  # every logit is exactly zero
    assert predicted(X, undecided, np.zeros_like(classes)).status == "passed"
    assert predicted(X, undecided, np.ones_like(classes)).status == "passed"
    decided = undecided | {"b3": np.full((1, 1), 1e-9)}
    assert predicted(X, decided, np.ones_like(classes)).status == "passed"
    assert predicted(X, decided, np.zeros_like(classes)).status == "failed"


@pytest.mark.parametrize("value", [-1, 2, 7])
def test_what_is_no_class_fails_even_where_the_network_is_undecided(decision, value):
    X, parameters, classes = decision
    undecided = {name: np.zeros_like(p) for name, p in parameters.items()}
    assert predicted(X, undecided, np.full_like(classes, value)).status == "failed"


@pytest.mark.parametrize("value", [np.nan, np.inf], ids=str)
def test_predictions_of_parameters_that_are_not_finite_fail(decision, value):
    X, parameters, classes = decision
    parameters = parameters | {"b1": np.full_like(parameters["b1"], value)}
    check = predicted(X, parameters, classes)
    assert (check.status, check.reason) == ("failed", "the final parameters are not finite")
