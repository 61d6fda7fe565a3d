"""What the three implementations promise one by one, and that the ports do what NumPy does."""

import functools
import os
import random
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("W1", "b1", "W2", "b2", "W3", "b3")
WEIGHTS, BIASES = NAMES[::2], NAMES[1::2]
RATE, LAMBD, KEEP_PROB = 0.3, 0.7, 0.8
VARIANTS = {
    "none": {},
    "l2": {"lambd": LAMBD},
    "dropout": {"keep_prob": KEEP_PROB},
    "frozen-dropout": {"keep_prob": KEEP_PROB, "frozen": True},
    "l2-dropout": {"lambd": LAMBD, "keep_prob": KEEP_PROB},
}
DROPOUTS = [name for name, settings in VARIANTS.items() if "keep_prob" in settings]


class Run:
    """A run of eight updates: costs (8,), parameters after each segment, masks (8, h, m) of each layer."""

    def __init__(self, segments):
        segments = list(segments)
        self.costs = np.concatenate([segment.costs for segment in segments])
        self.parameters = [segment.parameters for segment in segments]
        without = any(segment.masks is None for segment in segments)
        self.masks = None if without else [np.concatenate(Ds) for Ds in zip(*(s.masks for s in segments), strict=True)]


@pytest.fixture(scope="session")
def trained(make_problem):
    """A function that trains on the small problem; each run is made once, since TensorFlow compiles every one."""

    @functools.cache
    def train(implementation, variant, dtype, lengths, seed, alive, again) -> Run:
        X, Y, parameters = make_problem(dtype=dtype)
        if alive:  # biases that keep every unit on, and next to no learning: masks are read back as they are drawn
            X, Y, parameters = make_problem((3, 4, 4, 1), m=40)
            parameters = {name: value + 9 if name in ("b1", "b2") else abs(value) for name, value in parameters.items()}
        settings = {"learning_rate": 1e-6 if alive else RATE, "seed": seed} | VARIANTS[variant]
        return Run(implementation.training.train_segments(X, Y, parameters, lengths=list(lengths), **settings))

    def call(implementation, variant, dtype="float64", lengths=(4, 4), seed=1, alive=False, again=1):
        return train(implementation, variant, dtype, lengths, seed, alive, again)

    return call


def identical(run, other):
    """Bit for bit: costs, final parameters, masks."""
    pairs = [(run.costs, other.costs), *((run.parameters[-1][name], other.parameters[-1][name]) for name in NAMES)]
    pairs += zip(run.masks or (), other.masks or (), strict=True)
    return all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in pairs)


# At the boundary


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_parameters_go_in_and_come_out_bit_for_bit(implementation, make_problem, dtype):
    """Square layers: a transpose too few or too many has the right shape."""
    parameters = make_problem((4, 4, 4, 1), dtype=dtype).parameters
    network = implementation.network.Network(parameters)
    came_out = implementation.network.read_parameters(network)
    assert list(came_out) == list(NAMES)
    for name in NAMES:
        np.testing.assert_array_equal(came_out[name], parameters[name], strict=True)
    assert not np.array_equal(came_out["W2"], parameters["W2"].T)


def test_a_network_shares_no_memory_with_what_went_in_and_what_came_out(implementation, make_problem):
    parameters = make_problem().parameters
    before = {name: value.copy() for name, value in parameters.items()}
    network = implementation.network.Network(parameters)
    for arrays in (parameters, implementation.network.read_parameters(network)):
        for name, value in arrays.items():
            value += 1
            np.testing.assert_array_equal(implementation.network.read_parameters(network)[name], before[name])


def test_training_leaves_its_arguments_alone(implementation, make_problem):
    X, Y, parameters = make_problem()
    before = [array.copy() for array in (X, Y, *parameters.values())]
    after, _ = implementation.training.train(X, Y, parameters, learning_rate=RATE, num_iterations=8, lambd=LAMBD)
    for array, copy in zip((X, Y, *parameters.values()), before, strict=True):
        np.testing.assert_array_equal(array, copy, strict=True)
    assert all((after[name] != parameters[name]).any() for name in NAMES)  # and something was trained


def test_data_that_must_not_be_written_is_taken_without_a_warning(implementation, make_problem):
    """A Dataset's arrays are read-only."""
    X, Y, parameters = make_problem()
    for array in (X, Y):
        array.setflags(write=False)
    list(implementation.trace.first_updates(X, Y, parameters, learning_rate=RATE))
    implementation.network.predict(X, parameters)


