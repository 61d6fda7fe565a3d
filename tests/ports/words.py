"""Measure what a framework means by the words of the table in README.md here: `python tests/ports/words.py torch`.

It runs in a process of its own, for Caffe in Caffe's interpreter, and prints a cell for every row that it can measure.
"""

import json
import os
import sys

import numpy as np

EXACT = 1e-14
"""Relative differences below are the rounding of float64."""

P, RATE, DECAY = 0.14, 0.3, 0.1
"""The share dropped, a learning rate, and a decay, none of which float32 holds."""

HALF = 0.5
"""The learning rate with which the decay is measured, which float32 holds."""


def off(seen, right, exact=EXACT):
    """How far a number is from the right one."""
    relative = abs(float(seen) / right - 1)
    return "exact" if relative < exact else f"off by {relative:.1e}"


def cells(kept, moved, decayed, bias, shape, dtype, exact=EXACT):
    """The cells of a framework that has layers and optimizers.

    kept: what dropout makes of a 1 that it keeps. moved: by what an update moves a weight whose gradient is 1. decayed,
    bias: what an update of HALF without gradient leaves of a weight and a bias of 1. shape: of W, from 2 to 3 units.
    """
    seen = (1 - float(decayed)) / HALF
    multiple = round(seen / DECAY, 5)
    return {
        "what dropout keeps, in a float64 model": off(kept, 1 / (1 - P), exact),
        "a rate of 0.3, in a float64 model": off(moved, RATE, exact),
        "what the decay c adds to the gradient": f"{multiple:g} c W" if multiple != 1 else "c W",
        "a decay of 0.1, in a float64 model": off(seen, multiple * DECAY, exact),
        "biases decay by default": "yes" if float(bias) != 1 else "no",
        "shape of W": {(3, 2): "(n_out, n_in)", (2, 3): "(n_in, n_out)"}[tuple(shape)],
        "dtype by default": str(dtype).split(".")[-1],
    }


def per_example(found):
    """The same, where the decay that was given is divided by the number of examples."""
    row = "what the decay c adds to the gradient"
    return found | {row: found[row].replace("c W", "c / m W")}


def of_numpy():
    from numpy_impl.network import forward_propagation_with_dropout, initialize_parameters
    from numpy_impl.training import train

    start = initialize_parameters([2, 3, 3, 1])
    ones = {name: np.ones_like(value) for name, value in start.items()}
    zeros = {name: np.zeros_like(value) for name, value in start.items()}
    Y = np.array([[0.0, 1.0]])
    _, (_, D1, A1, *_) = forward_propagation_with_dropout(np.ones((2, 1000)), ones, 1 - P)
    settings = {"num_iterations": 1, "keep_prob": 1.0}
    # With W3 = 0 no gradient reaches W1; with zeros all over, db3 = 1/2 - mean(Y) = -1/2 where all labels are 1.
    decayed, _ = train(
        np.ones((2, 2)), Y, zeros | {"W1": ones["W1"], "b1": ones["b1"]}, lambd=2 * DECAY, learning_rate=HALF, **settings
    )
    moved, _ = train(np.ones((2, 2)), np.ones((1, 2)), zeros, lambd=0.0, learning_rate=RATE, **settings)
    found = cells(A1[D1 != 0].max() / 3, 2 * moved["b3"].item(), decayed["W1"][0, 0], decayed["b1"].item(0),
                  start["W1"].shape, start["W1"].dtype)  # fmt: skip
    return per_example(found)


