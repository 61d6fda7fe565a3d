"""Correct ports in the forms that people write match, in both dtypes: nothing right is refused."""

import pytest

HEAD = "def train(X, Y, parameters, *, learning_rate, num_iterations, lambd, keep_prob, seed):\n"

NUMPY = (
    """import numpy as np


class Network:
    def __init__(self, parameters):
        self.p = {name: value.copy() for name, value in parameters.items()}

    def step(self, X, Y, rate, lambd):
        p, m = self.p, X.shape[1]
        A1 = np.maximum(0, LINEAR(p["W1"], X) + p["b1"])
        A2 = np.maximum(0, LINEAR(p["W2"], A1) + p["b2"])
        Z3 = LINEAR(p["W3"], A2) + p["b3"]
        A3 = 1 / (1 + np.exp(-Z3))
        penalty = lambd / (2 * m) * sum(np.sum(p[W] ** 2) for W in ("W1", "W2", "W3"))
        cost = COST + penalty
        dZ3 = A3 - Y
        dZ2 = p["W3"].T @ dZ3 * (A2 > 0)
        dZ1 = p["W2"].T @ dZ2 * (A1 > 0)
        for i, dZ, A in ((1, dZ1, X), (2, dZ2, A1), (3, dZ3, A2)):
            p[f"W{i}"] = p[f"W{i}"] - rate * (PRODUCT(dZ, A) / m + lambd / m * p[f"W{i}"])
            p[f"b{i}"] = p[f"b{i}"] - rate * SUM(dZ) / m
        return cost


"""
    + HEAD
    + """    network, costs = Network(parameters), []
    for _ in range(num_iterations):
        costs.append(network.step(X, Y, X.dtype.type(learning_rate), X.dtype.type(lambd)))
    return RESULT
"""
)
PLAIN = {
    "LINEAR": "np.matmul", "PRODUCT": "(lambda dZ, A: dZ @ A.T)", "RESULT": "network.p, np.array(costs)",
    "SUM": "(lambda dZ: dZ.sum(axis=1, keepdims=True))",
    "COST": "np.mean(np.maximum(Z3, 0) - Z3 * Y + np.log1p(np.exp(-np.abs(Z3))))",
}  # fmt: skip
THETA = (
    """import numpy as np

SHAPES = ((20, 2), (20, 1), (3, 20), (3, 1), (1, 3), (1, 1))
NAMES = ("W1", "b1", "W2", "b2", "W3", "b3")


def unrolled(arrays):
    return np.concatenate([array.ravel(order="F") for array in arrays])


def rolled(theta):
    ends = np.cumsum([a * b for a, b in SHAPES])[:-1]
    return [part.reshape(shape, order="F") for part, shape in zip(np.split(theta, ends), SHAPES)]


def cost_and_gradient(theta, X, Y, lambd):
    m, (W1, b1, W2, b2, W3, b3) = X.shape[1], rolled(theta)
    A1 = np.maximum(0, W1 @ X + b1)
    A2 = np.maximum(0, W2 @ A1 + b2)
    Z3 = W3 @ A2 + b3
    cost = np.mean(np.logaddexp(0, Z3) - Y * Z3) + lambd / (2 * m) * sum((W * W).sum() for W in (W1, W2, W3))
    dZ3 = 1 / (1 + np.exp(-Z3)) - Y
    dZ2 = W3.T @ dZ3 * (A2 > 0)
    dZ1 = W2.T @ dZ2 * (A1 > 0)
    gradients = []
    for W, dZ, A in ((W1, dZ1, X), (W2, dZ2, A1), (W3, dZ3, A2)):
        gradients += [(dZ @ A.T + lambd * W) / m, dZ.sum(axis=1, keepdims=True) / m]
    return cost, unrolled(gradients)


"""
    + HEAD
    + """    theta, costs = unrolled([parameters[name] for name in NAMES]), []
    for _ in range(num_iterations):
        cost, gradient = cost_and_gradient(theta, X, Y, X.dtype.type(lambd))
        theta = theta - X.dtype.type(learning_rate) * gradient
        costs.append(cost)
    return dict(zip(NAMES, rolled(theta))), costs
"""
)
TORCH = (
    """import torch
from torch import nn
from torch.func import functional_call, grad_and_value, vmap
F = nn.functional


class Net(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(p[f"W{i}"].shape[1], p[f"W{i}"].shape[0]) for i in (1, 2, 3))
        self.to(torch.from_numpy(p["W1"]).dtype)
        with torch.no_grad():
            for i, layer in enumerate(self.layers, 1):
                layer.weight.copy_(torch.from_numpy(p[f"W{i}"]))
                layer.bias.copy_(torch.from_numpy(p[f"b{i}"][:, 0]))

    def forward(self, x):
        x = torch.relu(self.layers[0](x))
        return self.layers[2](torch.relu(self.layers[1](x)))


"""
    + HEAD
    + """    net, m, costs = Net(parameters), X.shape[1], []
    x, y = torch.from_numpy(X.T.copy()), torch.from_numpy(Y.T.copy())
    SETUP
    for _ in range(num_iterations):
        BODY
    return {f"{k}{i}": (v.weight if k == "W" else v.bias[:, None]).detach().numpy()
            for i, v in enumerate(net.layers, 1) for k in "Wb"}, costs
"""
)
WITH_OPTIMIZER = """loss = F.binary_cross_entropy_with_logits(net(x), y)
        penalty = lambd / (2 * m) * sum((layer.weight ** 2).sum() for layer in net.layers)
        optimizer.zero_grad()
        (loss + penalty).backward()
        optimizer.step()
        costs.append((loss + penalty).item())"""
