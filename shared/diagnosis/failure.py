"""The failure message: where a run first parts from the reference, by how much, and where to look."""

from collections.abc import Sequence

from shared.adapters.places import locate
from shared.alignment.checks import rank
from shared.config import VARIANTS

INPUTS = {
    "Z1": ("X", "W1", "b1"),
    "D1": ("Z1",),
    "A1": ("Z1", "D1"),
    "Z2": ("A1", "W2", "b2"),
    "D2": ("Z2",),
    "A2": ("Z2", "D2"),
    "Z3": ("A2", "W3", "b3"),
    "A3": ("Z3",),
    "cross_entropy": ("Z3", "Y"),
    "l2_penalty": ("W1", "W2", "W3"),
    "cost": ("cross_entropy", "l2_penalty"),
    **dict.fromkeys(("dW3", "db3"), ("A3", "Y", "A2")),
    **dict.fromkeys(("dW2", "db2"), ("A3", "Y", "W3", "A2", "A1")),
    **dict.fromkeys(("dW1", "db1"), ("A3", "Y", "W3", "W2", "A2", "A1", "X")),
    **{f"decay_{kind}{i}": (f"{kind}{i}",) for kind in "Wb" for i in (1, 2, 3)},
    **{f"{kind}{i} after update 1": (f"{kind}{i}", f"d{kind}{i}") for kind in "Wb" for i in (1, 2, 3)},
    **{f"{kind}{i} after update 2": (f"{kind}{i} after update 1",) for kind in "Wb" for i in (1, 2, 3)},
    **{f"decay of {kind}": tuple(f"d{kind}{i}" for i in (1, 2, 3)) for kind in "Wb"},
}
"""Single-step tensor -> what it is computed from."""


def first_failures(checks: list[dict]) -> list[dict]:
    """The first failed comparison of every run that has one, with what explains it, first things first."""
    first: dict[tuple[str, str], dict] = {}
    for check in checks:
        run = check["variant"], check["implementation"]
        if check["status"] == "failed" and (run not in first or _rank(check) < _rank(first[run])):
            first[run] = check
    return [_explained(check, checks) for check in sorted(first.values(), key=_rank)]


def message(failure: dict, diagnoses: Sequence[dict] = ()) -> list[str]:
    """The lines of the message; the first is the headline. diagnoses: of all runs."""
    lines = [
        f"{failure['implementation']}, {failure['variant']}, iteration {failure['iteration']:,}: "
        f"{failure['stage']}, {failure['tensor']} ({failure['scope']})",
        failure["reason"],
    ]
    if failure.get("first_bad_update") is not None:
        lines.append(f"first bad update: {failure['first_bad_update']:,}")
    agreed, differed = failure["inputs_agreed"], failure["inputs_differ"]
    if agreed:
        lines.append(f"its inputs agreed: {', '.join(agreed)}")
    if differed:
        lines.append(f"its inputs differ too: {', '.join(differed)}")
    if "index" in failure:
        index = ", ".join(map(str, failure["index"]))
        worst = f", most of all [{index}]:" if index else ":"
        lines.append(f"{failure['differing']:,} of {failure['elements']:,} elements differ{worst}")
        for who, value in ((failure["implementation"], failure["port_value"]), ("reference", failure["reference_value"])):
            lines.append(f"  {who:<10} {'not finite' if value is None else repr(value)}")
        apart, allowed = (failure[key] for key in ("difference", "allowed"))
        if apart is not None and allowed is not None:
            lines.append(f"  differ by  {apart:.6g}, allowed {allowed:.6g}")
    of_run = [d for d in diagnoses if all(d[key] == failure[key] for key in ("variant", "implementation"))]
    for diagnosis in of_run:
        lines += explanation(diagnosis, alone=len(of_run) == 1)
    lines.append("where it stands: " + ", ".join(failure["locations"].values()))
    if failure.get("reproduction"):
        lines.append(f"reproduce it alone: python {failure['reproduction']}")
    return lines


def explanation(diagnosis: dict, alone: bool = True) -> list[str]:
    """What explains the difference, how closely, and how to write it right."""
    lines = [f"{'explained by' if alone else 'equally explained by'}: {diagnosis['explanation']}"]
    if diagnosis["mistake"] is None:
        return [f"not explained: {diagnosis['explanation']}"]
    if diagnosis["fit"] is not None:
        lines.append(
            f"  ({diagnosis['mistake']}: reproduces every tensor with {diagnosis['fit']:.0%} of what rounding allows)"
        )
    else:
        lines.append(f"  ({diagnosis['mistake']}: recognized, not reproduced)")
    if diagnosis["remedy"]:
        lines.append(f"  write: {diagnosis['remedy']}")
    return lines


def _explained(check: dict, checks: list[dict]) -> dict:
    status = {
        other["tensor"]: other["status"]
        for other in checks
        if all(other[key] == check[key] for key in ("variant", "implementation", "scope"))
    }
    inputs = INPUTS.get(check["tensor"], ()) if check["stage"] not in ("trajectory", "repeat") else ()
    return check | {
        "inputs_agreed": [name for name in inputs if status.get(name) == "passed"],
        "inputs_differ": [name for name in inputs if status.get(name) == "failed"],
        "locations": locate(check["stage"], check["tensor"], VARIANTS[check["variant"]].dropout),
    }


def _rank(check: dict) -> tuple[int, int]:
    return rank(check["stage"], check["iteration"])
