"""The network in PyTorch: LINEAR - RELU - [DROPOUT] - LINEAR - RELU - [DROPOUT] - LINEAR (- SIGMOID, in the cost).

The network of the course's exercise: deeplearning.ai, "Improving Deep Neural Networks", week 1, "Regularization".
NumPy arrays come in and go out in the course's layout, where columns are examples: X (n_x, m), Y (1, m).
Inside, rows are examples: X is (m, n_x), and nn.Linear computes X W^T + b with the course's own W.
Shape comments give the course's network: 20 and 3 hidden units.
"""

import numpy as np
import torch
from torch import nn

from shared.parameters import layers_dims_of


def to_rows(array):
    """A copy of a NumPy array (n, m) as a tensor (m, n) of the same dtype: examples become rows."""
    return torch.tensor(array.T)


class Network(nn.Module):
    """The network with its dropout layers, which draw from PyTorch's global generator: nn.Dropout takes no other.

    layers_dims: [n_x, h1, h2, 1]. keep_prob: share of the hidden units kept in training; 1 switches dropout off.
    """

    def __init__(self, layers_dims, keep_prob=1.0):
        super().__init__()
        n_x, h1, h2, n_y = layers_dims
        self.linear1 = nn.Linear(n_x, h1)
        self.dropout1 = nn.Dropout(p=1 - keep_prob)  # p is the share dropped, not kept
        self.linear2 = nn.Linear(h1, h2)
        self.dropout2 = nn.Dropout(p=1 - keep_prob)
        self.linear3 = nn.Linear(h2, n_y)

    def forward(self, X):
        """The logits Z3 (m, 1) of the examples X (m, n_x)."""
        Z1 = self.linear1(X)  # (m, 20)
        A1 = self.dropout1(torch.relu(Z1))  # (m, 20)
        Z2 = self.linear2(A1)  # (m, 3)
        A2 = self.dropout2(torch.relu(Z2))  # (m, 3)
        return self.linear3(A2)  # Z3 (m, 1)


def linears(network):
    """The three layers that hold parameters, in order."""
    return [network.linear1, network.linear2, network.linear3]


def load(parameters, keep_prob=1.0):
    """A network with copies of the given parameters, in training mode; their dtype is the network's.

    parameters: W1 (20, n_x), b1 (20, 1), W2 (3, 20), b2 (3, 1), W3 (1, 3), b3 (1, 1).
    """
    with torch.device("meta"):  # no initial weights of its own, which would draw from the global generator
        network = Network(layers_dims_of(parameters), keep_prob)
    state = {}
    for layer in (1, 2, 3):
        state[f"linear{layer}.weight"] = torch.tensor(parameters[f"W{layer}"])  # (n_out, n_in), as in the course
        state[f"linear{layer}.bias"] = torch.tensor(parameters[f"b{layer}"][:, 0])  # (n_out,)
    network.load_state_dict(state, assign=True)  # assigned: tensors on meta have no memory to copy into
    return network


def read_parameters(network):
    """Copies of the parameters in the course's layout: W (n_out, n_in), b (n_out, 1)."""
    parameters = {}
    for layer, linear in enumerate(linears(network), start=1):
        # .numpy() shares the memory of the parameter, which the next update changes: copy.
        parameters[f"W{layer}"] = np.array(linear.weight.detach().numpy())
        parameters[f"b{layer}"] = np.array(linear.bias.detach().numpy()[:, np.newaxis])
    return parameters


def predict(X, parameters):
    """Class of each example of X (n_x, m), int64 (1, m): 1 where the probability is > 0.5. No dropout."""
    network = load(parameters).eval()
    with torch.no_grad():
        Z3 = network(to_rows(X))
    return (torch.sigmoid(Z3) > 0.5).numpy().T.astype(np.int64)
