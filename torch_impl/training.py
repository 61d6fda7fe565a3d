"""One update, and the loop over the updates: full-batch gradient descent."""

import torch

from .cost import cross_entropy, l2_penalty
from .network import linears, load, read_parameters, to_rows


def make_optimizer(network, learning_rate, lambd, m):
    """Plain SGD with L2: weight_decay = lambd / m adds lambd / m * W to each dW.

    Two parameter groups, because SGD(network.parameters(), weight_decay=...) would decay the biases too.
    """
    weights = [linear.weight for linear in linears(network)]
    biases = [linear.bias for linear in linears(network)]
    groups = [{"params": weights, "weight_decay": lambd / m}, {"params": biases, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=learning_rate)


def update(network, optimizer, X, Y, lambd):
    """One update on all m examples, X (m, n_x) and Y (m, 1). Returns the cost before it, L2 penalty included.

    lambd: for the returned cost alone; the optimizer was given its own, as weight_decay.
    """
    optimizer.zero_grad()
    cost = cross_entropy(network(X), Y)
    cost.backward()
    reported = cost.detach() + l2_penalty(network, lambd, m=X.shape[0])
    optimizer.step()
    return reported


def train(X, Y, parameters, *, learning_rate, num_iterations, lambd=0.0, keep_prob=1.0, seed=1):
    """A whole run. Returns the final parameters and the costs (num_iterations,), costs[i] before update i.

    X (n_x, m), Y (1, m), parameters as in the course, all float64 or all float32; none of them is changed.
    seed: of the dropout masks. PyTorch's global generator is left as it was.
    """
    network = load(parameters, keep_prob)
    optimizer = make_optimizer(network, learning_rate, lambd, m=X.shape[1])
    rows, labels = to_rows(X), to_rows(Y)  # (m, n_x), (m, 1)
    costs = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for _ in range(num_iterations):
            costs.append(update(network, optimizer, rows, labels, lambd))
    return read_parameters(network), torch.stack(costs).numpy()