WITHOUT = """loss = F.binary_cross_entropy_with_logits(net(x), y)
        loss = loss + lambd / (2 * m) * sum(layer.weight.square().sum() for layer in net.layers)
        gradients = torch.autograd.grad(loss, list(net.parameters()))
        with torch.no_grad():
            for p, g in zip(net.parameters(), gradients):
                p -= learning_rate * g
        costs.append(loss.detach())"""
VMAP = """def loss_of(p):
            one = lambda a, b: F.binary_cross_entropy_with_logits(functional_call(net, p, (a[None],))[0], b)
            decay = sum((v * v).sum() for k, v in p.items() if k.endswith("weight"))
            return vmap(one)(x, y).mean() + lambd / (2 * m) * decay
        gradients, loss = grad_and_value(loss_of)({k: v.detach() for k, v in net.named_parameters()})
        with torch.no_grad():
            for k, p in net.named_parameters():
                p -= learning_rate * gradients[k]
        costs.append(float(loss))"""
KERAS = (
    """import keras
import numpy as np
import tensorflow as tf


"""
    + HEAD
    + """    dtype, m, costs = str(X.dtype), X.shape[1], []
    dense = lambda n, act: keras.layers.Dense(n, activation=act, dtype=dtype)
    layers = [dense(len(parameters["b1"]), "relu"), dense(len(parameters["b2"]), "relu"), dense(1, None)]
    half = np.asarray(lambd / (2 * m), X.dtype)
    MODEL
    for i, layer in enumerate(layers, 1):
        layer.kernel.assign(parameters[f"W{i}"].T)
        layer.bias.assign(parameters[f"b{i}"][:, 0])
    optimizer = keras.optimizers.SGD(lambda: np.asarray(learning_rate, X.dtype))
    x, y = tf.constant(X.T), tf.constant(Y.T)

    def penalty():
        return half * sum(tf.reduce_sum(tf.square(layer.kernel)) for layer in layers)

    def entropy(labels, logits):
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits))

    SETUP
    for _ in range(num_iterations):
        BODY
    return {f"{k}{i}": v.kernel.numpy().T.copy() if k == "W" else v.bias.numpy()[:, None].copy()
            for i, v in enumerate(layers, 1) for k in "Wb"}, costs
"""
)
FUNCTIONAL = """inputs = keras.Input((X.shape[0],), dtype=dtype)
    outputs = layers[2](layers[1](layers[0](inputs)))
    model = keras.Model(inputs, outputs)"""
TAPE = """with tf.GradientTape() as tape:
            cost = entropy(y, model(x, training=True)) + LOSSES
        optimizer.apply(tape.gradient(cost, model.trainable_variables), model.trainable_variables)
        costs.append(cost.numpy())"""
ADD_LOSS = """class Penalized(keras.layers.Layer):
        def call(self, logits):
            self.add_loss(penalty())
            return logits
    inputs = keras.Input((X.shape[0],), dtype=dtype)
    model = keras.Model(inputs, Penalized(dtype=dtype)(layers[2](layers[1](layers[0](inputs)))))"""
