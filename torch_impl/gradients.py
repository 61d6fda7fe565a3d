"""The gradients, by autograd."""

from torch_impl.cost import cross_entropy


def cost_and_gradients(network, X, Y):
    """One forward and backward pass in training mode. X (m, n_x), Y (m, 1).

    Returns the cross-entropy, its gradients (one tensor per parameter, in network.parameters() order; they also stand in
    each parameter's .grad, where the optimizer takes them from) and the cache.
    """
    network.train()
    network.zero_grad()
    Z3, cache = network(X)
    cost = cross_entropy(Z3, Y)
    cost.backward()
    return cost.detach(), [parameter.grad for parameter in network.parameters()], cache
