"""The single-step stages: correct implementations pass everywhere, a fault is red where it was put and nowhere else."""

import numpy as np
import pytest

from shared.alignment.recording import port_tensors
from shared.alignment.stages import single_step_checks
from shared.alignment.states import STATES, make_states
from shared.alignment.tensors import EXACT, REFERENCE, STAGE_OF, tensors_of
from shared.case import Problem
from shared.commands.limits.detection import neighbours
from shared.harness.checks import STAGES, RunId, Where

DTYPES = ("float64", "float32")
REGULARIZATION = {
    "none": {"lambd": 0.0, "keep_prob": 1.0},
    "l2": {"lambd": 0.7, "keep_prob": 1.0},
    "dropout": {"lambd": 0.0, "keep_prob": 0.8},
    "l2-dropout": {"lambd": 0.7, "keep_prob": 0.8},
}
# Every pair of state, variant and dtype.
CASES = [(state, variant, DTYPES[(i + j) % 2]) for i, state in enumerate(STATES) for j, variant in enumerate(REGULARIZATION)]
RUN = RunId("none", "torch")


@pytest.fixture(scope="module")
def make_case(make_problem):
    """A function that makes a problem, a state to start from, and what the NumPy port gives from there."""

    def make(variant="l2-dropout", state="biases", dtype="float64"):
        X, Y, given = make_problem((3, 6, 4, 1), m=40, dtype=dtype)
        initial = {name: value if name.startswith("W") else 0 * value for name, value in given.items()}
        late = {name: value + value.dtype.type(0.1) for name, value in given.items()}
        problem = Problem(X, Y, 0.3, **REGULARIZATION[variant])
        start = make_states(X, initial, late)[state]
        return problem, start, port_tensors(REFERENCE, problem, start)

    return make


def checks_of(problem, start, port, again=None):
    return list(single_step_checks(problem, Where("biases"), start, port, port if again is None else again, RUN))


def failed(checks):
    """(stage, tensor) of what failed, in the order of the stages and, inside, of the computation."""
    return [(check.stage, check.tensor) for check in sorted(checks, key=lambda c: STAGES.index(c.stage)) if red(check)]


def red(check):
    return check.status != "passed"


def reason_of(checks, stage, tensor):
    return next(check.reason for check in checks if (check.stage, check.tensor) == (stage, tensor))


# Correct implementations pass


@pytest.mark.parametrize(("state", "variant", "dtype"), CASES)
def test_the_reference_agrees_with_itself_everywhere(make_case, state, variant, dtype):
    problem, start, port = make_case(variant, state, dtype)
    checks = checks_of(problem, start, port)
    assert failed(checks) == []
    assert {check.difference for check in checks if not check.tensor.startswith("decay of")} == {0.0}
    expected = [("repeat", "step")]
    expected += [(stage, name) for stage in STAGE_OF for name in tensors_of(stage, problem.keep_prob < 1)]
    assert [(check.stage, check.tensor) for check in checks] == expected


@pytest.mark.parametrize(("state", "variant", "dtype"), CASES)
def test_the_ports_agree_with_the_reference_everywhere(port, make_case, state, variant, dtype):
    problem, start, _ = make_case(variant, state, dtype)
    tensors = port_tensors(port.adapter, problem, start)
    checks = checks_of(problem, start, tensors)
    assert failed(checks) == []
    assert max(check.share or 0 for check in checks) > 0  # the two do round differently: something was compared


@pytest.mark.parametrize(("state", "variant", "dtype"), [case for case in CASES if case[0] != "late"])
def test_legal_rewrites_of_the_same_step_stay_green(make_case, state, variant, dtype):
    """Another order of the sums; decay beside the gradient instead of in it."""
    problem, start, _ = make_case(variant, state, dtype)
    rewrites: dict[str, list] = {}
    for rewrite, check in neighbours(problem, start, np.random.default_rng(0)):
        rewrites.setdefault(rewrite, []).append(check)
    assert len(rewrites) == 3
    for checks in rewrites.values():
        assert failed(checks) == []
    used = [check.share or 0 for checks in rewrites.values() for check in checks]
    assert 0 < max(used) <= 1


def test_extra_tensors_are_ignored(make_case):
    problem, start, port = make_case()
    extra = {"Z9": np.array(np.nan), "note": np.array([]), "dZ1": np.ones((3, 3))}
    with_extra = checks_of(problem, start, port | extra)
    assert [check.tensor for check in with_extra] == [check.tensor for check in checks_of(problem, start, port)]
    assert failed(with_extra) == []


def test_extra_tensors_never_stand_in_for_a_missing_one(make_case):
    """The values are there, under names that are not asked for."""
    problem, start, port = make_case()
    names = {"Z1", "cost", "dW2", "W1 after update 2", "X", "W3"}
    renamed = {name: value for name, value in port.items() if name not in names}
    renamed |= {other: port[name] for name in names for other in (name.lower(), f"{name} ") if other not in port}
    checks = checks_of(problem, start, renamed)
    assert {tensor for _, tensor in failed(checks)} == names
    assert {check.reason for check in checks if red(check)} == {"missing"}


