"""Take a script or a notebook in pieces: its imports, its definitions, and the plain assignments that these need."""

import ast
import dis
import types
from collections.abc import Iterator
from typing import Any

from shared.commands.check.source import Part
from shared.commands.check.stand_ins import Missing, import_in_parts

SETTINGS = ("set_", "enable", "disable", "seed", "manual_seed", "update", "append", "insert", "filterwarnings",
            "simplefilter", "seterr", "use")  # fmt: skip
"""How the names of calls begin that only set something: torch.set_default_dtype, jax.config.update, sys.path.append."""

NEVER = ("input", "print", "open", "exec", "eval", "load_2D_dataset", "plot_decision_boundary", "get_ipython")
"""Functions whose results no definition needs, or that do more than compute them."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def statements(parts: list[Part]) -> Iterator[tuple[Part, ast.stmt]]:
    """Every statement at the top level, but not what is for a program only (if __name__ == "__main__")."""
    for part in parts:
        yield from ((part, node) for node in part.tree.body if not (isinstance(node, ast.If) and _is_main(node.test)))


def _is_main(test: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(test))


def bound_names(node: ast.stmt) -> set[str]:
    """The names that a statement gives a value to, imports not counted."""
    if isinstance(node, Definition):
        return {node.name}
    inner = [child for child in ast.walk(node) if isinstance(child, ast.Name | Definition)]
    names = {child.id for child in inner if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store)}
    return names | {child.name for child in inner if isinstance(child, Definition)}


def calls(node: ast.AST) -> set[str]:
    """The names of the functions that are called when the statement is executed."""
    found = set()
    waiting: list[ast.AST] = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Name):
            found.add(one.func.id)
        waiting += ast.iter_child_nodes(one)
    return found


def needed_names(parts: list[Part]) -> set[str]:
    """The global names that the definitions use, directly or through the assignments that they use."""
    needed: set[str] = set()
    sources: dict[str, set[str]] = {}
    for part, node in statements(parts):
        used = global_names(compile(ast.Module([node], []), part.file, "exec"))
        if isinstance(node, Definition):
            needed |= used
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.If | ast.Try):
            for name in bound_names(node):
                sources.setdefault(name, set()).update(used)
    waiting = list(needed)
    while waiting:
        for name in sources.get(waiting.pop(), set()) - needed:
            needed.add(name)
            waiting.append(name)
    return needed


def global_names(code: types.CodeType) -> set[str]:
    """The global names that the code and what is defined in it read."""
    names = {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= global_names(constant)
    return names


class Pieces:
    """Executes pieces one by one. missing: modules that are not here. lost: names that have no value, and why."""

    def __init__(self, parts: list[Part], never: set[str]):
        """never: the port's own functions that no assignment may call, because they train."""
        self.parts = parts
        self.never = never | set(NEVER)
        self.needed = needed_names(parts)
        self.missing: list[str] = []
        self.lost: dict[str, str] = {}

    def execute(self, namespace: dict[str, Any]) -> None:
        """Take imports, definitions, settings and the assignments that are needed."""
        for part, node in statements(self.parts):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self.missing += import_in_parts(node, namespace, part.file)
            elif isinstance(node, Definition) or self._is_plain(node):
                self._execute(part, node, namespace)

    def _execute(self, part: Part, node: ast.stmt, namespace: dict[str, Any]) -> None:
        try:
            exec(compile(ast.Module([node], []), part.file, "exec"), namespace)
        except BaseException as error:
            where = f"{part.name}, line {node.lineno}" if part.name else f"line {node.lineno}"
            reason = f"cannot be defined ({type(error).__name__}: {error}; {where})"
            for name in bound_names(node):
                namespace[name] = Missing(name, f"{name} {reason}")
                self.lost[name] = reason

    def _is_plain(self, node: ast.stmt) -> bool:
        """Whether the statement sets something, or gives a needed name a value without training, loading or printing."""
        if calls(node) & self.never:
            return False
        if isinstance(node, ast.Expr):
            return _is_setting(node.value)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.If | ast.Try):
            imports = any(isinstance(child, ast.Import | ast.ImportFrom) for child in ast.walk(node))
            return imports or bool(bound_names(node) & self.needed) or _sets_attribute(node)
        return False


def _is_setting(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr.startswith(SETTINGS)


def _sets_attribute(node: ast.stmt) -> bool:
    """Such as torch.backends.mkldnn.enabled = False, or os.environ["KERAS_BACKEND"] = "torch"."""
    return isinstance(node, ast.Assign) and all(isinstance(t, ast.Attribute | ast.Subscript) for t in node.targets)
