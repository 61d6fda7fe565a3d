"""What README says of PyTorch's compiler: a whole training step in one graph. Should PyTorch mend it, README must say so."""

import json
import shutil
import subprocess
import sys

import pytest

STEP = """
import json, sys, warnings
import torch
from torch.optim.sgd import sgd

warnings.simplefilter("ignore")
torch.manual_seed(0)
X = torch.randn(211, 2, dtype=torch.float64)
Y = (X[:, :1] > 0).double()

def moved(compiled, **options):
    torch.manual_seed(1)
    network = torch.nn.Sequential(torch.nn.Linear(2, 20), torch.nn.ReLU(), torch.nn.Linear(20, 1)).double()
    parameters = list(network.parameters())
    before = [parameter.detach().clone() for parameter in parameters]

    def gradients_of():
        return torch.autograd.grad(torch.nn.functional.binary_cross_entropy_with_logits(network(X), Y), parameters)

    def step():
        gradients = gradients_of()
        with torch.no_grad():
            sgd(parameters, list(gradients), [None] * 4, weight_decay=0.0, lr=0.3, momentum=0.0, dampening=0.0,
                nesterov=False, maximize=False)

    gradients = gradients_of()
    with torch._dynamo.config.patch(trace_autograd_ops=True):
        (torch.compile(step, fullgraph=True, options=options) if compiled else step)()
    factors = []
    for parameter, old, gradient in zip(parameters, before, gradients):
        change = parameter.detach() - old
        factors.append(float((change * gradient).sum() / gradient.square().sum()))
    return factors

print(json.dumps([moved(False), moved(True), moved(True, pattern_matcher=False)]))
"""


def test_a_compiled_step_loses_the_learning_rate_of_the_weights():
    if not shutil.which("g++") and not shutil.which("clang++"):
        pytest.skip("no C++ compiler, which torch.compile needs")
    done = subprocess.run([sys.executable, "-c", STEP], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    eager, compiled, mended = json.loads(done.stdout.splitlines()[-1])
    # What each of W1, b1, W2, b2 moves by, in units of its gradient: -learning_rate is right.
    assert eager == pytest.approx([-0.3] * 4)
    assert compiled == pytest.approx([1.0, -0.3, 1.0, -0.3])
    assert mended == pytest.approx([-0.3] * 4)