def test_train_returns_the_final_parameters_and_every_cost(implementation, make_problem, trained):
    X, Y, parameters = make_problem()
    final, costs = implementation.training.train(X, Y, parameters, learning_rate=RATE, num_iterations=8)
    run = trained(implementation, "none", lengths=(8,))
    np.testing.assert_array_equal(costs, run.costs, strict=True)
    for name in NAMES:
        np.testing.assert_array_equal(final[name], run.parameters[-1][name], strict=True)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("variant", ["none", "l2-dropout"])
def test_the_precision_that_goes_in_comes_out(implementation, make_problem, trained, variant, dtype):
    run = trained(implementation, variant, dtype)
    values = [run.costs, *(parameters[name] for parameters in run.parameters for name in NAMES)]
    assert {value.dtype for value in values} == {np.dtype(dtype)}
    X, Y, parameters = make_problem(dtype=dtype)
    settings = {"lambd": LAMBD, "keep_prob": KEEP_PROB} if variant == "l2-dropout" else {}
    tensors = implementation.trace.trace(X, Y, parameters, **settings)
    assert {np.asarray(tensor).dtype for tensor in tensors.values()} - {np.dtype(bool)} == {np.dtype(dtype)}


def test_float64_is_computed_in_float64(implementation, trained):
    """Not float32 in the clothes of float64, and not the other way round."""
    double, single = (trained(implementation, "none", dtype) for dtype in ("float64", "float32"))
    for name in NAMES:
        assert (double.parameters[-1][name].astype(np.float32) != double.parameters[-1][name]).any()
        difference = abs(double.parameters[-1][name] - single.parameters[-1][name]).max()
        assert 1e-10 < difference < 1e-5


@pytest.mark.parametrize("layers_dims", [(1, 1, 1, 1), (2, 20, 3, 1), (6, 2, 9, 1)], ids=str)
@pytest.mark.parametrize("m", [1, 13])
def test_any_sizes_are_trained_as_in_numpy(port, reference, make_problem, layers_dims, m):
    X, Y, parameters = make_problem(layers_dims, m)
    settings = {"learning_rate": RATE, "lambd": LAMBD}
    updates = zip(*(i.trace.first_updates(X, Y, parameters, **settings) for i in (port, reference)), strict=True)
    for update, expected in updates:
        np.testing.assert_allclose(update.costs, expected.costs, rtol=0, atol=1e-14, strict=True)
        for name in NAMES:
            np.testing.assert_allclose(update.parameters[name], expected.parameters[name], rtol=0, atol=1e-14, strict=True)
    assert np.array_equal(port.network.predict(X, parameters), reference.network.predict(X, parameters))


# Cost and L2


@pytest.mark.parametrize(("variant", "cost"), [("none", 0.6557412523481002), ("l2", 0.6974484493131264)])
def test_the_first_cost_is_the_courses(implementation, course_data, variant, cost):
    from shared.parameters import initialize_parameters

    parameters = initialize_parameters([2, 20, 3, 1])
    tensors = implementation.trace.trace(course_data.X_train, course_data.Y_train, parameters, **VARIANTS[variant])
    assert float(tensors["cost"]) == pytest.approx(cost, abs=4e-16, rel=0)
    single = initialize_parameters([2, 20, 3, 1], dtype="float32")
    X, Y = (array.astype("float32") for array in (course_data.X_train, course_data.Y_train))
    in_float32 = implementation.trace.trace(X, Y, single, **VARIANTS[variant])["cost"]
    assert float(in_float32) != pytest.approx(cost, abs=1e-9, rel=0)  # 2e-8 off


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_cost_is_that_before_its_update_with_the_penalty(implementation, reference, make_problem, trained, variant):
    X, Y, parameters = make_problem()
    run = trained(implementation, variant, lengths=(1, 7))
    lambd, keep_prob = (VARIANTS[variant].get(key, default) for key, default in (("lambd", 0.0), ("keep_prob", 1.0)))
    for iteration, start in enumerate((parameters, run.parameters[0])):
        masks = tuple(D[iteration] for D in run.masks) if run.masks else None
        tensors = reference.trace.trace(X, Y, start, lambd=lambd, keep_prob=keep_prob, masks=masks)
        assert run.costs[iteration] == pytest.approx(tensors["cost"], abs=1e-15, rel=0)
        if lambd:
            assert run.costs[iteration] != pytest.approx(tensors["cross_entropy"], abs=1e-3)
    assert run.costs[0] != pytest.approx(tensors["cost"], abs=1e-5)  # that after the update


