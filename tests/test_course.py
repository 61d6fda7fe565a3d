"""numpy_impl is the course's notebook: its functions under its names, its figures, and a gradient that is right."""

import inspect
import math
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
import scipy.io

import numpy_impl
from numpy_impl import course
from numpy_impl.cost import compute_cost, compute_cost_with_regularization, cross_entropy
from numpy_impl.gradients import propagate
from shared.adapters.numpy import Replayed
from shared.alignment.tensors import REFERENCE
from shared.metrics import accuracy
from tests.helpers.training import in_segments

NAMES = ("W1", "b1", "W2", "b2", "W3", "b3")
LAMBD, KEEP_PROB = 0.7, 0.8


# The course's figures


@pytest.mark.full
@pytest.mark.parametrize(
    ("settings", "costs", "tolerance", "correct"),
    [
        ({}, (0.6557412523481002, 0.16329987525724216, 0.13851642423234), 1e-12, (200, 183)),
        ({"lambd": 0.7}, (0.6974484493131264, 0.2684918873282239, 0.2680916337127301), 1e-14, (198, 186)),
        (
            {"keep_prob": 0.86, "frozen": True},
            (0.6543912405149825, 0.061016986574905605, 0.060582435798513114), 1e-14, (196, 190),
        ),
    ],
    ids=["none", "l2", "frozen-dropout"],
)  # fmt: skip
def test_the_courses_figures_come_out(course_data, settings, costs, tolerance, correct):
    """Tolerances: what another order of summation moves (evidence: 8e-14 without a penalty, 6e-16 with one)."""
    data, start = course_data, course.initialize_parameters([2, 20, 3, 1])
    run = in_segments(REFERENCE, data.X_train, data.Y_train, start, learning_rate=0.3, lengths=[10_000] * 3, **settings)
    segments = list(run)
    assert [segment.costs[0] for segment in segments] == pytest.approx(costs, abs=tolerance, rel=0)
    trained = segments[-1].parameters
    assert accuracy(numpy_impl.predict(data.X_train, trained), data.Y_train) == correct[0] / 211
    assert accuracy(numpy_impl.predict(data.X_test, trained), data.Y_test) == correct[1] / 200
    assert abs(segments[1].costs[1] - costs[1]) > 1e3 * tolerance  # one update further is another cost


def test_the_notebooks_expected_cost_comes_out():
    """compute_cost_with_regularization's test case in the notebook, which says 1.78648594516."""
    parameters, _ = _notebook_parameters(np.random.RandomState(1))
    A3 = np.array([[0.40682402, 0.01629284, 0.16722898, 0.10118111, 0.40682402]])
    Y = np.array([[1, 1, 0, 1, 0]])
    assert round(float(course.compute_cost_with_regularization(A3, Y, parameters, 0.1)), 11) == 1.78648594516


def test_the_notebooks_expected_dropout_activations_come_out():
    """forward_propagation_with_dropout's test case in the notebook."""
    parameters, X = _notebook_parameters(np.random.RandomState(1), examples=5)
    A3, _ = course.forward_propagation_with_dropout(X, parameters, keep_prob=0.7)
    assert A3.round(8).tolist() == [[0.36974721, 0.00305176, 0.04565099, 0.49683389, 0.36974721]]


def _notebook_parameters(rng, examples=0):
    X = rng.randn(3, examples) if examples else None
    shapes = {"W1": (2, 3), "b1": (2, 1), "W2": (3, 2), "b2": (3, 1), "W3": (1, 3), "b3": (1, 1)}
    return {name: rng.randn(*shape) for name, shape in shapes.items()}, X


# The course's functions

SIGNATURES = {
    "sigmoid": "(x)",
    "relu": "(x)",
    "initialize_parameters": "(layers_dims)",
    "forward_propagation": "(X, parameters)",
    "forward_propagation_with_dropout": "(X, parameters, keep_prob=0.5)",
    "compute_cost": "(A3, Y)",
    "compute_cost_with_regularization": "(A3, Y, parameters, lambd)",
    "backward_propagation": "(X, Y, cache)",
    "backward_propagation_with_regularization": "(X, Y, cache, lambd)",
    "backward_propagation_with_dropout": "(X, Y, cache, keep_prob)",
    "update_parameters": "(parameters, grads, learning_rate)",
    "predict": "(X, y, parameters)",
    "predict_dec": "(parameters, X)",
    "load_2D_dataset": "()",
    "plot_decision_boundary": "(model, X, y)",
    "model": "(X, Y, learning_rate=0.3, num_iterations=30000, print_cost=True, lambd=0, keep_prob=1)",
}
EXTRA = {"forward_propagation_with_dropout": ["rng", "masks"], "load_2D_dataset": ["path"]}
"""Arguments that the course does not have, after its own; all have defaults."""


