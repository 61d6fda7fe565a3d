"""The single-step stages: correct implementations pass everywhere, a fault is red where it was put and nowhere before."""

import numpy as np
import pytest

from numpy_impl import trace as numpy_trace
from shared.alignment import limits
from shared.alignment.checks import STAGES
from shared.alignment.problem import Problem
from shared.alignment.stages import prediction_check, single_step_checks
from shared.alignment.states import STATES, make_states
from shared.alignment.tensors import STAGE_OF, tensors_of
from shared.parameters import PARAMETER_NAMES
from shared.synthetic import make_dataset

DTYPES = ("float64", "float32")
REGULARIZATION = {
    "none": {"lambd": 0.0, "keep_prob": 1.0},
    "l2": {"lambd": 0.7, "keep_prob": 1.0},
    "dropout": {"lambd": 0.0, "keep_prob": 0.8},
    "l2-dropout": {"lambd": 0.7, "keep_prob": 0.8},
}
PLACE = {"variant": "none", "implementation": "torch"}


@pytest.fixture(scope="module")
def make_case(make_problem):
    """A function that makes a problem, a state to start from, and what the NumPy port gives from there."""

    def make(variant="l2-dropout", state="biases", dtype="float64"):
        X, Y, given = make_problem((3, 6, 4, 1), m=40, dtype=dtype)
        initial = {name: value if name.startswith("W") else 0 * value for name, value in given.items()}
        late = {name: value + value.dtype.type(0.1) for name, value in given.items()}
        problem = Problem(X, Y, 0.3, **REGULARIZATION[variant])
        start = make_states(X, initial, late)[state]
        return problem, start, limits.port_tensors(numpy_trace, problem, start)

    return make


def checks_of(problem, start, port, again=None):
    return list(single_step_checks(problem, "biases", start, port, port if again is None else again, PLACE))


def failed(checks):
    """(stage, tensor) of what failed, in the order of the stages and, inside, of the computation."""
    return [(check.stage, check.tensor) for check in sorted(checks, key=lambda c: STAGES.index(c.stage)) if red(check)]


def red(check):
    return check.status != "passed"


def reason_of(checks, stage, tensor):
    return next(check.reason for check in checks if (check.stage, check.tensor) == (stage, tensor))


# Correct implementations pass


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("variant", REGULARIZATION)
@pytest.mark.parametrize("state", STATES)
def test_the_reference_agrees_with_itself_everywhere(make_case, state, variant, dtype):
    problem, start, port = make_case(variant, state, dtype)
    checks = checks_of(problem, start, port)
    assert failed(checks) == []
    assert {check.difference for check in checks if not check.tensor.startswith("decay of")} == {0.0}
    expected = [("repeat", "step")]
    expected += [(stage, name) for stage in STAGE_OF for name in tensors_of(stage, problem.keep_prob < 1)]
    assert [(check.stage, check.tensor) for check in checks] == expected


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("variant", REGULARIZATION)
@pytest.mark.parametrize("state", STATES)
def test_the_ports_agree_with_the_reference_everywhere(port, make_case, state, variant, dtype):
    problem, start, _ = make_case(variant, state, dtype)
    tensors = limits.port_tensors(port.trace, problem, start)
    checks = checks_of(problem, start, tensors)
    assert failed(checks) == []
    assert max(check.budget_used or 0 for check in checks) > 0  # the two do round differently: something was compared


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("variant", REGULARIZATION)
@pytest.mark.parametrize("state", ["initial", "biases", "saturated"])
def test_legal_rewrites_of_the_same_step_stay_green(make_case, state, variant, dtype):
    """Another order of the sums; decay beside the gradient instead of in it."""
    problem, start, _ = make_case(variant, state, dtype)
    rewrites: dict[str, list] = {}
    for rewrite, check in limits.neighbours(problem, start, np.random.default_rng(0)):
        rewrites.setdefault(rewrite, []).append(check)
    assert len(rewrites) == 3
    for checks in rewrites.values():
        assert failed(checks) == []
    used = [check.budget_used or 0 for checks in rewrites.values() for check in checks]
    assert 0 < max(used) <= 1


