"""Where a stage stands in each implementation: file and line, read from the sources."""

import ast
import re

from shared.config import IMPLEMENTATIONS
from shared.workers import ROOT

Place = tuple[str, str, str]
"""File, function (or Class.method) in it, and the pattern of the line in the function."""


def locate(stage: str, tensor: str, dropout: bool) -> dict[str, str]:
    """implementation -> "torch_impl/network.py:57", where the tensor of that stage is computed."""
    return {name: _line(package, _place(name, stage, tensor, dropout)) for name, package in IMPLEMENTATIONS.items()}


def _place(implementation: str, stage: str, tensor: str, dropout: bool) -> Place:
    name = tensor.split()[0].rstrip(":")
    by_hand = implementation == "numpy"
    forward = {
        "numpy": "forward_propagation_with_dropout" if dropout else "forward_propagation",
        "torch": "Network.forward",
        "tensorflow": "Network.call",
    }[implementation]
    if stage == "data":
        return ("network.py", forward, "Z1 = ") if by_hand else ("network.py", "to_rows", "return")
    if stage == "parameters":
        return "network.py", "Network.__init__", r"\.copy\(\)|copy_\(|assign\("
    if stage == "forward":
        if name == "A3":
            return "network.py", forward if by_hand else "predict", "sigmoid"
        if name.startswith("D"):
            return "network.py", "_draw_masks" if by_hand else forward, "random" if by_hand else f"dropout{name[1]}\\("
        return "network.py", forward, rf"\b{name} = "
    if stage == "cost":
        training = "training_costs" if by_hand else "train_segments"
        return ("training.py", training, "l2_penalty") if name == "cost" else ("cost.py", name, "return")
    if stage == "gradients" and not name.startswith("decay"):
        line = rf"\b{name} = " if by_hand else r"\.backward\(|\.gradient\("
        return "gradients.py", "_backward" if by_hand else "cost_and_gradients", line
    if name.startswith("decay"):
        return (
            ("gradients.py", "decay", "return")
            if by_hand
            else ("training.py", "make_optimizer", 'weight_decay=|weight_decay"')
        )
    if stage == "update":
        return (
            ("training.py", "update_parameters", "return") if by_hand else ("training.py", "train_segments", r"optimizer\.")
        )
    if stage == "predictions":
        return "network.py", "predict", "0.5"
    return "training.py", "train_segments", "(?!)"  # no line of it: the function itself


def _line(package: str, place: Place) -> str:
    file, function, pattern = place
    path = ROOT / package / file
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    for node in _functions(ast.parse(source), function):
        documented = ast.get_docstring(node) is not None
        first = node.body[0].end_lineno or node.lineno if documented else node.lineno - 1
        for number in range(first + 1, (node.end_lineno or node.lineno) + 1):
            if re.search(pattern, lines[number - 1]):
                return f"{package}/{file}:{number}"
        return f"{package}/{file}:{node.lineno}"
    return f"{package}/{file}"


def _functions(tree: ast.Module, name: str) -> list[ast.FunctionDef]:
    body: list[ast.stmt] = tree.body
    *classes, function = name.split(".")
    for class_name in classes:
        body = next((node.body for node in body if isinstance(node, ast.ClassDef) and node.name == class_name), [])
    return [node for node in body if isinstance(node, ast.FunctionDef) and node.name == function]
