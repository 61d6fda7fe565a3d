"""A team's own port, in PyTorch, with the two functions that `check_port` asks for: `train` and `predict`."""

import torch
from torch import nn
from torch.nn import functional as F


def build(parameters, keep_prob=1.0):
    """LINEAR - RELU - DROPOUT twice, and LINEAR: examples (m, n_x) to logits (m, 1), with the parameters given."""
    layers: list[nn.Module] = []
    for i in (1, 2, 3):
        weight, bias = torch.tensor(parameters[f"W{i}"]), torch.tensor(parameters[f"b{i}"][:, 0])
        linear = nn.Linear(weight.shape[1], weight.shape[0], dtype=weight.dtype)
        linear.load_state_dict({"weight": weight, "bias": bias})
        layers += [linear, nn.ReLU(), nn.Dropout(1 - keep_prob)]
    return nn.Sequential(*layers[:-2])


def train(X, Y, parameters, *, learning_rate, num_iterations, lambd, keep_prob, seed):
    """A whole run: the final parameters and the cost before every update. The penalty is part of the loss here."""
    torch.manual_seed(seed)
    network = build(parameters, keep_prob)
    linears = network[::3]
    optimizer = torch.optim.SGD(network.parameters(), lr=learning_rate)
    inputs, labels, m = torch.tensor(X.T), torch.tensor(Y.T), X.shape[1]
    costs = []
    for _ in range(num_iterations):
        penalty = lambd / (2 * m) * sum(linear.weight.square().sum() for linear in linears)
        cost = F.binary_cross_entropy_with_logits(network(inputs), labels) + penalty
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        costs.append(cost.item())
    ends = {f"W{i}": linear.weight.detach().numpy().copy() for i, linear in enumerate(linears, 1)}
    return ends | {f"b{i}": linear.bias.detach().numpy()[:, None].copy() for i, linear in enumerate(linears, 1)}, costs


def predict(X, parameters):
    """The class of each example, 0 or 1, of shape (1, m): 1 where the logit is > 0."""
    with torch.no_grad():
        return (build(parameters).eval()(torch.tensor(X.T)) > 0).int().numpy().T