def test_extra_tensors_are_ignored(make_case):
    problem, start, port = make_case()
    extra = {"Z9": np.array(np.nan), "note": np.array([]), "dZ1": np.ones((3, 3))}
    with_extra = checks_of(problem, start, port | extra)
    assert [check.tensor for check in with_extra] == [check.tensor for check in checks_of(problem, start, port)]
    assert failed(with_extra) == []


@pytest.mark.parametrize("name", ["Z1", "cost", "dW2", "W1 after update 2", "X", "W3"])
def test_extra_tensors_never_stand_in_for_a_missing_one(make_case, name):
    """The values are there, under names that are not asked for."""
    problem, start, port = make_case()
    renamed = {**port, name.lower(): port[name], f"{name} ": port[name]}
    del renamed[name]
    checks = checks_of(problem, start, renamed)
    assert [tensor for _, tensor in failed(checks)][:1] == [name]
    assert reason_of(checks, failed(checks)[0][0], name) == "missing"


@pytest.mark.parametrize("port", [{}, {"Z9": np.ones(3)}], ids=["nothing", "only what is not asked for"])
def test_a_port_that_hands_over_nothing_fails_everywhere(make_case, port):
    problem, start, _ = make_case("l2")
    checks = checks_of(problem, start, port)
    assert all(red(check) for check in checks)
    assert {check.reason for check in checks} == {"missing"}


# An injected fault is red at the stage and tensor where it was put, and nowhere before

ONE_OF_EACH_STAGE = {
    "data": ("X", "Y"),
    "parameters": ("W1", "b2", "W3"),
    "forward": ("Z1", "A1", "Z2", "A2", "Z3", "A3"),
    "cost": ("cross_entropy", "l2_penalty", "cost"),
    "gradients": ("dW1", "db1", "dW2", "db3", "decay_W1", "decay_W3"),
    "update": ("W1 after update 1", "b1 after update 1", "W3 after update 2", "b2 after update 2"),
}
PLACES = [(stage, name) for stage, names in ONE_OF_EACH_STAGE.items() for name in names]
SOME = [
    *(("data", "X"), ("parameters", "W1"), ("forward", "Z1"), ("forward", "A2"), ("cost", "cross_entropy")),
    *(("gradients", "dW2"), ("gradients", "decay_W1"), ("update", "W2 after update 1"), ("update", "b1 after update 2")),
]
MATRICES = [place for place in SOME if place[0] != "cost"]


def assert_first(checks, stage, name):
    """The first failure is there, and every stage before is green; repeat too, since both runs gave the same."""
    assert failed(checks)[0] == (stage, name)
    before = [check for check in checks if STAGES.index(check.stage) < STAGES.index(stage)]
    assert not any(red(check) for check in before)
    others = {tensor for _, tensor in failed(checks)} - {name}
    assert others <= {"decay of W", "decay of b"}  # computed from the updates


def one_element(values, change):
    """A copy with its largest element changed."""
    faulty = values.copy()
    index = np.unravel_index(np.argmax(np.abs(values)), values.shape)
    faulty[index] = change(faulty[index])
    return faulty, [int(i) for i in index]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("stage", "name"), PLACES)
def test_one_element_off_by_little_is_red_where_it_is(make_case, stage, name, dtype):
    problem, start, port = make_case(dtype=dtype)
    e = 1e-11 if dtype == "float64" else 1e-4
    faulty, index = one_element(port[name], lambda value: value * (1 + e))
    checks = checks_of(problem, start, port | {name: faulty})
    assert_first(checks, stage, name)
    worst = next(check for check in checks if check.tensor == name)
    assert (worst.differing, worst.index) == (1, index)
    assert worst.port_value == float(faulty[tuple(index)])
    assert worst.reference_value == float(port[name][tuple(index)])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("stage", "name"), [place for place in PLACES if place[0] in ("data", "parameters")])
