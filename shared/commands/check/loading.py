"""Load a port: a Python file, which is executed, or taken in pieces where it cannot be; of a notebook always the pieces."""

import ast
import os
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from numpy_impl import course
from shared.commands.check.lines import describe, place_of
from shared.commands.check.pieces import Definition, Pieces, bound_names, calls, global_names, statements
from shared.commands.check.source import Source, read_source
from shared.commands.check.stand_ins import (
    GRADED,
    HELPER_MODULE,
    HELPERS,
    TEST_MODULES,
    Missing,
    add_course_modules,
    add_package,
    stand_in_remark,
)
from shared.errors import UsageError, listed

COURSE = (
    "sigmoid", "relu", "initialize_parameters", "forward_propagation", "forward_propagation_with_dropout",
    "compute_cost", "compute_cost_with_regularization", "backward_propagation",
    "backward_propagation_with_regularization", "backward_propagation_with_dropout", "update_parameters",
    "predict", "predict_dec", "model",
)  # fmt: skip
"""The course's functions that can be checked, in the order in which they are."""

UNCHECKED = {
    "load_2D_dataset": "it reads a file of the course's; the data comes from --data",
    "plot_decision_boundary": "it draws",
}
CONTRACT = ("trace", "train", "predict")
"""The functions of a port as a whole."""

CHECKABLE = tuple(dict.fromkeys((*COURSE, *CONTRACT)))

MODULE = "checked_port"


@dataclass(frozen=True)
class Port:
    """What a file defines of what can be checked.

    functions: by name. trees: their definitions, with the part of the file. lines: of their definitions, in their part.
    unread: name -> why what the file means to define cannot be called. uses: name -> every global name that it reads,
    directly or through the file's other functions. remarks: what was left out, and why.
    """

    name: str
    functions: dict[str, Callable]
    lines: dict[str, int]
    remarks: list[str]
    trees: dict[str, tuple[str, ast.FunctionDef]] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    uses: dict[str, set[str]] = field(default_factory=dict)


def load_port(path: Path, without_end: str = "") -> Port:
    """The functions of a .py or .ipynb file. UsageError where it cannot be read or defines nothing to check.

    without_end: what became of the process that executed it as a whole and did not come to its end.
    """
    source = read_source(path)
    os.environ.setdefault("MPLBACKEND", "Agg")  # nobody looks at what a script draws
    add_course_modules(path.resolve().parent)
    package = add_package(path.resolve().parent, [part.tree for part in source.parts])
    own = _own_names(source)
    unread = {name: each.said for each in source.unread for name in each.functions if name not in own}
    namespace, remarks, lost = _executed(source, path, own, unread, without_end, package)
    if "matplotlib" in sys.modules:  # the file may have asked for one that needs a screen
        sys.modules["matplotlib"].use("Agg")
    functions, others = {}, []
    for name in CHECKABLE:
        if name in own and name not in lost and name not in unread:
            if is_function(namespace.get(name)):
                functions[name] = namespace[name]
            elif namespace.get(name) is None:
                unread[name] = "is None"
            else:
                others.append(f"expected {name} to be a function, got {type(namespace.get(name)).__name__}")
    unread = {name: said for name, said in (unread | lost).items() if name in CHECKABLE}
    if not functions and not unread and others:
        raise UsageError(f"{path}: {'; '.join(others)}")
    if not functions and not unread:
        said = f" (it defines {listed(sorted(own)[:5])})" if own else ""
        raise UsageError(
            f"{path}: defines nothing to check{said}: expected train, trace, predict, or functions of the course such as "
            "backward_propagation_with_dropout"
        )
    trees = {node.name: (part.file, node) for part, node in statements(source.parts) if isinstance(node, ast.FunctionDef)}
    lines = {name: node.lineno for name, (_, node) in trees.items()}
    uses = _uses(source)
    remarks += [f"not checked: {said}" for said in others]
    remarks += [f"{name} is not checked: {reason}" for name, reason in UNCHECKED.items() if name in lines]
    remarks += _helper_remark(functions, uses, own, source)
    return Port(path.stem, functions, lines, source.remarks + remarks, trees, unread, uses)


def is_function(value: Any) -> bool:
    """Whether it can be called with arrays; a class, or a framework's network that is called `model`, cannot."""
    if isinstance(value, Missing):
        return True  # it says why when it is called
    network = any(hasattr(value, name) for name in ("forward", "fit", "state_dict"))
    return callable(value) and not isinstance(value, type) and not network


