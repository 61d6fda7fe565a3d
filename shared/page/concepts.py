"""Side by side: for every concept, the lines of each implementation, and how well they were measured to agree."""

import ast
from dataclasses import dataclass
from pathlib import Path

from shared.config import IMPLEMENTATIONS
from shared.parameters import PARAMETER_NAMES
from shared.workers import ROOT


@dataclass(frozen=True)
class Concept:
    """name; the stage and tensors (all where empty) that measure it; lines: implementation -> file, functions."""

    name: str
    stage: str
    tensors: tuple[str, ...]
    lines: dict[str, tuple[str, tuple[str, ...]]]


def _everywhere(file: str, *functions: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    return dict.fromkeys(IMPLEMENTATIONS, (file, functions))


CONCEPTS = (
    Concept("Initial parameters", "parameters", (), _everywhere("network.py", "Network.__init__")),
    Concept(
        "Forward pass",
        "forward",
        ("Z1", "A1", "Z2", "A2", "Z3", "A3"),
        {
            "numpy": ("network.py", ("forward_propagation",)),
            "torch": ("network.py", ("Network.forward",)),
            "tensorflow": ("network.py", ("Network.call",)),
        },
    ),
    Concept(
        "Dropout",
        "forward",
        ("D",),
        {
            "numpy": ("network.py", ("forward_propagation_with_dropout", "_draw_masks")),
            "torch": ("network.py", ("Network.reset_dropout", "Network.forward")),
            "tensorflow": ("network.py", ("Network.reset_dropout", "Network.call")),
        },
    ),
    Concept("Cost", "cost", ("cross_entropy",), _everywhere("cost.py", "cross_entropy")),
    Concept(
        "L2 penalty",
        "cost",
        ("l2_penalty", "cost"),
        _everywhere("cost.py", "l2_penalty") | {"numpy": ("cost.py", ("l2_penalty", "_penalty"))},
    ),
    Concept(
        "Weight decay",
        "gradients",
        ("decay",),
        _everywhere("training.py", "make_optimizer") | {"numpy": ("gradients.py", ("decay",))},
    ),
    Concept(
        "Gradients",
        "gradients",
        tuple(f"d{name}" for name in PARAMETER_NAMES),
        _everywhere("gradients.py", "cost_and_gradients") | {"numpy": ("gradients.py", ("_backward",))},
    ),
    Concept(
        "Update",
        "update",
        (),
        _everywhere("training.py", "make_optimizer") | {"numpy": ("training.py", ("update_parameters",))},
    ),
    Concept("Training loop", "trajectory", (), _everywhere("training.py", "train_segments")),
    Concept("Prediction", "predictions", (), _everywhere("network.py", "predict")),
)


def concept_of(check: dict) -> Concept | None:
    """The lines to look at first where a comparison fails."""
    return next(
        (c for c in CONCEPTS if c.stage == check["stage"] and _tensor(check) in (c.tensors or (_tensor(check),))), None
    )


def source_of(concept: Concept, implementation: str) -> tuple[str, str]:
    """Where the lines stand (file:first line), and the lines; ValueError where there are none."""
    file, functions = concept.lines[implementation]
    path = ROOT / IMPLEMENTATIONS[implementation] / file
    source = path.read_text(encoding="utf-8")
    pieces = [_piece(path, source, function) for function in functions]
    first = min(number for number, _ in pieces)
    return f"{IMPLEMENTATIONS[implementation]}/{file}:{first}", "\n\n".join(text for _, text in pieces)


def sources() -> dict[str, dict[str, dict[str, str]]]:
    """The entry `sources` of results.json: concept -> implementation -> where its lines stand, and they, as they are now."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for concept in CONCEPTS:
        for implementation in IMPLEMENTATIONS:
            try:
                where, code = source_of(concept, implementation)
            except (OSError, SyntaxError, ValueError) as error:  # perhaps why the run fails
                where, code = concept.lines[implementation][0], f"# cannot be shown: {error}"
            found.setdefault(concept.name, {})[implementation] = {"where": where, "code": code}
    return found


def agreement(concept: Concept, checks: list[dict], implementation: str) -> dict:
    """How many comparisons measure a concept, how many of them passed, and the largest share used of what is allowed."""
    own = [
        check
        for check in checks
        if check["stage"] == concept.stage
        and check["implementation"] == implementation
        and check["status"] != "skipped"
        and (not concept.tensors or _tensor(check) in concept.tensors)
    ]
    used = [check["budget_used"] for check in own if check.get("budget_used") is not None]
    passed = sum(check["status"] == "passed" for check in own)
    return {"compared": len(own), "passed": passed, "used": max(used, default=None)}


def _tensor(check: dict) -> str:
    """Its family, where the concept is of all layers."""
    return next((family for family in ("decay", "D") if check["tensor"].startswith(family)), check["tensor"])


def _piece(path: Path, source: str, name: str) -> tuple[int, str]:
    body: list[ast.stmt] = ast.parse(source).body
    node: ast.stmt | None = None
    for part in name.split("."):
        node = next((n for n in body if isinstance(n, ast.ClassDef | ast.FunctionDef) and n.name == part), None)
        if node is None:
            raise ValueError(f"{path.name} holds no {name}: mend shared/page/concepts.py")
        body = node.body
    assert node is not None
    lines = source.splitlines()[node.lineno - 1 : node.end_lineno]
    indent = len(lines[0]) - len(lines[0].lstrip())
    return node.lineno, "\n".join(line[indent:] for line in lines)
