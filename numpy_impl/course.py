"""The course's notebook, function by function: `from numpy_impl.course import *` and go on as there.

The network's functions are imported from the other files of this folder; only the notebook's helpers are written here.
Source: deeplearning.ai, "Improving Deep Neural Networks", week 1, programming assignment "Regularization".
"""

import numpy as np

from shared.data import load_dataset

from .cost import compute_cost, compute_cost_with_regularization
from .gradients import (
    backward_propagation,
    backward_propagation_with_dropout,
    backward_propagation_with_regularization,
)
from .network import (
    forward_propagation,
    forward_propagation_with_dropout,
    initialize_parameters,
    relu,
    sigmoid,
)
from .network import predict as _predict
from .training import update, update_parameters

__all__ = [
    "sigmoid", "relu", "initialize_parameters",
    "forward_propagation", "forward_propagation_with_dropout",
    "compute_cost", "compute_cost_with_regularization",
    "backward_propagation", "backward_propagation_with_regularization", "backward_propagation_with_dropout",
    "update_parameters", "predict", "predict_dec", "load_2D_dataset", "plot_decision_boundary", "model",
]  # fmt: skip


def predict(X, y, parameters):
    """Print the accuracy on X (n_x, m), y (1, m), as the course does; returns the classes (1, m)."""
    p = _predict(X, parameters)
    print(f"Accuracy: {np.mean(p == y)}")
    return p


def predict_dec(parameters, X):
    """True where the class is 1, bool (1, m): what `plot_decision_boundary` draws."""
    return _predict(X, parameters) == 1


def load_2D_dataset(path="datasets/data.mat"):
    """train_X (2, 211), train_Y (1, 211), test_X (2, 200), test_Y (1, 200), and a picture of the training part.

    The labels come as float64: the file holds them as uint8, where -Y is 255. Raises DataError on a file that it cannot use.
    """
    import matplotlib.pyplot as plt

    data = load_dataset(path)
    plt.scatter(data.X_train[0], data.X_train[1], c=data.Y_train[0], s=40, cmap="Spectral")
    return data.X_train, data.Y_train, data.X_test, data.Y_test


def plot_decision_boundary(model, X, y):
    """Draw the decision over the range of X (2, m), and the points in the colours of y (1, m).

    model: a function of points (k, 2) that returns their classes, (k,) or (1, k).
    """
    import matplotlib.pyplot as plt

    (x_min, y_min), (x_max, y_max) = X.min(axis=1) - 1, X.max(axis=1) + 1
    xx, yy = np.meshgrid(np.arange(x_min, x_max, 0.01), np.arange(y_min, y_max, 0.01))
    Z = np.reshape(model(np.c_[xx.ravel(), yy.ravel()]), xx.shape)
    plt.contourf(xx, yy, Z, cmap="Spectral")
    plt.ylabel("x2")
    plt.xlabel("x1")
    plt.scatter(X[0], X[1], c=np.ravel(y), cmap="Spectral")
    plt.show()


def model(X, Y, learning_rate=0.3, num_iterations=30000, print_cost=True, lambd=0, keep_prob=1):
    """Train the network as the course does, its frozen masks included; returns the parameters.

    With print_cost, the cost every 10,000 iterations is printed, and the curve of every thousandth drawn.
    Unlike in the course, lambd and keep_prob may both be given.
    """
    costs: list[float] = []
    parameters = initialize_parameters([X.shape[0], 20, 3, 1])
    for i in range(num_iterations):
        parameters, cost = update(parameters, X, Y, learning_rate, lambd, keep_prob)
        if print_cost and i % 10000 == 0:
            print(f"Cost after iteration {i}: {cost}")
        if i % 1000 == 0:
            costs.append(cost)
    if print_cost:
        import matplotlib.pyplot as plt

        plt.plot(costs)
        plt.ylabel("cost")
        plt.xlabel("iterations (x1,000)")
        plt.title(f"Learning rate = {learning_rate}")
        plt.show()
    return parameters
