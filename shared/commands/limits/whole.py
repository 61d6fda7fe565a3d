"""Whole problems: one data set, one network and one variant, trained and verified as the main command does it.

A correct implementation must match on every one of them. Random ones are drawn from a seed; each can be written down in a
line and run again alone.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.adapters import IMPLEMENTATIONS
from shared.alignment.recording import record_run
from shared.alignment.verification import verify_run
from shared.case import case_of
from shared.commands.limits.tasks import Alarms
from shared.config import VARIANTS, Hyperparameters
from shared.contract import segment_lengths
from shared.harness.checks import Cause, Check
from shared.harness.ledger import count
from shared.harness.records import Record
from shared.parameters import initialize_parameters

DIVERGED = {Cause.NOT_FINITE, Cause.BOTH_DIVERGE, Cause.ENDS_NOT_FINITE}
"""Why a comparison fails where training diverges."""

WORK = 5e7
"""Units times examples times updates of a random problem, about at most: the large ones are trained for 300 updates."""

PREDICTED_EXAMPLES = 20
"""Examples beside the training data whose classes are predicted."""


@dataclass(frozen=True)
class WholeProblem:
    """A data set of a kind and size, and how it is learnt.

    scale: by which all features are multiplied; 0: each feature has a scale of its own, from 1e-3 to 1e3.
    """

    kind: str
    features: int
    examples: int
    variant: str
    hyper: Hyperparameters = field(default_factory=Hyperparameters)
    scale: float = 1.0
    data_seed: int = 0

    def data(self) -> tuple[NDArray, NDArray, NDArray]:
        """X (n_x, m), Y (1, m) and other examples to predict (n_x, PREDICTED_EXAMPLES), in the dtype of the run."""
        rng = np.random.default_rng(self.data_seed)
        X, Y = KINDS[self.kind](rng, self.features, self.examples)
        scales = np.full((self.features, 1), self.scale) if self.scale else 10 ** rng.uniform(-3, 3, (self.features, 1))
        others = rng.standard_normal((self.features, PREDICTED_EXAMPLES)) * scales
        dtype = self.hyper.dtype
        return np.ascontiguousarray(X * scales, dtype), Y.astype(dtype), others.astype(dtype)


def _gaussian(rng: np.random.Generator, features: int, examples: int) -> tuple[NDArray, NDArray]:
    """Normal points, labels by chance: what can only be learnt by heart."""
    Y = _both(rng.random((1, examples)) < 0.5)
    return rng.standard_normal((features, examples)), Y


def _clusters(rng: np.random.Generator, features: int, examples: int) -> tuple[NDArray, NDArray]:
    """Two clusters that lie apart: the cost comes near 0, and the network saturates."""
    Y = _both(rng.random((1, examples)) < 0.5)
    return 0.3 * rng.standard_normal((features, examples)) + (2 * Y - 1), Y


def _moons(rng: np.random.Generator, features: int, examples: int) -> tuple[NDArray, NDArray]:
    """Two half moons with noise 0.2."""
    Y = _both(rng.random((1, examples)) < 0.5)
    angle = np.pi * rng.random((1, examples))
    x1 = np.where(Y == 0, np.cos(angle), 1 - np.cos(angle))
    x2 = np.where(Y == 0, np.sin(angle), 0.5 - np.sin(angle))
    return _filled(rng, np.concatenate([x1, x2]) + 0.2 * rng.standard_normal((2, examples)), features), Y


def _circles(rng: np.random.Generator, features: int, examples: int) -> tuple[NDArray, NDArray]:
    """A circle within another one."""
    Y = _both(rng.random((1, examples)) < 0.5)
    angle = 2 * np.pi * rng.random((1, examples))
    radius = np.where(Y == 0, 1.0, 0.5) + 0.1 * rng.standard_normal((1, examples))
    return _filled(rng, radius * np.concatenate([np.cos(angle), np.sin(angle)]), features), Y


def _diagonal(rng: np.random.Generator, features: int, examples: int) -> tuple[NDArray, NDArray]:
    """Uniform points on either side of a plane, with noise across it."""
    X = rng.uniform(-1, 1, (features, examples))
    return X, _both(X.sum(axis=0, keepdims=True) + 0.2 * rng.standard_normal((1, examples)) > 0)


def _counted(rng: np.random.Generator, features: int, examples: int) -> tuple[NDArray, NDArray]:
    """0, 1, 2, ... in rows, labels alternating: no chance in it, exact zeros, and sums that are exact."""
    X = np.arange(features * examples, dtype=float).reshape(examples, features).T
    return X, _both(np.arange(examples)[np.newaxis] % 2 == 1)


def _duplicated(rng: np.random.Generator, features: int, examples: int) -> tuple[NDArray, NDArray]:
    """Few different points with few different values, each many times, and with both labels."""
    points = rng.integers(-1, 2, (features, 3)).astype(float)
    return points[:, np.arange(examples) % 3], _both(np.arange(examples)[np.newaxis] % 2 == 1)


KINDS: dict[str, Callable[[np.random.Generator, int, int], tuple[NDArray, NDArray]]] = {
    "gaussian": _gaussian,
    "clusters": _clusters,
    "moons": _moons,
    "circles": _circles,
    "diagonal": _diagonal,
    "counted": _counted,
    "duplicated": _duplicated,
}
"""Kind -> X (n_x, m) and labels (1, m) of so many features and examples."""


def _both(classes: NDArray) -> NDArray:
    """The labels as numbers; both classes occur."""
    Y = classes.astype(float)
    Y[0, :2] = 0, 1
    return Y


def _filled(rng: np.random.Generator, X: NDArray, features: int) -> NDArray:
    """The first features of X, and noise for those that it does not have."""
    more = rng.standard_normal((max(0, features - len(X)), X.shape[1]))
    return np.concatenate([X[:features], more])


def random_whole_problem(rng: np.random.Generator, dtype: str) -> WholeProblem:
    """Sizes, data and settings that a user may meet: from one unit and two examples to 100 units and 2,048 examples."""
    kind, variant = str(rng.choice(list(KINDS))), str(rng.choice(list(VARIANTS)))
    hidden = int(10 ** rng.uniform(0, 2)), int(10 ** rng.uniform(0, 1.5))
    examples = int(2 ** rng.uniform(1, 11))
    iterations = int(10 ** rng.uniform(np.log10(300), np.log10(3000)))
    iterations = max(300, min(iterations, int(WORK / (sum(hidden) * examples))))
    rate = float(10 ** rng.uniform(-3, 0))
    # Beyond this the decay alone makes training diverge, which is no false alarm.
    lambd = float(min(10 ** rng.uniform(-3, 1), examples / rate))
    scale = float(rng.choice([1.0, 1.0, 10 ** rng.uniform(-3, 2), 0.0]))
    hyper = Hyperparameters(
        rate,
        iterations,
        lambd,
        float(rng.uniform(0.3, 0.98)),
        hidden,
        dtype,
        int(rng.integers(1000)),
        int(rng.integers(1000)),
    )
    return WholeProblem(kind, int(rng.integers(1, 11)), examples, variant, hyper, scale, int(rng.integers(1000)))


def verified(problem: WholeProblem, implementation: str, folder: Path) -> list[Check]:
    """Train the problem with the implementation, and compare every step of the run with the reference."""
    port = IMPLEMENTATIONS[implementation].adapter()
    X, Y, others = problem.data()
    hyper, variant = problem.hyper, VARIANTS[problem.variant]
    parameters = initialize_parameters(hyper.layers_dims(len(X)), hyper.init_seed, hyper.dtype)
    masks = sum(hyper.hidden) * X.shape[1] if variant.dropout else 0
    lengths = segment_lengths(hyper.num_iterations, masks)
    inputs = {"X_train": X, "X_test": others, "grid": others[:, :1]}
    case, record = case_of(hyper, variant, (X, Y, inputs), parameters, lengths), Record(folder / "run")
    record_run(port, case, record)
    return verify_run(case, record, implementation)[0]


def _diverges(problem: WholeProblem) -> bool:
    """Whether NumPy diverges on the problem as well, or one of its perturbed replicates does."""
    with tempfile.TemporaryDirectory(prefix="samenet-") as folder:
        made = verified(problem, "numpy", Path(folder))
    endless = (check.cause is Cause.ROUNDING and check.tolerance == np.inf for check in made)
    return any(check.cause in DIVERGED for check in made) or any(endless)


def whole_alarms(implementation: str, problems: int, dtype: str, report: Callable[[], None], seed: int = 0) -> Alarms:
    """Train and verify random whole problems with a correct implementation.

    A run that is not finite is no alarm where nothing else differs and NumPy diverges on the problem too: such problems are
    counted apart, and not compared.
    """
    checks: list[Check] = []
    alarms: list[str] = []
    alarmed = diverged = 0
    for number in range(problems):
        problem = random_whole_problem(np.random.default_rng([seed, number, int(dtype == "float32")]), dtype)
        with tempfile.TemporaryDirectory(prefix="samenet-") as folder:
            made = verified(problem, implementation, Path(folder))
        bad = [check for check in made if not check.passed]
        report()
        if bad and all(check.cause in DIVERGED for check in bad) and _diverges(problem):
            diverged += 1
            continue
        alarmed += bool(bad)
        alarms += [f"{c.stage}, {c.where}, {c.tensor}: {c.reason}; {problem}" for c in bad]
        checks += made
    return Alarms(
        implementation,
        dtype,
        problems,
        compared=len(checks),
        alarms=alarms,
        budget_used=max((check.share or 0 for check in checks if check.passed), default=0.0),
        uninformative=count(checks).uninformative,
        problems_with_alarms=alarmed,
        diverged=diverged,
    )
