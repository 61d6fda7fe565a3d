"""The noise floor and the states it is measured from: what is perturbed is rounding, and only rounding."""

import numpy as np
import pytest

from numpy_impl import cost, gradients, network, training
from shared.adapters.numpy import Replayed
from shared.alignment.floor import Perturbation, Perturbed, perturbed, spread
from shared.alignment.states import STATES, make_states
from shared.alignment.tensors import EXACT, REFERENCE, STAGE_OF, reference_tensors, tensors_of
from shared.case import Problem
from shared.parameters import PARAMETER_NAMES, initialize_parameters
from shared.synthetic import make_dataset

DTYPES = ("float64", "float32")


def ulps(values, other):
    """Distance in units in the last place of `other`."""
    return np.abs((np.float64(values) - np.float64(other)) / np.spacing(np.abs(other)))


# Perturbation


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 50, 7), (2**20 + 3,)], ids=["from the pool", "larger than the pool"])
def test_a_perturbation_moves_by_one_unit_in_the_last_place_up_down_or_not(shape, dtype):
    values = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    perturbed = Perturbation()(values)
    assert (perturbed.shape, perturbed.dtype) == (values.shape, values.dtype)
    moved = (perturbed.astype(float) - values) / np.spacing(np.abs(values))
    assert set(np.unique(moved)) == {-1.0, 0.0, 1.0}
    shares = [float((moved == direction).mean()) for direction in (-1, 0, 1)]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.06)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_perturbation_keeps_zeros_signs_and_what_is_not_finite_and_leaves_its_argument_alone(dtype):
    """A zero that moves would turn units on: A > 0."""
    tiny, largest = np.finfo(dtype).tiny, np.finfo(dtype).max
    values = np.repeat(np.array([0.0, -0.0, tiny, -tiny, 1e-30, -1.0, np.inf, -np.inf, np.nan], dtype), 100)
    before = values.copy()
    perturbed = Perturbation()(values)
    np.testing.assert_array_equal(values, before)
    np.testing.assert_array_equal(np.sign(perturbed), np.sign(values))
    np.testing.assert_array_equal(perturbed[600:], values[600:], strict=True)
    with np.errstate(over="ignore"):
        assert not np.isnan(Perturbation()(np.full(100, largest, dtype))).any()
    assert abs(float(Perturbation()(np.array(1.0))) - 1) <= np.spacing(1)
    assert Perturbation()(np.zeros((0, 3))).shape == (0, 3)


def test_perturbations_are_repeatable_by_seed_and_differ_from_call_to_call():
    values = np.ones(100)
    perturb, again, other = Perturbation(1), Perturbation(1), Perturbation(2)
    first = perturb(values)
    np.testing.assert_array_equal(again(values), first)
    assert (other(values) != first).any()
    assert (perturb(values) != first).any()


def test_replicates_are_perturbed_but_for_the_first():
    parameters = {"W1": np.ones((4, 5, 2)), "b1": np.ones((4, 5, 1))}
    perturbed = Perturbation().replicates(parameters)
    assert perturbed is parameters
    for values in perturbed.values():
        assert (values[0] == 1).all()
        assert all((values[r] != 1).any() for r in (1, 2, 3))
        assert (ulps(values, np.ones(values.shape)) <= 1).all()


# Perturbed


@pytest.fixture(params=DTYPES)
def problem(request, make_problem):
    return make_problem((3, 6, 4, 1), m=40, dtype=request.param)


