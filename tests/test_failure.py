"""The failure message: the first divergence, what explains it, and where it stands."""

import ast
import itertools
import re
from dataclasses import replace

import numpy as np
import pytest

from shared.adapters import IMPLEMENTATIONS
from shared.adapters.places import locate
from shared.alignment.judge import judge
from shared.alignment.plan import planned, symbol_of
from shared.alignment.tensors import STAGE_OF
from shared.config import VARIANTS
from shared.diagnosis.failure import INPUTS, first_failures, message
from shared.harness.checks import FINAL, STAGES, Cause, RunId, Updates, Where, because
from shared.harness.processes import ROOT

SEGMENT, BIASES = Updates.of(20, 20), Where("biases")


MISSING, AGREES, SKIPPED = because(Cause.MISSING), because(Cause.AGREES), because(Cause.NEVER_COMPARED)


def check(stage, tensor, outcome=MISSING, where=BIASES, iteration=0, variant="l2", implementation="torch"):
    """A comparison and its outcome."""
    return outcome.of(RunId(variant, implementation).at(stage, where, tensor), iteration)


def off(tensor="dW1", stage="gradients", **more):
    """A check that failed on values."""
    reference = np.zeros((20, 2))
    port = reference.copy()
    port[11, 1] = 0.25
    port[3, 0] = 0.125
    return check(stage, tensor, judge(port, reference, 1e-3), **more)


# The first failure


def test_what_passed_or_was_skipped_is_never_a_failure():
    others = [check("data", "X", SKIPPED), check("parameters", "W1", AGREES)]
    assert first_failures([]) == first_failures(others) == []
    (failure,) = first_failures([*others, check("cost", "cost")])
    assert failure.check.stage == "cost"


@pytest.mark.parametrize("order", [1, -1])
def test_the_first_stage_in_it_the_first_iteration_then_the_first_tensor_is_the_answer(order):
    for earlier, later in itertools.pairwise(STAGES):
        checks = [check(earlier, "Z1", iteration=50), check(later, "cost", iteration=3)][::order]
        (failure,) = first_failures(checks)
        assert failure.check.stage == earlier
    cost = {at: check("trajectory", "cost", where=Updates.of(start, 20), iteration=at) for start, at in ((20, 28), (40, 41))}
    checks = [check("trajectory", "W1", where=SEGMENT, iteration=40), cost[28], cost[41]][::order]
    assert first_failures(checks)[0].check is cost[28]
    assert first_failures([check("forward", name) for name in ("Z2", "A2", "Z3")])[0].check.tensor == "Z2"


def test_every_run_that_fails_has_its_own_failure_first_things_first():
    checks = [
        check("predictions", "train", where=FINAL, variant="none"),
        check("forward", "Z1", variant="none", implementation="tensorflow"),
        check("update", "W1 after update 1", variant="l2"),
        check("forward", "Z1", AGREES, variant="l2", implementation="tensorflow"),
    ]
    found = [(failure.check.variant, failure.check.implementation) for failure in first_failures(checks)]
    assert found == [("none", "tensorflow"), ("l2", "torch"), ("none", "torch")]


# Its inputs


def explained(*checks):
    (failure,) = first_failures(list(checks))
    return failure.inputs_agreed, failure.inputs_differ


def test_the_inputs_that_agreed_are_named():
    inputs = [check("forward", name, AGREES) for name in ("A3", "A2")] + [check("data", "Y", AGREES)]
    assert explained(check("gradients", "dW3"), *inputs) == (["A3", "Y", "A2"], [])


def test_an_input_that_differs_too_is_named():
    inputs = [check("gradients", "dW1"), check("parameters", "W1", AGREES)]
    failure = check("update", "W1 after update 1")
    from shared.diagnosis.failure import _explained

    assert _explained(failure, [failure, *inputs]).inputs_agreed == ["W1"]
    assert _explained(failure, [failure, *inputs]).inputs_differ == ["dW1"]


def test_only_what_was_compared_of_the_same_step_of_the_same_run_counts():
    failure = check("forward", "Z1")
    assert explained(failure, check("data", "X", AGREES)) == (["X"], [])
    assert explained(failure, check("data", "X", SKIPPED)) == ([], [])
    for elsewhere in ({"where": Where("initial")}, {"variant": "none"}, {"implementation": "tensorflow"}):
        assert explained(failure, check("data", "X", AGREES, **elsewhere)) == ([], []), elsewhere


def test_a_segment_has_no_inputs_to_name():
    """`cost` is a tensor of a single step too."""
    failure = check("trajectory", "cost", where=SEGMENT, iteration=28)
    assert explained(failure, check("trajectory", "cross_entropy", AGREES, where=SEGMENT)) == ([], [])


def test_every_tensor_of_a_step_has_inputs_that_come_before_it():
    order = [name for names in STAGE_OF.values() for name in names]
    given = {"X", "Y", *STAGE_OF["parameters"]}
    assert set(INPUTS) == set(order) - given
    for name, inputs in INPUTS.items():
        assert inputs
        for other in inputs:
            assert order.index(other) < order.index(name)


# The message


