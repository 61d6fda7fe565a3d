"""The diagnosis of a recorded run."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.alignment.problem import Problem
from shared.alignment.states import make_states
from shared.config import Variant
from shared.diagnosis.diagnose import diagnose
from shared.diagnosis.hypothesis import Evidence
from shared.harness.records import RunRecord
from shared.parameters import Parameters


def diagnose_run(
    problem: Problem,
    parameters: Parameters,
    inputs: dict[str, NDArray],
    folder: Path,
    variant: Variant,
    implementation: str,
    checks: list[dict],
) -> list[dict]:
    """What explains the failed checks of the run recorded in `folder`: entries of results.json's `diagnoses`."""
    if all(check["status"] != "failed" for check in checks):
        return []
    record = RunRecord(folder)
    states = {}
    for state, start in make_states(problem.X, parameters, record.late_parameters).items():
        with np.load(folder / f"{state}-port.npz") as port:
            states[state] = start, dict(port)
    masks = None
    if variant.dropout:
        drawn = RunRecord(folder / "masks")
        masks = drawn.masks(slice(None), 1), drawn.masks(slice(None), 2)
    predictions = {
        part: (X, record.final_parameters, np.load(folder / f"predictions_{part}.npy")) for part, X in inputs.items()
    }
    place = {"variant": variant.name, "implementation": implementation}
    evidence = Evidence(problem, states, masks, predictions, frozen=variant.frozen)
    return [place | entry for entry in diagnose(evidence, checks, implementation)]