def functions_of(X, Y, parameters):
    """Every function of numpy_impl that computes, by name; each called with the given arrays, plain or perturbed."""
    rng = np.random.default_rng(0)
    masks = tuple(rng.random((parameters[W].shape[0], X.shape[1])) < 0.8 for W in ("W1", "W2"))
    A3, cache = network.forward_propagation(X, parameters)
    _, cache_dropout = network.forward_propagation_with_dropout(X, parameters, 0.8, Replayed(*masks))
    grads = gradients.backward_propagation(X, Y, cache)
    step: dict = {"learning_rate": 0.3, "lambd": 0.7}
    return {
        "sigmoid": lambda: network.sigmoid(X),
        "relu": lambda: network.relu(X),
        "forward_propagation": lambda: network.forward_propagation(X, parameters),
        "forward_propagation_with_dropout": lambda: network.forward_propagation_with_dropout(
            X, parameters, 0.8, Replayed(*masks)
        ),
        "compute_cost": lambda: cost.compute_cost(A3, Y),
        "compute_cost_with_regularization": lambda: cost.compute_cost_with_regularization(A3, Y, parameters, 0.7),
        "cross_entropy": lambda: cost.cross_entropy(cache[-4], Y),
        "l2_penalty": lambda: cost.l2_penalty(parameters, 0.7, X.shape[1]),
        "backward_propagation": lambda: gradients.backward_propagation(X, Y, cache),
        "backward_propagation_with_regularization": lambda: gradients.backward_propagation_with_regularization(
            X, Y, cache, 0.7
        ),
        "backward_propagation_with_dropout": lambda: gradients.backward_propagation_with_dropout(X, Y, cache_dropout, 0.8),
        "decay": lambda: gradients.decay(parameters, 0.7, X.shape[1]),
        "propagate": lambda: gradients.propagate(X, Y, parameters, 0.7)[0],
        "update_parameters": lambda: training.update_parameters(parameters, grads, 0.3),
        "update": lambda: training.update(parameters, X, Y, 0.3, 0.7, 0.8, Replayed(*masks)),
        "train": lambda: training.train(X, Y, parameters, num_iterations=3, **step),
        "trace": lambda: REFERENCE.trace(X, Y, parameters, lambd=0.7, keep_prob=0.8, masks=masks),
        "first_updates": lambda: [s.parameters for s in REFERENCE.first_updates(Problem(X, Y, **step), parameters)],
    }


def leaves(result):
    """All arrays of a nested result."""
    if isinstance(result, dict):
        result = result.values()
    elif not isinstance(result, tuple | list):
        return [result]
    return [leaf for part in result for leaf in leaves(part)]


def test_perturbed_functions_stay_within_rounding_of_the_plain_ones_and_do_move(problem):
    X, Y, parameters = problem
    plain = {name: [np.asarray(leaf) for leaf in leaves(call())] for name, call in functions_of(X, Y, parameters).items()}
    moved = set()
    for seed in range(20):  # one perturb of one number is none with a chance of one third; a mean of many hides most
        perturb = Perturbation(seed)
        wrapped = {name: perturbed(perturb(value), perturb) for name, value in parameters.items()}
        for function, call in functions_of(perturbed(perturb(X), perturb), Y, wrapped).items():
            for value, expected in zip(map(np.asarray, leaves(call())), plain[function], strict=True):
                assert (value.dtype, value.shape) == (expected.dtype, expected.shape), function
                if expected.dtype != bool:
                    # Cancellation: a few units in the last place of the tensor's largest element, not of each.
                    ulp = np.spacing(max(np.abs(expected).max(), expected.dtype.type(1)))
                    assert np.abs(value - expected).max() <= 32 * ulp, function
                    if (value != expected).any():
                        moved.add(function)
    assert moved == set(plain)


def test_the_table_of_functions_is_complete(make_problem):
    X, Y, parameters = make_problem()
    named = set(functions_of(X, Y, parameters))
    public = {
        name
        for module in (network, cost, gradients, training)
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("_") and value.__module__ == module.__name__
    }
    assert public - named == {"initialize_parameters", "predict", "Cache", "DropoutCache"}
    assert named - public == {"trace", "first_updates"}  # the adapter's


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_operation_is_rounded_at_random(dtype):
    perturb = Perturbation()
    x = perturbed(np.full(300, 3, dtype), perturb)
    for result, exact in ((x + 0, 3), (x * 1, 3), (np.maximum(0, x), 3), (1 / x, dtype_third(dtype)), (np.sqrt(x * x), 3)):
        assert isinstance(result, Perturbed)
        assert result.dtype == dtype
        plain = np.asarray(result)
        assert len(np.unique(plain)) >= 3
        assert (ulps(plain, np.full(300, exact, dtype)) <= 3).all()


def dtype_third(dtype):
    return np.array(1, dtype) / np.array(3, dtype)


