"""The lines of the implementations as the page shows them: coloured, numbered, and the one to look at marked."""

import ast
from functools import cache
from typing import Any

from shared.harness.results import Results


def lines_of(results: Results, concept: str, implementation: str, location: str = "") -> dict[str, Any]:
    """The lines of a concept. location: "torch_impl/training.py:16", whose line is marked where it is among them.

    Docstrings are left out: side by side, the code is to be read.
    """
    source = results.sources[concept][implementation]
    file, first = source["where"].rpartition(":")[::2] if ":" in source["where"] else (source["where"], "1")
    numbers = [int(number) for number in source.get("lines", first).split() if number.isdigit()]
    lines = highlighted(source["code"])
    start = numbers[-1] + 1 if numbers else 1
    numbers += range(start, start + len(lines) - len(numbers))  # of an older results.json, which knows the first alone
    marked = [bool(number) and f"{file}:{number}" == location for number in numbers]
    documented = _docstrings(source["code"])
    shown = [line for place, line in enumerate(zip(numbers, lines, marked, strict=False)) if place not in documented]
    return {"implementation": implementation, "where": source["where"], "lines": shown}


def concept_with(results: Results, implementation: str, location: str, otherwise: str) -> str:
    """The concept among whose lines the location is, the expected one first."""
    for concept in (otherwise, *results.sources):
        if any(marked for _, _, marked in lines_of(results, concept, implementation, location)["lines"]):
            return concept
    return otherwise


def _docstrings(code: str) -> set[int]:
    """The places of the lines of docstrings; of what is no Python, none."""
    try:
        nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.FunctionDef)]
    except SyntaxError:
        return set()
    said = [node.body[0] for node in nodes if ast.get_docstring(node) is not None]
    return {place for each in said for place in range(each.lineno - 1, each.end_lineno or each.lineno)}


def highlighted(code: str) -> list[Any]:
    """The lines of Python as HTML with classes; none of the code is markup."""
    from markupsafe import Markup

    return [Markup(line) for line in _html(code).split("\n")]


@cache
def _html(code: str) -> str:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return highlight(code, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)).removesuffix("\n")


def code_styles() -> str:
    """The colours of the code, light and dark."""
    from pygments.formatters import HtmlFormatter

    light, dark = (HtmlFormatter(style=style).get_style_defs("code") for style in ("xcode", "github-dark"))
    return f"{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}"
