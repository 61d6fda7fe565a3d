"""How the harness looks into the implementations: it sees what `train` and `update` do, and looking changes nothing."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shared.adapters import IMPLEMENTATIONS, tensorflow
from shared.adapters import implementation as declared
from shared.adapters.implementation import overheard
from shared.adapters.numpy import Replayed
from shared.alignment.own_training import own_training_check
from shared.alignment.recording import record_run
from shared.alignment.trajectory import replay_in_segments
from shared.case import case_of
from shared.commands.mistakes.planting import planted
from shared.config import VARIANTS, Hyperparameters
from shared.diagnosis.mistake import Plant
from shared.harness.checks import Cause, RunId
from shared.harness.records import Record
from tests.helpers.training import in_segments

ROOT = Path(__file__).resolve().parents[1]
BOTH = {"learning_rate": 0.3, "lambd": 0.7, "keep_prob": 0.8}
RUN = RunId("", "")


def assert_same(run, expected):
    """Two pairs of parameters and costs, bit for bit."""
    (parameters, costs), (its, its_costs) = run, expected
    np.testing.assert_array_equal(costs, its_costs, strict=True)
    for name, value in parameters.items():
        np.testing.assert_array_equal(value, its[name], strict=True)


# What `train` does


# Every program that TensorFlow compiles takes seconds.
SETTINGS = [pytest.param({"learning_rate": 0.3}, id="none", marks=pytest.mark.full), pytest.param(BOTH, id="l2-dropout")]
KERAS_FULL = ["numpy", "torch", pytest.param("tensorflow", marks=pytest.mark.full)]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.full)])
def test_train_is_the_run_that_the_adapter_makes_bit_for_bit(implementation, make_problem, settings, dtype):
    X, Y, parameters = make_problem(dtype=dtype)
    run = in_segments(implementation.adapter, X, Y, parameters, lengths=[3, 3], **settings)
    segments = list(run)
    made = segments[-1].parameters, np.concatenate([segment.costs for segment in segments])
    own = implementation.adapter.train(X, Y, parameters, num_iterations=6, **settings)
    assert_same(made, own)
    other = implementation.adapter.train(X, Y, parameters, num_iterations=6, **settings | {"learning_rate": 0.3 + 1e-6})
    assert not np.array_equal(own[1], other[1])


@pytest.mark.full
def test_a_train_that_xla_cannot_compile_is_seen_in_a_short_run(make_problem, tmp_path):
    update = "        return update(network, optimizer, rows, labels, lambd)"
    uncompilable = f"        tf.numpy_function(lambda: None, [], [])\n{update}"
    X, Y, parameters = make_problem()
    with (
        planted(Plant("tensorflow", "none", (("training.py", update, uncompilable),)), tmp_path) as port,
        pytest.raises(Exception, match="PyFunc"),
    ):
        port.train(X, Y, parameters, learning_rate=0.3, num_iterations=2)


FRESH = """
import sys
import numpy as np
from {package} import train
from shared.parameters import initialize_parameters
X = np.random.default_rng(0).standard_normal((2, 50))
Y = (X[:1] > 0).astype(float)
for dtype in {dtypes}:
    ends, costs = train(X.astype(dtype), Y.astype(dtype), initialize_parameters([2, 20, 3, 1], dtype=dtype),
                        learning_rate=0.3, num_iterations=20, lambd=0.7)
    print(costs.dtype, ends["W1"].dtype, repr(float(costs[-1])))
