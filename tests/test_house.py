"""The house: what may import what, how long a file and a function may be, and what stands nowhere twice."""

import ast
import functools
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
IMPLEMENTATIONS = ("numpy_impl", "torch_impl", "tf_impl")
STOREYS = (
    "basics",
    "implementation",
    "shared.adapters",
    "shared.harness",
    "shared.alignment",
    "shared.diagnosis",
    "shared.page",
    "shared.commands",
    "compare",
)
"""From the ground up: an arrow goes from a node to a lower storey, or between the basics."""

MAX_LINES, MAX_FUNCTION, MAX_PARAMETERS, EQUAL = 250, 60, 8, 6

EXCEPTIONS: dict[str, set[str]] = {
    "lines": set(),
    "function": set(),
    "parameters": set(),
    "twice": {
        "shared.commands.bench.plain_loop and tests.ports.student",  # both are the course's own lines
    },
}
"""What is still too long, has too many parameters or stands twice. An entry that is no longer needed fails the tests."""


parse = functools.cache(ast.parse)


def sources():
    """Module -> its text, of everything."""
    rooms = (*IMPLEMENTATIONS, "shared", "tests")
    files = [ROOT / "compare.py", *(path for room in rooms for path in sorted((ROOT / room).rglob("*.py")))]
    modules = {path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."): path for path in files}
    return {name.removesuffix(".__init__"): path.read_text(encoding="utf-8") for name, path in modules.items()}


def imports(module, text, modules):
    """The modules that a module names: in imports anywhere in it, and in strings such as "shared.harness.serve"."""
    for node in ast.walk(parse(text)):
        if isinstance(node, ast.ImportFrom):
            assert node.level < 2, f"{module}: expected no import from a folder above"
            for alias in node.names if not node.level else ():
                name = f"{node.module}.{alias.name}"
                yield name if name in modules else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Constant) and str(node.value) in modules and "." in str(node.value):
            yield node.value


def node_of(module):
    """compare, an implementation, a folder under shared/, a command's folder, or a module at shared's top."""
    parts = module.split(".")
    if parts[0] != "shared":
        return parts[0]
    return ".".join(parts[: 3 if parts[1:2] == ["commands"] else 2])


def storey_of(node):
    if node in IMPLEMENTATIONS:
        return STOREYS.index("implementation")
    return next((i for i, storey in enumerate(STOREYS) if node == storey or node.startswith(f"{storey}.")), 0)