def _own_names(source: Source) -> set[str]:
    """What the file itself defines, and what of a port as a whole it takes from a module of its own."""
    names = set()
    for _, node in statements(source.parts):
        if isinstance(node, ast.ImportFrom) and node.module not in (HELPER_MODULE, *TEST_MODULES):
            taken = {alias.asname or alias.name for alias in node.names}
            names |= taken & {*CONTRACT} if taken & {"train", "trace"} else set()
        elif not isinstance(node, ast.Import | ast.ImportFrom):
            names |= bound_names(node)
    return names


def _executed(
    source: Source, path: Path, own: set[str], unread: dict[str, str], without_end: str, package: str | None
) -> tuple[dict[str, Any], list[str], dict]:
    """The names of the executed file, remarks, and the names that could not be defined, with the reason."""
    trains = any(calls(node) & own & {*CHECKABLE} for _, node in statements(source.parts) if not _defines(node))
    refused, why = "", "it trains when it is imported"
    if path.suffix == ".py" and without_end:
        refused, why = f"cannot be imported: {without_end}", without_end
    elif path.suffix == ".py" and not trains:
        namespace = _namespace(path, unread, package)
        failure = _execute(source, namespace)
        if failure is None:
            return namespace, stand_in_remark(_imports(source) & {HELPER_MODULE} & _stood_in()), {}
        said = describe(failure, path)
        refused, why = f"cannot be imported: {said}", f"it raises {said}"
        if isinstance(failure, SystemExit):
            refused = f"ends the program while it is imported (exit code {failure.code})"
            why = said.replace(f"SystemExit: {failure.code}", f"it ends the program (exit code {failure.code})")
    namespace = _namespace(path, unread, package)
    pieces = Pieces(source.parts, own & {*CHECKABLE})
    pieces.execute(namespace)
    if refused and not own & {*CHECKABLE} - set(pieces.lost):
        raise UsageError(f"{path}: {refused}") from None
    remarks = stand_in_remark({*pieces.missing} | _imports(source) & {HELPER_MODULE} & _stood_in())
    if path.suffix == ".py":
        remarks.append(f"taken in pieces, since {why}: imports, definitions and the assignments that they need")
    return namespace, remarks, pieces.lost


def _defines(node: ast.stmt) -> bool:
    return isinstance(node, Definition | ast.Import | ast.ImportFrom)


def _imports(source: Source) -> set[str]:
    """The modules that the file imports at its top level."""
    names: set[str] = set()
    for _, node in statements(source.parts):
        names |= {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
        names |= {str(node.module)} if isinstance(node, ast.ImportFrom) else set()
    return names


def _stood_in() -> set[str]:
    """The course's modules that are not the port's own files."""
    return {name for name in (HELPER_MODULE, *TEST_MODULES) if getattr(sys.modules.get(name), "__file__", None) is None}


def _namespace(path: Path, unread: dict[str, str], package: str | None) -> dict[str, Any]:
    """What the code starts with: numpy as np, and the course's helpers, as in the notebook; but not for what is unread."""
    module = types.ModuleType(MODULE)
    sys.modules[MODULE] = module  # dataclasses and others look their module up
    vars(module).update({name: getattr(course, name) for name in HELPERS}, np=np, __file__=str(path), __package__=package)
    vars(module).update({name: Missing(name, f"{name}: {said}") for name, said in unread.items()})
    return vars(module)


def _execute(source: Source, namespace: dict[str, Any]) -> BaseException | None:
    try:
        for part in source.parts:
            exec(compile(part.tree, part.file, "exec"), namespace)
    except BaseException as error:
        return error
    return None


def _uses(source: Source) -> dict[str, set[str]]:
    """Definition -> the global names that it reads, directly or through the file's other definitions."""
    reads = {
        name: global_names(compile(ast.Module([node], []), part.file, "exec"))
        for part, node in statements(source.parts)
        if not isinstance(node, ast.Import | ast.ImportFrom)
        for name in bound_names(node)
    }
    for _ in reads:
        wider = {name: used.union(*(reads.get(other, set()) for other in used)) for name, used in reads.items()}
        if wider == reads:
            break
        reads = wider
    return reads


def _helper_remark(functions: dict, uses: dict[str, set[str]], own: set[str], source: Source) -> list[str]:
    """Which of samenet's own helpers stand in for what the file neither defines nor imports."""
    imported = {
        alias.asname or alias.name
        for _, node in statements(source.parts)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    used = set().union(*(uses.get(name, set()) for name in functions))
    names = [name for name in HELPERS if name in used - own - imported]
    if not names or ("*" in imported and HELPER_MODULE in _imports(source)):
        return []
    return [f"{', '.join(names)}: not defined in this file, samenet's own stand in"]


__all__ = ["CHECKABLE", "CONTRACT", "COURSE", "GRADED", "Port", "describe", "load_port", "place_of"]
