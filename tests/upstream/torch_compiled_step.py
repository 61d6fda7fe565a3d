"""PyTorch loses the learning rate of the weights in a step compiled whole: forward, torch.autograd.grad, SGD's update.

The step must move each parameter by -0.3 of its gradient. Seen with PyTorch 2.13.0 on a CPU: the weights move by +1 of it,
the biases are right. The compiler merges the update with the product that computes dW (the kind of defect of
pytorch/pytorch#167313); options={"pattern_matcher": False} mends it.
"""

import torch
from torch.optim.sgd import sgd

torch.manual_seed(0)
X = torch.randn(211, 2, dtype=torch.float64)
Y = (X[:, :1] > 0).double()
network = torch.nn.Sequential(torch.nn.Linear(2, 20), torch.nn.ReLU(), torch.nn.Linear(20, 1)).double()
parameters = list(network.parameters())


def gradients_of():
    return torch.autograd.grad(torch.nn.functional.binary_cross_entropy_with_logits(network(X), Y), parameters)


def step():
    gradients = gradients_of()
    with torch.no_grad():
        sgd(parameters, list(gradients), [None] * 4, weight_decay=0.0, lr=0.3, momentum=0.0, dampening=0.0, nesterov=False,
            maximize=False)  # fmt: skip


def moved(step):
    """What each of W1, b1, W2, b2 moves by in a step, in units of its gradient."""
    before, gradients = [parameter.detach().clone() for parameter in parameters], gradients_of()
    step()
    moves = []
    for parameter, old, gradient in zip(parameters, before, gradients, strict=True):
        moves.append(round(float(((parameter.detach() - old) * gradient).sum() / gradient.square().sum()), 12))
    return moves


with torch._dynamo.config.patch(trace_autograd_ops=True):
    eager, compiled = moved(step), moved(torch.compile(step, fullgraph=True))
    mended = moved(torch.compile(step, fullgraph=True, options={"pattern_matcher": False}))
assert eager == mended == [-0.3] * 4, (eager, mended)
print(f"versions: PyTorch {torch.__version__}")
print("expected: [-0.3, -0.3, -0.3, -0.3]")
print("seen:", compiled)