def test_a_star_import_gives_all_of_the_course_and_every_function_takes_what_it_takes_there():
    for name, signature in SIGNATURES.items():
        parameters = list(inspect.signature(getattr(course, name)).parameters.values())
        extra = [parameter for parameter in parameters if parameter.name in EXTRA.get(name, ())]
        courses = [parameter for parameter in parameters if parameter not in extra]
        assert str(inspect.Signature(courses)) == signature, name
        assert parameters == courses + extra
        assert all(parameter.default is not inspect.Parameter.empty for parameter in extra), name
    assert set(course.__all__) == set(SIGNATURES)
    assert set(SIGNATURES) <= set(numpy_impl.__all__)
    assert all(getattr(numpy_impl, name) is getattr(course, name) for name in SIGNATURES if name != "predict")


def test_initial_parameters_are_the_courses():
    parameters, rng = course.initialize_parameters([5, 7, 2, 1]), np.random.RandomState(3)
    for layer, (n_in, n_out) in enumerate([(5, 7), (7, 2), (2, 1)], start=1):
        assert np.array_equal(parameters[f"W{layer}"], rng.randn(n_out, n_in) / np.sqrt(n_in))
        assert np.array_equal(parameters[f"b{layer}"], np.zeros((n_out, 1)))


def test_the_cache_has_the_courses_order_and_shapes(make_problem):
    X, _, parameters = make_problem((2, 20, 3, 1), m=7)
    cache = (Z1, A1, W1, b1, Z2, A2, W2, b2, Z3, A3, W3, b3) = course.forward_propagation(X, parameters)[1]
    dropped = (_, D1, *_, D2, _, _, _, _, _, _, _) = course.forward_propagation_with_dropout(X, parameters)[1]
    assert (isinstance(cache, tuple), len(cache), len(dropped)) == (True, 12, 14)
    assert (cache.Z3 is Z3, dropped.D1 is D1, dropped.D2 is D2) == (True, True, True)
    assert [Z1.shape, A1.shape, D1.shape] == [(20, 7)] * 3
    assert [Z2.shape, A2.shape, D2.shape] == [(3, 7)] * 3
    assert [Z3.shape, A3.shape] == [(1, 7)] * 2
    for name, value in zip(NAMES, (W1, b1, W2, b2, W3, b3), strict=True):
        assert np.array_equal(value, parameters[name])


def test_dropout_masks_are_the_courses_at_every_call_and_the_global_state_is_untouched(make_problem):
    X, _, parameters = make_problem((2, 20, 3, 1), m=211)
    np.random.seed(1)
    D1, D2 = np.random.rand(20, 211) < KEEP_PROB, np.random.rand(3, 211) < KEEP_PROB
    np.random.seed(99)
    before = str(np.random.get_state())
    for _ in range(2):
        _, cache = course.forward_propagation_with_dropout(X, parameters, KEEP_PROB)
        assert np.array_equal(cache[1], D1)
        assert np.array_equal(cache[6], D2)
    assert str(np.random.get_state()) == before
    np.random.rand()
    assert str(np.random.get_state()) != before  # a draw would be seen


def test_a_generator_gives_fresh_masks(make_problem):
    X, _, parameters = make_problem()
    rng = np.random.default_rng(0)
    first, second = (course.forward_propagation_with_dropout(X, parameters, KEEP_PROB, rng)[1][1] for _ in range(2))
    assert not np.array_equal(first, second)