def test_what_is_only_handed_over_must_agree_bit_for_bit(make_case, stage, name, dtype):
    problem, start, port = make_case(dtype=dtype)
    faulty, index = one_element(port[name], lambda value: np.nextafter(value, value.dtype.type(9)))
    checks = checks_of(problem, start, port | {name: faulty})
    assert failed(checks) == [(stage, name)]
    worst = next(check for check in checks if check.tensor == name)
    assert (worst.allowed, worst.index) == (0.0, index)


@pytest.mark.parametrize("value", [np.nan, np.inf], ids=str)
@pytest.mark.parametrize(("stage", "name"), SOME)
def test_one_element_that_is_not_finite_is_red_where_it_is(make_case, stage, name, value):
    """A port that gives NaN twice is repeatable: its stage is at fault, not its repeatability."""
    problem, start, port = make_case()
    faulty, _ = one_element(port[name], lambda _: value)
    checks = checks_of(problem, start, port | {name: faulty})
    assert_first(checks, stage, name)
    assert reason_of(checks, stage, name) == f"1 of {faulty.size} values of the port's are not finite"


@pytest.mark.parametrize(("stage", "name"), [*SOME, ("forward", "D1"), ("forward", "D2")])
def test_a_missing_tensor_is_red_where_it_is_missing(make_case, stage, name):
    problem, start, port = make_case()
    del port[name]
    checks = checks_of(problem, start, port)
    assert failed(checks)[0] == (stage, name)
    assert reason_of(checks, stage, name) == "missing"


@pytest.mark.parametrize(("stage", "name"), SOME)
def test_a_result_of_another_dtype_is_red_where_it_is(make_case, stage, name):
    problem, start, port = make_case()
    checks = checks_of(problem, start, port | {name: port[name].astype("float32")})
    assert failed(checks)[0] == (stage, name)
    assert reason_of(checks, stage, name) == "expected dtype float64, got float32"


@pytest.mark.parametrize(("stage", "name"), SOME)
def test_a_result_rounded_to_float32_is_red_where_it_is(make_case, stage, name):
    """Float32 in the clothes of float64."""
    problem, start, port = make_case()
    checks = checks_of(problem, start, port | {name: port[name].astype("float32").astype("float64")})
    assert_first(checks, stage, name)


@pytest.mark.parametrize(("stage", "name"), [*MATRICES, ("forward", "D1"), ("forward", "D2")])
def test_a_transposed_tensor_is_red_where_it_is(make_case, stage, name):
    problem, start, port = make_case()
    checks = checks_of(problem, start, port | {name: port[name].T})
    assert failed(checks)[0] == (stage, name)
    assert reason_of(checks, stage, name).startswith("expected shape")


def test_a_transposed_mask_of_an_update_does_not_stop_the_comparison(make_case):
    problem, start, port = make_case()
    checks = checks_of(problem, start, port | {"D1 of update 2": port["D1 of update 2"].T})
    assert failed(checks)[0][0] == "update"


@pytest.mark.parametrize(("stage", "name"), MATRICES)
def test_a_tensor_without_its_second_axis_is_red_where_it_is(make_case, stage, name):
    """(N,) against (N, 1)."""
    problem, start, port = make_case()
    checks = checks_of(problem, start, port | {name: port[name].ravel()})
    assert failed(checks)[0] == (stage, name)
    assert reason_of(checks, stage, name).startswith("expected shape")


@pytest.mark.parametrize("name", ["Z1", "W1", "W1 after update 1"])
def test_what_is_no_array_is_red_where_it_is(make_case, name):
    problem, start, port = make_case()
    checks = checks_of(problem, start, port | {name: port[name].tolist()})
    stage = next(stage for stage, names in STAGE_OF.items() if name in names)
    assert failed(checks)[0] == (stage, name)
    assert reason_of(checks, stage, name) == "expected a NumPy array, got list"