@pytest.mark.parametrize("port", [{}, {"Z9": np.ones(3)}], ids=["nothing", "only what is not asked for"])
def test_a_port_that_hands_over_nothing_fails_everywhere(make_case, port):
    problem, start, _ = make_case("l2")
    checks = checks_of(problem, start, port)
    assert all(red(check) for check in checks)
    assert {check.reason for check in checks} == {"missing"}


# An injected fault is red at the stage and tensor where it was put, and nowhere else

PLACES = [
    *(("data", "X"), ("data", "Y"), ("parameters", "W1"), ("parameters", "b2"), ("parameters", "W3")),
    *(("forward", name) for name in ("Z1", "A1", "Z2", "A2", "Z3", "A3")),
    *(("cost", "cross_entropy"), ("cost", "l2_penalty"), ("cost", "cost")),
    *(("gradients", name) for name in ("dW1", "db1", "dW2", "db3", "decay_W1", "decay_W3")),
    *(("update", f"{name} after update {k}") for name, k in (("W1", 1), ("b1", 1), ("W2", 1), ("W3", 2), ("b2", 2))),
]
EXACT_PLACES = [place for place in PLACES if place[0] in ("data", "parameters")]


def one_element(change):
    """A function that gives a copy with its largest element changed."""

    def changed(values):
        faulty = values.copy()
        index = np.unravel_index(np.argmax(np.abs(values)), values.shape)
        faulty[index] = change(faulty[index])
        return faulty

    return changed


def rolled(axis):
    return lambda values: np.roll(values, 1, axis) if axis < values.ndim else values


# fault -> what it makes of a tensor, and how the reason begins
FAULTS = {
    "a little off": (one_element(lambda v: v * (1 + (1e-11 if v.dtype == "float64" else 1e-4))), "differs by"),
    "the next number": (one_element(lambda v: np.nextafter(v, v.dtype.type(9))), "differs by"),
    "not a number": (one_element(lambda v: np.nan), "1 of "),
    "infinite": (one_element(lambda v: np.inf), "1 of "),
    "missing": (lambda values: None, "missing"),
    "float32": (lambda values: values.astype("float32"), "expected dtype float64, got float32"),
    "rounded to float32": (lambda values: values.astype("float32").astype("float64"), "differs by"),
    "transposed": (np.transpose, "expected shape"),
    "without its second axis": (np.ravel, "expected shape"),
    "no array": (lambda values: values.tolist(), "expected a NumPy array, got "),
    "rows in another order": (rolled(0), "differs by"),
    "columns in another order": (rolled(1), "differs by"),
    "the other sign": (lambda values: np.asarray(-values), "differs by"),
}


@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize(
    ("fault", "dtype"),
    [*((fault, "float64") for fault in FAULTS), ("a little off", "float32"), ("the next number", "float32")],
)
def test_a_fault_is_red_where_it_is_and_nowhere_else(make_case, fault, dtype, half):
    """In every other tensor at once; a port that gives NaN twice is repeatable: its stage is at fault."""
    problem, start, port = make_case(dtype=dtype)
    change, reason = FAULTS[fault]
    places = EXACT_PLACES if fault == "the next number" else PLACES
    faulty = {place: change(port[place[1]]) for place in places[half::2]}
    faulty = {place: value for place, value in faulty.items() if not same(value, port[place[1]])}
    assert len(faulty) >= (2 if fault == "the next number" else 5)
    checks = checks_of(problem, start, port | {name: value for (_, name), value in faulty.items()})
    found = {place for place in failed(checks) if not place[1].startswith("decay of")}  # those are made of the updates
    assert found == set(faulty)
    for check in checks:
        if (value := faulty.get((check.stage, check.tensor), check)) is not check:
            exact = "must be equal bit for bit, and "
            assert check.stage not in EXACT or reason != "differs by" or check.reason.startswith(exact)
            where_it_is_0 = ["must be exactly 0, and is"] if check.reference_value == 0 and reason == "differs by" else []
            assert check.reason.removeprefix(exact).startswith((reason, *where_it_is_0))
            if fault in ("a little off", "the next number"):
                index = np.unravel_index(np.argmax(value != port[check.tensor]), value.shape)
                assert (check.differing, check.index) == (1, list(index))
                assert check.port_value == float(value[index])
                assert check.reference_value == float(port[check.tensor][index])


def test_what_rounding_moves_is_green_and_a_little_more_is_red(make_case):
    """One element of four tensors, by less than a unit in the last place, and by some thousand units."""
    problem, start, port = make_case()
    names = ("Z2", "cost", "dW1", "W2 after update 2")
    for e, expected in ((1e-12, set(names)), (1e-16, set())):
        faulty = {name: one_element(lambda value, e=e: value * (1 + e))(port[name]) for name in names}
        assert {name for _, name in failed(checks_of(problem, start, port | faulty))} == expected