def looped(X, Y, parameters, lambd=0.0, keep_prob=1.0, masks=None):
    """One step written out number by number: probabilities, cost and gradients; dropout with masks D1, D2."""
    (n_x, m), h1, h2 = X.shape, len(parameters["W1"]), len(parameters["W2"])
    W1, b1, W2, b2, W3, b3 = (parameters[name].tolist() for name in NAMES)
    D1, D2 = masks or (np.ones((h1, m)), np.ones((h2, m)))
    gradients = {"d" + name: np.zeros_like(parameters[name]) for name in NAMES}
    cost, probabilities = 0.0, []
    for j in range(m):
        z1 = [sum(W1[i][k] * X[k, j] for k in range(n_x)) + b1[i][0] for i in range(h1)]
        a1 = [max(0.0, z1[i]) * D1[i, j] / keep_prob for i in range(h1)]
        z2 = [sum(W2[i][k] * a1[k] for k in range(h1)) + b2[i][0] for i in range(h2)]
        a2 = [max(0.0, z2[i]) * D2[i, j] / keep_prob for i in range(h2)]
        a3 = 1 / (1 + math.exp(-sum(W3[0][k] * a2[k] for k in range(h2)) - b3[0][0]))
        probabilities.append(a3)
        cost -= math.log(a3 if Y[0, j] else 1 - a3) / m
        dz3 = a3 - Y[0, j]
        dz2 = [W3[0][i] * dz3 * D2[i, j] / keep_prob * (z2[i] > 0) for i in range(h2)]
        dz1 = [sum(W2[k][i] * dz2[k] for k in range(h2)) * D1[i, j] / keep_prob * (z1[i] > 0) for i in range(h1)]
        for layer, dz, a in ((1, dz1, X[:, j]), (2, dz2, a1), (3, [dz3], a2)):
            for i in range(len(dz)):
                gradients[f"db{layer}"][i, 0] += dz[i] / m
                for k in range(len(a)):
                    gradients[f"dW{layer}"][i, k] += dz[i] * a[k] / m
    for name in ("W1", "W2", "W3"):
        for place, weight in np.ndenumerate(parameters[name]):
            cost += lambd / (2 * m) * weight**2
            gradients["d" + name][place] += lambd / m * weight
    return probabilities, cost, gradients


@pytest.mark.parametrize("variant", ["none", "l2", "dropout"])
def test_the_courses_functions_give_what_plain_loops_give(make_problem, variant):
    X, Y, parameters = make_problem()
    if variant == "none":
        A3, cache = course.forward_propagation(X, parameters)
        cost, gradients = course.compute_cost(A3, Y), course.backward_propagation(X, Y, cache)
        expected, other = looped(X, Y, parameters), looped(X, Y, parameters, lambd=1e-9)
    elif variant == "l2":
        A3, cache = course.forward_propagation(X, parameters)
        cost = course.compute_cost_with_regularization(A3, Y, parameters, LAMBD)
        gradients = course.backward_propagation_with_regularization(X, Y, cache, LAMBD)
        expected, other = looped(X, Y, parameters, LAMBD), looped(X, Y, parameters, LAMBD + 1e-9)
    else:
        A3, cache = course.forward_propagation_with_dropout(X, parameters, KEEP_PROB)
        cost, gradients = course.compute_cost(A3, Y), course.backward_propagation_with_dropout(X, Y, cache, KEEP_PROB)
        masks = cache[1], cache[6]
        expected = looped(X, Y, parameters, 0.0, KEEP_PROB, masks)
        other = looped(X, Y, parameters, 0.0, KEEP_PROB + 1e-9, masks)
    probabilities, expected_cost, expected_gradients = expected
    assert A3[0].tolist() == pytest.approx(probabilities, rel=1e-14)
    assert cost == pytest.approx(expected_cost, rel=1e-14)
    assert cost != pytest.approx(other[1], rel=1e-14)  # a change of 1e-9 in lambd or keep_prob is seen
    for name, gradient in expected_gradients.items():
        np.testing.assert_allclose(gradients[name], gradient, rtol=1e-13, atol=1e-15, err_msg=name, strict=True)
    assert abs(gradients["dW1"] - other[2]["dW1"]).max() > 1e-12


def test_an_update_is_a_step_down_the_gradient_and_leaves_its_arguments_alone(make_problem):
    _, _, parameters = make_problem()
    before = {name: value.copy() for name, value in parameters.items()}
    grads = {"d" + name: np.full_like(value, 2.0) for name, value in parameters.items()}
    updated = course.update_parameters(parameters, grads, 0.25)
    for name in NAMES:
        assert np.array_equal(updated[name], before[name] - 0.5)
        assert np.array_equal(parameters[name], before[name])


# The gradient


def numerical_gradients(cost, parameters, step=1e-6):
    """Central differences (J(p + step) - J(p - step)) / (2 step), parameter by parameter."""
    gradients = {}
    for name, value in parameters.items():
        gradients["d" + name] = np.empty_like(value)
        for place in np.ndindex(value.shape):
            sides = []
            for sign in (1, -1):
                moved = value.copy()
                moved[place] += sign * step
                sides.append(cost(parameters | {name: moved}))
            gradients["d" + name][place] = (sides[0] - sides[1]) / (2 * step)
    return gradients


def relative_error(gradients, expected):
    """The course's gradient check: |a - b| / (|a| + |b|), the largest over the parameters."""
    norm = np.linalg.norm
    return max(norm(gradients[k] - expected[k]) / (norm(gradients[k]) + norm(expected[k])) for k in expected)


