"""The network as scikit-learn's MLPClassifier: a second opinion on everything but dropout, which it does not have.

For `python compare.py check tests/ports/sklearn_port.py --variants none l2`. NumPy arrays in the course's layout go in and
come out: columns are examples, X (n_x, m), Y (1, m), parameters W1 (20, n_x), b1 (20, 1), ..., W3 (1, 3), b3 (1, 1).
"""

import numpy as np
from sklearn.neural_network import MLPClassifier


def make_classifier(X, Y, parameters, learning_rate, lambd):
    """Full-batch gradient descent from these parameters. alpha is the course's lambd: it is divided by m inside, the penalty
    is halved, and no bias has one."""
    units = [len(parameters[b]) for b in ("b1", "b2")]
    classifier = MLPClassifier(
        units, activation="relu", solver="sgd", alpha=lambd, batch_size=X.shape[1], learning_rate="constant",
        learning_rate_init=learning_rate, shuffle=False, momentum=0.0, nesterovs_momentum=False, random_state=0,
    )  # fmt: skip
    classifier.partial_fit(X.T, Y[0], classes=[0, 1])  # makes the arrays, of the dtype of X; what is in them is replaced
    for i, (coefficients, intercepts) in enumerate(zip(classifier.coefs_, classifier.intercepts_, strict=True), start=1):
        coefficients[...] = parameters[f"W{i}"].T  # (n_in, n_out)
        intercepts[...] = parameters[f"b{i}"][:, 0]  # (n_out,)
    return classifier


def train(X, Y, parameters, *, learning_rate, num_iterations, lambd, keep_prob, seed):
    """Full-batch gradient descent. Returns the last parameters and the costs (num_iterations,), costs[i] before update i."""
    if keep_prob < 1:
        raise NotImplementedError("MLPClassifier has no dropout: check it with --variants none l2")
    classifier = make_classifier(X, Y, parameters, learning_rate, lambd)
    costs = np.empty(num_iterations, X.dtype)
    for i in range(num_iterations):
        classifier.partial_fit(X.T, Y[0])
        costs[i] = classifier.loss_  # penalty included; probabilities are kept an epsilon away from 0 and 1
    trained: dict[str, np.ndarray] = {}
    for i, (W, b) in enumerate(zip(classifier.coefs_, classifier.intercepts_, strict=True), start=1):
        trained |= {f"W{i}": np.array(W.T, order="C"), f"b{i}": np.array(b)[:, np.newaxis]}
    return trained, costs


def predict(X, parameters):
    """Class of each example, int64 (1, m): 1 where the probability is > 0.5."""
    labels = np.arange(X.shape[1])[np.newaxis] % 2  # of the one fit that makes the arrays
    classifier = make_classifier(X, labels, parameters, learning_rate=0.1, lambd=0.0)
    return classifier.predict(X.T)[np.newaxis].astype(np.int64)