def of_torch():
    import torch

    def updated(decay):
        layer = torch.nn.Linear(2, 3, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.fill_(1.0)
            layer.bias.fill_(1.0)
        optimizer = torch.optim.SGD(layer.parameters(), lr=HALF if decay else RATE, weight_decay=decay)
        ((layer.weight.sum() + layer.bias.sum()) * (not decay)).backward()
        optimizer.step()
        return layer

    kept = torch.nn.Dropout(P)(torch.ones(1000, dtype=torch.float64)).max()
    plain, decayed, default = updated(0.0), updated(DECAY), torch.nn.Linear(2, 3).weight
    return cells(kept, 1 - plain.weight[0, 0], decayed.weight[0, 0], decayed.bias[0], default.shape, default.dtype)


def of_keras():
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras
    import tensorflow as tf

    def updated(decay):
        layer = keras.layers.Dense(3, dtype="float64", kernel_initializer="ones", bias_initializer="ones")
        layer.build((None, 2))
        gradients = [tf.fill(tuple(v.shape), np.float64(not decay)) for v in layer.trainable_variables]
        keras.optimizers.SGD(HALF if decay else RATE, weight_decay=decay or None).apply(gradients, layer.trainable_variables)
        return layer

    kept = np.max(keras.layers.Dropout(P, dtype="float64")(tf.ones(1000, "float64"), training=True))
    plain, decayed, default = updated(0.0), updated(DECAY), keras.layers.Dense(3)
    default.build((None, 2))
    shape, dtype = default.kernel.shape, default.kernel.dtype
    return cells(kept, 1 - plain.kernel[0, 0], decayed.kernel[0, 0], decayed.bias[0], shape, dtype)


def of_paddle():
    import paddle

    def updated(decay):
        layer = paddle.nn.Linear(2, 3).to(dtype="float64")
        for parameter in layer.parameters():
            parameter.set_value(np.ones(parameter.shape))
        rate = HALF if decay else RATE
        optimizer = paddle.optimizer.SGD(rate, parameters=layer.parameters(), weight_decay=decay or None)
        ((layer.weight.sum() + layer.bias.sum()) * float(not decay)).backward()
        optimizer.step()
        return layer

    kept = paddle.nn.Dropout(P)(paddle.ones([1000], dtype="float64")).max()
    plain, decayed, default = updated(0.0), updated(DECAY), paddle.nn.Linear(2, 3).weight
    return cells(kept, 1 - plain.weight[0, 0], decayed.weight[0, 0], decayed.bias[0], default.shape, default.dtype)


def of_caffe():
    import tempfile

    import caffe

    layers = f"""
layer {{ name: "X" type: "Input" top: "X" input_param {{ shape {{ dim: 1000 dim: 2 }} }} }}
layer {{ name: "A" type: "Dropout" bottom: "X" top: "A" dropout_param {{ dropout_ratio: {P} }} }}
layer {{ name: "Z" type: "InnerProduct" bottom: "A" top: "Z" inner_product_param {{ num_output: 3 }} }}"""

    def solver_of(decay):
        with tempfile.NamedTemporaryFile("w", suffix=".net") as net, tempfile.NamedTemporaryFile("w") as solver:
            net.write(layers)
            net.flush()
            rate = HALF if decay else RATE
            solver.write(f'net: "{net.name}" base_lr: {rate} lr_policy: "fixed" weight_decay: {decay} random_seed: 1')
            solver.flush()
            made = caffe.SGDSolver(solver.name)
        for blob in made.net.params["Z"]:
            blob.data[...] = 1
            blob.diff[...] = not decay
        made.net.blobs["X"].data[...] = 1
        made.net.forward()
        made.apply_update()
        return made.net

    plain, decayed = solver_of(0.0), solver_of(DECAY)
    (W, b), moved = decayed.params["Z"], 1 - plain.params["Z"][0].data[0, 0]
    kept = decayed.blobs["A"].data.max()
    found = cells(kept, moved, W.data[0, 0], b.data[0], W.data.shape, W.data.dtype, exact=2e-6)
    return {row: cell.replace("exact", "exact, in float32") for row, cell in found.items()}


def of_jax():
    import jax

    default = jax.numpy.zeros(1).dtype
    jax.config.update("jax_enable_x64", True)
    moved = 1 - (jax.numpy.ones(1, "float64") - RATE * jax.numpy.ones(1, "float64"))[0]
    return {"a rate of 0.3, in a float64 model": off(moved, RATE), "dtype by default": str(default)}


def of_sklearn():
    import warnings

    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore")

    def updated(alpha, dtype="float64"):
        """One layer of 3 units from 2 inputs that are 0, so that its weights have no gradient but the decay."""
        X, y = np.zeros((4, 2), dtype), [0, 0, 1, 1]
        rate = HALF if alpha else RATE
        network = MLPClassifier([3], solver="sgd", alpha=alpha, learning_rate_init=rate, momentum=0.0, batch_size=4)
        network.partial_fit(X, y, classes=[0, 1])
        for value in (*network.coefs_, *network.intercepts_):
            value[...] = 0
        network.coefs_[0][...] = 1
        network.intercepts_[0][...] = 1
        return network.partial_fit(X, y if alpha else [1] * 4)

    plain, decayed = updated(0.0), updated(DECAY)
    # db of the output is 1/2 - 1 where all labels are 1; with m = 4 examples the decay is a quarter of alpha.
    W, b = decayed.coefs_[0], decayed.intercepts_[0]
    found = cells(1 / (1 - P), 2 * plain.intercepts_[1][0], 1 - 4 * (1 - W[0, 0]), b[0], W.shape, W.dtype)
    del found["what dropout keeps, in a float64 model"]
    same = {str(updated(0.0, dtype).coefs_[0].dtype) == dtype for dtype in ("float32", "float64")}
    return per_example(found) | {"dtype by default": "that of X" if same == {True} else str(W.dtype)}


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    print(json.dumps(globals()[f"of_{sys.argv[1]}"]()))