@pytest.mark.parametrize(
    ("lambd", "keep_prob"), [(0, 1), (LAMBD, 1), (0, KEEP_PROB), (LAMBD, KEEP_PROB)], ids=["none", "l2", "dropout", "both"]
)
def test_the_gradient_is_that_of_the_cost(make_problem, lambd, keep_prob):
    X, Y, parameters = make_problem()
    rng = np.random.default_rng(5)
    masks = tuple(rng.random((n, X.shape[1])) < keep_prob for n in (5, 4))

    def cost(moved):
        A3, cache = course.forward_propagation_with_dropout(X, moved, keep_prob, Replayed(*masks))
        assert min(abs(cache[0]).min(), abs(cache[5]).min()) > 1e-4  # no unit near its kink
        return course.compute_cost_with_regularization(A3, Y, moved, lambd)

    gradients, cache = propagate(X, Y, parameters, lambd, keep_prob, Replayed(*masks))
    expected = numerical_gradients(cost, parameters)
    assert relative_error(gradients, expected) < 1e-8
    m = X.shape[1]  # wrong gradients are seen
    biases_decayed = gradients | {"d" + b: gradients["d" + b] + 0.01 / m * parameters[b] for b in ("b1", "b2", "b3")}
    assert relative_error(biases_decayed, expected) > 1e-5
    if lambd:
        without = gradients | {"d" + W: gradients["d" + W] - lambd / m * parameters[W] for W in ("W1", "W2", "W3")}
        assert relative_error(without, expected) > 1e-2
    if keep_prob < 1:
        undivided = course.backward_propagation_with_dropout(X, Y, cache, 1.0)
        assert relative_error(undivided, expected) > 1e-2


def test_a_leading_axis_of_replicates_gives_what_they_give_one_by_one(make_problem):
    problems = [make_problem(seed=seed) for seed in range(3)]
    X, Y, _ = problems[0]
    single = [problem.parameters for problem in problems]
    stacked = {name: np.stack([parameters[name] for parameters in single]) for name in NAMES}
    masks = tuple(np.random.default_rng(0).random((3, n, X.shape[1])) < KEEP_PROB for n in (5, 4))

    def step(parameters, masks):
        gradients, cache = propagate(X, Y, parameters, LAMBD, KEEP_PROB, Replayed(*masks))
        cost = cross_entropy(cache.Z3, Y)
        penalized = compute_cost_with_regularization(cache[-3], Y, parameters, LAMBD)
        after = course.update_parameters(parameters, gradients, 0.3)
        return [cost, penalized, *cache, *(gradients[key] for key in sorted(gradients)), *(after[name] for name in NAMES)]

    together = step(stacked, masks)
    one_by_one = [step(single[r], tuple(D[r] for D in masks)) for r in range(3)]
    for values, *expected in zip(together, *one_by_one, strict=True):
        np.testing.assert_allclose(values, np.stack(expected), rtol=1e-12, atol=1e-15, strict=True)
    assert abs(together[0][0] - together[0][1]) > 1e-3  # replicates are told apart


def test_a_certain_probability_costs_nothing_where_right_and_inf_where_wrong_and_nan_stays_nan():
    certain = np.array([[0.0, 1.0]])
    assert compute_cost(certain, np.array([[0.0, 1.0]])) == 0
    assert compute_cost(certain, np.array([[1.0, 1.0]])) == np.inf
    assert compute_cost(certain, np.array([[0.0, 0.0]])) == np.inf
    assert np.isnan(compute_cost(np.array([[np.nan, 0.5]]), np.array([[0.0, 1.0]])))
    assert np.isnan(cross_entropy(np.array([[np.nan, 0.5]]), np.array([[0.0, 1.0]])))


def test_cross_entropy_of_logits_is_the_cost_of_their_probabilities():
    Z3, Y = np.linspace(-15, 15, 31)[np.newaxis], (np.arange(31) % 2)[np.newaxis]
    assert cross_entropy(Z3, Y) == pytest.approx(compute_cost(course.sigmoid(Z3), Y), rel=1e-9)
    assert cross_entropy(Z3, Y) != pytest.approx(compute_cost(course.sigmoid(Z3 * (1 + 1e-7)), Y), rel=1e-9)


def test_sigmoid_and_relu_go_to_their_limits_quietly():
    assert course.sigmoid(np.array([-800.0, 0.0, 800.0])).tolist() == [0.0, 0.5, 1.0]
    assert course.sigmoid(np.float32(-100)).dtype == np.float32
    assert course.relu(np.array([-2.0, 0.0, 3.0])).tolist() == [0.0, 0.0, 3.0]
    assert np.isnan(course.relu(np.array([np.nan]))).all()


# The notebook's own helpers


