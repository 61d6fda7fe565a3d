"""A failed comparison in two files of its own: the arrays, and a script that shows the one tensor without the rest."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.alignment.judge import tolerance_of
from shared.alignment.tensors import EXACT, PROJECTIONS, STAGE_OF, UPDATED, reference_tensors, with_decay
from shared.case import Problem
from shared.harness.checks import Check
from shared.harness.processes import ROOT
from shared.harness.records import save_arrays
from shared.parameters import PARAMETER_NAMES, Parameters

Evidence = dict[str, NDArray]
"""port, reference and tolerance of one tensor, and what it was computed from: X, Y, start_W1 ..., masks."""

SCRIPT = '''"""{title}

{reason}

Shows this one tensor as it was compared{promise}. Needs NumPy and the .npz beside it.
Exit code 1: it differs.
"""

import sys
from pathlib import Path

import numpy as np

case = np.load(Path(__file__).with_suffix(".npz"))


def show(when, port):
    """Print the element that is furthest beyond what rounding explains; True where all agree."""
    reference, tolerance = case["reference"], case["tolerance"]
    for what in ("shape", "dtype"):
        if getattr(port, what) != getattr(reference, what):
            print(f"{{when}}: expected {{what}} {{getattr(reference, what)}}, got {{getattr(port, what)}}")
            return False
    difference = np.abs(port.astype(float) - reference.astype(float))
    agree = difference <= tolerance
    with np.errstate(divide="ignore", invalid="ignore"):
        used = np.where(difference == 0, 0, difference / tolerance) if tolerance.any() else difference
    worst = np.unravel_index(np.argmax(used), agree.shape)
    print(f"{{when}}: {{np.count_nonzero(~agree)}} of {{agree.size}} elements of {tensor} differ; the worst:")
    print(f"  index      {{tuple(map(int, worst))}}")
    print(f"  port       {{float(port[worst])!r}}")
    print(f"  reference  {{float(reference[worst])!r}}")
    print(f"  difference {{float(difference[worst])!r}}, tolerance {{float(tolerance[worst])!r}}")
    return bool(agree.all())


agrees = show("as compared", case["port"])
{again}sys.exit(0 if agrees else 1)
'''

AGAIN = """
sys.path.insert(0, {root!r})  # the project
from shared.adapters import IMPLEMENTATIONS  # noqa: E402
from shared.case import Problem  # noqa: E402

adapter = IMPLEMENTATIONS[{implementation!r}].adapter()
X, Y, start = case["X"], case["Y"], {{name: case["start_" + name] for name in {names!r}}}
agrees = show("today", {call})
"""


def step_evidence(check: Check, problem: Problem, start: Parameters, port: dict) -> Evidence:
    """The arrays for the script that reproduces a failed check of a single step, which begins at the parameters `start`."""
    reference, floors = reference_tensors(problem, start, port)
    port = with_decay(port, problem, start, reference)
    values = reference[check.tensor]
    return {
        "port": np.asarray(port.get(check.tensor, np.full(values.shape, np.nan))),
        "reference": values,
        "tolerance": tolerance_of(values, None if check.stage in EXACT else floors[check.tensor]),
        "X": problem.X,
        "Y": problem.Y,
        **{f"start_{name}": value for name, value in start.items()},
        **{name: value for name, value in port.items() if name.startswith("D")},
    }


def write_reproduction(script: Path, check: Check, problem: Problem, evidence: Evidence, seed: int) -> None:
    """Write the script, and its arrays beside it."""
    again = ""
    if check.stage in STAGE_OF and check.tensor not in PROJECTIONS:
        again = AGAIN.format(
            root=str(ROOT), implementation=check.implementation, names=PARAMETER_NAMES, call=_call(check, problem, seed)
        )
    text = SCRIPT.format(
        title=f"{check.implementation}, {check.variant}, {check.stage} ({check.where}): {check.tensor}",
        reason=check.reason,
        promise=", and as the implementation computes it today" if again else "",
        tensor=check.tensor,
        again=again,
    )
    script.write_text(text, encoding="utf-8")
    save_arrays(script.with_suffix(".npz"), evidence)


def _call(check: Check, problem: Problem, seed: int) -> str:
    if check.tensor in UPDATED:
        name, update = UPDATED[check.tensor]
        given = f"Problem(X, Y, **{problem.step!r}), start, seed={seed}"
        return f"adapter.first_updates({given})[{update - 1}].parameters[{name!r}]"
    return f"np.asarray(adapter.trace(X, Y, start, **{problem.regularization!r}, seed={seed})[{check.tensor!r}])"