def test_l2_leaves_biases_alone_and_takes_its_share_off_the_weights(implementation, trained, make_problem):
    _, Y, parameters = make_problem()
    with_l2, without = (trained(implementation, variant, lengths=(1, 7)).parameters[0] for variant in ("l2", "none"))
    share = RATE * LAMBD / Y.shape[1]
    for name in BIASES:
        np.testing.assert_allclose(with_l2[name], without[name], rtol=0, atol=1e-15)
        assert (share * abs(parameters[name]) > 1e-4).all()  # bias decay would be seen
    for name in WEIGHTS:
        np.testing.assert_allclose(with_l2[name], without[name] - share * parameters[name], rtol=0, atol=1e-15)
        half = without[name] - share / 2 * parameters[name]
        assert abs(with_l2[name] - half).max() > 1e-3  # half of it would be seen


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
        tensors = implementation.trace.trace(X, Y, parameters | {"b3": np.full((1, 1), b3)})
        assert all(np.isfinite(tensor).all() for tensor in tensors.values())
        assert tensors["db3"].item() == pytest.approx(gradient, rel=1e-14)


# Dropout


def test_keep_prob_1_is_no_dropout_bit_for_bit(implementation, make_problem):
    X, Y, parameters = make_problem()

    def run(**settings):
        return implementation.trace.trace(X, Y, parameters, **settings)

    without, with_1, with_less = run(), run(keep_prob=1.0, seed=2), run(keep_prob=KEEP_PROB)
    assert without.keys() == with_1.keys() == with_less.keys() - {"D1", "D2"}
    for name, tensor in without.items():
        np.testing.assert_array_equal(with_1[name], tensor, strict=True)
    assert not np.array_equal(with_less["Z2"], without["Z2"])


@pytest.mark.parametrize("keep_prob", [0.86, 0.5, 0.3])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_dropout_keeps_its_share_and_divides_by_it(implementation, make_problem, keep_prob, dtype):
    X, Y, parameters = make_problem((3, 20, 20, 1), m=500, dtype=dtype)
    tensors = implementation.trace.trace(X, Y, parameters, keep_prob=keep_prob)
    for layer in (1, 2):
        Z, A, D = (tensors[f"{letter}{layer}"] for letter in "ZAD")
        kept, dropped = D & (Z > 0), ~D & (Z > 0)
        # Two roundings: of 1 / keep_prob and of the product.
        np.testing.assert_allclose(A[kept], Z[kept] / keep_prob, rtol=2 * np.finfo(dtype).eps)
        assert (A[dropped] == 0).all()
        share, deviation = kept.sum() / (Z > 0).sum(), np.sqrt(keep_prob * (1 - keep_prob) / (Z > 0).sum())
        assert abs(share - keep_prob) < 5 * deviation
        assert deviation < 0.01  # a share of 1 - keep_prob would be seen, and one 0.05 off


def test_dropout_drops_neither_inputs_nor_outputs(implementation, make_problem):
    X, Y, parameters = make_problem(m=100)
    tensors = implementation.trace.trace(X, Y, parameters, keep_prob=KEEP_PROB)
    np.testing.assert_allclose(tensors["Z1"], parameters["W1"] @ X + parameters["b1"], rtol=0, atol=1e-14)
    np.testing.assert_allclose(tensors["Z3"], parameters["W3"] @ tensors["A2"] + parameters["b3"], rtol=0, atol=1e-14)
    undropped = parameters["W2"] @ np.maximum(0, tensors["Z1"]) + parameters["b2"]
    assert abs(tensors["Z2"] - undropped).max() > 0.1  # while the hidden layer is dropped


def test_fresh_masks_differ_at_every_iteration(implementation, trained):
    run = trained(implementation, "dropout", alive=True)
    for D in run.masks:
        assert len({mask.tobytes() for mask in D}) == len(D) == 8
        assert 0.5 < D.mean() < 0.95