def test_the_message_says_where_what_how_much_and_where_to_look():
    checks = [off(), *(check("forward", name, AGREES) for name in ("A3", "A2", "A1"))]
    (failure,) = first_failures(checks)
    lines = message(failure)
    assert lines[0] == "torch, l2, iteration 0: gradients, dW1 (biases)"
    assert lines[1:7] == [
        "differs by 0.25 where rounding explains 0.016",
        "its inputs agreed: A3, A2, A1",
        "2 of 40 elements differ, most of all [11, 1]:",
        "  torch      0.25",
        "  reference  0.0",
        "  differ by  0.25, tolerance 0.016",
    ]
    assert re.fullmatch(r"where it stands: numpy_impl/\w+\.py:\d+, torch_impl/\w+\.py:\d+, tf_impl/\w+\.py:\d+", lines[7])
    assert len(lines) == 8


def test_the_message_of_what_is_missing_shows_no_element():
    (failure,) = first_failures([check("forward", "Z1")])
    lines = message(failure)
    assert lines[:2] == ["torch, l2, iteration 0: forward, Z1 (biases)", "missing"]
    assert not any("elements differ" in line for line in lines)


def test_the_message_of_a_long_run_has_its_iteration_and_its_first_bad_update():
    (failure,) = first_failures([off("cost", "trajectory", where=Updates.of(12000, 1000), iteration=12345)])
    assert message(failure)[0] == "torch, l2, iteration 12,345: trajectory, cost (updates 12000 to 12999)"
    assert not any(line.startswith("first bad update") for line in message(failure))
    lines = message(replace(failure, first_bad_update=12344, reproduction="out/reproduce_torch_l2.py"))
    assert "first bad update: 12,344" in lines
    assert lines[-1] == "reproduce it alone: python out/reproduce_torch_l2.py"
    assert "first bad update: 0" in message(replace(failure, first_bad_update=0))


def test_values_are_shown_to_the_last_digit():
    reference = np.array([0.1])
    failure = check("forward", "Z3", judge(reference + 1e-15, reference, None))
    lines = message(first_failures([failure])[0])
    assert f"  torch      {0.1 + 1e-15!r}" in lines
    assert "  reference  0.1" in lines


def test_a_single_number_that_differs_is_shown_without_an_index():
    failure = check("cost", "cost", judge(np.array(0.8), np.array(0.7), 1e-9))
    lines = message(first_failures([failure])[0])
    assert "  torch      0.8" in lines
    assert not any("[]" in line for line in lines)


# Where it stands

PLACES = sorted({(key.stage, key.tensor, v.dropout) for v in VARIANTS.values() for key in planned(v, [20, 20], "torch")})


def line_at(place):
    file, number = place.split(":")
    return (ROOT / file).read_text(encoding="utf-8").splitlines()[int(number) - 1]


def test_every_planned_tensor_stands_at_a_line_of_code_in_each_implementation():
    docstrings: dict[str, set[int]] = {}
    for stage, tensor, dropout in PLACES:
        places = locate(stage, symbol_of(tensor), dropout)
        assert list(places) == list(IMPLEMENTATIONS)
        for implementation, place in places.items():
            file, number = place.split(":")
            assert file.startswith(IMPLEMENTATIONS[implementation].package + "/")
            line = line_at(place).strip()
            assert line, (stage, tensor, dropout, place)
            assert not line.startswith(("#", '"""')), (stage, tensor, dropout, place)
            assert int(number) not in docstrings.setdefault(file, docstring_lines(ROOT / file)), (
                stage,
                tensor,
                dropout,
                place,
            )


def docstring_lines(path):
    """The numbers of the lines of all docstrings."""
    numbers: set[int] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            numbers |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return numbers


@pytest.mark.parametrize(
    ("stage", "tensor", "dropout", "expected"),
    [
        ("data", "X", False, ("Z1 = ", "return", "return")),
        ("parameters", "W1", False, ("initialize_parameters", "torch.tensor(", "assign(")),
        *(("forward", name, dropout, (f"{name} = ",) * 3) for name in ("Z1", "A1", "Z2", "A2") for dropout in (False, True)),
        ("forward", "Z3", False, ("Z3 = ", "return self.linear3(A2)  # Z3 ", "Z3 = ")),
        ("forward", "A1", True, ("D1", "dropout1", 'name="A1"')),  # another place than without dropout, in NumPy
        ("forward", "A3", False, ("sigmoid", "sigmoid", "sigmoid")),
        ("forward", "D1", True, ("random", "dropout1(", 'name="A1"')),
        ("forward", "D2: kept share", True, ("random", "dropout2(", 'name="A2"')),
        ("cost", "cross_entropy", False, ("return", "return", "return")),
        ("cost", "cost", False, ("l2_penalty", "l2_penalty", "l2_penalty")),
        *(
            ("gradients", f"d{name}", False, (f"d{name} = ", ".backward(", ".gradient("))
            for name in ("W3", "b3", "W1", "b1")
        ),
        ("gradients", "decay_W1", False, ("lambd / m", "weight_decay", "weight_decay")),
        ("update", "W1 after update 2", False, ("learning_rate", "optimizer.", "optimizer.")),
        ("update", "decay of W", False, ("lambd / m", "weight_decay", "weight_decay")),
        ("trajectory", "cost", False, ("def update", "def train", "def train")),
        ("predictions", "train", False, ("0.5", "0.5", "0.5")),
    ],
    ids=str,
)
def test_every_stage_is_found_where_it_is_computed(stage, tensor, dropout, expected):
    for place, text in zip(locate(stage, symbol_of(tensor), dropout).values(), expected, strict=True):
        assert text in line_at(place)
