"""The network from scratch in NumPy, with the course's functions under the course's names.

`predict(X, parameters)` is that of all three implementations; the course's own `predict(X, y, parameters)`, which prints the
accuracy, is in numpy_impl.course.
"""

from .course import (
    backward_propagation,
    backward_propagation_with_dropout,
    backward_propagation_with_regularization,
    compute_cost,
    compute_cost_with_regularization,
    forward_propagation,
    forward_propagation_with_dropout,
    initialize_parameters,
    load_2D_dataset,
    model,
    plot_decision_boundary,
    predict_dec,
    relu,
    sigmoid,
    update_parameters,
)
from .network import predict
from .training import train, update

__all__ = [
    "sigmoid", "relu", "initialize_parameters",
    "forward_propagation", "forward_propagation_with_dropout",
    "compute_cost", "compute_cost_with_regularization",
    "backward_propagation", "backward_propagation_with_regularization", "backward_propagation_with_dropout",
    "update_parameters", "predict", "predict_dec", "load_2D_dataset", "plot_decision_boundary", "model",
    "update", "train",
]  # fmt: skip
