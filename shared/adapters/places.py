"""Where something is computed in an implementation: file, line and source, read from the files as they are now."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from shared.adapters import IMPLEMENTATIONS
from shared.adapters.implementation import Place

ROOT = Path(__file__).resolve().parents[2]

BY_STAGE = {
    "data": "Data",
    "parameters": "Initial parameters",
    "forward": "Forward pass",
    "cost": "Reported cost",
    "gradients": "Gradients",
    "update": "Update",
    "predictions": "Prediction",
}
"""Stage -> what is computed there, a key of `Implementation.places`; of some tensors something else (see `what_of`)."""


@dataclass(frozen=True)
class Found:
    """file: with its folder. first: the first line of the functions. line: the one that computes it. source: they.

    numbers: the number of each line of the source; 0 of what is not in the file.
    """

    file: str
    first: int
    line: int
    source: str
    numbers: list[int]


def find(implementation: str, what: str, name: str = "") -> Found:
    """Where `what` (a key of `places`) is computed, for the tensor `name`; ValueError where its functions are not there."""
    package, place = IMPLEMENTATIONS[implementation].package, IMPLEMENTATIONS[implementation].places[what]
    file = f"{package}/{place.file}"
    text = (ROOT / file).read_text(encoding="utf-8")
    nodes = [_function(ast.parse(text), name, file) for name in place.functions]
    lines = text.splitlines()
    numbers = [[0, *range(node.lineno, (node.end_lineno or 0) + 1)] for node in nodes]
    return Found(
        file=file,
        first=min(node.lineno for node in nodes),
        line=next(_matches(nodes, lines, place, name), nodes[0].lineno),
        source="\n\n".join(_unindented(lines[node.lineno - 1 : node.end_lineno]) for node in nodes),
        numbers=[number for of_node in numbers for number in of_node][1:],
    )


def locate(stage: str, tensor: str, dropout: bool) -> dict[str, str]:
    """implementation -> "torch_impl/network.py:57", where the tensor of that stage is computed; else the file alone."""
    places = {}
    for name, implementation in IMPLEMENTATIONS.items():
        what = what_of(stage, tensor, dropout and "{name}" in implementation.places["Dropout"].line)
        if tensor == "A3" and stage == "forward" and name != "numpy":
            what = "Prediction"  # the frameworks train on logits; only predictions need probabilities
        try:
            found = find(name, what, tensor)
            places[name] = f"{found.file}:{found.line}"
        except (OSError, SyntaxError, ValueError):  # perhaps why the run fails
            places[name] = f"{implementation.package}/{implementation.places[what].file}"
    return places


def what_of(stage: str, tensor: str, by_hand: bool = False) -> str:
    """What computes a tensor; by_hand: the forward pass with dropout is another function."""
    if tensor.startswith("decay"):
        return "Weight decay"
    if stage == "forward" and (by_hand or tensor.startswith("D")):
        return "Dropout"
    if stage == "cost" and tensor != "cost":
        return "Cost" if tensor == "cross_entropy" else "L2 penalty"
    return BY_STAGE.get(stage, "Training loop")


def _matches(nodes: list, lines: list[str], place: Place, name: str):
    pattern = place.line.replace("{name}", re.escape(name)).replace("{layer}", name[-1:])
    for node in nodes:
        documented = ast.get_docstring(node) is not None
        start = node.body[0].end_lineno if documented else node.lineno - 1
        yield from (n for n in range(start + 1, node.end_lineno + 1) if re.search(pattern, lines[n - 1]))


def _function(tree: ast.Module, name: str, file: str):
    body: list[ast.stmt] = tree.body
    node = None
    for part in name.split("."):
        node = next((n for n in body if isinstance(n, ast.ClassDef | ast.FunctionDef) and n.name == part), None)
        if node is None:
            raise ValueError(f"{file} holds no {name}: fix the places of its adapter, in shared/adapters")
        body = node.body
    return node


def _unindented(lines: list[str]) -> str:
    indent = len(lines[0]) - len(lines[0].lstrip())
    return "\n".join(line[indent:] for line in lines)
