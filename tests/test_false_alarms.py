"""No false alarm of what is correct, however it is written; and how small a fault is seen all the same."""

from dataclasses import replace

import numpy as np
import pytest

from shared.adapters.numpy import NumpyAdapter
from shared.adapters.torch import TorchAdapter
from shared.alignment.random_problem import random_problem
from shared.alignment.recording import port_tensors
from shared.alignment.stages import single_step_checks
from shared.alignment.states import make_states
from shared.alignment.tensors import REFERENCE, STAGE_OF
from shared.case import Problem
from shared.commands.limits import detection as limits
from shared.commands.limits.false_alarms import NOWHERE, RUN, false_alarms
from shared.parameters import initialize_parameters
from shared.synthetic import make_dataset

torch = pytest.importorskip("torch")
training = pytest.importorskip("torch_impl.training")
F = torch.nn.functional

DTYPES = ("float64", "float32")
FORMS = {
    "logsigmoid": lambda Z3, Y: -(Y * F.logsigmoid(Z3) + (1 - Y) * F.logsigmoid(-Z3)).mean(),
    "difference": lambda Z3, Y: ((1 - Y) * Z3 - F.logsigmoid(Z3)).mean(),
}
WRONG = {
    "reduction": lambda Z3, Y: -(Y * F.logsigmoid(Z3) + (1 - Y) * F.logsigmoid(-Z3)).sum() / (len(Y) - 1),
    "smoothing": lambda Z3, Y: ((1 - Y * (1 - 1e-12)) * Z3 - F.logsigmoid(Z3)).mean(),
}


def failed(problem, start, port):
    return [check for check in single_step_checks(problem, NOWHERE, start, port, port, RUN) if not check.passed]


# Random problems


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "problems"),
    [("torch", 10), *(pytest.param(*each, marks=pytest.mark.full) for each in (("torch", 20), ("tensorflow", 10)))],
)
def test_random_problems_give_no_false_alarm(name, problems, dtype):
    """Against the reference, which is NumPy itself."""
    done = []
    found = false_alarms(name, problems, dtype, lambda: done.append(1))
    assert found.alarms == []
    assert len(done) == problems
    assert found.compared > 40 * problems
    assert 0 < found.budget_used <= 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_wrong_implementation_is_alarmed_on_random_problems(dtype, monkeypatch):
    """The control of the count: a port that trains with a learning rate a little off."""
    e = 1e-8 if dtype == "float64" else 1e-2
    first_updates = NumpyAdapter.first_updates
    monkeypatch.setattr(
        NumpyAdapter,
        "first_updates",
        lambda self, problem, *start, **more: first_updates(
            self, replace(problem, learning_rate=problem.learning_rate * (1 + e)), *start, **more
        ),
    )
    found = false_alarms("numpy", 4, dtype, lambda: None)
    assert len(found.alarms) > 4
    assert all(alarm.startswith("update") for alarm in found.alarms)


def test_random_problems_are_of_every_kind():
    rng = np.random.default_rng(0)
    problems = [random_problem(rng, "float32") for _ in range(200)]
    assert {problem.lambd > 0 for problem, _ in problems} == {True, False}
    assert {problem.keep_prob < 1 for problem, _ in problems} == {True, False}
    assert {problem.X.shape[0] for problem, _ in problems} == set(range(1, 11))
    assert min(problem.X.shape[1] for problem, _ in problems) < 10
    assert max(problem.X.shape[1] for problem, _ in problems) > 1000
    assert {bool(start["b1"].any()) for _, start in problems} == {True, False}
    assert {array.dtype for problem, start in problems for array in (problem.X, problem.Y, *start.values())} == {
        np.dtype("float32")
    }
    assert all(set(np.unique(problem.Y)) == {0, 1} for problem, _ in problems)


# Other ways to write the cost in PyTorch


def alarms(form, dtype, problems, monkeypatch):
    """Of each random problem for which a form of the cost raised alarms: the alarms."""
    monkeypatch.setattr(training, "cross_entropy", form)
    adapter = TorchAdapter()
    rng = np.random.default_rng(1)
    found = []
    for _ in range(problems):
        problem, parameters = random_problem(rng, dtype)
        bad = failed(problem, parameters, port_tensors(adapter, problem, parameters))
        found.append([f"{check.stage}, {check.tensor}: {check.reason}" for check in bad])
    return [one for one in found if one]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("problems", [3, pytest.param(15, marks=pytest.mark.full)])
def test_another_correct_form_of_the_cost_raises_no_alarm(form, dtype, problems, monkeypatch):
    assert torch.is_tensor(FORMS[form](torch.zeros(2, 1), torch.ones(2, 1)))
    assert alarms(FORMS[form], dtype, problems, monkeypatch) == []


@pytest.mark.parametrize("form", WRONG)
def test_a_wrong_form_of_the_cost_does(form, monkeypatch):
    assert len(alarms(WRONG[form], "float64", 3, monkeypatch)) >= 2


# How small a fault is seen


@pytest.fixture(scope="module", params=[1.0, 0.8], ids=["l2", "l2-dropout"])
def built_in(request):
    """The built-in data, and its states."""
    data = make_dataset()
    initial = initialize_parameters([2, 20, 3, 1])
    return Problem(data.X_train, data.Y_train, 0.3, 0.7, request.param), make_states(data.X_train, initial, initial)


def test_in_float64_any_single_element_off_by_a_millionth_of_a_millionth_is_seen_at_most_tensors(built_in):
    problem, states = built_in
    found: dict[str, list[float]] = {}
    for state in ("initial", "biases", "saturated"):
        for stage, limit in limits.element_limits(problem, states[state], np.random.default_rng(0)):
            found.setdefault(stage, []).append(limit)
    assert set(found) == set(STAGE_OF)
    for sizes in found.values():
        assert len(sizes) >= 6
        assert np.median(sizes) < 1e-12
        assert min(sizes) > 0


def test_in_float64_lambd_off_by_a_millionth_of_a_millionth_is_seen_at_the_update(built_in):
    problem, states = built_in
    limit = limits.hyperparameter_limit(problem, states["biases"], "lambd", "update")
    assert 1e-16 < limit < 2e-12
    for factor, expected in ((2, True), (1e-3, False)):  # above the limit red, far below green
        wrong = Problem(problem.X, problem.Y, 0.3, 0.7 * (1 + factor * limit), problem.keep_prob)
        tensors = port_tensors(REFERENCE, wrong, states["biases"])
        found = {check.stage for check in failed(problem, states["biases"], tensors)}
        assert ("update" in found) == expected


def test_a_limit_that_is_never_reached_is_infinite(built_in):
    """lambd does not reach the forward pass."""
    problem, states = built_in
    start = states["biases"]
    assert limits.hyperparameter_limit(problem, start, "lambd", "forward") == np.inf
    assert limits.hyperparameter_limit(problem, start, "lambd", "gradients") < 1e-11
