"""The network in Caffe: LINEAR - RELU - [DROPOUT] - LINEAR - RELU - [DROPOUT] - LINEAR - SIGMOID, net and solver as text.

For `CAFFE_PYTHON=... python compare.py check tests/ports/caffe_port.py --dtype float32`. Caffe 1.0 is of 2017 and no longer
developed; the only build that pip installs is of 2021, for Python 3.7 to 3.9. So an interpreter of its own drives it: it
runs this file, and what is asked goes there and comes back as NumPy's .npz, in float32, the only dtype that Caffe has.

    python3.9 -m venv caffe
    caffe/bin/python -m pip install kendryte-caffe==1.0.0.20210829 "numpy<2" "protobuf<3.21"
    export CAFFE_PYTHON=$PWD/caffe/bin/python
"""

import atexit
import io
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

LINEAR = """
layer {{ name: "Z{i}" type: "InnerProduct" bottom: "{below}" top: "Z{i}" inner_product_param {{ num_output: {units} }}
        param {{ lr_mult: 1 decay_mult: 1 }} param {{ lr_mult: 1 decay_mult: 0 }} }}"""
# A bias decays like a weight unless its decay_mult is 0. Published model files give it an lr_mult of 2: twice the rate.
RELU = """
layer {{ name: "relu{i}" type: "ReLU" bottom: "Z{i}" top: "{top}" }}"""
DROPOUT = """
layer {{ name: "A{i}" type: "Dropout" bottom: "R{i}" top: "A{i}" dropout_param {{ dropout_ratio: {ratio} }} }}"""
SOLVER = """
net: "{net}" type: "SGD" base_lr: {rate} lr_policy: "fixed" momentum: 0 regularization_type: "L2" weight_decay: {decay}
random_seed: {seed} solver_mode: CPU max_iter: 1000000000 snapshot_after_train: false"""


def layers(sizes, m, keep_prob):
    """The net as text: X (m, n_x) and Y (m, 1) go in; its blobs hold Z1 (m, 20) to Z3 (m, 1) and the cost, a mean."""
    (n_x, *units), text = sizes, ""
    for name, n in (("X", n_x), ("Y", 1)):
        text += f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ dim: {m} dim: {n} }} }} }}\n'
    below = "X"
    for i, n in enumerate(units, start=1):
        text += LINEAR.format(i=i, below=below, units=n)
        if i < len(units):
            drops = keep_prob < 1
            text += RELU.format(i=i, top=f"R{i}" if drops else f"A{i}")
            text += DROPOUT.format(i=i, ratio=1 - keep_prob) if drops else ""  # the share dropped; divides by 1 - ratio
            below = f"A{i}"
    return text + '\nlayer { name: "cost" type: "SigmoidCrossEntropyLoss" bottom: "Z3" bottom: "Y" top: "cost" }'


def make_solver(X, Y, parameters, learning_rate, lambd, keep_prob, seed):
    """A solver whose net has these parameters and this batch. Its update subtracts base_lr (dW + weight_decay W)."""
    import caffe

    m = X.shape[1]
    sizes = [len(X), *(len(parameters[b]) for b in ("b1", "b2", "b3"))]
    with tempfile.TemporaryDirectory() as folder:
        net, solver = (os.path.join(folder, name) for name in ("net.prototxt", "solver.prototxt"))
        with open(net, "w") as file:
            file.write(layers(sizes, m, keep_prob))
        with open(solver, "w") as file:
            file.write(SOLVER.format(net=net, rate=learning_rate, decay=lambd / m, seed=seed))
        made = caffe.SGDSolver(solver)
    for i in (1, 2, 3):
        made.net.params[f"Z{i}"][0].data[...] = parameters[f"W{i}"]  # the course's layout (n_out, n_in)
        made.net.params[f"Z{i}"][1].data[...] = parameters[f"b{i}"][:, 0]
    made.net.blobs["X"].data[...] = X.T  # rows are examples
    made.net.blobs["Y"].data[...] = Y.T
    return made


def in_columns(net, of):
    """W1, b1, ..., b3, or what `of` gives of each: its data or its diff, the gradient."""
    arrays: dict[str, np.ndarray] = {}
    for i in (1, 2, 3):
        W, b = net.params[f"Z{i}"]
        arrays |= {f"W{i}": np.array(of(W)), f"b{i}": np.array(of(b))[:, np.newaxis]}
    return arrays


def l2_penalty(parameters, lambd, m):
    """lambd / (2 m) * (sum(W1^2) + sum(W2^2) + sum(W3^2)); the biases carry no penalty, and Caffe's loss has none at all."""
    return np.float32(lambd / (2 * m)) * sum(np.sum(parameters[W] ** 2) for W in ("W1", "W2", "W3"))


