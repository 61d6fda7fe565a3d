"""The updates of many replicates as one loop, compiled by Numba; imported only where that is installed (see fused.py).

Formulas and names are numpy_impl's; i and k run over units, j over the examples. What is not finite goes the same ways.
"""

import numpy as np
from numba import config, njit

FAST = {"reassoc", "contract", "nsz", "arcp"}
"""What the compiler may rearrange, to add several numbers at once; not what is not finite."""


COMPILED = not config.DISABLE_JIT  # type: ignore[attr-defined]
"""Whether it is compiled; interpreted it would take hours."""


@njit(cache=True, fastmath=FAST)
def advance(data, layers, masks, noise, kept):
    """Make the updates; the parameters are changed in place.

    data: X (R, n_x, m), Y (R, m), learning rates (R,), lambd / m, keep_prob. layers: (W1, b1), (W2, b2), (W3, b3), W1
    (R, S, h1, n_x), b1 (R, S, h1, 1), ... masks: D1 (steps, S, h1, m) and D2, bool, empty without dropout. noise: shares of
    the last place, a power of two of them; where to begin in them; how many of the first replicates are not moved. kept, to
    be filled: Z3s (steps, R, S, 1, m), and, unless they are empty, the weights before each update, W1s (steps, R, S, h1,
    n_x), W2s, W3s.
    """
    (X, Y, rates, decay, keep_prob), (D1, D2), (signs, at, still), (Z3s, W1s, W2s, W3s) = data, masks, noise, kept
    (W1, b1), (W2, b2), (W3, b3) = layers
    A1, dZ1 = np.empty((W1.shape[2], X.shape[2]), X.dtype), np.empty((W1.shape[2], X.shape[2]), X.dtype)
    A2, dZ2 = np.empty((W2.shape[2], X.shape[2]), X.dtype), np.empty((W2.shape[2], X.shape[2]), X.dtype)
    dZ3 = np.empty((1, X.shape[2]), X.dtype)
    one, m = X.dtype.type(1), X.dtype.type(X.shape[2])  # not integers, with which float32 would become float64
    for lane in range(W1.shape[0]):
        for s in range(W1.shape[1]):
            layer1, layer2, layer3 = (W1[lane, s], b1[lane, s]), (W2[lane, s], b2[lane, s]), (W3[lane, s], b3[lane, s])
            for step in range(Z3s.shape[0]):
                if len(W1s):
                    W1s[step, lane, s], W2s[step, lane, s], W3s[step, lane, s] = layer1[0], layer2[0], layer3[0]
                Z3 = Z3s[step, lane, s]

                linear(layer1, X[lane], A1)
                relu(A1)
                if len(D1):
                    drop(A1, D1[step, s], keep_prob)
                linear(layer2, A1, A2)
                relu(A2)
                if len(D2):
                    drop(A2, D2[step, s], keep_prob)
                linear(layer3, A2, Z3)

                for j in range(X.shape[2]):
                    dZ3[0, j] = (one / (one + np.exp(-Z3[0, j])) - Y[lane, j]) / m
                back(layer3[0], dZ3, A2, keep_prob, dZ2)
                back(layer2[0], dZ2, A1, keep_prob, dZ1)
                descend(layer3, dZ3, A2, rates[lane], decay)
                descend(layer2, dZ2, A1, rates[lane], decay)
                descend(layer1, dZ1, X[lane], rates[lane], decay)

                if lane < still:
                    continue
                for W, b in (layer1, layer2, layer3):
                    at = (1664525 * at + 1013904223) & (len(signs) - 1)  # every offset comes once (Knuth's congruence)
                    move(W, signs, at)
                    move(b, signs, at + W.size)


@njit(cache=True, fastmath=FAST)
def linear(layer, A, Z):
    """Z = W A + b."""
    W, b = layer
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            Z[i, j] = b[i, 0]
        for k in range(A.shape[0]):
            for j in range(Z.shape[1]):
                Z[i, j] += W[i, k] * A[k, j]


@njit(cache=True, fastmath=FAST)
def relu(Z):
    """max(0, Z), in place."""
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            if Z[i, j] <= 0:
                Z[i, j] = 0


@njit(cache=True, fastmath=FAST)
def drop(A, D, keep_prob):
    """A D / keep_prob, in place."""
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            A[i, j] = A[i, j] * D[i, j] / keep_prob


@njit(cache=True, fastmath=FAST)
def back(W, dZ, A, keep_prob, dA):
    """dA = W^T dZ / keep_prob where A > 0: a unit that was dropped has A = 0."""
    for k in range(A.shape[0]):
        for j in range(A.shape[1]):
            dA[k, j] = 0
        for i in range(dZ.shape[0]):
            for j in range(A.shape[1]):
                dA[k, j] += W[i, k] * dZ[i, j]
        for j in range(A.shape[1]):
            dA[k, j] = dA[k, j] * (A[k, j] > 0) / keep_prob


@njit(cache=True, fastmath=FAST)
def descend(layer, dZ, A, rate, decay):
    """W <- W - rate (dZ A^T + decay W), b <- b - rate sum(dZ); dZ is divided by m already."""
    W, b = layer
    for i in range(dZ.shape[0]):
        db = dZ.dtype.type(0)
        for j in range(dZ.shape[1]):
            db += dZ[i, j]
        b[i, 0] -= rate * db
        for k in range(A.shape[0]):
            dW = dZ.dtype.type(0)
            for j in range(dZ.shape[1]):
                dW += dZ[i, j] * A[k, j]
            if decay != 0:  # 0 times infinity is not a number
                dW += decay * W[i, k]
            W[i, k] -= rate * dW


@njit(cache=True)  # nothing rearranged: what is added is rounded off
def move(values, signs, at):
    """Move every number by its share of the last place, in place; what is not finite stays."""
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            if np.isfinite(values[i, j]):
                values[i, j] += values[i, j] * signs[(at + i * values.shape[1] + j) & (len(signs) - 1)]