def test_frozen_masks_are_the_same_at_every_iteration(implementation, trained):
    frozen, fresh = (trained(implementation, variant, alive=True) for variant in ("frozen-dropout", "dropout"))
    for D in frozen.masks:
        assert all(np.array_equal(mask, D[0]) for mask in D)
        assert 0.5 < D.mean() < 0.95
    assert not any(np.array_equal(D[1], D[0]) for D in fresh.masks)


def test_the_two_layers_draw_masks_of_their_own(implementation, trained):
    """Layers of equal size: units of the two agree as often as independent draws do."""
    D1, D2 = trained(implementation, "dropout", alive=True).masks
    for i in range(8):
        for j in range(8):
            expected, deviation = KEEP_PROB**2 + (1 - KEEP_PROB) ** 2, np.sqrt(0.68 * 0.32 / D1[0].size)
            assert abs((D1[i] == D2[j]).mean() - expected) < 5 * deviation < 1 - expected  # equal masks would be seen


def test_prediction_drops_nothing(implementation, reference, make_problem):
    X, Y, parameters = make_problem(m=400)
    parameters["b3"] -= np.median(reference.trace.trace(X, Y, parameters)["Z3"])  # half of them in each class
    expected = (reference.trace.trace(X, Y, parameters)["A3"] > 0.5).astype(np.int64)
    for _ in range(2):
        np.testing.assert_array_equal(implementation.network.predict(X, parameters), expected, strict=True)
    dropped = implementation.trace.trace(X, Y, parameters, keep_prob=KEEP_PROB)["A3"] > 0.5
    assert (dropped != expected).sum() > 20  # dropout would be seen


# Repeatability


@pytest.mark.parametrize("variant", ["none", "l2-dropout"])
def test_a_run_can_be_repeated_bit_for_bit_whatever_the_global_generators_hold(implementation, trained, variant):
    import keras
    import torch

    runs = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        torch.manual_seed(seed)
        runs.append(trained(implementation, variant, again=seed))
    assert identical(*runs)


def test_another_seed_is_another_run(implementation, trained):
    runs = [trained(implementation, "l2-dropout", seed=seed) for seed in (1, 2)]
    assert not identical(*runs)
    assert not any(np.array_equal(*masks) for masks in zip(*(run.masks for run in runs), strict=True))


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_lengths_of_the_segments_do_not_matter(implementation, trained, variant):
    assert identical(trained(implementation, variant), trained(implementation, variant, lengths=(1, 7)))


def test_training_leaves_every_random_state_alone(implementation, make_problem):
    import keras
    import tensorflow as tf
    import torch

    def draws(do):
        """What everybody's global generators give after `do`."""
        keras.utils.set_random_seed(7)  # Python's, NumPy's and TensorFlow's
        torch.manual_seed(7)
        do()
        keras_draw = keras.random.uniform((3,)).numpy().tolist()
        tf_draw = tf.random.uniform((3,)).numpy().tolist()
        return {
            "python": random.random(),
            "numpy": np.random.rand(3).tolist(),
            "torch": torch.rand(3).tolist(),
            "tensorflow": tf_draw,
            "keras": keras_draw,
        }

    def work():
        X, Y, parameters = make_problem()
        implementation.training.train(X, Y, parameters, learning_rate=RATE, num_iterations=2, keep_prob=KEEP_PROB)
        implementation.trace.trace(X, Y, parameters, keep_prob=KEEP_PROB)
        implementation.network.predict(X, parameters)

    untouched = draws(lambda: None)
    assert draws(work) == untouched
    touched = draws(
        lambda: (random.random(), np.random.rand(), torch.rand(1), tf.random.uniform(()), keras.random.uniform(()))
    )
    assert all(touched[name] != untouched[name] for name in untouched)


def test_training_leaves_the_settings_of_keras_alone(make_problem):
    import keras

    from tf_impl.trace import trace
    from tf_impl.training import train

    X, Y, parameters = make_problem()
    assert keras.config.floatx() == "float32"
    train(X, Y, parameters, learning_rate=RATE, num_iterations=1, lambd=LAMBD)
    trace(X, Y, parameters, lambd=LAMBD)
    assert keras.config.floatx() == "float32"


# Agreement


