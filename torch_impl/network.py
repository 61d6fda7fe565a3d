"""The network in PyTorch: LINEAR - RELU - [DROPOUT] - LINEAR - RELU - [DROPOUT] - LINEAR (- SIGMOID, in the cost).

Rows are examples here: X is (m, n_x), and nn.Linear computes X W^T + b with the course's own W. NumPy arrays in the
course's layout come in and go out. Shape comments give the course's network: 20 and 3 hidden units.
"""

import numpy as np
import torch
from torch import nn
from torch.nn.utils import skip_init

from shared.parameters import layers_dims_of


def to_rows(array):
    """A copy of a NumPy array (n, m) as a tensor (m, n) of the same dtype: examples become rows."""
    return torch.tensor(array.T)


class Network(nn.Module):
    """The network with its dropout layers, which draw from PyTorch's global generator (nn.Dropout takes no other).

    parameters: W1 (20, n_x), b1 (20, 1), W2 (3, 20), b2 (3, 1), W3 (1, 3), b3 (1, 1); copied, their dtype is the network's.
    keep_prob: share of the hidden units kept in training; 1 switches dropout off. seed: of the masks.
    """

    def __init__(self, parameters, keep_prob=1.0, seed=1):
        super().__init__()
        n_x, h1, h2, n_y = layers_dims_of(parameters)
        dtype = torch.from_numpy(parameters["W1"]).dtype  # float32 unless said
        # Left empty: nn.Linear's own initial weights would draw from the caller's generator.
        self.linear1 = skip_init(nn.Linear, n_x, h1, dtype=dtype)
        self.dropout1 = nn.Dropout(p=1 - keep_prob)  # p is the share dropped, not kept
        self.linear2 = skip_init(nn.Linear, h1, h2, dtype=dtype)
        self.dropout2 = nn.Dropout(p=1 - keep_prob)
        self.linear3 = skip_init(nn.Linear, h2, n_y, dtype=dtype)
        self.keep_prob = keep_prob
        self.seed = seed
        with torch.no_grad():
            for layer, linear in enumerate(self.linears(), start=1):
                linear.weight.copy_(torch.from_numpy(parameters[f"W{layer}"]))  # (n_out, n_in), as in the course
                linear.bias.copy_(torch.from_numpy(parameters[f"b{layer}"][:, 0]))  # (n_out,)

    def linears(self):
        """The three layers that hold parameters, in order."""
        return self.linear1, self.linear2, self.linear3

    def reset_dropout(self):
        """Set the generator back, so that the next masks are the first again."""
        torch.default_generator.manual_seed(self.seed)  # torch.manual_seed would visit every other device too, slowly

    def forward(self, X):
        """Logits Z3 (m, 1), and the cache of what is computed on the way.

        The masks in it are read back from what the dropout layers let through.
        """
        Z1 = self.linear1(X)  # (m, 20)
        A1 = self.dropout1(torch.relu(Z1))  # (m, 20)
        Z2 = self.linear2(A1)  # (m, 3)
        A2 = self.dropout2(torch.relu(Z2))  # (m, 3)
        Z3 = self.linear3(A2)  # (m, 1)

        cache = {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2, "Z3": Z3}
        if self.training and self.keep_prob < 1:
            # A unit that was 0 before the layer reads as dropped; kept or dropped, it passes on the same 0.
            cache |= {"D1": A1 != 0, "D2": A2 != 0}
        return Z3, cache


def read_parameters(network):
    """Copies of the parameters in the course's layout: W (n_out, n_in), b (n_out, 1)."""
    parameters = {}
    for layer, linear in enumerate(network.linears(), start=1):
        # .numpy() shares memory with what goes on training: copy.
        parameters[f"W{layer}"] = np.array(linear.weight.detach().numpy())
        parameters[f"b{layer}"] = np.array(linear.bias.detach().numpy()[:, np.newaxis])
    return parameters


def predict(X, parameters):
    """Class of each example, int64 (1, m): 1 where the probability is > 0.5. No dropout."""
    network = Network(parameters).eval()
    with torch.no_grad():
        Z3, _ = network(to_rows(X))
    return (torch.sigmoid(Z3) > 0.5).T.numpy().astype(np.int64)
