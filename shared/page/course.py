"""What each tensor should be, in the course's words."""

import re

from shared.harness.checks import Check

COST = "cost = -1/m * np.sum(Y * np.log(A3) + (1 - Y) * np.log(1 - A3))"
PENALTY = " + lambd / (2*m) * (np.sum(np.square(W1)) + np.sum(np.square(W2)) + np.sum(np.square(W3)))"


def as_in_the_course(check: Check) -> str:
    """The line of the exercise that computes the tensor of a check; empty where it is no single line."""
    match = re.fullmatch(r"([A-Za-z]+)([123])", check.tensor)
    l2, dropout = (word in f"{check.where}" for word in ("regularization", "dropout"))
    if check.tensor == "cost":
        return COST + (PENALTY if l2 else "")
    if check.tensor == "classes":
        return "p = (A3 > 0.5)"
    if match is None:
        return ""
    name, i = match[1], int(match[2])
    before = f"A{i - 1}" if i > 1 else "X"
    kept = dropout and i < 3
    lines = {
        "Z": f"Z{i} = np.dot(W{i}, {before}) + b{i}",
        "A": f"A{i} = {'sigmoid' if i == 3 else 'relu'}(Z{i})" + (f" * D{i} / keep_prob" if kept else ""),
        "D": f"D{i} = np.random.rand(A{i}.shape[0], A{i}.shape[1]) < keep_prob",
        "dZ": "dZ3 = A3 - Y" if i == 3 else f"dZ{i} = np.multiply(dA{i}, np.int64(A{i} > 0))",
        "dA": f"dA{i} = np.dot(W{i + 1}.T, dZ{i + 1})" + (f" * D{i} / keep_prob" if kept else ""),
        "dW": f"dW{i} = 1/m * np.dot(dZ{i}, {before}.T)" + (f" + lambd/m * W{i}" if l2 else ""),
        "db": f"db{i} = 1/m * np.sum(dZ{i}, axis=1, keepdims=True)",
        "W": f"W{i} = W{i} - learning_rate * dW{i}",
        "b": f"b{i} = b{i} - learning_rate * db{i}",
    }
    return lines.get(name, "")