def train_in_caffe(X, Y, parameters, *, learning_rate, num_iterations, lambd, keep_prob, seed):
    solver = make_solver(X, Y, parameters, learning_rate, lambd, keep_prob, seed)
    costs = np.empty(num_iterations, np.float32)
    for i in range(num_iterations):
        penalty = l2_penalty(in_columns(solver.net, lambda blob: blob.data), lambd, X.shape[1])
        solver.step(1)
        costs[i] = solver.net.blobs["cost"].data + penalty
    return in_columns(solver.net, lambda blob: blob.data) | {"costs": costs}


def trace_in_caffe(X, Y, parameters, *, lambd, keep_prob, seed):
    net, m = make_solver(X, Y, parameters, 0.1, lambd, keep_prob, seed).net, X.shape[1]
    net.forward()
    net.backward()
    arrays = {name: np.array(net.blobs[name].data.T, order="C") for name in ("Z1", "A1", "Z2", "A2", "Z3")}
    # A unit that is 0 before dropout reads as dropped; either answer gives the same network.
    arrays |= {"D1": arrays["A1"] != 0, "D2": arrays["A2"] != 0} if keep_prob < 1 else {}
    data, penalty = np.array(net.blobs["cost"].data), np.asarray(l2_penalty(parameters, lambd, m), np.float32)
    arrays |= {"cross_entropy": data, "l2_penalty": penalty, "cost": data + penalty}
    return arrays | {"d" + name: value for name, value in in_columns(net, lambda blob: blob.diff).items()}


def answer(requests, answers):
    """In Caffe's interpreter: take one call after the other, of train_in_caffe or trace_in_caffe."""
    while length := requests.readline():
        with np.load(io.BytesIO(requests.read(int(length)))) as content:
            arrays = dict(content)
        name, settings = json.loads(arrays.pop("call").item())
        function = train_in_caffe if name == "train" else trace_in_caffe
        send(answers, function(arrays.pop("X"), arrays.pop("Y"), arrays, **settings))


def send(stream, arrays):
    content = io.BytesIO()
    np.savez(content, **arrays)
    stream.write(b"%d\n" % content.tell() + content.getvalue())
    stream.flush()


INTERPRETER: list[subprocess.Popen] = []
"""The process that drives Caffe, started at the first call."""


def ask(name, X, Y, parameters, **settings):
    """The arrays that a call gives in Caffe's interpreter."""
    if not INTERPRETER:
        command = [os.environ["CAFFE_PYTHON"], os.path.abspath(__file__)]
        quiet = os.environ | {"GLOG_minloglevel": "2", "PYTHONPATH": ""}
        INTERPRETER.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=quiet))
        atexit.register(INTERPRETER[0].kill)
    process = INTERPRETER[0]
    assert process.stdin is not None
    assert process.stdout is not None
    send(process.stdin, {"call": np.array(json.dumps([name, settings])), "X": X, "Y": Y, **parameters})
    length = process.stdout.readline()
    if not length:
        raise RuntimeError(f"Caffe's interpreter ended with {process.wait()}; what it said stands above")
    with np.load(io.BytesIO(process.stdout.read(int(length)))) as content:
        return dict(content)


def train(X, Y, parameters, *, learning_rate, num_iterations, lambd, keep_prob, seed):
    """Full-batch gradient descent. Returns the last parameters and the costs (num_iterations,), costs[i] before update i."""
    settings = {"learning_rate": learning_rate, "num_iterations": num_iterations}
    arrays = ask("train", X, Y, parameters, **settings, lambd=lambd, keep_prob=keep_prob, seed=seed)
    return arrays, arrays.pop("costs")


def trace(X, Y, parameters, *, lambd, keep_prob, seed):
    """The first training step from inside: Z1, A1, D1, Z2, A2, D2, Z3 (n, m), D bool and with dropout only; the numbers
    cross_entropy, l2_penalty and cost; and dW1, db1 ... dW3, db3 of the cross-entropy, each of its parameter's shape."""
    return ask("trace", X, Y, parameters, lambd=lambd, keep_prob=keep_prob, seed=seed)


def predict(X, parameters):
    """Class of each example, int64 (1, m): 1 where the probability is > 0.5. No dropout."""
    tensors = trace(X, np.zeros((1, X.shape[1]), X.dtype), parameters, lambd=0.0, keep_prob=1.0, seed=1)
    # Not by Caffe's Sigmoid layer: it computes tanh(Z3 / 2) / 2 + 1/2, in which small probabilities are 0.
    return (tensors["Z3"] > 0).astype(np.int64)


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what Caffe prints does not get between the answers
    answer(sys.stdin.buffer, answers)
