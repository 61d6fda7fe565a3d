"""Other correct ways to write the cost in PyTorch: none of them may raise an alarm, and a wrong one must."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import torch_impl.gradients
import torch_impl.trace
from shared.alignment.limits import PLACE, port_tensors, random_problem
from shared.alignment.stages import single_step_checks

FORMS = {
    "logsigmoid": lambda Z3, Y: -(Y * F.logsigmoid(Z3) + (1 - Y) * F.logsigmoid(-Z3)).mean(),
    "difference": lambda Z3, Y: ((1 - Y) * Z3 - F.logsigmoid(Z3)).mean(),
}
WRONG = {
    "reduction": lambda Z3, Y: -(Y * F.logsigmoid(Z3) + (1 - Y) * F.logsigmoid(-Z3)).sum() / (len(Y) - 1),
    "smoothing": lambda Z3, Y: ((1 - Y * (1 - 1e-12)) * Z3 - F.logsigmoid(Z3)).mean(),
}


def failures(form, dtype, monkeypatch, problems=25):
    monkeypatch.setattr(torch_impl.gradients, "cross_entropy", form)
    monkeypatch.setattr(torch_impl.trace, "cost_and_gradients", torch_impl.gradients.cost_and_gradients)
    rng = np.random.default_rng(1)
    found = []
    for _ in range(problems):
        problem, parameters = random_problem(rng, dtype)
        port = port_tensors(torch_impl.trace, problem, parameters)
        checks = list(single_step_checks(problem, "", parameters, port, port, PLACE))
        found.append([f"{c.stage}, {c.tensor}: {c.reason}" for c in checks if c.status != "passed"])
    return [one for one in found if one]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("form", FORMS)
def test_another_correct_form_of_the_cost_raises_no_alarm(form, dtype, monkeypatch):
    assert torch.is_tensor(FORMS[form](torch.zeros(2, 1), torch.ones(2, 1)))
    assert failures(FORMS[form], dtype, monkeypatch) == []


@pytest.mark.parametrize("form", WRONG)
def test_a_wrong_form_of_the_cost_does(form, monkeypatch):
    assert len(failures(WRONG[form], "float64", monkeypatch)) > 20
