"""The cost: mean binary cross-entropy, and the L2 penalty on the weights."""

import torch
from torch.nn import functional as F

from .network import linears


def cross_entropy(Z3, Y):
    """Mean cross-entropy of the logits Z3 (m, 1) and labels Y (m, 1). With logits: a sigmoid before it would count twice."""
    return F.binary_cross_entropy_with_logits(Z3, Y)


def l2_penalty(network, lambd, m):
    """lambd / (2 m) * (sum(W1^2) + sum(W2^2) + sum(W3^2)) over m examples; the biases carry no penalty.

    For the reported cost only: the optimizer's weight_decay does the work, and its loss never holds the penalty.
    """
    with torch.no_grad():
        return lambd / (2 * m) * sum(linear.weight.square().sum() for linear in linears(network))
