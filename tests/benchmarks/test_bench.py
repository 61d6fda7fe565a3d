"""What `compare.py bench` measures is what it says. Times are never asserted."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from shared.alignment.tensors import REFERENCE
from shared.commands.bench import plain_loop
from shared.commands.bench.command import BenchOptions
from shared.commands.bench.contestants import PLAIN, contestants
from shared.commands.bench.growth import FLOOR, POINTS, exponent, grow
from shared.commands.bench.measure import OTHERS, measure
from shared.commands.bench.race import race
from shared.commands.bench.tasks import Missing
from shared.config import VARIANTS, Hyperparameters
from shared.harness.progress import Progress
from shared.parameters import initialize_parameters
from shared.synthetic import make_dataset
from tests.helpers.training import in_segments


@pytest.fixture(scope="module")
def problem():
    data = make_dataset()
    return data.X_train, data.Y_train, initialize_parameters([2, 20, 3, 1])


@pytest.mark.parametrize("variant", ["none", "l2", "frozen-dropout"])
def test_the_plain_loop_computes_what_numpy_impl_computes(problem, variant):
    X, Y, parameters = problem
    settings = Hyperparameters().of(VARIANTS[variant]) | {"frozen": VARIANTS[variant].frozen}
    state = np.random.get_state()
    costs, ends = plain_loop.train(X, Y, parameters, 50, **settings)
    np.random.set_state(state)
    (segment,) = in_segments(REFERENCE, X, Y, parameters, lengths=[50], seed=1, **settings)
    np.testing.assert_allclose(costs, segment.costs, rtol=1e-12, strict=True)
    for name, value in segment.parameters.items():
        np.testing.assert_allclose(ends[name], value, rtol=0, atol=1e-12, strict=True)


@pytest.mark.full
def test_every_contestant_trains(problem):
    names = ["numpy", "torch", "tensorflow", *OTHERS]
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install -r requirements-bench.txt")
    state = np.random.get_state()
    X, Y, parameters = problem
    for contestant in contestants(X, Y, parameters, Hyperparameters(), names, 50, 3):
        costs = [cost for cost, _ in zip(contestant.blocks(), range(3), strict=False)]
        if contestant.name != "products alone":
            assert 0.05 < costs[-1] < 0.69, contestant
            fresh = contestant.name in (PLAIN, "numpy", "torch", "tensorflow", "Keras fit")
            assert costs[-1] < costs[0] or not fresh or "dropout" in contestant.variant, contestant
    np.random.set_state(state)


def test_ratios_are_to_the_plain_loop_of_the_same_variant_and_round(problem):
    X, Y, parameters = problem
    found = race(X, Y, parameters, Hyperparameters(), ["numpy", "products alone"], 10, 3)
    rows = {(row.contestant, row.variant): row for row in found.speed}
    assert len(rows) == 2 * 4 + 1
    for (_, variant), row in rows.items():
        ratios = np.array(row.rounds) / rows[PLAIN, variant].rounds
        assert asdict(row.ratio) == pytest.approx({"median": np.median(ratios), "low": ratios.min(), "high": ratios.max()})
        assert len(row.rounds) == 3
        assert row.microseconds.median == np.median(row.rounds) > 0
    assert found.missing == []


def test_what_is_not_installed_is_said(problem, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.neural_network", None)
    X, Y, parameters = problem
    found = race(X, Y, parameters, Hyperparameters(), ["scikit-learn"], 10, 1)
    assert {row.contestant for row in found.speed} == {PLAIN}
    (missing,) = found.missing
    assert missing.contestant == "scikit-learn"
    assert "not installed" in missing.reason


def test_an_exponent_is_the_slope_of_the_logarithms():
    assert exponent([(10, 30.0), (100, 3000.0), (1000, 300000.0)]) == pytest.approx(2)
    assert exponent([(10, 30.0), (100, None)]) is None


@pytest.mark.full
@pytest.mark.parametrize("name", ["numpy", FLOOR])
def test_growth_has_every_point(name, monkeypatch):
    monkeypatch.setattr("shared.commands.bench.growth.WORK", 1e6)
    monkeypatch.setitem(POINTS, "examples", (50, 50_000))
    grown = grow(name, "examples")
    assert [point.value for point in grown.points] == [50, 50_000]
    assert all(point.seconds_per_update > 0 and point.updates >= 3 for point in grown.points)
    if Path("/proc/self/clear_refs").exists():
        assert (grown.points[1].bytes or 0) > 50_000 * 20 * 8  # at least one activation of the first layer


@pytest.mark.full
def test_the_command_writes_its_results_and_shows_them_within_eighty_columns(run_compare):
    flags = ["--rounds", "2", "--updates", "20", "--whole", "20", "--implementations", "numpy", "--no-growth"]
    done = run_compare("bench", *flags)
    results = json.loads((done.out / "bench.json").read_text())
    missing = {entry["contestant"] for entry in results["missing"]}
    assert missing <= {"scikit-learn"}
    assert done.code == (3 if missing else 0), done.stderr
    assert {path.name for path in done.out.iterdir()} == {"bench.json", "bench.png"}
    assert max(map(len, done.stdout.split("written:")[0].splitlines())) <= 80
    assert "of the plain loop" in done.stdout
    for name, iterations in (("whole", 20), ("short", 100)):
        whole = results[name]
        assert (whole["iterations"], whole["verdict"]) == (iterations, "match")
        assert whole["ratio"] == whole["seconds"] / whole["plain_loop_seconds"]
        parts = whole["process_seconds"]
        assert list(parts) == ["imports", "compiling", "training", "replaying", "drawing"]
        assert min(parts["imports"], parts["training"], parts["replaying"], parts["drawing"]) > 0
        assert f"{iterations} iterations: {whole['seconds']:.1f} s" in " ".join(done.stdout.split())
    assert results["environment"]["threads"] == 1


@pytest.mark.full
def test_a_whole_command_that_fails_is_no_measurement(monkeypatch):
    monkeypatch.setattr("shared.commands.bench.measure.OTHERS", ())
    options = BenchOptions(rounds=1, updates=2, growth=False, whole=-5, implementations=["numpy"])
    results = measure(options, Progress())
    assert results.whole is None
    assert results.missing == [Missing("the whole command", "it ended with exit code 2")]
