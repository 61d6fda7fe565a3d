"""Say where something is in a port: the file or the cell, the line, and the line itself."""

import ast
import linecache
from pathlib import Path


def place_of(file: str, line: int, path: Path, quote: bool = True) -> str:
    """Such as "my_port.py, line 9: `dW2 = ...`", or of a notebook "cell 14, line 9: `dW2 = ...`". file: as in tracebacks."""
    where = file.removeprefix(str(path)).strip() or path.name
    said = linecache.getline(file, line).strip()[:80] if quote else ""
    return f"{where}, line {line}" + (f": `{said}`" if said else "")


def places_of(trees: dict[str, tuple[str, ast.FunctionDef]], path: Path) -> dict[str, str]:
    """Where each function stands, and in it, as "function.name", the last line that gives the name its value.

    Of a cost and of classes, which may have any name there, it is the last line that returns something.
    """
    places = {}
    for name, (file, tree) in trees.items():
        places[name] = place_of(file, tree.lineno, path)
        ends = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Return)]
        places |= {f"{name}.{value}": place_of(file, max(ends), path) for value in ("cost", "classes") if ends}
        places |= {f"{name}.cost": place_of(file, line, path) for line in _costs_kept(tree)} if name == "train" else {}
        for node in (node for node in ast.walk(tree) if isinstance(node, ast.Assign)):
            for child in (child for target in node.targets for child in ast.walk(target) if isinstance(child, ast.Name)):
                places[f"{name}.{child.id}"] = place_of(file, node.lineno, path)
    return places


def _costs_kept(tree: ast.FunctionDef) -> list[int]:
    """The lines of `train` that keep a cost: costs.append(...), costs[i] = ..., costs += [...]."""
    lines = []
    for node in ast.walk(tree):
        target: ast.AST | None = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
            target = node.func.value
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            target = node.targets[0].value
        elif isinstance(node, ast.AugAssign):
            target = node.target
        if isinstance(target, ast.Name) and any(word in target.id.lower() for word in ("cost", "loss", "history")):
            lines.append(node.lineno)  # type: ignore[attr-defined]
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
