"""The gradients by hand: backward propagation plain, with L2, and with dropout. A.mT is the transpose of A.

Caches are unpacked by position, so that the course's plain tuples can be given as well.
"""

from .network import forward_propagation, forward_propagation_with_dropout


def backward_propagation(X, Y, cache):
    """Gradients of the cross-entropy. X (n_x, m), Y (1, m), the cache of `forward_propagation`.

    dZ3 = A3 - Y;  dW = 1/m dZ A_prev^T;  db = 1/m sum(dZ);  dA = W^T dZ_next;  dZ = dA where A > 0.
    Returns a dict of dW1 (20, n_x), db1 (20, 1), ..., db3 (1, 1) and the dZ and dA they come from.
    """
    (_, A1, _, _, _, A2, W2, _, _, A3, W3, _) = cache
    return _backward(X, Y, (A1, A2, A3), W2, W3)


def backward_propagation_with_regularization(X, Y, cache, lambd):
    """Gradients of the regularized cost: each dW gains lambd / m * W, the biases nothing."""
    (_, _, W1, _, _, _, W2, _, _, _, W3, _) = cache
    return _add(backward_propagation(X, Y, cache), decay({"W1": W1, "W2": W2, "W3": W3}, lambd, Y.shape[-1]))


def backward_propagation_with_dropout(X, Y, cache, keep_prob):
    """Gradients with dropout: dA1 and dA2 take the mask and the division by keep_prob of their forward pass."""
    (_, D1, A1, _, _, _, D2, A2, W2, _, _, A3, W3, _) = cache
    drops = lambda dA1: dA1 * D1 / keep_prob, lambda dA2: dA2 * D2 / keep_prob
    return _backward(X, Y, (A1, A2, A3), W2, W3, *drops)


def decay(parameters, lambd, m):
    """Gradients of the penalty lambd / (2 m) * sum(W^2): lambd / m * W for each weight matrix, nothing for the biases."""
    return {"d" + name: lambd / m * parameters[name] for name in ("W1", "W2", "W3")}


def propagate(X, Y, parameters, lambd=0.0, keep_prob=1.0, rng=None):
    """One forward and backward pass in training. Returns the gradients dW1 ... db3 of the whole cost, and the cache.

    The gradients of the penalty are added here, as in the course; in the frameworks the optimizer does it.
    """
    if keep_prob == 1:
        _, cache = forward_propagation(X, parameters)
        gradients = backward_propagation(X, Y, cache)
    else:
        _, cache = forward_propagation_with_dropout(X, parameters, keep_prob, rng)
        gradients = backward_propagation_with_dropout(X, Y, cache, keep_prob)
    if lambd:
        gradients = _add(gradients, decay(parameters, lambd, Y.shape[-1]))
    return gradients, cache


def _backward(X, Y, activations, W2, W3, drop1=lambda dA1: dA1, drop2=lambda dA2: dA2):
    """See `backward_propagation`. drop1 and drop2: what dropout makes of dA1 and dA2."""
    A1, A2, A3 = activations
    m = X.shape[-1]

    dZ3 = A3 - Y  # (1, m)
    dW3 = dZ3 @ A2.mT / m  # (1, 3)
    db3 = dZ3.sum(axis=-1, keepdims=True) / m  # (1, 1)

    dA2 = drop2(W3.mT @ dZ3)  # (3, m)
    dZ2 = dA2 * (A2 > 0)  # (3, m)
    dW2 = dZ2 @ A1.mT / m  # (3, 20)
    db2 = dZ2.sum(axis=-1, keepdims=True) / m  # (3, 1)

    dA1 = drop1(W2.mT @ dZ2)  # (20, m)
    dZ1 = dA1 * (A1 > 0)  # (20, m)
    dW1 = dZ1 @ X.mT / m  # (20, n_x)
    db1 = dZ1.sum(axis=-1, keepdims=True) / m  # (20, 1)

    return {"dZ3": dZ3, "dW3": dW3, "db3": db3, "dA2": dA2, "dZ2": dZ2, "dW2": dW2, "db2": db2,
            "dA1": dA1, "dZ1": dZ1, "dW1": dW1, "db1": db1}  # fmt: skip


def _add(gradients, more):
    return gradients | {name: gradients[name] + value for name, value in more.items()}
