"""The network in PaddlePaddle: LINEAR - RELU - [DROPOUT] - LINEAR - RELU - [DROPOUT] - LINEAR - SIGMOID, out of its layers.

For `python compare.py check tests/ports/paddle_port.py`. NumPy arrays in the course's layout go in and come out: columns
are examples, X (n_x, m), Y (1, m), parameters W1 (20, n_x), b1 (20, 1), W2 (3, 20), b2 (3, 1), W3 (1, 3), b3 (1, 1).
Inside, rows are examples. Never import TensorFlow or Keras before Paddle in one process: it ends in a segmentation fault.
"""

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import nn


class Network(nn.Layer):
    """forward returns every tensor from Z1 (m, 20) to the logits Z3 (m, 1)."""

    def __init__(self, sizes, keep_prob):
        super().__init__()
        n_x, h1, h2, n_y = sizes
        self.linear1, self.linear2, self.linear3 = nn.Linear(n_x, h1), nn.Linear(h1, h2), nn.Linear(h2, n_y)
        # p is the share dropped. Both axes named is every unit for itself, as without; but without, Paddle rounds p through
        # float32, in a float64 network too, and divides by a keep_prob that is 1.7e-8 off.
        self.dropout1 = nn.Dropout(p=1 - keep_prob, axis=[0, 1])
        self.dropout2 = nn.Dropout(p=1 - keep_prob, axis=[0, 1])

    def forward(self, X):
        Z1 = self.linear1(X)  # (m, 20)
        A1 = self.dropout1(F.relu(Z1))  # (m, 20)
        Z2 = self.linear2(A1)  # (m, 3)
        A2 = self.dropout2(F.relu(Z2))  # (m, 3)
        return {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2, "Z3": self.linear3(A2)}


def load(parameters, keep_prob=1.0):
    """The network with these parameters, in their dtype. Paddle's kernels are (n_in, n_out), so W is transposed."""
    sizes = [parameters["W1"].shape[1], *(len(parameters[b]) for b in ("b1", "b2", "b3"))]
    network = Network(sizes, keep_prob).to(dtype=str(parameters["W1"].dtype))  # float32 unless told otherwise
    for layer, linear in enumerate(linears(network), start=1):
        linear.weight.set_value(parameters[f"W{layer}"].T)  # (n_in, n_out)
        linear.bias.set_value(parameters[f"b{layer}"][:, 0])  # (n_out,)
    return network


def linears(network):
    return network.linear1, network.linear2, network.linear3


def in_columns(network, of=lambda tensor: tensor):
    """W1, b1, ..., b3, or what `of` makes of each (its gradient), as NumPy copies in the course's layout."""
    arrays = {}
    for layer, linear in enumerate(linears(network), start=1):
        arrays[f"W{layer}"] = np.array(of(linear.weight).numpy().T, order="C")  # (n_out, n_in)
        arrays[f"b{layer}"] = np.array(of(linear.bias).numpy()[:, np.newaxis])  # (n_out, 1)
    return arrays


def cross_entropy(Z3, Y):
    """Mean cross-entropy of the logits Z3 (m, 1) and the labels Y (m, 1)."""
    # F.binary_cross_entropy_with_logits has a wrong gradient where a logit is exactly 0 (b3 and all of A2 are 0): -1/2 - Y
    # instead of 1/2 - Y. With a pos_weight of ones it is right there, but its losses lose digits where logits are large.
    return -paddle.mean(Y * F.log_sigmoid(Z3) + (1 - Y) * F.log_sigmoid(-Z3))


def l2_penalty(network, lambd, m):
    """lambd / (2 m) * (sum(W1^2) + sum(W2^2) + sum(W3^2)); the biases carry no penalty."""
    return lambd / (2 * m) * sum(paddle.sum(linear.weight.square()) for linear in linears(network))


def make_optimizer(network, learning_rate, lambd, m):
    """Gradient descent in which the weights decay and the biases do not: L2Decay(c) adds c W to the gradient of W."""
    groups = [
        {"params": [linear.weight for linear in linears(network)], "weight_decay": paddle.regularizer.L2Decay(lambd / m)},
        {"params": [linear.bias for linear in linears(network)], "weight_decay": 0.0},  # None would take the outer one
    ]
    return paddle.optimizer.SGD(learning_rate, parameters=groups)


def train(X, Y, parameters, *, learning_rate, num_iterations, lambd, keep_prob, seed):
    """Full-batch gradient descent. Returns the last parameters and the costs (num_iterations,), costs[i] before update i.

    The costs are those of training: masks applied, L2 penalty included. The dtype of the arrays, float64 or float32, is
    that of the result; the arguments are not changed.
    """
    paddle.seed(seed)  # one generator for all layers
    network, m = load(parameters, keep_prob), X.shape[1]
    optimizer = make_optimizer(network, learning_rate, lambd, m)
    rows, labels = paddle.to_tensor(X.T), paddle.to_tensor(Y.T)  # (m, n_x), (m, 1)

    costs = np.empty(num_iterations, X.dtype)
    for i in range(num_iterations):
        cost = cross_entropy(network(rows)["Z3"], labels)
        costs[i] = (cost + l2_penalty(network, lambd, m)).item()  # what decays is not in the loss: added for the report
        cost.backward()
        optimizer.step()
        optimizer.clear_grad()
    return in_columns(network), costs


def trace(X, Y, parameters, *, lambd, keep_prob, seed):
    """The first training step from inside: Z1, A1, D1, Z2, A2, D2, Z3, A3 (n, m), D bool and with dropout only; the numbers
    cross_entropy, l2_penalty and cost; and dW1, db1 ... dW3, db3 of the cross-entropy, each of its parameter's shape."""
    paddle.seed(seed)
    network, m = load(parameters, keep_prob), X.shape[1]
    tensors = network(paddle.to_tensor(X.T))
    tensors["A3"] = F.sigmoid(tensors["Z3"])
    data, penalty = cross_entropy(tensors["Z3"], paddle.to_tensor(Y.T)), l2_penalty(network, lambd, m)
    data.backward()

    arrays = {name: np.array(tensor.numpy().T, order="C") for name, tensor in tensors.items()}
    # A unit that is 0 before dropout reads as dropped; either answer gives the same network.
    arrays |= {"D1": arrays["A1"] != 0, "D2": arrays["A2"] != 0} if keep_prob < 1 else {}
    costs = {"cross_entropy": data, "l2_penalty": penalty, "cost": data + penalty}
    arrays |= {name: np.array(value.numpy()) for name, value in costs.items()}
    return arrays | {"d" + name: value for name, value in in_columns(network, lambda tensor: tensor.grad).items()}


def predict(X, parameters):
    """Class of each example, int64 (1, m): 1 where the probability is > 0.5. No dropout."""
    network = load(parameters)
    network.eval()
    return (F.sigmoid(network(paddle.to_tensor(X.T))["Z3"]).numpy().T > 0.5).astype(np.int64)