def test_comparisons_are_of_truth_values_and_masks_pass_through_unperturbed():
    x = perturbed(np.array([-1.0, 0.0, 1.0]), Perturbation())
    for result, expected in ((x > 0, [False, False, True]), (x == 0, [False, True, False]), (x >= 0, [False, True, True])):
        assert result.dtype == bool
        assert result.tolist() == expected
    mask = np.arange(100).reshape(2, 50) % 2 == 0
    masked = np.asarray(perturbed(np.full((2, 50), 2.0), Perturbation()) * mask)
    np.testing.assert_array_equal(masked != 0, mask)


@pytest.mark.parametrize("axis", [None, -1, 0, (-2, -1)], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_sums_have_the_shape_of_numpys_sums_and_another_order(axis, keepdims):
    values = np.random.default_rng(0).standard_normal((3, 4, 500)).astype("float32")
    plain = np.sum(values, axis=axis, keepdims=keepdims)
    sums = [np.asarray(np.sum(perturbed(values, Perturbation(seed)), axis=axis, keepdims=keepdims)) for seed in range(20)]
    assert {s.shape for s in sums} == {plain.shape}
    assert {s.dtype for s in sums} == {plain.dtype}
    assert all(np.allclose(s, plain, rtol=1e-4, atol=1e-4) for s in sums)
    # More than the last rounding alone can move a sum by.
    assert np.max([ulps(s, plain).max() for s in sums]) > 1


def test_matrix_products_sum_in_another_order_and_stay_right():
    """Terms that swallow each other: only the order of the sum moves it so far."""
    a = np.array([[1.0, 1e16, -1e16]])
    b = np.ones((3, 1))
    results = {float((perturbed(a, Perturbation(seed)) @ b)[0, 0]) for seed in range(30)}
    assert {0.0, 1.0} <= {round(result) for result in results}
    values = np.random.default_rng(0).standard_normal((2, 5, 40))
    product = perturbed(values, Perturbation()) @ values.mT
    assert product.dtype == np.float64
    np.testing.assert_allclose(np.asarray(product), values @ values.mT, rtol=1e-13, atol=1e-13)


def test_means_are_perturbed_too():
    values = np.random.default_rng(0).random((1, 300))
    means = {float(np.mean(perturbed(values, Perturbation(seed)), axis=(-2, -1))) for seed in range(10)}
    assert len(means) > 3
    assert np.allclose(list(means), values.mean(), rtol=1e-14, atol=0)


def test_perturbing_does_not_write_into_what_it_wraps():
    values = np.ones((3, 3))
    x = perturbed(values, Perturbation())
    x = x + x @ x
    x += 1
    assert (values == 1).all()


# The spread, and the floors of a step


def test_the_spread_is_the_largest_distance_from_the_first_row():
    replicates = np.array([[1.0, 2.0, 3.0], [1.5, 2.0, 1.0], [0.0, 2.0, 3.5]])
    assert spread(replicates).tolist() == [1.0, 0.0, 2.0]
    assert spread(replicates[:, 0]).tolist() == 1.0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("keep_prob", [1.0, 0.8])
def test_floors_are_positive_where_numbers_are_rounded_and_zero_where_nothing_is_computed(make_problem, keep_prob, dtype):
    X, Y, parameters = make_problem((3, 6, 4, 1), m=40, dtype=dtype)
    problem = Problem(X, Y, 0.3, 0.7, keep_prob)
    port = REFERENCE.trace(X, Y, parameters, **problem.regularization) if keep_prob < 1 else {}
    reference, floors = reference_tensors(problem, parameters, port)
    zero = {"Y", "D1", "D2", "decay_b1", "decay_b2", "decay_b3"}
    for stage in STAGE_OF:
        for name in tensors_of(stage, keep_prob < 1):
            assert floors[name].shape == reference[name].shape
            if name in zero:
                assert not floors[name].any()
            elif stage not in EXACT:
                assert floors[name].max() > 0
                scale = max(float(np.abs(reference[name]).max()), 1.0)
                assert floors[name].max() < 100 * np.finfo(dtype).eps * scale
    for A, D in (("A1", "D1"), ("A2", "D2")):
        if keep_prob < 1:
            assert not floors[A][~reference[D]].any()  # a dropped unit is exactly zero
            assert floors[A][reference[D]].any()


def test_the_floors_of_float32_are_those_of_float64_times_the_ratio_of_their_units(make_problem):
    floors = {}
    for dtype in DTYPES:
        X, Y, parameters = make_problem((3, 6, 4, 1), m=40, dtype=dtype)
        floors[dtype] = reference_tensors(Problem(X, Y, 0.3, 0.7, 1.0), parameters, {})[1]
    ratio = np.finfo("float32").eps / np.finfo("float64").eps
    for name in ("Z1", "Z3", "cost", "dW1", "dW3", "W1 after update 2"):
        assert 0.2 < floors["float32"][name].max() / floors["float64"][name].max() / ratio < 5


def test_floors_are_the_same_at_every_call(make_problem):
    X, Y, parameters = make_problem()
    first, again = (reference_tensors(Problem(X, Y, 0.3, 0.7, 1.0), parameters, {})[1] for _ in range(2))
    for name, floor in first.items():
        np.testing.assert_array_equal(again[name], floor, strict=True)


def test_what_a_caller_does_to_its_arrays_changes_nothing_that_is_kept(make_problem):
    X, Y, parameters = make_problem(seed=7)
    reference_tensors(Problem(X.copy(), Y, 0.3, 0.7, 1.0), own := {n: v.copy() for n, v in parameters.items()}, {})
    own["W1"] += 1
    kept, _ = reference_tensors(Problem(X, Y, 0.3, 0.7, 1.0), parameters, {})
    np.testing.assert_array_equal(kept["W1"], parameters["W1"], strict=True)
    with pytest.raises(ValueError, match="read-only"):
        kept["Z1"][...] = 0


# The states


@pytest.fixture(scope="module", params=DTYPES)
def states(request):
    """The built-in data, the course's initial parameters, and the states made of them."""
    dtype = request.param
    X = make_dataset().X_train.astype(dtype)
    parameters = initialize_parameters([2, 20, 3, 1], dtype=dtype)
    late = {name: value + 1 for name, value in parameters.items()}
    return X, parameters, late, make_states(X, parameters, late)


def test_the_states_are_four_the_first_the_course_s_the_second_with_biases_the_last_the_port_s_own(states):
    _, parameters, late, made = states
    assert tuple(made) == STATES == ("initial", "biases", "saturated", "late")
    for state in made.values():
        assert [(name, value.shape, value.dtype) for name, value in state.items()] == [
            (name, parameters[name].shape, parameters[name].dtype) for name in PARAMETER_NAMES
        ]
    for name in PARAMETER_NAMES:
        np.testing.assert_array_equal(made["initial"][name], parameters[name], strict=True)
        if name.startswith("W"):
            np.testing.assert_array_equal(made["biases"][name], parameters[name], strict=True)
        else:
            assert not made["initial"][name].any()
            assert (np.abs(made["biases"][name]) > 1e-3).all()
    assert made["late"] is late


def test_the_third_state_saturates_on_both_sides(states):
    X, parameters, _, made = states
    A3, cache = network.forward_propagation(X, made["saturated"])
    Z3 = cache[-4]
    assert Z3.min() < -10
    assert Z3.max() > 10
    eps = np.finfo(X.dtype).eps
    assert A3.min() < eps
    assert A3.max() > 1 - eps
    for state in ("initial", "biases"):  # the control: these do not
        assert np.abs(network.forward_propagation(X, made[state])[1][-4]).max() < 10
    assert (np.abs(made["saturated"]["b1"]) > 1e-3).all()
    np.testing.assert_array_equal(made["saturated"]["W1"], 8 * parameters["W1"], strict=True)


def test_making_the_states_leaves_the_parameters_alone(states):
    X, parameters, late, _ = states
    before = {name: value.copy() for name, value in parameters.items()}
    made = make_states(X, parameters, late)
    made["biases"]["b1"] += 1
    made["saturated"]["W1"] += 1
    for name, value in parameters.items():
        np.testing.assert_array_equal(value, before[name], strict=True)