@pytest.mark.parametrize(("stage", "name"), MATRICES)
def test_rows_or_columns_in_another_order_are_red_where_they_are(make_case, stage, name):
    problem, start, port = make_case()
    for axis in (0, 1):
        if port[name].shape[axis] > 1:
            faulty = np.roll(port[name], 1, axis)
            checks = checks_of(problem, start, port | {name: faulty})
            assert (faulty != port[name]).any()
            assert_first(checks, stage, name)


@pytest.mark.parametrize(("stage", "name"), SOME)
def test_a_flipped_sign_is_red_where_it_is(make_case, stage, name):
    problem, start, port = make_case()
    assert_first(checks_of(problem, start, port | {name: np.asarray(-port[name])}), stage, name)


# Mistakes of the computation


def test_a_wrong_dropout_scale_is_red_at_the_first_dropped_activation(make_case):
    """Kept activations divided by the wrong number: Z1 agrees, A1 does not."""
    problem, start, port = make_case("dropout")
    for e, expected in ((1e-12, "A1"), (0.1, "A1"), (0.0, None)):
        wrong = Problem(problem.X, problem.Y, 0.3, 0.0, 0.8 * (1 + e))
        tensors = numpy_trace.trace(problem.X, problem.Y, start, **wrong.regularization, masks=(port["D1"], port["D2"]))
        found = failed(checks_of(problem, start, port | {n: np.asarray(v) for n, v in tensors.items()}))
        assert found[:1] == ([] if expected is None else [("forward", expected)])


def test_dropout_that_does_not_reach_the_backward_pass_is_red_at_the_gradients(make_case):
    problem, start, port = make_case("dropout")
    without = {name: port[name] * 0.8 for name in ("dW1", "db1")}
    checks = checks_of(problem, start, port | without)
    assert failed(checks) == [("gradients", "dW1"), ("gradients", "db1")]


@pytest.mark.parametrize("layer", [1, 2])
def test_a_mask_that_is_not_the_one_applied_is_red_at_the_activation(make_case, layer):
    problem, start, port = make_case("dropout")
    checks = checks_of(problem, start, port | {f"D{layer}": ~port[f"D{layer}"]})
    assert failed(checks)[0] == ("forward", f"A{layer}")


@pytest.mark.parametrize("variant", ["l2", "l2-dropout"])
@pytest.mark.parametrize("state", STATES)
def test_missing_decay_is_red_at_the_update(make_case, state, variant):
    problem, start, port = make_case(variant, state)
    plain = Problem(problem.X, problem.Y, 0.3, 0.0, problem.keep_prob)
    without = limits.port_tensors(numpy_trace, plain, start)
    faulty = port | {name: value for name, value in without.items() if "update" in name}
    found = failed(checks_of(problem, start, faulty))
    assert found[0] == ("update", "W1 after update 1")
    assert ("update", "decay of W") in found
    assert ("update", "decay of b") not in found


def with_bias_decay(problem, start, port):
    """Two updates of an optimizer that decays all parameters; without dropout."""
    m, rate = problem.X.shape[1], problem.learning_rate
    parameters, tensors = start, dict(port)
    for update in (1, 2):
        step = numpy_trace.trace(problem.X, problem.Y, parameters)
        parameters = {
            name: value - rate * (step["d" + name] + problem.lambd / m * value) for name, value in parameters.items()
        }
        tensors |= {f"{name} after update {update}": value for name, value in parameters.items()}
    return tensors


@pytest.mark.parametrize("dtype", DTYPES)
def test_bias_decay_is_red_at_the_first_update_from_biases_that_are_not_zero(make_case, dtype):
    problem, start, port = make_case("l2", "biases", dtype)
    found = failed(checks_of(problem, start, with_bias_decay(problem, start, port)))
    assert found[0] == ("update", "b1 after update 1")
    assert ("update", "decay of b") in found
    assert ("update", "decay of W") not in found


