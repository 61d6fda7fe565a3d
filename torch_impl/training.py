"""One update, and the loop over the updates: full-batch gradient descent."""

import torch

from shared.contract import Segment, join, segment_lengths
from torch_impl.compiling import is_compiled, make_compiled
from torch_impl.cost import l2_penalty
from torch_impl.gradients import cost_and_gradients
from torch_impl.network import Network, read_parameters, to_rows


def make_optimizer(network, learning_rate, lambd, m):
    """Plain SGD with L2: weight_decay = lambd / m adds lambd / m * W to each dW.

    Two parameter groups, because SGD(network.parameters(), weight_decay=...) would decay the biases too.
    """
    weights = [linear.weight for linear in network.linears()]
    biases = [linear.bias for linear in network.linears()]
    groups = [{"params": weights, "weight_decay": lambd / m}, {"params": biases, "weight_decay": 0.0}]
    # For six small tensors, one after the other is faster than all at once (foreach).
    return torch.optim.SGD(groups, lr=learning_rate, foreach=False)


def train_segments(X, Y, parameters, *, learning_rate, lengths, lambd=0.0, keep_prob=1.0, seed=1, frozen=False):
    """Train for sum(lengths) updates; after each of the lengths, yield a Segment (costs, parameters, masks).

    X (n_x, m), Y (1, m), parameters as in the course; none of them is changed. frozen: the same masks at every iteration.
    """
    m = X.shape[-1]
    X, Y = to_rows(X), to_rows(Y)  # (m, n_x), (m, 1)
    dropout_state = torch.Generator().manual_seed(seed).get_state()

    def make():  # afresh whenever it is asked for: compiling tries the step out
        network = Network(parameters, keep_prob, seed)
        optimizer = make_optimizer(network, learning_rate, lambd, m)

        def step():  # one update; A1 and A2 tell which units the dropout layers let through
            cost, _, cache = cost_and_gradients(network, X, Y)
            if lambd:
                cost = cost + l2_penalty(network, lambd, m)
            optimizer.step()
            return cost, *((cache["A1"], cache["A2"]) if keep_prob < 1 else ())

        return network, step

    network, step = make_compiled(make) if is_compiled(lengths) else make()
    for length in lengths:
        costs, D1s, D2s = [], [], []
        with torch.random.fork_rng(devices=[]):  # leave the caller's generator as it was
            torch.set_rng_state(dropout_state)
            for _ in range(length):
                if frozen:
                    network.reset_dropout()
                cost, *dropped = step()
                costs.append(cost)
                if keep_prob < 1:
                    A1, A2 = dropped
                    D1s.append(A1.bool())  # != 0, and three times as fast
                    D2s.append(A2.bool())
            dropout_state = torch.get_rng_state()
        masks = tuple(torch.stack(Ds).mT.numpy() for Ds in (D1s, D2s)) if keep_prob < 1 else None
        yield Segment(torch.stack(costs).numpy(), read_parameters(network), masks)


def train(X, Y, parameters, *, learning_rate, num_iterations, lambd=0.0, keep_prob=1.0, seed=1):
    """A whole run. Returns the final parameters and the costs (num_iterations,), costs[i] before update i."""
    lengths = segment_lengths(num_iterations)
    return join(train_segments(X, Y, parameters, learning_rate=learning_rate, lengths=lengths,
                               lambd=lambd, keep_prob=keep_prob, seed=seed))  # fmt: skip
