"""Whole problems, trained and verified as the main command does it: no correct implementation raises an alarm."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from shared.adapters.numpy import NumpyAdapter
from shared.commands.limits import whole
from shared.commands.limits.whole import KINDS, WholeProblem, random_whole_problem, verified, whole_alarms
from shared.config import VARIANTS, Hyperparameters
from shared.harness.checks import FREE_RUN, Cause, RunId, because


@dataclass(frozen=True)
class Field(WholeProblem):
    """Uniform points on a field and a noisy diagonal: the built-in data of the time when an alarm was raised on it."""

    def data(self):
        rng = np.random.default_rng(0)
        X = rng.uniform([[-0.6], [-0.7]], [[0.3], [0.6]], (2, 411))
        distance = (X[1:] - 2 * X[:1] - 0.25) / np.sqrt(5)
        Y = distance + 0.08 * rng.standard_normal(distance.shape) > 0
        X, others = np.split(X.astype(self.hyper.dtype), [211], axis=1)
        return np.ascontiguousarray(X), Y[:, :211].astype(X.dtype), np.ascontiguousarray(others)


def short(**settings):
    return Hyperparameters(**{"num_iterations": 300} | settings)


def long(**settings):
    return Hyperparameters(**{"num_iterations": 3000} | settings)


QUICK = {
    "numpy-dropout": WholeProblem("moons", 3, 40, "dropout", short(hidden=(21, 4), keep_prob=0.797)),
}
"""By implementation and what is special about them."""

FULL = {
    "torch-five examples, frozen": WholeProblem("counted", 2, 5, "frozen-dropout", short()),
    # These raised alarms once: units that go off hide their mask; rounding of the cost, and of sums over many units.
    "torch-mask seed 12345": Field("field", 2, 211, "frozen-dropout", long(seed=12345)),
    "torch-five examples for long": WholeProblem("counted", 2, 5, "frozen-dropout", long()),
    "torch-moons, 64 and 7 units": WholeProblem("moons", 2, 300, "frozen-dropout", long(hidden=(64, 7))),
    "torch-three features, 21 and 4 units": WholeProblem(
        "moons", 3, 211, "frozen-dropout", long(hidden=(21, 4), keep_prob=0.797, num_iterations=1500)
    ),
    # A unit about 0, off in the run and on in the reference and its first replicates.
    "tensorflow-a unit about 0": WholeProblem(
        "gaussian",
        4,
        5,
        "frozen-dropout",
        Hyperparameters(0.8344744177850996, 2653, 0.42385626186843983, 0.8095361548199607, (58, 12), "float32", 714, 327),
        data_seed=669,
    ),
    # One of each kind, variant and size.
    "torch-two examples": WholeProblem("gaussian", 4, 2, "l2", short(num_iterations=900)),
    "torch-one unit": WholeProblem("duplicated", 1, 40, "l2-dropout", short(hidden=(1, 1), num_iterations=900)),
    "torch-wide and saturated": WholeProblem("clusters", 2, 60, "none", short(hidden=(64, 7), learning_rate=1.0), 3.0),
    "torch-hundred units": WholeProblem("circles", 5, 100, "dropout", short(hidden=(100, 30), num_iterations=100)),
    "torch-many examples": WholeProblem("diagonal", 10, 2048, "none", short(num_iterations=100)),
    "torch-badly scaled": WholeProblem("gaussian", 6, 60, "dropout", short(num_iterations=900), 0.0),
    "torch-cost near 0": WholeProblem("clusters", 2, 30, "frozen-dropout", short(learning_rate=1.0, num_iterations=900)),
    "torch-strong penalty": WholeProblem("moons", 2, 100, "l2", short(lambd=10.0, num_iterations=900)),
    "torch-few kept": WholeProblem("circles", 2, 200, "dropout", short(keep_prob=0.3)),
    "torch-float32": WholeProblem("moons", 2, 211, "dropout", short(dtype="float32", num_iterations=900)),
    "torch-float32, large features": WholeProblem("gaussian", 3, 60, "none", short(dtype="float32"), 30.0),
    "numpy-float32, frozen": WholeProblem("diagonal", 2, 100, "frozen-dropout", short(dtype="float32", num_iterations=900)),
    "numpy-both": WholeProblem("circles", 7, 300, "l2-dropout", short(hidden=(9, 9), num_iterations=900)),
    "tensorflow-saturated": WholeProblem("clusters", 3, 40, "none", short(learning_rate=1.0, num_iterations=900), 10.0),
    "tensorflow-float32": WholeProblem("moons", 2, 150, "l2-dropout", short(dtype="float32", hidden=(40, 5))),
}


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.full) for name in FULL)])
def test_a_correct_implementation_raises_no_alarm(tmp_path, name):
    checks = verified({**QUICK, **FULL}[name], name.partition("-")[0], tmp_path)
    assert len(checks) > 150
    assert [check for check in checks if not check.passed] == []


@pytest.fixture
def faulty(monkeypatch):
    """Training whose learning rate is off by 1e-9 of itself."""
    correct = NumpyAdapter.train_segments

    def train(self, problem, *arguments, **settings):
        wrong = replace(problem, learning_rate=problem.learning_rate * (1 + 1e-9))
        return correct(self, wrong, *arguments, **settings)

    monkeypatch.setattr(NumpyAdapter, "train_segments", train)


def test_a_faulty_one_is_counted(faulty, monkeypatch):
    """The control of all of this, and what `compare.py limits` says of it."""
    monkeypatch.setattr(whole, "random_whole_problem", lambda rng, dtype: QUICK["numpy-dropout"])
    heard: list[None] = []
    found = whole_alarms("numpy", 1, "float64", lambda: heard.append(None))
    assert (len(heard), found.problems_with_alarms) == (1, 1)
    assert any(alarm.startswith("trajectory, updates 0 to 299, cost: differs by") for alarm in found.alarms)
    assert all("WholeProblem(kind='moons', features=3" in alarm for alarm in found.alarms)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_one_that_diverges_is_counted_apart(monkeypatch):
    hyper = short(num_iterations=60, learning_rate=1e6, hidden=(3, 2))
    monkeypatch.setattr(whole, "random_whole_problem", lambda rng, dtype: WholeProblem("moons", 2, 10, "l2", hyper))
    found = whole_alarms("numpy", 1, "float64", lambda: None)
    assert (found.diverged, found.problems_with_alarms, found.compared) == (1, 0, 0)


def test_a_port_that_alone_is_not_finite_raises_an_alarm(monkeypatch):
    """The control: NumPy is right on the problem, so that nothing excuses the port."""
    key = RunId("none", "torch").at("trajectory", FREE_RUN, "cost")
    made = {"torch": because(Cause.NOT_FINITE, 1, 1, "the port's").of(key), "numpy": because(Cause.AGREES).of(key)}
    monkeypatch.setattr(whole, "verified", lambda problem, implementation, folder: [made[implementation]])
    found = whole_alarms("torch", 1, "float64", lambda: None)
    assert (found.diverged, found.problems_with_alarms) == (0, 1)


# The random ones


def drawn(number, dtype="float64"):
    return random_whole_problem(np.random.default_rng(number), dtype)


def test_random_problems_are_of_every_kind_and_size():
    problems = [drawn(number) for number in range(400)]
    assert {problem.kind for problem in problems} == set(KINDS)
    assert {problem.variant for problem in problems} == set(VARIANTS)
    assert {problem.features for problem in problems} == set(range(1, 11))
    for values, low, high in (
        ([problem.examples for problem in problems], 2, 2048),
        ([problem.hyper.num_iterations for problem in problems], 300, 3000),
        ([problem.hyper.hidden[0] for problem in problems], 1, 100),
        ([problem.hyper.hidden[1] for problem in problems], 1, 100),
    ):
        assert low <= min(values) <= 1.5 * low
        assert high / 4 <= max(values) <= high


def test_the_same_seed_gives_the_same_problem_and_the_same_data():
    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)
    for one, other in zip(drawn(3).data(), drawn(3).data(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("features", "examples"), [(1, 2), (2, 7), (10, 50)])
@pytest.mark.parametrize("scale", [1.0, 0.0])
def test_data_are_of_the_size_asked_for_with_both_labels(kind, features, examples, scale):
    problem = WholeProblem(kind, features, examples, "none", replace(short(), dtype="float32"), scale)
    X, Y, others = problem.data()
    assert (X.shape, Y.shape, len(others)) == ((features, examples), (1, examples), features)
    assert {X.dtype, Y.dtype, others.dtype} == {np.dtype(np.float32)}
    assert set(Y.ravel().tolist()) == {0.0, 1.0}
    assert np.isfinite(X).all()
    assert X.any()