GRAPH = (
    """import numpy as np
import tensorflow as tf
v1 = tf.compat.v1


"""
    + HEAD
    + """    with tf.Graph().as_default(), v1.Session() as session:
        p = {name: v1.Variable(value) for name, value in parameters.items()}
        x, y, m = tf.constant(X), tf.constant(Y), X.shape[1]
        A1 = tf.nn.relu(p["W1"] @ x + p["b1"])
        Z3 = p["W3"] @ tf.nn.relu(p["W2"] @ A1 + p["b2"]) + p["b3"]
        half = np.asarray(lambd / (2 * m), X.dtype)
        cost = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=Z3))
        cost += half * sum(tf.reduce_sum(p[W] ** 2) for W in ("W1", "W2", "W3"))
        names = list(p)
        gradients = tf.gradients(cost, [p[name] for name in names])
        rate = np.asarray(learning_rate, X.dtype)
        with tf.control_dependencies([tf.identity(cost), *gradients]):
            update = [v1.assign_sub(p[name], rate * g) for name, g in zip(names, gradients)]
        session.run(v1.global_variables_initializer())
        costs = []
        for _ in range(num_iterations):
            costs.append(session.run(cost))
            session.run(update)
        return session.run(p), np.array(costs)
"""
)


def written(source, **parts):
    for place, text in parts.items():
        assert place in source
        source = source.replace(place, text)
    return source


def plain(**parts):
    return written(NUMPY, **PLAIN | parts)


FORMS = {
    "a class with state": plain(),
    "einsum, with rows as examples": plain(
        LINEAR="(lambda W, A: np.einsum('ij,mj->mi', W, A.T.copy()).T)",
        PRODUCT="(lambda dZ, A: np.einsum('im,jm->ij', dZ, A))"),
    "theta, unrolled in Fortran's order": THETA,
    "sums in chunks": plain(
        SUM="(lambda dZ: sum(part.sum(axis=1, keepdims=True) for part in np.array_split(dZ, 7, axis=1)))",
        PRODUCT="(lambda dZ, A: sum(dZ[:, i : i + 16] @ A[:, i : i + 16].T for i in range(0, dZ.shape[1], 16)))"),
    "views returned": plain(
        RESULT="{k: np.stack([v, v])[0].T.copy().T for k, v in network.p.items()}, np.array(costs)[::1]"),
    "a torch Module with its optimizer": written(
        TORCH, SETUP="optimizer = torch.optim.SGD(net.parameters(), lr=learning_rate)", BODY=WITH_OPTIMIZER),
    "a torch Module without an optimizer": written(TORCH, SETUP="", BODY=WITHOUT),
    "functional_call and vmap": written(TORCH, SETUP="", BODY=VMAP),
    "Keras functional with a penalty that is added": written(
        KERAS.replace("    MODEL\n", "").replace("    for i, layer in enumerate(layers, 1):\n        layer.kernel.assign",
        "    for layer, name in zip(layers, ('W1', 'W2', 'W3')):\n        layer.build((None, parameters[name].shape[1]))\n"
        "    for i, layer in enumerate(layers, 1):\n        layer.kernel.assign"),
        SETUP=ADD_LOSS, BODY=TAPE.replace("LOSSES", "sum(model.losses)")),
    "Keras train_on_batch": written(
        KERAS.replace("    return {f", "    keras.config.set_floatx('float32')\n    return {f"),
        MODEL=FUNCTIONAL, SETUP="keras.config.set_floatx(dtype)\n"
        "    model.compile(optimizer, loss=lambda a, b: entropy(a, b) + penalty())",
        BODY="costs.append(float(model.train_on_batch(x, y)))\n        model.reset_metrics()"),
    "a graph of TensorFlow 1": GRAPH,
}  # fmt: skip
QUICK = ("a class with state", "theta, unrolled in Fortran's order")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("form", [f if f in QUICK else pytest.param(f, marks=pytest.mark.full) for f in FORMS])
def test_a_correct_port_matches_however_it_is_written(brought, form, dtype):
    if "torch" in FORMS[form]:
        pytest.importorskip("torch")
    if "tensorflow" in FORMS[form]:
        pytest.importorskip("tensorflow")
    result = brought(FORMS[form], variants=["none", "l2"] if form in QUICK else ["l2"], dtype=dtype)
    assert not result.failed_tensors, (result.failed_tensors, result.names)
    assert not result.skipped
    assert {"W1 after update 1", "b3 after update 2", "cost"} <= {check["tensor"] for check in result.checks}
