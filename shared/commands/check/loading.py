"""Read a port: a Python file, which is executed, or a notebook, of which only the function definitions are."""

import ast
import json
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import numpy_impl.course as course
from shared.errors import UsageError

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

COURSE_MODULES = ("reg_utils", "testCases", "public_tests", "test_utils")
"""What the course's notebook imports. Where they are not there, the first is the course's helpers, the others are empty."""

MODULE = "checked_port"

MAX_BYTES = 20 * 2**20


@dataclass(frozen=True)
class Port:
    """functions: what the file defines of what can be checked. lines: where. remarks: what was left out, and why."""

    name: str
    functions: dict[str, Callable]
    lines: dict[str, int]
    remarks: list[str]


def load_port(path: Path) -> Port:
    """The functions of a .py or .ipynb file. UsageError where it cannot be read or defines nothing to check."""
    source, remarks = _source(path)
    try:
        tree = ast.parse(source, filename=str(path))
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise UsageError(
            f"{path}: is not Python{f', line {line}' if line else ''}: {getattr(error, 'msg', error)}"
        ) from None
    kept: list[ast.stmt] = tree.body
    if path.suffix == ".ipynb":
        kept = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.Import | ast.ImportFrom)]
        remarks.append(
            f"of the notebook, {sum(isinstance(n, ast.FunctionDef) for n in kept)} function definitions were taken"
        )
    namespace = _namespace(path)
    given = dict(namespace)
    with _course_modules(path):
        if path.suffix == ".ipynb":
            for node in kept:
                _execute_cell(node, path, namespace, remarks)
        else:
            _execute(ast.Module(kept, []), path, namespace)
    lines = {node.name: node.lineno for node in tree.body if isinstance(node, ast.FunctionDef)}
    functions = {}
    for name in dict.fromkeys((*COURSE, *CONTRACT)):
        value = namespace.get(name)
        if value is not None and value is not given.get(name) and value is not getattr(course, name, None):
            if not callable(value):
                raise UsageError(f"{path}: expected {name} to be a function, got {type(value).__name__}")
            functions[name] = value
    if not functions:
        raise UsageError(
            f"{path}: defines nothing to check: expected train, trace, predict, or functions of the course such as "
            "backward_propagation_with_dropout"
        )
    remarks += [f"{name} is not checked: {reason}" for name, reason in UNCHECKED.items() if name in lines]
    return Port(path.stem, functions, lines, remarks)


def _source(path: Path) -> tuple[str, list[str]]:
    try:
        if path.suffix not in (".py", ".ipynb"):
            raise UsageError(f"{path}: expected a Python file (.py) or a notebook (.ipynb)")
        if not path.is_file():
            raise UsageError(f"{path}: no such file; check the path")
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path}: more than {MAX_BYTES:,} bytes; expected a port")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError:
        raise UsageError(f"{path}: is not text in UTF-8") from None
    return (text, []) if path.suffix == ".py" else _cells(text, path)


def _cells(text: str, path: Path) -> tuple[str, list[str]]:
    """The code cells that are Python, one after the other; lines of the notebook's own language (% ! ?) are left out."""
    remarks, parts = [], []
    try:
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        sources = ["".join(cell["source"]) for cell in cells]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(f"{path}: is not a notebook (expected JSON with cells)") from None
    for number, source in enumerate(sources, start=1):
        lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!", "?"))]
        cell = "\n".join(lines)
        try:
            ast.parse(cell)
        except (SyntaxError, ValueError, RecursionError) as error:
            remarks.append(f"code cell {number} is not Python and was left out: {getattr(error, 'msg', error)}")
            continue
        parts.append(cell)
    return "\n".join(parts), remarks


def _namespace(path: Path) -> dict[str, Any]:
    """What the code starts with: numpy as np, and the course's helpers, as in the notebook."""
    module = types.ModuleType(MODULE)
    sys.modules[MODULE] = module  # dataclasses and others look their module up
    vars(module).update({name: getattr(course, name) for name in course.__all__}, np=np, __file__=str(path))
    return vars(module)


class _course_modules:
    """The course's own modules, where the port's folder has none, and that folder on the path."""

    def __init__(self, path: Path):
        self.folder = path.resolve().parent

    def __enter__(self) -> None:
        sys.path.insert(0, str(self.folder))
        for name in COURSE_MODULES:
            if not (self.folder / f"{name}.py").exists():
                module = types.ModuleType(name)
                if name == "reg_utils":
                    vars(module).update({key: getattr(course, key) for key in course.__all__}, __all__=list(course.__all__))
                sys.modules.setdefault(name, module)

    def __exit__(self, *_) -> None:
        pass  # functions may import when they are called


def _execute(code: ast.Module, path: Path, namespace: dict) -> None:
    try:
        exec(compile(code, str(path), "exec"), namespace)
    except SystemExit as error:
        raise UsageError(f"{path}: ends the program while it is imported (exit code {error.code})") from None
    except BaseException as error:
        raise UsageError(f"{path}: cannot be imported: {describe(error, path)}") from None


def _execute_cell(node: ast.stmt, path: Path, namespace: dict, remarks: list[str]) -> None:
    try:
        exec(compile(ast.Module([node], []), str(path), "exec"), namespace)
    except BaseException as error:
        remarks.append(f"left out: {ast.unparse(node).splitlines()[0][:60]}: {type(error).__name__}: {error}")


def describe(error: BaseException, path: Path) -> str:
    """One line: the kind of error, what it says, and the port's line it comes from."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    try:
        said = " ".join(str(error).split())[:300]
    except Exception:
        said = ""
    where = f" ({path.name}, line {line})" if line else ""
    return f"{type(error).__name__}{': ' if said else ''}{said}{where}"
