"""One comparison: what must never pass does not, and what is reported of a difference is right."""

import itertools

import numpy as np
import pytest

from shared.alignment.judge import FACTOR, judge
from shared.harness.checks import RunId, Where
from shared.harness.results_json import check_as_json

DTYPES = ("float64", "float32")
PAIRS_OF_SHAPES = [
    *itertools.permutations([(4,), (4, 1), (1, 4)], 2),  # a column is no row and no vector; some of these would broadcast
    *((shape, (4, 3)) for shape in ((3, 4), (12,), (4, 3, 1), (1, 4, 3), (4, 1), (1, 3), (1, 1), ())),
]
PAIRS_OF_DTYPES = list(itertools.permutations(["float64", "float32", "int64", "bool"], 2))
FLOOR = 1e-6


@pytest.fixture
def matrix():
    """A tensor of 4 x 3 numbers around one."""
    return np.random.default_rng(0).uniform(0.5, 1.5, (4, 3))


def judged(port, reference, floor=FLOOR):
    """The outcome, in the form in which it is reported: a Check."""
    return judge(port, reference, floor).of(RunId("none", "torch").at("forward", Where("initial"), "Z1"))


# What is equal passes


@pytest.mark.parametrize("floor", [None, 0.0, FLOOR, np.full((4, 3), FLOOR)], ids=["none", "zero", "number", "array"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_equal_tensors_pass_and_use_nothing_of_the_tolerance(matrix, dtype, floor):
    check = judged(matrix.astype(dtype), matrix.astype(dtype), floor)
    assert (check.status, check.difference, check.share, check.reason) == ("passed", 0.0, 0.0, "")
    assert check.index is None


@pytest.mark.parametrize("dtype", ["bool", "int64", "uint8"])
def test_whole_numbers_and_truth_values_are_compared_bit_for_bit(dtype):
    """uint8: a difference that wraps around must not be small."""
    reference = np.array([[0, 1, 1, 0]]).astype(dtype)
    assert judged(reference.copy(), reference, None).status == "passed"
    port = reference.copy()
    port[0, 3] = 1
    check = judged(port, reference, None)
    assert (check.status, check.index, check.differing) == ("failed", [0, 3], 1)
    assert (check.port_value, check.reference_value, check.difference) == (1.0, 0.0, 1.0)
    assert judged(port, reference, FLOOR).status == "failed"


def test_a_number_without_dimensions_is_compared_too():
    assert judged(np.array(0.7), np.array(0.7)).status == "passed"
    check = judged(np.array(0.71), np.array(0.7))
    assert (check.status, check.index, check.elements, check.differing) == ("failed", [], 1, 1)


# What is not a tensor of finite numbers of this shape and dtype fails, and says why


@pytest.mark.parametrize("floor", [None, FLOOR, np.inf], ids=["exact", "floor", "infinite floor"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("sides", ["port", "reference", "both"])
def test_what_is_not_finite_fails_even_where_both_sides_have_it(matrix, sides, value, floor):
    port, reference = matrix.copy(), matrix.copy()
    for side, array in (("port", port), ("reference", reference)):
        if sides in (side, "both"):
            array[2, 1] = value
    check = judged(port, reference, floor)
    said = {
        "port": "1 of 12 values of the port's are not finite",
        "reference": "1 of 12 values of the reference's are not finite",
        "both": "1 of 12 values of the port's are not finite, nor are 1 of the reference's: training diverges",
    }
    assert (check.status, check.reason) == ("failed", said[sides])
    assert judged(matrix.copy(), matrix, floor).status == "passed"


def test_what_is_no_array_or_empty_or_missing_fails_and_says_so():
    one = np.ones((1, 1))
    for port in ([[1.0]], 1.0, np.float64(1), "1.0"):
        assert judged(port, one).reason == f"expected a NumPy array, got {type(port).__name__}"
    for shape in ((0,), (0, 3), (4, 0)):
        assert judged(np.zeros(shape), np.zeros(shape)).reason == "empty: nothing to compare"
    check = judged(None, one)
    assert (check.status, check.reason, check.difference, check.share) == ("failed", "missing", None, None)


@pytest.mark.parametrize(("port", "reference"), PAIRS_OF_SHAPES, ids=str)
def test_a_tensor_of_another_shape_fails(port, reference):
    check = judged(np.ones(port), np.ones(reference))
    assert (check.status, check.reason) == ("failed", f"expected shape {reference}, got {port}")


@pytest.mark.parametrize(("port", "reference"), PAIRS_OF_DTYPES, ids=str)
def test_a_tensor_of_another_dtype_fails_though_its_values_are_equal(port, reference):
    check = judged(np.ones((2, 2), port), np.ones((2, 2), reference))
    assert (check.status, check.reason) == ("failed", f"expected dtype {reference}, got {port}")


# Wrong values


def test_values_in_another_place_of_another_sign_or_rounded_fail(matrix):
    square = np.random.default_rng(0).standard_normal((4, 4))
    infinite = np.array([np.inf])
    for port, reference, differing in (
        (square.T, square, 12),  # all but the diagonal
        (-matrix, matrix, 12),
        (np.roll(matrix, 1, 0), matrix, 12),
        (np.roll(matrix, 1, 1), matrix, 12),
        (infinite, -infinite, None),
    ):
        check = judged(port, reference)
        assert (check.status, check.differing) == ("failed", differing)
    check = judged(matrix.astype("float32").astype("float64"), matrix, 1e-16)
    assert check.status == "failed"
    assert check.differing is not None
    assert check.differing > 6


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_wrong_element_in_ten_million_fails(dtype):
    reference = np.ones((1000, 10_000), dtype)
    port = reference.copy()
    port[123, 4567] += 1e-4
    check = judged(port, reference)
    assert (check.status, check.elements, check.differing) == ("failed", 10_000_000, 1)
    assert check.index == [123, 4567]
    assert judged(reference.copy(), reference).status == "passed"


# How much is allowed


def test_no_floor_allows_not_one_unit_in_the_last_place(matrix):
    port = matrix.copy()
    port[1, 2] = np.nextafter(port[1, 2], 2)
    check = judged(port, matrix, None)
    assert (check.status, check.tolerance, check.differing, check.index) == ("failed", 0.0, 1, [1, 2])
    assert check.share == np.inf
    assert judged(port, matrix, 0.0).status == "passed"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("floor", [2.0**-10, np.full((3,), 2.0**-10)], ids=["number", "array"])
def test_a_difference_at_the_limit_passes_and_one_unit_beyond_fails(dtype, floor):
    """Powers of two, so that the difference itself is not rounded."""
    limit = FACTOR * 2.0**-10
    reference = np.zeros(3, dtype)
    port = np.array([0, limit, 0], dtype)
    check = judged(port, reference, floor)
    assert (check.status, check.share) == ("passed", 1.0)
    port[1] = np.nextafter(port[1], np.array(1, dtype))
    check = judged(port, reference, floor)
    assert (check.status, check.index, check.differing) == ("failed", [1], 1)
    assert check.share is not None
    assert check.share > 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_floor_is_at_least_one_unit_in_the_last_place_of_the_reference(dtype):
    reference = np.array([1.0, 1000.0], dtype)
    ulp = np.spacing(reference)
    assert judged(reference + int(FACTOR) * ulp, reference, 0.0).status == "passed"
    check = judged(reference + np.array([0, FACTOR + 1], dtype) * ulp, reference, 0.0)
    assert (check.status, check.index) == ("failed", [1])


def test_one_element_does_not_lend_its_floor_to_another():
    """A floor per element: a limit for all would be the largest."""
    reference, floor = np.zeros(2), np.array([1.0, 1e-9])
    assert judged(np.array([1.0, 0.0]), reference, floor).status == "passed"
    assert judged(np.array([0.0, 1.0]), reference, floor).index == [1]


def test_a_floor_broadcasts_to_the_tensor(matrix):
    assert judged(matrix + FLOOR, matrix, np.full((4, 1), FLOOR)).status == "passed"
    assert judged(matrix + 100 * FLOOR, matrix, np.full((4, 1), FLOOR)).status == "failed"


@pytest.mark.parametrize("floor", [np.nan, np.array([[FLOOR, np.nan, FLOOR]])], ids=["number", "array"])
def test_a_floor_that_is_not_a_number_allows_nothing(matrix, floor):
    check = judged(matrix + FLOOR, matrix, floor)
    assert check.status == "failed"
    assert check.index is not None
    assert np.isnan(np.broadcast_to(floor, matrix.shape)[tuple(check.index)])
    assert judged(matrix + FLOOR, matrix, FLOOR).status == "passed"


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_subnormal_number_flushed_to_zero_passes(dtype):
    """Some frameworks flush; what is no longer subnormal may not vanish."""
    tiny = np.finfo(dtype).tiny
    reference = np.array([tiny / 2, tiny / 1024, 1.0], dtype)
    assert (reference[:2] > 0).all()
    flushed = np.array([0, 0, 1], dtype)
    assert judged(flushed, reference, 0.0).status == "passed"
    assert judged(flushed, reference, None).status == "failed"
    assert judged(flushed, reference + np.array([100 * tiny, 0, 0], dtype), 0.0).status == "failed"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("where", ["zero", "largest"])
def test_a_difference_too_large_for_a_ratio_fails_without_a_warning(dtype, where):
    """Warnings are errors here: a large value where the reference has zero, and opposite ends of the range."""
    largest = np.finfo(dtype).max
    reference = np.array([0 if where == "zero" else -largest, 1], dtype)
    check = judged(np.array([largest, 1], dtype), reference, 0.0)
    assert (check.status, check.index) == ("failed", [0])


# What is reported


def test_the_element_that_uses_most_of_its_own_allowance_is_reported():
    reference = np.zeros((2, 2))
    port = np.array([[1.0, 0.0], [0.1, 1e-3]])
    floor = np.array([[1.0, 1.0], [1e-3, 1e-9]])
    check = judged(port, reference, floor)
    assert (check.index, check.port_value, check.reference_value) == ([1, 1], 1e-3, 0.0)
    assert (check.difference, check.tolerance) == (1e-3, FACTOR * 1e-9)
    assert (check.elements, check.differing) == (4, 2)
    assert check.share == pytest.approx(1e-3 / (FACTOR * 1e-9))
    assert check.reason == "differs by 0.001 where rounding explains 1.6e-08"


def test_where_nothing_is_allowed_the_largest_difference_is_reported():
    """Bit for bit, every element that differs is infinitely beyond its tolerance_of; the worst is still the largest."""
    check = judged(np.array([1.0, 2.1, 9.0]), np.array([1.0, 2.0, 3.0]), None)
    assert (check.index, check.port_value, check.reference_value, check.difference) == ([2], 9.0, 3.0, 6.0)


def test_what_passed_reports_how_close_it_came_and_no_element():
    check = judged(np.array([1 + 4 * FLOOR, 1.0]), np.ones(2))
    assert check.share == pytest.approx(4 / FACTOR)
    assert not {"index", "port_value"} & check_as_json(check).keys()


def test_a_check_becomes_the_entry_of_results_json():
    entry = check_as_json(judged(np.array([1.0, 3.0]), np.ones(2)))
    required = {"variant", "implementation", "stage", "tensor", "iteration", "difference", "allowed", "budget_used"}
    assert required | {"status", "reason", "scope"} <= set(entry)
    assert (entry["index"], entry["port_value"], entry["reference_value"]) == ([1], 3.0, 1.0)


def test_the_tensors_are_left_as_they_are(matrix):
    port, reference, floor = matrix + 1, matrix.copy(), np.full((4, 3), FLOOR)
    before = [array.copy() for array in (port, reference, floor)]
    judge(port, reference, floor)
    for array, copy in zip((port, reference, floor), before, strict=True):
        np.testing.assert_array_equal(array, copy, strict=True)
