"""Say where something is in a port: the file or the cell, the line, and the line itself."""

import ast
import linecache
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from shared.commands.check.functions import DROPOUT_CACHE, GRADIENTS
from shared.errors import listed
from shared.parameters import PARAMETER_NAMES

Tree = tuple[str, ast.FunctionDef]
"""A function's definition, with the part of the file that holds it."""
OWN = (*PARAMETER_NAMES, "cost", "classes")
"""What only the function itself computes, whatever those that it calls do with such a name."""
TENSORS = (*DROPOUT_CACHE, *GRADIENTS, "cross_entropy", "l2_penalty", "cost", "classes")
HANDED_OVER = ("array", "asarray", "float", "tensor", "as_tensor", "from_numpy", "numpy", "item", "copy", "astype",
               "detach", "cpu", "reshape", "clone", "to")  # fmt: skip
"""Functions whose results are what they are given."""
ZEROS = (ast.dump(ast.Constant(0)), ast.dump(ast.Constant(0.0)))
MOST = 3
"""Lines that are quoted of one tensor."""
WIDE = 80
"""Characters of a line that are quoted."""


def place_of(file: str, line: int, path: Path, quote: bool = True) -> str:
    """Such as "my_port.py, line 9: `dW2 = ...`", or of a notebook "cell 14, line 9: `dW2 = ...`". file: as in tracebacks."""
    said = _quoted(file, line) if quote else ""
    return f"{_part(file, path)}, line {line}" + (f": {said}" if said else "")


def _part(file: str, path: Path) -> str:
    return file.removeprefix(str(path)).strip() or path.name


def _quoted(file: str, line: int) -> str:
    said = linecache.getline(file, line).strip()
    return f"`{said[:WIDE]}{'...' if len(said) > WIDE else ''}`" if said else ""


def places_of(
    functions: Iterable[str], trees: Mapping[str, Tree], uses: Mapping[str, set[str]], path: Path
) -> dict[str, str]:
    """Where each function stands; and, as "function.tensor", the lines that compute the tensor.

    They may stand in a function of the file that it uses (see Port), if only one of them does. What is not known for
    certain is not there: a wrong line is worse than the whole function.
    """
    places, computed = {}, {name: _computed(tree) for name, (_, tree) in trees.items()}
    for name in (name for name in functions if name in trees):
        file, tree = trees[name]
        places[name] = f"{_part(file, path)}, lines {tree.lineno} to {tree.end_lineno} ({name})"
        used = [other for other in sorted(uses.get(name, ())) if other in computed and other != name]
        for tensor in TENSORS:
            here = [name] if tensor in computed[name] else [other for other in used if tensor in computed[other]]
            if len(here) == 1 and (here == [name] or tensor not in OWN):
                places[f"{name}.{tensor}"] = _lines(trees[here[0]][0], computed[here[0]][tensor], path)
    return places


def _lines(file: str, lines: set[int], path: Path) -> str:
    """One line, or a few."""
    said = "; ".join(_quoted(file, line) for line in sorted(lines))
    numbers = listed([str(line) for line in sorted(lines)])
    return f"{_part(file, path)}, line{'s' * (len(lines) > 1)} {numbers}" + (f": {said}" if len(lines) <= MOST else "")


def _computed(tree: ast.FunctionDef) -> dict[str, set[int]]:
    """Name -> the lines of a function that compute its value; taking it over from elsewhere computes nothing.

    Classes are what a comparison returns. The cost of `train` is what is kept of it; no line alone makes another function's.
    """
    lines: dict[str, set[int]] = {}
    for node in ast.walk(tree):
        for name, value in _given(node):
            weight = name in PARAMETER_NAMES and tree.name != "initialize_parameters"
            if _computes(value, name) and (not weight or isinstance(node, ast.AugAssign) or name in _names(value)):
                lines.setdefault(name, set()).add(value.lineno)
    ends = [node for node in ast.walk(tree) if isinstance(node, ast.Return)]
    if len(ends) == 1 and any(isinstance(child, ast.Compare) for child in ast.walk(ends[0])):
        lines["classes"] = {ends[0].lineno}
    if tree.name == "train":
        lines["cost"] = _costs_kept(tree, lines)
    if not lines.get("cost") or tree.name.startswith("compute_cost"):
        lines.pop("cost", None)
    return lines


def _given(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """What a statement gives a value to, by name or by key, or what a dictionary holds; and the value."""
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for to, value in (pair for target in targets for pair in _pairs(target, node.value)):
            for child in ast.walk(to):
                if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                    yield child.id, value
                elif isinstance(child, ast.Subscript) and isinstance(child.slice, ast.Constant):
                    yield str(child.slice.value), value
    elif isinstance(node, ast.Dict):
        yield from ((str(k.value), v) for k, v in zip(node.keys, node.values, strict=True) if isinstance(k, ast.Constant))
    elif isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in ("dict", "update"):
        yield from ((keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg)


def _pairs(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    """A, B = 1, 2 as what each is given."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        return list(zip(target.elts, value.elts, strict=True))
    return [(target, value)]


def _computes(value: ast.expr, name: str) -> bool:
    """Whether an expression does more than to hand over what was computed elsewhere, or to read a mask off."""
    for node in ast.walk(value):
        if isinstance(node, ast.BinOp | ast.UnaryOp):
            return True
        if isinstance(node, ast.Compare) and not (name.startswith("D") and ast.dump(node.comparators[0]) in ZEROS):
            return True
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) not in HANDED_OVER:
            return True
    return False


def _names(value: ast.AST) -> set[str]:
    """The names and keys in an expression; but not the functions that it calls by name."""
    called = {id(node.func) for node in ast.walk(value) if isinstance(node, ast.Call)}
    names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name) and id(node) not in called}
    return names | {str(node.value) for node in ast.walk(value) if isinstance(node, ast.Constant)}


def _costs_kept(tree: ast.FunctionDef, computed: Mapping[str, set[int]]) -> set[int]:
    """The lines of `train` that keep a cost: costs.append(...), costs[i] = ..., costs += [...]; and that compute it."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        target: ast.AST | None = None
        kept: ast.AST = node
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
            target, kept = node.func.value, ast.Tuple(node.args)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            target, kept = node.targets[0].value, node.value
        elif isinstance(node, ast.AugAssign):
            target, kept = node.target, node.value
        if isinstance(target, ast.Name) and any(word in target.id.lower() for word in ("cost", "loss", "history")):
            lines.add(node.lineno)  # type: ignore[attr-defined]
            names = list(_names(kept))
            lines |= computed.get(names[0], set()) if len(names) == 1 else set()
    return lines


def describe(error: BaseException, path: Path) -> str:
    """One line: the kind of error, what it says, and the port's line it comes from."""
    from shared.commands.check.stand_ins import NotThere

    found, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.startswith(str(path)):
            found = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    try:
        said = " ".join(str(error).split())[:300]
    except Exception:
        said = ""
    where = f" ({place_of(*found, path)})" if found else ""
    if isinstance(error, NotThere):
        return said
    return f"{type(error).__name__}{': ' if said else ''}{said}{where}"
