"""What the three implementations promise one by one, and that the ports do what NumPy does."""

import functools
import importlib
import os
import random
import subprocess
import sys
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from shared.case import Problem
from shared.errors import UsageError
from tests.conftest import need_all
from tests.helpers.training import in_segments

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("W1", "b1", "W2", "b2", "W3", "b3")
RATE, LAMBD, KEEP_PROB = 0.3, 0.7, 0.8
BOTH = {"lambd": LAMBD, "keep_prob": KEEP_PROB}
VARIANTS = {"none": {}, "l2": {"lambd": LAMBD}, "l2-dropout": BOTH}


@dataclass(frozen=True)
class Alone:
    """What `train` returned, called once, and what it left: arguments, what global generators give next, Keras's dtype."""

    parameters: dict
    before: list[np.ndarray]
    after: list[np.ndarray]
    untouched: dict
    draws: dict
    floatx: str


@pytest.fixture(scope="session")
def alone(make_problem):
    """A function that trains once with l2-dropout for eight updates, traces and predicts."""
    need_all()  # the generators and settings of all of them are looked at
    import keras

    @functools.cache
    def call(implementation) -> Alone:
        X, Y, parameters = make_problem()
        arguments = (X, Y, *parameters.values())
        before, done = [array.copy() for array in arguments], []

        def work():
            done.append(implementation.adapter.train(X, Y, parameters, learning_rate=RATE, num_iterations=8, **BOTH))
            implementation.adapter.trace(X, Y, parameters, **BOTH)
            implementation.network.predict(X, parameters)

        untouched, draws = draws_after(lambda: None), draws_after(work)
        final, _ = done[0]
        return Alone(final, before, list(arguments), untouched, draws, keras.config.floatx())

    return call


def draws_after(do):
    """What everybody's global generators give after `do`."""
    import keras
    import tensorflow as tf
    import torch

    keras.utils.set_random_seed(7)  # Python's, NumPy's and TensorFlow's
    torch.manual_seed(7)
    do()
    return {
        "keras": keras.random.uniform((3,)).numpy().tolist(),
        "tensorflow": tf.random.uniform((3,)).numpy().tolist(),
        "torch": torch.rand(3).tolist(),
        "numpy": np.random.rand(3).tolist(),
        "python": random.random(),
    }


def two_updates(implementation, problem, variant="none", seed=1):
    """The first two updates: costs (1,), parameters and masks of each."""
    X, Y, parameters = problem
    return implementation.adapter.first_updates(Problem(X, Y, RATE, **VARIANTS[variant]), parameters, seed=seed)


# At the boundary


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_parameters_go_in_and_come_out_bit_for_bit(port, make_problem, dtype):
    """Square layers: a transpose too few or too many has the right shape."""
    parameters = make_problem((4, 4, 4, 1), dtype=dtype).parameters
    came_out = port.network.read_parameters(port.network.load(parameters))
    assert list(came_out) == list(NAMES)
    for name in NAMES:
        np.testing.assert_array_equal(came_out[name], parameters[name], strict=True)
    assert not np.array_equal(came_out["W2"], parameters["W2"].T)


def test_a_network_shares_no_memory_with_what_went_in_and_what_came_out(port, make_problem):
    parameters = make_problem().parameters
    before = {name: value.copy() for name, value in parameters.items()}
    network = port.network.load(parameters)
    for arrays in (parameters, port.network.read_parameters(network)):
        for name, value in arrays.items():
            value += 1
            np.testing.assert_array_equal(port.network.read_parameters(network)[name], before[name])


def test_training_leaves_its_arguments_alone(implementation, alone):
    run = alone(implementation)
    for array, copy in zip(run.after, run.before, strict=True):
        np.testing.assert_array_equal(array, copy, strict=True)
    assert all((value != before).any() for value, before in zip(run.parameters.values(), run.before[2:], strict=True))


def test_data_that_must_not_be_written_is_taken_without_a_warning(implementation, make_problem):
    """A Dataset's arrays are read-only."""
    X, Y, parameters = make_problem()
    for array in (X, Y):
        array.setflags(write=False)
    two_updates(implementation, (X, Y, parameters))
    implementation.network.predict(X, parameters)


@pytest.mark.parametrize("layers_dims", [(1, 1, 1, 1), (2, 20, 3, 1), (6, 2, 9, 1)], ids=str)
@pytest.mark.parametrize("m", [1, 13])
def test_any_sizes_are_trained_as_in_numpy(port, reference, make_problem, layers_dims, m):
    problem = X, _, parameters = make_problem(layers_dims, m)
    for update, expected in zip(*(two_updates(i, problem, "l2") for i in (port, reference)), strict=True):
        np.testing.assert_allclose(update.costs, expected.costs, rtol=0, atol=1e-14, strict=True)
        for name in NAMES:
            np.testing.assert_allclose(update.parameters[name], expected.parameters[name], rtol=0, atol=1e-14, strict=True)
    assert np.array_equal(port.network.predict(X, parameters), reference.network.predict(X, parameters))


# Cost and L2