"""


@pytest.mark.full
@pytest.mark.parametrize("package", ["torch_impl", "tf_impl"])
def test_train_alone_in_a_process_of_its_own_is_right_in_both_precisions(package, clean_environment):
    """In both orders: what the first has made must not serve the second."""
    dtypes = ("float64", "float32", "float64")

    def lines(package):
        program = FRESH.format(package=package, dtypes=dtypes)
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=clean_environment, text=True,
                              capture_output=True, check=True)  # fmt: skip
        return [line.split() for line in done.stdout.splitlines()]

    for (*own, cost), (*expected, its), dtype in zip(lines(package), lines("numpy_impl"), dtypes, strict=True):
        assert own == expected == [dtype, dtype]
        assert float(cost) == pytest.approx(float(its), rel=1e-14 if dtype == "float64" else 1e-6)


WRONG = {
    "numpy": ("rng = np.random.default_rng(seed)", "rng = np.random.default_rng(0)"),
    "torch": ("torch.manual_seed(seed)", "torch.manual_seed(0)"),
    "tensorflow": ("load(parameters, keep_prob, seed)", "load(parameters, keep_prob)"),
}
"""Of `train` alone: another seed than the given one."""
RATE = {
    "numpy": ("= update(parameters, X, Y, learning_rate,", "= update(parameters, X, Y, learning_rate * 1.001,"),
    "torch": (
        "make_optimizer(network, learning_rate, lambd, m=X",
        "make_optimizer(network, learning_rate * 1.001, lambd, m=X",
    ),
    "tensorflow": ("make_optimizer(network, learning_rate, lambd, m=X", "make_optimizer(network, 0.3003, lambd, m=X"),
}


def own_check(name, variant, make_problem, folder, *changes):
    """The check of the training of an implementation with these changes in its training.py."""
    X, Y, parameters = make_problem((2, 6, 4, 1), m=20)
    chosen, hyper = VARIANTS[variant], Hyperparameters(num_iterations=8, hidden=(6, 4), seed=2)
    plant = Plant(name, variant, tuple(("training.py", *change) for change in changes))
    inputs = {"X_train": X, "X_test": X, "grid": X}
    with planted(plant, folder / "source") as port:
        case, record = case_of(hyper, chosen, (X, Y, inputs), parameters, [4, 4]), Record(folder / "run")
        record_run(port, case, record)
    segments = replay_in_segments(case.problem, record, RUN)
    assert all(check.status == "passed" for check in segments.checks)
    return own_training_check(case.problem, record, segments, RUN)


@pytest.mark.parametrize("name", KERAS_FULL)
@pytest.mark.parametrize(
    ("variant", "mistake"),
    [
        ("none", RATE),
        *(pytest.param(*case, marks=pytest.mark.full) for case in (("dropout", WRONG), ("frozen-dropout", RATE))),
    ],
)
def test_a_mistake_in_train_alone_is_found(name, variant, mistake, make_problem, tmp_path):
    check = own_check(name, variant, make_problem, tmp_path, mistake[name])
    assert (check.stage, check.tensor, check.status) == ("repeat", "training", "failed")
    assert check.cause is Cause.OWN_TRAINING


# Masks


@pytest.mark.parametrize("implementation", KERAS_FULL, indirect=True)
def test_frozen_masks_are_the_first_that_the_generator_draws_at_every_update(implementation, make_problem):
    """NumPy's are the course's, of its legacy stream. Biases keep every unit on: a mask is what its layer lets through."""
    X, Y, parameters = make_problem((3, 4, 4, 1), m=40)
    on = {name: value + 9 if name in ("b1", "b2") else abs(value) for name, value in parameters.items()}
    settings = BOTH | {"learning_rate": 1e-6, "lengths": [3, 2], "seed": 4}
    fresh, frozen = (list(in_segments(implementation.adapter, X, Y, on, frozen=each, **settings)) for each in (False, True))
    legacy = np.random.RandomState(4)
    for layer in (0, 1):
        first = fresh[0].masks[layer][0] if implementation.name != "numpy" else legacy.rand(4, 40) < BOTH["keep_prob"]
        assert not np.array_equal(fresh[0].masks[layer][1], fresh[0].masks[layer][0])
        for segment in frozen:
            np.testing.assert_array_equal(segment.masks[layer], np.broadcast_to(first, segment.masks[layer].shape))


@pytest.mark.parametrize("leading", [(), (3,)])
@pytest.mark.parametrize("kind", [bool, float])
def test_the_course_s_own_function_draws_the_masks_that_are_given(reference, make_problem, leading, kind):
    X, _, parameters = make_problem()
    rng = np.random.default_rng(0)
    D1, D2 = ((rng.random((*leading, n, X.shape[1])) < 0.8).astype(kind) for n in (5, 4))
    replayed = Replayed(D1, D2)
    for _ in range(2):  # in turn, as often as it is asked
        A3, cache = reference.network.forward_propagation_with_dropout(X, parameters, 0.8, replayed)
        np.testing.assert_array_equal(cache.D1, D1, strict=True)
        np.testing.assert_array_equal(cache.D2, D2, strict=True)
    again = [1.0 - D1, 1.0 - D2]  # the same, as numbers of a generator would
    if not leading:
        drawn = type("Drawn", (), {"random": lambda self, shape: again.pop(0)})()
        np.testing.assert_array_equal(reference.network.forward_propagation_with_dropout(X, parameters, 0.8, drawn)[0], A3)


# Looking


def test_looking_puts_back_what_it_listens_to(implementation, make_problem):
    X, Y, parameters = make_problem()
    own = implementation.training.cross_entropy
    implementation.adapter.trace(X, Y, parameters)
    assert implementation.training.cross_entropy is own
    with overheard(implementation.training, "cross_entropy"):
        assert implementation.training.cross_entropy is not own
    with pytest.raises(ZeroDivisionError), overheard(implementation.training, "cross_entropy"):
        1 / 0  # noqa: B018
    assert implementation.training.cross_entropy is own


def test_every_adapter_declares_the_same_places_and_its_own_look():
    places = [tuple(implementation.places) for implementation in IMPLEMENTATIONS.values()]
    assert len(set(places)) == 1
    for what in ("colour", "line", "package"):
        assert len({getattr(implementation, what) for implementation in IMPLEMENTATIONS.values()}) == len(places)


# TensorFlow's programs


@pytest.mark.full
@pytest.mark.parametrize("frozen", [False, True])
def test_a_loop_of_updates_is_the_updates_one_by_one_bit_for_bit(make_problem, monkeypatch, frozen):
    X, Y, parameters = make_problem()
    runs = []
    graph = list(in_segments(tensorflow.KerasAdapter(), X, Y, parameters, lengths=[3, 3], frozen=frozen, **BOTH))
    monkeypatch.setattr(declared, "COMPILE_FROM", 1)
    for loop_from in (1, 100):
        monkeypatch.setattr(tensorflow, "LOOP_FROM", loop_from)
        adapter = tensorflow.KerasAdapter()
        runs.append(list(in_segments(adapter, X, Y, parameters, lengths=[3, 3], frozen=frozen, **BOTH)))
        (program,) = adapter._programs.values()
        assert (len(program._loops), program._step is None) == ((1, True) if loop_from == 1 else (0, False))
    for looped, alone in zip(*runs, strict=True):
        assert_same((looped.parameters, looped.costs), (alone.parameters, alone.costs))
        for D, its in zip(looped.masks, alone.masks, strict=True):
            np.testing.assert_array_equal(D, its, strict=True)
    assert not np.array_equal(graph[0].masks[0], runs[0][0].masks[0])  # so that masks are judged as the run draws them
    if not frozen:
        own = adapter.train(X, Y, parameters, num_iterations=6, **BOTH)
        assert_same((runs[0][-1].parameters, np.concatenate([segment.costs for segment in runs[0]])), own)


def test_a_program_is_made_once_and_starts_afresh_with_what_it_is_given(make_problem):
    adapter = tensorflow.KerasAdapter()
    X, Y, parameters = make_problem()
    other = {name: value + 0.1 for name, value in parameters.items()}

    def run(X, start, **more):
        (segment,) = in_segments(adapter, X, Y, start, lengths=[2], **BOTH | more)
        return segment

    first, moved, turned, again = run(X, parameters), run(X, other), run(-X, parameters), run(X, parameters)
    assert len(adapter._programs) == 1
    assert_same((first.parameters, first.costs), (again.parameters, again.costs))
    assert len({float(segment.costs[0]) for segment in (first, moved, turned)}) == 3
    for rate in (0.1, 0.2, 0.4, 0.5):
        run(X, parameters, learning_rate=rate)
    assert len(adapter._programs) == tensorflow.PROGRAMS
