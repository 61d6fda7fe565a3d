"""False alarms of correct implementations, counted on random problems of all sizes."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from shared.adapters import IMPLEMENTATIONS
from shared.alignment.random_problem import random_problem
from shared.alignment.recording import port_tensors
from shared.alignment.stages import single_step_checks
from shared.alignment.trajectory import replay_in_segments
from shared.commands.limits.tasks import Alarms
from shared.harness.checks import Check, RunId, Where
from shared.harness.ledger import count
from shared.harness.records import Record

TRAINED_EVERY = 10
"""Every tenth random problem is also trained for 50 updates and verified in segments."""

RUN, NOWHERE = RunId("", ""), Where("")
"""The run and the place of comparisons that belong to no run of a command."""


def false_alarms(implementation: str, problems: int, dtype: str, report: Callable[[], None], seed: int = 0) -> Alarms:
    """Compare a correct implementation with the reference on random problems."""
    adapter = IMPLEMENTATIONS[implementation].adapter()
    rng = np.random.default_rng([seed, int(dtype == "float32")])
    checks: list[Check] = []
    alarmed = 0
    for number in range(problems):
        problem, parameters = random_problem(rng, dtype)
        port = port_tensors(adapter, problem, parameters)
        made = list(single_step_checks(problem, NOWHERE, parameters, port, port, RUN))
        if number % TRAINED_EVERY == 0:
            with tempfile.TemporaryDirectory(prefix="samenet-") as folder:
                run = adapter.train_segments(problem, parameters, [25, 25])
                record = Record(Path(folder) / "run").write(parameters, [25, 25], run)
                made += replay_in_segments(problem, record, RUN).checks
        alarmed += not all(check.passed for check in made)
        checks += made
        report()
    return Alarms(
        implementation,
        dtype,
        problems,
        compared=len(checks),
        alarms=[f"{check.stage}, {check.tensor}: {check.reason}" for check in checks if not check.passed],
        budget_used=max((check.share or 0 for check in checks if check.passed), default=0.0),
        uninformative=count(checks).uninformative,
        problems_with_alarms=alarmed,
    )
