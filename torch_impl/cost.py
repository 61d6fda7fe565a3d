"""The cost: mean binary cross-entropy, and the L2 penalty on the weights."""

import torch
from torch.nn import functional as F

from .network import linears


def cross_entropy(Z3, Y):
    """Mean cross-entropy of the logits Z3 (m, 1) and the labels Y (m, 1) of the same dtype; a scalar.

    The sigmoid is part of it: given probabilities, it would apply the sigmoid twice.
    """
    return F.binary_cross_entropy_with_logits(Z3, Y)


def l2_penalty(network, lambd, m):
    """lambd / (2 m) * (sum(W1^2) + sum(W2^2) + sum(W3^2)) over m examples, a scalar; the biases carry no penalty.

    Only the reported cost holds it: the gradients are those of the cross-entropy alone, and the optimizer's weight_decay
    does the rest.
    """
    with torch.no_grad():
        return lambd / (2 * m) * sum(linear.weight.square().sum() for linear in linears(network))
