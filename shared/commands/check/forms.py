"""Tell what is not finished, and what has another form than the course's, from what is wrong."""

import ast
import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from shared.commands.check.calling import Called, call
from shared.commands.check.functions import FUNCTIONS, CourseCase, Function
from shared.commands.check.lines import place_of
from shared.commands.check.loading import Port


def unwritten(port: Port, name: str, path: Path) -> str:
    """The first line of the function that is still the template's, with its place; "" where there is none.

    That is a body of nothing, or None given to a name that never gets anything else.
    """
    if name not in port.trees:
        return ""
    file, tree = port.trees[name]
    body = [node for node in tree.body if not _says_nothing(node)]
    if not body:
        return place_of(file, tree.body[-1].lineno, path)
    stores = [node for node in ast.walk(tree) if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.For)]
    given = {name for node in stores if not _is_none(node) for name in _targets(node)}
    for node in stores:
        if _is_none(node) and not set(_targets(node)) & given:
            return place_of(file, node.lineno, path)
    return ""


def _says_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.Raise):
        return "NotImplementedError" in ast.dump(node)
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _is_none(node: ast.stmt) -> bool:
    value = getattr(node, "value", None)
    values = value.elts if isinstance(value, ast.Tuple) else [value]
    return isinstance(node, ast.Assign) and all(isinstance(v, ast.Constant) and v.value is None for v in values)


def _targets(node: ast.stmt) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]  # type: ignore[attr-defined]
    return [child.id for target in targets for child in ast.walk(target) if isinstance(child, ast.Name)]


NAMES = {"A3": ("a3", "al", "a"), "Y": ("y",), "parameters": ("parameters", "params"),
         "lambd": ("lambd", "lambda_", "lmbda", "lam", "reg")}  # fmt: skip
"""Argument of the cost -> the names that people give it, in small letters."""


def merged_cost(port: Port) -> tuple[Function, Port] | None:
    """A compute_cost that takes lambd as well, called by the names of its arguments; None where it takes something else.

    No comparison of `model` shows what its cost is: it returns the parameters alone.
    """
    function = port.functions["compute_cost"]
    signature = _signature(function)
    own = [] if isinstance(signature, str) else list(signature.parameters)
    wanted = {name: next((o for o in own if o.lower() in names), None) for name, names in NAMES.items()}
    required = [] if isinstance(signature, str) else [p.name for p in signature.parameters.values() if p.default is p.empty]
    if None in wanted.values() or set(required) - {*wanted.values()}:
        return None

    def compute_cost(A3, Y, parameters, lambd):
        return function(**{str(wanted[name]): v for name, v in zip(NAMES, (A3, Y, parameters, lambd), strict=True)})

    spec = replace(FUNCTIONS["compute_cost_with_regularization"], name="compute_cost")
    return spec, replace(port, functions={"compute_cost": compute_cost})


def other_form(spec: Function, port: Port, case: CourseCase, path: Path, called: Called, problem: str) -> str:
    """How the function's form differs from the course's, where that is why it gave no answer; else "".

    problem: what is wrong with the call or with what came back.
    """
    function = port.functions[spec.name]
    arguments = spec.arguments(case)
    if not _can_be_called(function, arguments):
        return f"its signature is {spec.name}{_signature(function)}"
    if spec.name.startswith("backward_propagation") and not _has_the_courses_cache(spec, port, case, path):
        return "its cache is another one than the course's"
    if called.failure and ("to unpack" in called.failure or _parameters(function) > len(arguments)):
        return called.failure
    if not called.failure and called.value is not None and problem and spec.name.startswith("forward_propagation"):
        return problem.removeprefix(f"{spec.name}: ")
    return ""


def _has_the_courses_cache(spec: Function, port: Port, case: CourseCase, path: Path) -> bool:
    """Whether the port's own forward propagation, if it has one, gives the course's cache."""
    forward = "forward_propagation_with_dropout" if spec.name.endswith("dropout") else "forward_propagation"
    own, of = port.functions.get(forward), FUNCTIONS[forward]
    if own is None:
        return True
    if not _can_be_called(own, of.arguments(case)):
        return False
    called = call(own, path, *of.arguments(case))
    if called.failure:
        return True
    try:
        of.unpack(called.value)
    except ValueError:
        return called.value is None
    return True


def _signature(function: Callable) -> inspect.Signature | str:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return "(...)"


def _can_be_called(function: Callable, arguments: tuple) -> bool:
    signature = _signature(function)
    if isinstance(signature, str):
        return True
    try:
        signature.bind(*arguments)
    except TypeError:
        return False
    return True


def _parameters(function: Callable) -> int:
    signature = _signature(function)
    return 0 if isinstance(signature, str) else len(signature.parameters)