@pytest.mark.parametrize("dtype", DTYPES)
def test_bias_decay_from_zero_biases_shows_only_at_the_second_update(make_case, dtype):
    """What the second update and the second state are there for."""
    problem, start, port = make_case("l2", "initial", dtype)
    found = failed(checks_of(problem, start, with_bias_decay(problem, start, port)))
    assert found[0] == ("update", "b1 after update 2")
    assert not [name for _, name in found if name.endswith("update 1") or name.startswith("decay of")]


@pytest.mark.parametrize("which", ["update", "all"])
def test_lambd_off_by_one_part_in_a_hundred_thousand_million_is_red(make_case, which):
    problem, start, port = make_case("l2")
    wrong = limits.port_tensors(numpy_trace, Problem(problem.X, problem.Y, 0.3, 0.7 * (1 + 1e-11), 1.0), start)
    faulty = wrong if which == "all" else port | {name: value for name, value in wrong.items() if "update" in name}
    found = failed(checks_of(problem, start, faulty))
    assert ("update", "decay of W") in found
    assert found[0][0] == ("cost" if which == "all" else "update")
    assert "decay of b" not in {name for _, name in found}


def test_a_learning_rate_off_by_little_is_red_at_the_update_and_nowhere_else(make_case):
    problem, start, _ = make_case("l2")
    wrong = limits.port_tensors(numpy_trace, Problem(problem.X, problem.Y, 0.3 * (1 + 1e-10), 0.7, 1.0), start)
    found = failed(checks_of(problem, start, wrong))
    assert found
    assert {stage for stage, _ in found} == {"update"}


def test_decay_of_twice_the_weight_is_red_at_its_gradient_apart_from_the_data_term(make_case):
    problem, start, port = make_case("l2")
    checks = checks_of(problem, start, port | {"decay_W2": 2 * port["decay_W2"]})
    assert failed(checks) == [("gradients", "decay_W2")]


def test_a_derivative_that_takes_units_at_zero_for_on_is_red_at_the_gradients(make_case):
    """A >= 0 instead of A > 0."""
    problem, start, port = make_case("none")
    m = problem.X.shape[1]
    dZ2 = start["W3"].T @ (port["A3"] - problem.Y)  # every unit on
    checks = checks_of(problem, start, port | {"dW2": dZ2 @ port["A1"].T / m})
    assert failed(checks) == [("gradients", "dW2")]


# A before B


@pytest.mark.parametrize(("stage", "name"), SOME)
def test_a_port_that_gives_two_results_is_not_repeatable(make_case, stage, name):
    """The first run is right: only the second differs."""
    problem, start, port = make_case()
    faulty, _ = one_element(port[name], lambda value: value * (1 + 1e-9))
    checks = checks_of(problem, start, port, again=port | {name: faulty})
    assert failed(checks) == [("repeat", "step")]
    assert reason_of(checks, "repeat", "step").startswith(f"two runs of the port differ: {name} differs by")


def test_a_port_that_draws_other_masks_the_second_time_is_not_repeatable(make_case):
    problem, start, port = make_case("dropout")
    again = limits.port_tensors(numpy_trace, problem, start, seed=2)
    checks = checks_of(problem, start, port, again)
    assert failed(checks) == [("repeat", "step")]
    assert failed(checks_of(problem, start, again, again)) == []


def test_two_runs_that_differ_by_rounding_are_repeatable(make_case):
    problem, start, port = make_case()
    again, _ = one_element(port["Z1"], lambda value: np.nextafter(value, 9))
    checks = checks_of(problem, start, port, again=port | {"Z1": again})
    assert failed(checks) == []
    assert 0 < checks[0].budget_used <= 1


@pytest.mark.parametrize("again", [None, "missing", "shape", "dtype", "nan"])
def test_a_second_run_that_lacks_something_is_not_repeatable(make_case, again):
    problem, start, port = make_case()
    second = dict(port)
    if again == "missing":
        del second["dW1"]
    elif again == "shape":
        second["dW1"] = port["dW1"].T
    elif again == "dtype":
        second["dW1"] = port["dW1"].astype("float32")
    elif again == "nan":
        second["dW1"] = port["dW1"] * np.nan
    checks = checks_of(problem, start, port, second)
    assert failed(checks) == ([] if again is None else [("repeat", "step")])