def arrows(modules):
    """Node -> the nodes that it imports, each with one module of the arrow's start and one of its end."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for module, text in modules.items():
        for name in imports(module, text, modules):
            start, end = node_of(module), node_of(name)
            if name in modules and start != end and end != "shared":
                found[start].setdefault(end, f"{module} -> {name}")
    return found


def wrong_arrows(found):
    """The arrows that go up, or from one command or implementation to another."""
    return [
        said
        for start, ends in found.items()
        for end, said in ends.items()
        if storey_of(start) < storey_of(end) or (storey_of(start) == storey_of(end) != 0)
    ]


def circle(found):
    """The nodes of a circle, or none."""
    left = {start: set(ends) for start, ends in found.items()}
    while free := [node for node in left if not left[node] & left.keys()]:
        for node in free:
            del left[node]
    return sorted(left)


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def outside(rooms, modules):
    return {name: text for name, text in modules.items() if name.split(".")[0] not in rooms}


def too_long(modules):
    return {name for name, text in modules.items() if len(text.splitlines()) > MAX_LINES}


def long_functions(modules):
    return {
        f"{name}: {node.name}"
        for name, text in modules.items()
        for node in functions(parse(text))
        if node.end_lineno - node.lineno + 1 > MAX_FUNCTION
    }


def many_parameters(modules):
    return {
        f"{name}: {node.name}"
        for name, text in modules.items()
        for node in functions(parse(text))
        if len([*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]) > MAX_PARAMETERS
    }


def code_lines(text):
    """The lines of code: without imports, docstrings, comments and blank ones."""
    lines = {number: line.strip() for number, line in enumerate(text.splitlines(), start=1)}
    for node in (node for node in ast.walk(parse(text)) if isinstance(node, ast.stmt)):
        text_alone = (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        )
        if isinstance(node, ast.Import | ast.ImportFrom) or text_alone:
            lines |= dict.fromkeys(range(node.lineno, (node.end_lineno or 0) + 1), "")
    bare = (re.sub(r"(^|  )#.*", "", line).strip() for line in lines.values())
    return [line for line in bare if line]


def twice(modules):
    """The first lines of what stands twice or more often: EQUAL equal lines of code."""
    places = defaultdict(set)
    for name, text in modules.items():
        lines = code_lines(text)
        for start in range(len(lines) - EQUAL + 1):
            places[tuple(lines[start : start + EQUAL])].add((name, start))
    return {f"{' and '.join(sorted({name for name, _ in found}))}" for found in places.values() if len(found) > 1}


EVERYTHING = sources()
SOURCES = outside(("tests",), EVERYTHING)


def test_imports_point_one_way():
    found = arrows(SOURCES)
    assert {"compare", "shared.commands.compare", "shared.harness", "shared.data", "tf_impl"} <= found.keys()
    assert "shared.alignment" in found["shared.diagnosis"]  # the sources are read
    assert wrong_arrows(found) == []
    assert circle(found) == []


@pytest.mark.parametrize(
    ("module", "line", "circular"),
    [
        ("shared.harness.serve", "    from shared.commands.check.work import check_port\n", True),  # inside a function
        ("shared.harness.serve", '    name = "shared.commands.compare.tasks"\n', True),
        ("shared.alignment.plan", "    import shared.diagnosis.catalogue\n", True),
        ("shared.config", "    from shared import data\n", False),  # between the basics
        ("shared.errors", "    from shared import data\n", True),
        ("shared.commands.study.grid", "    from shared.commands.compare import tasks\n", False),
        ("torch_impl.network", "    from numpy_impl import course\n", False),
        ("torch_impl.network", "    from shared.adapters import IMPLEMENTATIONS\n", False),
    ],
)
def test_a_wrong_arrow_is_seen(module, line, circular):
    found = arrows(SOURCES | {module: f"{SOURCES[module]}\n\ndef planted():\n{line}"})
    assert bool(circle(found)) == circular
    assert bool(wrong_arrows(found)) == (module not in ("shared.config", "shared.errors"))


LIMITS = {"lines": too_long, "function": long_functions, "parameters": many_parameters, "twice": twice}


@pytest.mark.parametrize("limit", LIMITS)
def test_nothing_is_too_long_and_nothing_stands_twice(limit):
    looked_at = outside(IMPLEMENTATIONS, EVERYTHING) if limit == "twice" else SOURCES
    assert LIMITS[limit](looked_at) == EXCEPTIONS[limit]


@pytest.mark.parametrize("limit", LIMITS)
def test_what_is_too_long_or_stands_twice_is_seen(limit):
    body = "\n".join(f"    x{i} = {i}" for i in range(EQUAL))
    planted = {
        "lines": {"shared.one": "x = 1\n" * MAX_LINES, "shared.other": "x = 1\n" * (MAX_LINES + 1)},
        "function": {"shared.other": "def long():\n" + "    x = 1\n" * MAX_FUNCTION},
        "parameters": {"shared.other": "def many(a, b, c, d, e, f, g, *, h, i):\n    pass\n"},
        "twice": {
            "shared.one": f"def one():\n{body}\n",
            "shared.other": f'def other():\n    """Other."""\n{body.replace("x3 = 3", "x3 = 3  # again")}\n',
        },
    }[limit]
    found = LIMITS[limit](planted)
    assert len(found) == 1
    assert "shared.other" in found.pop()
