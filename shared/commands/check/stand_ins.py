"""What stands in for what a port needs and is not here: the course's helpers, and modules that cannot be imported."""

import ast
import sys
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from numpy_impl import course

GRADED = (
    "forward_propagation_with_dropout", "compute_cost_with_regularization",
    "backward_propagation_with_regularization", "backward_propagation_with_dropout",
)  # fmt: skip
"""What the exercise asks for. Nothing stands in for it: a function that calls ours in its place would not be judged."""

HELPERS = tuple(name for name in course.__all__ if name not in (*GRADED, "model"))
"""The course's helpers, which its notebook imports from reg_utils."""

HELPER_MODULE = "reg_utils"
PACKAGE = "checked_package"
TEST_MODULES = ("testCases", "testCases_v2", "testCase", "public_tests", "test_utils")
"""What the course's notebook imports beside it."""


class NotThere(Exception):
    """Something was used that is not here, not finished or cannot be read; says what."""


class Missing(types.ModuleType):
    """Stands in for a module, or for something in it, that is not here: whatever is done with it says so."""

    def __init__(self, name: str, reason: str):
        super().__init__(name)
        self.__dict__["_reason"] = reason

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotThere(self._reason)

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise NotThere(self._reason)

    def __getitem__(self, _: Any) -> Any:
        raise NotThere(self._reason)

    def __iter__(self) -> Iterator:
        raise NotThere(self._reason)


def helper_module() -> types.ModuleType:
    """The course's helpers as the module reg_utils."""
    module = types.ModuleType(HELPER_MODULE)
    vars(module).update({name: getattr(course, name) for name in HELPERS}, __all__=list(HELPERS))
    return module


def add_course_modules(folder: Path) -> None:
    """The course's own modules where the port's folder has none, and that folder on the path."""
    sys.path.insert(0, str(folder))
    for name in (HELPER_MODULE, *TEST_MODULES):
        if not (folder / f"{name}.py").exists():
            module = helper_module() if name == HELPER_MODULE else types.ModuleType(name)
            sys.modules.setdefault(name, module)


def add_package(folder: Path, parts: Iterable[ast.Module]) -> str | None:
    """The name of a package for the file's relative imports: its folder, and as many above it as they go up; None without.

    Where the folder is a package, its own name is one as well, if nothing installed has it.
    """
    if (folder / "__init__.py").exists():
        sys.path.append(str(folder.parent))
    level = max((n.level for tree in parts for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)), default=0)
    name = None
    for place in reversed([folder, *folder.parents][:level]):
        name = f"{name}.{place.name}" if name else PACKAGE
        package = sys.modules[name] = types.ModuleType(name)
        package.__path__ = [str(place)]
    return name


def import_in_parts(node: ast.Import | ast.ImportFrom, namespace: dict[str, Any], file: str) -> list[str]:
    """Import what can be imported, name by name; what cannot is replaced. Returns the modules that are not here."""
    missing = []
    for alias in node.names:
        one = ast.Import([alias]) if isinstance(node, ast.Import) else ast.ImportFrom(node.module, [alias], node.level)
        module = alias.name if isinstance(node, ast.Import) else str(node.module)
        try:
            exec(compile(ast.fix_missing_locations(ast.Module([one], [])), file, "exec"), namespace)
            continue
        except BaseException as error:
            reason = f"{module} is not here ({type(error).__name__}: {error})"
        missing.append(module)
        if module == HELPER_MODULE:
            names = HELPERS if alias.name == "*" else [alias.name]
            own = helper_module()
            sys.modules[HELPER_MODULE] = own
            for name in names:
                bound = own if isinstance(node, ast.Import) else getattr(own, name, Missing(name, reason))
                namespace[(alias.asname or name) if alias.name != "*" else name] = bound
        elif alias.name != "*":
            namespace[alias.asname or alias.name.split(".")[0]] = Missing(alias.name, reason)
    return missing


def stand_in_remark(modules: Iterable[str]) -> list[str]:
    """One quiet line for each module that is not here."""
    return [
        f"{module} is not here: "
        + ("samenet's own helpers stand in" if module == HELPER_MODULE else "what needs it is not run")
        for module in dict.fromkeys(modules)
    ]