@pytest.fixture
def shown(monkeypatch):
    """Pictures shown, as a list; none opens a window."""
    pictures = []
    monkeypatch.setattr(plt, "show", lambda: pictures.append(plt.gcf()))
    yield pictures
    plt.close("all")


@pytest.mark.parametrize(
    ("lambd", "keep_prob", "iterations"),
    [(0, 1, 10_003), (LAMBD, 1, 1003), (0, KEEP_PROB, 1003)],
    ids=["none", "l2", "dropout"],
)
def test_model_is_the_courses_loop_and_prints_what_it_prints(make_problem, capsys, shown, lambd, keep_prob, iterations):
    X, Y, _ = make_problem((3, 20, 3, 1))
    course.model(X, Y, num_iterations=2, print_cost=False)
    assert (capsys.readouterr().out, shown) == ("", [])  # silent when told
    trained = course.model(X, Y, learning_rate=0.1, num_iterations=iterations, lambd=lambd, keep_prob=keep_prob)
    printed = re.findall(r"^Cost after iteration (\d+): (\S+)$", capsys.readouterr().out, re.MULTILINE)

    parameters, costs = course.initialize_parameters([3, 20, 3, 1]), []
    for _ in range(iterations):  # as in the notebook
        if keep_prob == 1:
            a3, cache = course.forward_propagation(X, parameters)
        else:
            a3, cache = course.forward_propagation_with_dropout(X, parameters, keep_prob)
        if lambd == 0:
            costs.append(course.compute_cost(a3, Y))
        else:
            costs.append(course.compute_cost_with_regularization(a3, Y, parameters, lambd))
        if lambd == 0 and keep_prob == 1:
            grads = course.backward_propagation(X, Y, cache)
        elif lambd != 0:
            grads = course.backward_propagation_with_regularization(X, Y, cache, lambd)
        else:
            grads = course.backward_propagation_with_dropout(X, Y, cache, keep_prob)
        parameters = course.update_parameters(parameters, grads, 0.1)

    expected = list(range(0, iterations, 10_000))
    assert [int(iteration) for iteration, _ in printed] == expected
    assert [float(cost) for _, cost in printed] == pytest.approx([costs[i] for i in expected], rel=1e-10)
    assert all(costs[i] != pytest.approx(costs[i + 1], rel=1e-10) for i in expected)
    for name in NAMES:
        assert np.array_equal(trained[name], parameters[name])
    (picture,) = shown
    assert list(picture.axes[0].lines[0].get_ydata()) == pytest.approx(costs[::1000], rel=1e-10)


def test_predict_prints_the_accuracy(make_problem, capsys):
    X, _, parameters = make_problem()
    classes = numpy_impl.predict(X, parameters)
    labels = classes.copy()
    labels[0, :3] = 1 - labels[0, :3]  # 9 of 12 right
    assert np.array_equal(course.predict(X, labels, parameters), classes)
    assert capsys.readouterr().out == "Accuracy: 0.75\n"
    assert np.array_equal(course.predict_dec(parameters, X), classes.astype(bool))


def test_a_probability_of_one_half_is_class_0(make_problem):
    X, _, parameters = make_problem()
    zero = {name: np.zeros_like(value) for name, value in parameters.items()}
    assert not numpy_impl.predict(X, zero).any()
    assert numpy_impl.predict(X, zero | {"b3": np.full((1, 1), 1e-12)}).all()


def test_load_2D_dataset_reads_the_file_and_makes_labels_that_can_be_negated(tmp_path, shown):
    rng = np.random.default_rng(0)
    contents = {"X": rng.random((6, 2)), "Xval": rng.random((4, 2))}
    contents |= {"y": np.array([[0], [1]] * 3, np.uint8), "yval": np.array([[0], [1]] * 2, np.uint8)}
    scipy.io.savemat(tmp_path / "data.mat", contents)
    train_X, train_Y, test_X, test_Y = course.load_2D_dataset(tmp_path / "data.mat")
    assert np.array_equal(train_X, contents["X"].T)
    assert np.array_equal(test_X, contents["Xval"].T)
    assert (-train_Y).tolist() == [[0, -1, 0, -1, 0, -1]]
    assert (-contents["y"]).max() == 255  # what the course's own loader hands over
    assert (-test_Y).tolist() == [[0, -1, 0, -1]]


def test_plot_decision_boundary_draws_the_decision(make_problem, shown):
    X, Y, parameters = make_problem((2, 5, 4, 1))
    course.plot_decision_boundary(lambda points: course.predict_dec(parameters, points.T), X, Y)
    (picture,) = shown
    assert len(picture.axes[0].collections) >= 2  # the regions and the points