def same(value, right):
    return isinstance(value, np.ndarray) and value.dtype == right.dtype and np.array_equal(value, right)


@pytest.mark.parametrize(("change", "reason"), [(lambda D: None, "missing"), (np.transpose, "expected shape")])
@pytest.mark.parametrize("name", ["D1", "D2"])
def test_a_mask_that_cannot_be_used_is_red_where_it_is(make_case, name, change, reason):
    problem, start, port = make_case()
    checks = checks_of(problem, start, port | {name: change(port[name])})
    assert failed(checks)[0] == ("forward", name)
    assert reason_of(checks, "forward", name).startswith(reason)


def test_a_transposed_mask_of_an_update_does_not_stop_the_comparison(make_case):
    problem, start, port = make_case()
    checks = checks_of(problem, start, port | {"D1 of update 2": port["D1 of update 2"].T})
    assert failed(checks)[0][0] == "update"


# Mistakes of the computation


def test_a_wrong_dropout_scale_is_red_at_the_first_dropped_activation(make_case):
    """Kept activations divided by the wrong number: Z1 agrees, A1 does not."""
    problem, start, port = make_case("dropout")
    for e, expected in ((1e-12, "A1"), (0.1, "A1"), (0.0, None)):
        wrong = Problem(problem.X, problem.Y, 0.3, 0.0, 0.8 * (1 + e))
        tensors = REFERENCE.trace(problem.X, problem.Y, start, **wrong.regularization, masks=(port["D1"], port["D2"]))
        found = failed(checks_of(problem, start, port | {n: np.asarray(v) for n, v in tensors.items()}))
        assert found[:1] == ([] if expected is None else [("forward", expected)])


@pytest.mark.parametrize("layer", [1, 2])
def test_a_mask_that_is_not_the_one_applied_is_red_at_the_activation(make_case, layer):
    problem, start, port = make_case("dropout")
    checks = checks_of(problem, start, port | {f"D{layer}": ~port[f"D{layer}"]})
    assert failed(checks)[0] == ("forward", f"A{layer}")


@pytest.mark.parametrize(
    ("variant", "state"), [("l2", "initial"), ("l2-dropout", "biases"), ("l2-dropout", "saturated"), ("l2", "late")]
)
def test_missing_decay_is_red_at_the_update(make_case, state, variant):
    problem, start, port = make_case(variant, state)
    plain = Problem(problem.X, problem.Y, 0.3, 0.0, problem.keep_prob)
    without = port_tensors(REFERENCE, plain, start)
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
        step = REFERENCE.trace(problem.X, problem.Y, parameters)
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
    wrong = port_tensors(REFERENCE, Problem(problem.X, problem.Y, 0.3, 0.7 * (1 + 1e-11), 1.0), start)
    faulty = wrong if which == "all" else port | {name: value for name, value in wrong.items() if "update" in name}
    found = failed(checks_of(problem, start, faulty))
    assert ("update", "decay of W") in found
    assert found[0][0] == ("cost" if which == "all" else "update")
    assert "decay of b" not in {name for _, name in found}


def test_a_learning_rate_off_by_little_is_red_at_the_update_and_nowhere_else(make_case):
    problem, start, _ = make_case("l2")
    wrong = port_tensors(REFERENCE, Problem(problem.X, problem.Y, 0.3 * (1 + 1e-10), 0.7, 1.0), start)
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


@pytest.mark.parametrize("name", ["X", "W1", "Z1", "A2", "cross_entropy", "dW2", "decay_W1", "b1 after update 2"])
def test_a_port_that_gives_two_results_is_not_repeatable(make_case, name):
    """The first run is right: only the second differs."""
    problem, start, port = make_case()
    faulty = one_element(lambda value: value * (1 + 1e-9))(port[name])
    checks = checks_of(problem, start, port, again=port | {name: faulty})
    assert failed(checks) == [("repeat", "step")]
    exact = "must be equal bit for bit, and " * (name == "X")
    assert reason_of(checks, "repeat", "step").startswith(f"two runs of the port differ: {name} {exact}differs by")


def test_a_port_that_draws_other_masks_the_second_time_is_not_repeatable(make_case):
    problem, start, port = make_case("dropout")
    again = port_tensors(REFERENCE, problem, start, seed=2)
    checks = checks_of(problem, start, port, again)
    assert failed(checks) == [("repeat", "step")]
    assert failed(checks_of(problem, start, again, again)) == []


def test_two_runs_that_differ_by_rounding_are_repeatable(make_case):
    problem, start, port = make_case()
    again = one_element(lambda value: np.nextafter(value, 9))(port["Z1"])
    checks = checks_of(problem, start, port, again=port | {"Z1": again})
    assert failed(checks) == []
    assert 0 < checks[0].share <= 1


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
