"""Read the text of a port: a script, or the code cells of a notebook; what is not Python 3 is said, with its line."""

import ast
import json
import linecache
import re
import textwrap
import tokenize
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from shared.errors import UsageError

MAX_BYTES = 20 * 2**20

OTHER_LANGUAGES = ("bash", "sh", "script", "html", "HTML", "javascript", "js", "latex", "markdown", "svg", "perl", "ruby",
                   "cmd", "writefile", "file", "R", "sql")  # fmt: skip
"""Cell magics (%%) whose cell is not Python."""

PYTHON2 = ("Missing parentheses in call to 'print'", "Missing parentheses in call to 'exec'")


@dataclass(frozen=True)
class Part:
    """A part of a port that is read by itself. name: "" of a script, else "cell 3". file: its name in tracebacks."""

    name: str
    file: str
    tree: ast.Module


@dataclass(frozen=True)
class Unread:
    """A cell that is not Python 3: the functions that it would define, and what is wrong with which line."""

    functions: list[str]
    said: str


@dataclass
class Source:
    """What was read of a file. remarks: what was left out without harm."""

    parts: list[Part] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def read_source(path: Path) -> Source:
    """The parts of a .py or .ipynb file. UsageError where it cannot be read, or a script is not Python."""
    data = _bytes(path)
    if path.suffix == ".ipynb":
        return _notebook(data, path)
    source = Source()
    text = _decoded(data, path)
    try:
        tree = _parsed(text, str(path))
    except (SyntaxError, ValueError, RecursionError) as error:
        line, quoted = _line(error, text)
        version = " 3: it is Python 2" if _is_python2(error) else ""
        where = f", line {line}" if line else ""
        message = f"{path}: is not Python{version}{where}{quoted}: {getattr(error, 'msg', error)}"
        raise UsageError(message) from None
    source.parts.append(Part("", str(path), tree))
    return source


def modules_of(path: Path) -> set[str]:
    """The top-level name of every module that a port imports, inside functions too."""
    names: list[str] = []
    for node in (node for part in read_source(path).parts for node in ast.walk(part.tree)):
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
    return {name.split(".")[0] for name in names}


def _bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise UsageError(f"{path}: is a folder; expected a Python file (.py) or a notebook (.ipynb)")
        if path.suffix not in (".py", ".ipynb"):
            raise UsageError(f"{path}: expected a Python file (.py) or a notebook (.ipynb)")
        if not path.is_file():
            raise UsageError(f"{path}: no such file; check the path")
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path}: more than {MAX_BYTES:,} bytes; expected a port")
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None


def _decoded(data: bytes, path: Path) -> str:
    """The text, as Python decodes it: in UTF-8, or as its coding line says."""
    try:
        encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
        return data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except SyntaxError as error:
        said = f" ({error.msg})" if "unknown encoding" in str(error) else ""
        raise UsageError(f"{path}: is not text in UTF-8{said}") from None
    except (LookupError, ValueError):
        raise UsageError(f"{path}: is not text in UTF-8, nor what its coding line says") from None


def _notebook(data: bytes, path: Path) -> Source:
    """The code cells, of format 3 or 4; those in another language are left out."""
    try:
        content = json.loads(data.decode("utf-8-sig"))
        cells = content["worksheets"][0]["cells"] if "worksheets" in content else content["cells"]
        texts = [cell["source" if "source" in cell else "input"] for cell in cells if cell["cell_type"] == "code"]
        texts = ["".join(text) for text in texts]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        raise UsageError(f"{path}: is not a notebook (expected JSON with cells)") from None
    source = Source()
    for number, text in enumerate(texts, start=1):
        name, file = f"cell {number}", f"{path} cell {number}"
        if text.lstrip().startswith(tuple(f"%%{language}" for language in OTHER_LANGUAGES)):
            continue
        lines = text.splitlines(keepends=True)
        linecache.cache[file] = (len(text), None, lines, file)  # so that a traceback can quote the line
        try:
            source.parts.append(Part(name, file, _parsed(text, file)))
        except (SyntaxError, ValueError, RecursionError) as error:
            unread = _unread(name, text, error)
            if unread.functions:
                source.unread.append(unread)
            else:
                source.remarks.append(f"{unread.said}; it defines nothing that is checked")
    return source


def _parsed(text: str, file: str) -> ast.Module:
    """The syntax tree; where it is not Python, without the notebook's own commands, and without a common indentation."""
    try:
        return _compiled(text, file)
    except SyntaxError as error:
        for other in (without_commands(text), textwrap.dedent(without_commands(text))):
            try:
                return _compiled(other, file)
            except SyntaxError:
                continue
        raise error from None


def _compiled(text: str, file: str) -> ast.Module:
    """The syntax tree of what compiles as well, without what a notebook waits for: no definition needs it."""
    tree = ast.parse(text, filename=file)
    tree.body = [node for node in tree.body if not _waits(node)]
    compile(tree, file, "exec")
    return tree


def _waits(node: ast.AST) -> bool:
    """Whether there is an await in it, outside functions."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return False
    waits = isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith)
    return waits or any(_waits(child) for child in ast.iter_child_nodes(node))


def without_commands(text: str) -> str:
    """The text with the notebook's own commands (% ! ?) taken out of it, each line at its place."""
    command = re.compile(r"^(\s*)(?:[%!?]|[\w.]+\?\??\s*$|[\w, ]+=\s*[%!]).*$")
    return "\n".join(command.sub(r"\1pass", line) for line in text.split("\n"))


def _unread(name: str, text: str, error: Exception) -> Unread:
    line, quoted = _line(error, text)
    functions = re.findall(r"^def[ \t]+(\w+)[ \t]*\(", text, re.MULTILINE)
    where = f", line {line}{quoted}" if line else ""
    if _is_python2(error):
        return Unread(functions, f"{name} cannot be read as Python 3{where}: nothing of it was checked")
    finished = "is not finished" if functions else "is not Python"
    return Unread(functions, f"{name} {finished}{where}: {getattr(error, 'msg', error)}")


def _line(error: Exception, text: str) -> tuple[int | None, str]:
    """The number of the wrong line, and the line as it is quoted."""
    line = getattr(error, "lineno", None)
    lines = text.split("\n")
    quoted = lines[line - 1].strip()[:80] if line and line <= len(lines) else ""
    return line, f": `{quoted}`" if quoted else ""


def _is_python2(error: Exception) -> bool:
    return str(getattr(error, "msg", "")).startswith(PYTHON2)