@pytest.mark.parametrize(("variant", "cost"), [("none", 0.6557412523481002), ("l2", 0.6974484493131264)])
def test_the_first_cost_is_the_courses(implementation, course_data, variant, cost):
    from shared.parameters import initialize_parameters

    parameters = initialize_parameters([2, 20, 3, 1])
    tensors = implementation.adapter.trace(course_data.X_train, course_data.Y_train, parameters, **VARIANTS[variant])
    assert float(tensors["cost"]) == pytest.approx(cost, abs=4e-16, rel=0)
    single = initialize_parameters([2, 20, 3, 1], dtype="float32")
    X, Y = (array.astype("float32") for array in (course_data.X_train, course_data.Y_train))
    in_float32 = implementation.adapter.trace(X, Y, single, **VARIANTS[variant])["cost"]
    assert float(in_float32) != pytest.approx(cost, abs=1e-9, rel=0)  # 2e-8 off


@pytest.mark.parametrize("Z", [-800.0, -40.0, 0.0, 40.0, 800.0])
@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_saturated_logit_has_its_finite_cost(implementation, dtype, label, Z):
    """A wrong label at logit 40 costs 40: 100 where torch clamps logs, 16.1 where Keras clips, inf as -log(1 - sigmoid)."""
    Z3, Y = np.array([[Z]], dtype), np.array([[label]], dtype)
    expected = np.logaddexp(0.0, -Z if label else Z)  # log(1 + exp(-|Z|)) where right, |Z| more where wrong
    to_rows = getattr(implementation.network, "to_rows", lambda array: array)
    cost = np.asarray(implementation.cost.cross_entropy(to_rows(Z3), to_rows(Y)))
    assert cost.shape == ()
    assert cost.dtype == dtype
    assert cost == pytest.approx(expected, rel=1e-15 if dtype == "float64" else 1e-6)


def test_gradients_stay_finite_and_right_at_saturated_logits(implementation, make_problem):
    X, Y, parameters = make_problem()
    for b3, gradient in ((800.0, 0.5), (-800.0, -0.5)):  # half of the labels are wrong, each by 1
        tensors = implementation.adapter.trace(X, Y, parameters | {"b3": np.full((1, 1), b3)})
        assert all(np.isfinite(tensor).all() for tensor in tensors.values())
        assert tensors["db3"].item() == pytest.approx(gradient, rel=1e-14)


def test_keep_prob_1_is_no_dropout_bit_for_bit(implementation, make_problem):
    X, Y, parameters = make_problem()

    def run(**settings):
        return implementation.adapter.trace(X, Y, parameters, **settings)

    without, with_1, with_less = run(), run(keep_prob=1.0, seed=2), run(keep_prob=KEEP_PROB)
    assert without.keys() == with_1.keys() == with_less.keys() - {"D1", "D2"}
    for name, tensor in without.items():
        np.testing.assert_array_equal(with_1[name], tensor, strict=True)
    assert not np.array_equal(with_less["Z2"], without["Z2"])


# Repeatability


def test_another_seed_is_another_run(implementation, make_problem):
    runs = [two_updates(implementation, make_problem(m=40), "l2-dropout", seed) for seed in (1, 2, 2)]
    assert not any(np.array_equal(*masks) for masks in zip(runs[0][0].masks, runs[1][0].masks, strict=True))
    assert all(np.array_equal(*masks) for masks in zip(runs[1][0].masks, runs[2][0].masks, strict=True))


def test_training_leaves_every_random_state_alone(implementation, alone):
    import keras
    import tensorflow as tf
    import torch

    run = alone(implementation)
    assert run.draws == run.untouched
    touched = draws_after(
        lambda: (random.random(), np.random.rand(), torch.rand(1), tf.random.uniform(()), keras.random.uniform(()))
    )
    assert all(touched[name] != run.untouched[name] for name in run.untouched)


def test_training_leaves_the_settings_of_keras_alone(implementation, alone):
    assert alone(implementation).floatx == "float32"


# Keras


@pytest.mark.full
def test_another_framework_behind_keras_is_put_right(clean_environment):
    program = "import tf_impl, keras; print(keras.backend.backend())"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=clean_environment | {"KERAS_BACKEND": "torch"},
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "tensorflow\n"), done.stderr


def test_another_framework_behind_keras_is_refused_once_keras_is_imported(monkeypatch):
    import keras

    import tf_impl

    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(UsageError, match=r"tf_impl needs Keras on TensorFlow, but .* the backend 'torch'"):
        importlib.reload(tf_impl)
    assert os.environ["KERAS_BACKEND"] == "tensorflow"


# Memory


@pytest.mark.parametrize("lambd", [0.0, 0.7])
def test_numpy_s_memory_does_not_grow_with_the_updates(make_problem, reference, lambd):
    X, Y, parameters = make_problem((2, 300, 300, 1))
    size = sum(value.nbytes for value in parameters.values())

    def peak(updates):
        tracemalloc.start()
        for _ in in_segments(reference.adapter, X, Y, parameters, learning_rate=0.01, lengths=[updates], lambd=lambd):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(12) < peak(4) + 3 * size < 20 * size