# Predictions


@pytest.fixture
def decision(make_case):
    """X, parameters, and the reference's classes."""
    from numpy_impl.network import predict

    problem, start, _ = make_case("none")
    return problem.X, start, predict(problem.X, start)


def predicted(X, parameters, classes):
    return prediction_check(X, parameters, classes, "train", 60, PLACE)


def test_the_references_classes_pass_and_any_other_fails(decision):
    X, parameters, classes = decision
    assert predicted(X, parameters, classes).status == "passed"
    for i in (0, 7, 39):
        wrong = classes.copy()
        wrong[0, i] = 1 - wrong[0, i]
        check = predicted(X, parameters, wrong)
        assert (check.status, check.index, check.differing) == ("failed", [0, i], 1)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda p: None,
        lambda p: p.astype(float),
        lambda p: p.astype(bool),
        lambda p: p[0],
        lambda p: p.T,
        lambda p: p[:, :0],
        lambda p: p[:, ::-1],
        lambda p: 1 - p,
        lambda p: 0 * p,
        lambda p: 2 * p,
    ],
    ids=["missing", "float", "bool", "vector", "transposed", "empty", "reversed", "flipped", "all zero", "twice"],
)
def test_predictions_that_are_not_the_classes_fail(decision, wrong):
    X, parameters, classes = decision
    assert 0 < classes.mean() < 1
    assert predicted(X, parameters, wrong(classes)).status == "failed"


def test_a_class_may_differ_only_where_rounding_moves_the_logit_across_zero(decision):
    X, parameters, classes = decision
    undecided = {name: np.zeros_like(value) for name, value in parameters.items()}  # every logit is exactly zero
    assert predicted(X, undecided, np.zeros_like(classes)).status == "passed"
    assert predicted(X, undecided, np.ones_like(classes)).status == "passed"
    decided = undecided | {"b3": np.full((1, 1), 1e-9)}
    assert predicted(X, decided, np.ones_like(classes)).status == "passed"
    assert predicted(X, decided, np.zeros_like(classes)).status == "failed"


@pytest.mark.parametrize("value", [-1, 2, 7])
def test_what_is_no_class_fails_even_where_the_network_is_undecided(decision, value):
    X, parameters, classes = decision
    undecided = {name: np.zeros_like(p) for name, p in parameters.items()}
    assert predicted(X, undecided, np.full_like(classes, value)).status == "failed"


@pytest.mark.parametrize("value", [np.nan, np.inf], ids=str)
def test_predictions_of_parameters_that_are_not_finite_fail(decision, value):
    X, parameters, classes = decision
    parameters = parameters | {"b1": np.full_like(parameters["b1"], value)}
    check = predicted(X, parameters, classes)
    assert (check.status, check.reason) == ("failed", "the final parameters are not finite")


# False alarms, and what can be seen


def assert_no_false_alarm(implementation, problems, dtype):
    done = []
    found = limits.false_alarms(implementation, problems, dtype, lambda: done.append(1))
    assert found["alarms"] == []
    assert len(done) == problems
    assert found["compared"] > 40 * problems
    assert 0 < found["budget_used"] <= 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_hundred_random_problems_give_no_false_alarm(dtype):
    """Torch against the reference; with both dtypes 200. NumPy is the reference itself."""
    assert_no_false_alarm("torch", 100, dtype)