def replayed(reference, problem, run, lambd=0.0, keep_prob=1.0):
    """The reference's eight updates with the masks of a run: costs, final parameters."""
    from numpy_impl.gradients import cost_and_gradients
    from numpy_impl.training import update_parameters

    X, Y, parameters = problem
    network = reference.network.Network(parameters, keep_prob)
    costs = []
    for i in range(8):
        masks = tuple(D[i] for D in run.masks) if run.masks else None
        cost, gradients, _ = cost_and_gradients(network, X, Y, lambd, masks)
        costs.append(cost + reference.cost.l2_penalty(network, lambd, X.shape[1]))
        network.parameters = update_parameters(network.parameters, gradients, RATE)
    return np.array(costs), network.parameters


@pytest.mark.parametrize("variant", VARIANTS)
def test_eight_updates_are_those_of_numpy(implementation, reference, make_problem, trained, variant):
    run = trained(implementation, variant)
    settings = {name: value for name, value in VARIANTS[variant].items() if name != "frozen"}
    costs, parameters = replayed(reference, make_problem(), run, **settings)
    np.testing.assert_allclose(run.costs, costs, rtol=0, atol=1e-14, strict=True)
    for name in NAMES:
        np.testing.assert_allclose(run.parameters[-1][name], parameters[name], rtol=0, atol=1e-14, strict=True)

    off = settings | {name: value * (1 + 1e-8) for name, value in settings.items()} or {"lambd": 1e-8}
    costs, parameters = replayed(reference, make_problem(), run, **off)
    assert abs(run.costs - costs).max() > 1e-10  # lambd or keep_prob 1e-8 off would be seen
    if run.masks:
        run.masks[0][-1, 0] ^= True  # a unit of the last mask
        costs, _ = replayed(reference, make_problem(), run, **settings)
        run.masks[0][-1, 0] ^= True
        assert abs(run.costs - costs).max() > 1e-4


@pytest.mark.parametrize("variant", ["none", "l2-dropout"])
def test_eight_updates_in_float32_are_those_of_numpy(port, reference, make_problem, trained, variant):
    run = trained(port, variant, "float32")
    costs, parameters = replayed(reference, make_problem(dtype="float32"), run, **VARIANTS[variant])
    np.testing.assert_allclose(run.costs, costs, rtol=0, atol=1e-6, strict=True)
    for name in NAMES:
        np.testing.assert_allclose(run.parameters[-1][name], parameters[name], rtol=0, atol=1e-6, strict=True)


@pytest.mark.parametrize("keep_prob", [1.0, KEEP_PROB])
def test_every_tensor_of_a_step_is_that_of_numpy(port, reference, make_problem, keep_prob):
    X, Y, parameters = make_problem()
    tensors = port.trace.trace(X, Y, parameters, lambd=LAMBD, keep_prob=keep_prob)
    masks = (tensors["D1"], tensors["D2"]) if keep_prob < 1 else None
    expected = reference.trace.trace(X, Y, parameters, lambd=LAMBD, keep_prob=keep_prob, masks=masks)
    assert tensors.keys() == expected.keys()
    assert {"d" + name for name in NAMES} < tensors.keys()
    for name, tensor in expected.items():
        np.testing.assert_allclose(tensors[name], tensor, rtol=0, atol=2e-15, err_msg=name)
        assert np.shape(tensors[name]) == np.shape(tensor)
    if masks:
        undivided = expected["dW1"] * keep_prob
        assert abs(tensors["dW1"] - undivided).max() > 1e-3  # a missing / keep_prob would be seen


# Keras


@pytest.mark.parametrize(
    ("program", "code", "message"),
    [
        ("import tf_impl, keras; print(keras.backend.backend())", 0, "tensorflow"),
        ("import keras; import tf_impl", 1, "UsageError: tf_impl needs Keras on TensorFlow"),
    ],
    ids=["is put right", "is refused once Keras is imported"],
)
def test_another_framework_behind_keras(clean_environment, program, code, message):
    environment = clean_environment | {"KERAS_BACKEND": "torch"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert message in done.stdout + done.stderr
    assert os.environ.get("KERAS_BACKEND") in (None, "tensorflow")


@pytest.mark.parametrize("lambd", [0.0, 0.7])
def test_numpy_s_memory_does_not_grow_with_the_updates(make_problem, reference, lambd):
    X, Y, parameters = make_problem((2, 300, 300, 1))
    size = sum(value.nbytes for value in parameters.values())

    def peak(updates):
        tracemalloc.start()
        for _ in reference.training.train_segments(X, Y, parameters, learning_rate=0.01, lengths=[updates], lambd=lambd):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(40) < peak(4) + 3 * size < 20 * size
