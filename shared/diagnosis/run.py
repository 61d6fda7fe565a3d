"""The diagnosis of a recorded run."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.alignment.problem import Problem
from shared.alignment.states import make_states
from shared.config import Variant
from shared.diagnosis.diagnose import diagnose
from shared.diagnosis.hypothesis import Evidence
from shared.harness.checks import Check, RunId, Where
from shared.harness.records import RunRecord
from shared.harness.results import Diagnosis
from shared.parameters import Parameters


def diagnose_run(
    problem: Problem,
    parameters: Parameters,
    inputs: dict[str, NDArray],
    folder: Path,
    variant: Variant,
    implementation: str,
    checks: list[Check],
) -> list[Diagnosis]:
    """What explains the failed checks of the run recorded in `folder`."""
    if not any(check.failed for check in checks):
        return []
    record = RunRecord(folder)
    states = {}
    for state, start in make_states(problem.X, parameters, record.late_parameters).items():
        with np.load(folder / f"{state}-port.npz") as port:
            states[Where(state)] = start, dict(port)
    masks = None
    if variant.dropout:
        drawn = RunRecord(folder / "masks")
        masks = drawn.masks(slice(None), 1), drawn.masks(slice(None), 2)
    predictions = {
        part: (X, record.final_parameters, np.load(folder / f"predictions_{part}.npy")) for part, X in inputs.items()
    }
    evidence = Evidence(problem, states, masks, predictions, frozen=variant.frozen)
    return diagnose(evidence, checks, RunId(variant.name, implementation))