@pytest.mark.full
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["torch", "tensorflow"])
def test_two_hundred_random_problems_give_no_false_alarm(name, dtype):
    assert_no_false_alarm(name, 200, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_wrong_implementation_is_alarmed_on_random_problems(dtype, monkeypatch):
    """The control of the count: a port that trains with a learning rate a little off."""
    e = 1e-8 if dtype == "float64" else 1e-2
    first_updates = numpy_trace.first_updates
    monkeypatch.setattr(
        numpy_trace,
        "first_updates",
        lambda *arrays, learning_rate, **more: first_updates(*arrays, learning_rate=learning_rate * (1 + e), **more),
    )
    found = limits.false_alarms("numpy", 10, dtype, lambda: None)
    assert len(found["alarms"]) > 10
    assert all(alarm.startswith("update") for alarm in found["alarms"])


def test_random_problems_are_of_every_kind():
    rng = np.random.default_rng(0)
    problems = [limits.random_problem(rng, "float32") for _ in range(200)]
    assert {problem.lambd > 0 for problem, _ in problems} == {True, False}
    assert {problem.keep_prob < 1 for problem, _ in problems} == {True, False}
    assert {problem.X.shape[0] for problem, _ in problems} == set(range(1, 11))
    assert min(problem.X.shape[1] for problem, _ in problems) < 10
    assert max(problem.X.shape[1] for problem, _ in problems) > 1000
    assert {bool(start["b1"].any()) for _, start in problems} == {True, False}
    assert {array.dtype for problem, start in problems for array in (problem.X, problem.Y, *start.values())} == {
        np.dtype("float32")
    }
    assert all(set(np.unique(problem.Y)) == {0, 1} for problem, _ in problems)


@pytest.fixture(scope="module", params=["none", "l2-dropout"])
def built_in(request):
    """The built-in data, and its states."""
    from shared.parameters import initialize_parameters

    data = make_dataset()
    initial = initialize_parameters([2, 20, 3, 1])
    settings = REGULARIZATION[request.param] | {"lambd": 0.7}
    return Problem(data.X_train, data.Y_train, 0.3, **settings), make_states(data.X_train, initial, initial)


def test_in_float64_any_single_element_off_by_a_millionth_of_a_millionth_is_seen_at_most_tensors(built_in):
    problem, states = built_in
    found: dict[str, list[float]] = {}
    for state in ("initial", "biases", "saturated"):
        for stage, limit in limits.element_limits(problem, states[state], np.random.default_rng(0)):
            found.setdefault(stage, []).append(limit)
    assert set(found) == set(STAGE_OF)
    for sizes in found.values():
        assert len(sizes) >= 6
        assert np.median(sizes) < 1e-12
        assert min(sizes) > 0


def test_in_float64_lambd_off_by_a_millionth_of_a_millionth_is_seen_at_the_update(built_in):
    problem, states = built_in
    limit = limits.hyperparameter_limit(problem, states["biases"], "lambd", "update")
    assert 1e-16 < limit < 2e-12
    for factor, expected in ((2, True), (1e-3, False)):  # above the limit red, far below green
        wrong = Problem(problem.X, problem.Y, 0.3, 0.7 * (1 + factor * limit), problem.keep_prob)
        tensors = limits.port_tensors(numpy_trace, wrong, states["biases"])
        found = [place for place in failed(checks_of(problem, states["biases"], tensors)) if place[0] == "update"]
        assert bool(found) == expected


@pytest.mark.parametrize("name", ["Z2", "cost", "dW1", "W2 after update 2"])
def test_a_fault_above_its_limit_is_red_and_one_far_below_is_green(make_case, name):
    problem, start, port = make_case()
    stage = next(stage for stage, names in STAGE_OF.items() if name in names)
    for e, expected in ((1e-12, [(stage, name)]), (1e-16, [])):
        faulty, _ = one_element(port[name], lambda value, e=e: value * (1 + e))
        assert failed(checks_of(problem, start, port | {name: faulty})) == expected


def test_a_limit_that_is_never_reached_is_infinite(make_case):
    """lambd does not reach the forward pass."""
    problem, start, _ = make_case("l2")
    assert limits.hyperparameter_limit(problem, start, "lambd", "forward") == np.inf
    assert limits.hyperparameter_limit(problem, start, "lambd", "gradients") < 1e-11


def test_all_parameters_are_checked_after_both_updates():
    names = STAGE_OF["update"]
    assert {f"{name} after update {k}" for name in PARAMETER_NAMES for k in (1, 2)} < set(names)
