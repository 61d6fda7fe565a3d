"""The network as a port in plain NumPy, for the tests of `check`: everything that can be checked, in one short file."""

import numpy as np


def sigmoid(z):
    return np.where(z >= 0, 1 / (1 + np.exp(-np.abs(z))), np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z))))


def step(X, Y, p, keep_prob, rng):
    m = X.shape[1]
    D1 = rng.random((len(p["b1"]), m)) < keep_prob
    D2 = rng.random((len(p["b2"]), m)) < keep_prob
    Z1 = p["W1"] @ X + p["b1"]
    A1 = np.maximum(Z1, 0) * D1 / keep_prob
    Z2 = p["W2"] @ A1 + p["b2"]
    A2 = np.maximum(Z2, 0) * D2 / keep_prob
    Z3 = p["W3"] @ A2 + p["b3"]
    A3 = sigmoid(Z3)
    cross_entropy = np.mean(np.maximum(Z3, 0) - Z3 * Y + np.log1p(np.exp(-np.abs(Z3))))
    dZ3 = A3 - Y
    dZ2 = p["W3"].T @ dZ3 * D2 / keep_prob * (Z2 > 0)
    dZ1 = p["W2"].T @ dZ2 * D1 / keep_prob * (Z1 > 0)
    t = {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2, "Z3": Z3, "A3": A3, "cross_entropy": cross_entropy}
    if keep_prob < 1:
        t |= {"D1": D1, "D2": D2}
    for i, dZ, A in ((1, dZ1, X), (2, dZ2, A1), (3, dZ3, A2)):
        t |= {f"dW{i}": dZ @ A.T / m, f"db{i}": dZ.sum(axis=1, keepdims=True) / m}
    return t


def penalty(p, lambd, m):
    return lambd / (2 * m) * sum(np.sum(p[W] ** 2) for W in ("W1", "W2", "W3"))


def trace(X, Y, parameters, *, lambd, keep_prob, seed):
    t = step(X, Y, parameters, keep_prob, np.random.default_rng(seed))
    l2_penalty = penalty(parameters, lambd, X.shape[1])
    return t | {"l2_penalty": l2_penalty, "cost": t["cross_entropy"] + l2_penalty}


def train(X, Y, parameters, *, learning_rate, num_iterations, lambd, keep_prob, seed):
    p, m = dict(parameters), X.shape[1]
    rng = np.random.default_rng(seed)
    costs = np.empty(num_iterations, X.dtype)
    for i in range(num_iterations):
        t = step(X, Y, p, keep_prob, rng)
        costs[i] = t["cross_entropy"] + penalty(p, lambd, m)
        decay = {W: lambd / m * p[W] for W in ("W1", "W2", "W3")}
        p = {name: value - learning_rate * (t["d" + name] + decay.get(name, 0)) for name, value in p.items()}
    return p, costs


def predict(X, parameters):
    t = step(X, np.zeros((1, X.shape[1]), X.dtype), parameters, 1, np.random.default_rng(0))
    return (t["A3"] > 0.5).astype(int)
