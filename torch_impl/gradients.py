"""The gradients, by autograd."""

from torch_impl.cost import cross_entropy


def cost_and_gradients(network, X, Y):
    """One forward and backward pass. X (m, n_x), Y (m, 1); the network is in training mode, as every new one is.

    Returns the cross-entropy, its gradients (one tensor per parameter, in network.parameters() order; they also stand in
    each parameter's .grad, where the optimizer takes them from) and the cache.
    """
    network.zero_grad()
    Z3, cache = network(X)
    cost = cross_entropy(Z3, Y)
    cost.backward()
    gradients = [gradient for linear in network.linears() for gradient in (linear.weight.grad, linear.bias.grad)]
    return cost.detach(), gradients, cache
