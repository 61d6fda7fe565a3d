"""The settings in PyTorch, as its users write them."""

from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray

from shared.commands.optimizers.settings import BETA_1, BETA_2, UPDATES, Setting
from shared.parameters import Parameters
from torch_impl.cost import cross_entropy
from torch_impl.network import Network, linears, load, read_parameters, to_rows


def make_optimizer(network: Network, setting: Setting, learning_rate: float, decay: float) -> torch.optim.Optimizer:
    """The optimizer of a setting. Its own weight decay, if the setting uses it, acts on the weights, never on the biases."""
    own = setting.decay == "weight_decay"
    weights = [linear.weight for linear in linears(network)]
    biases = [linear.bias for linear in linears(network)]
    groups = [{"params": weights, "weight_decay": decay if own else 0.0}, {"params": biases, "weight_decay": 0.0}]
    if not setting.adaptive:
        nesterov = setting.optimizer == "Nesterov"
        return torch.optim.SGD(groups, lr=learning_rate, momentum=setting.momentum, nesterov=nesterov)
    epsilon = {} if setting.epsilon is None else {"eps": setting.epsilon}
    kind = torch.optim.AdamW if setting.optimizer == "AdamW" else torch.optim.Adam
    return kind(groups, lr=learning_rate, betas=(BETA_1, BETA_2), **epsilon)


def train(
    setting: Setting, X: NDArray, Y: NDArray, parameters: Parameters, learning_rate: float, lambd: float
) -> dict[str, NDArray]:
    """The parameters after each of UPDATES ("W1 after 2"). X (n_x, m), Y (1, m), parameters as in the course."""
    m = X.shape[-1]
    network = load(parameters)
    weights = [linear.weight for linear in linears(network)]
    optimizer = make_optimizer(network, setting, learning_rate, lambd / m)
    rows, labels = to_rows(X), to_rows(Y)  # (m, n_x), (m, 1)
    arrays: dict[str, NDArray] = {}
    for t in range(1, UPDATES[-1] + 1):
        optimizer.zero_grad()
        cost = cross_entropy(network(rows), labels)
        if setting.decay == "penalty":
            cost = cost + lambd / (2 * m) * sum(W.square().sum() for W in weights)
        cost.backward()
        if setting.decay == "by hand":
            with torch.no_grad():
                for W in weights:
                    W.mul_(1 - learning_rate * (lambd / m))
        if setting.swapped:
            for group in optimizer.param_groups:
                group["eps"] = setting.epsilon_in("torch") / sqrt(1 - BETA_2**t)
        optimizer.step()
        if t in UPDATES:
            arrays |= {f"{name} after {t}": np.array(value) for name, value in read_parameters(network).items()}
    return arrays
