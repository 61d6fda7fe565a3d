"""Dropout in the three implementations one by one: what is dropped, how the rest is scaled, and when masks are drawn."""

import functools

import numpy as np
import pytest

from tests.helpers.training import in_segments

KEEP_PROB = 0.8


@pytest.fixture(scope="session")
def drawn(make_problem):
    """A function that gives the masks of eight updates as they are drawn: D1, D2 (8, h, m)."""

    @functools.cache
    def masks(implementation, variant):
        # Biases that keep every unit on, and next to no learning: a mask is read back from what its layer lets through.
        X, Y, parameters = make_problem((3, 4, 4, 1), m=40)
        parameters = {name: value + 9 if name in ("b1", "b2") else abs(value) for name, value in parameters.items()}
        settings = {"learning_rate": 1e-6, "keep_prob": KEEP_PROB, "frozen": variant == "frozen-dropout"}
        segments = list(in_segments(implementation.adapter, X, Y, parameters, lengths=[4, 4], **settings))
        return [np.concatenate([segment.masks[layer] for segment in segments]) for layer in (0, 1)]

    return masks


def test_keep_prob_1_is_no_dropout_bit_for_bit(implementation, make_problem):
    X, Y, parameters = make_problem()

    def run(**settings):
        return implementation.adapter.trace(X, Y, parameters, **settings)

    without, with_1, with_less = run(), run(keep_prob=1.0, seed=2), run(keep_prob=KEEP_PROB)
    assert without.keys() == with_1.keys() == with_less.keys() - {"D1", "D2"}
    for name, tensor in without.items():
        np.testing.assert_array_equal(with_1[name], tensor, strict=True)
    assert not np.array_equal(with_less["Z2"], without["Z2"])


@pytest.mark.parametrize("keep_prob", [0.86, 0.5, 0.3])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_dropout_keeps_its_share_and_divides_by_it(implementation, make_problem, keep_prob, dtype):
    X, Y, parameters = make_problem((3, 20, 20, 1), m=500, dtype=dtype)
    tensors = implementation.adapter.trace(X, Y, parameters, keep_prob=keep_prob)
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
    tensors = implementation.adapter.trace(X, Y, parameters, keep_prob=KEEP_PROB)
    np.testing.assert_allclose(tensors["Z1"], parameters["W1"] @ X + parameters["b1"], rtol=0, atol=1e-14)
    np.testing.assert_allclose(tensors["Z3"], parameters["W3"] @ tensors["A2"] + parameters["b3"], rtol=0, atol=1e-14)
    undropped = parameters["W2"] @ np.maximum(0, tensors["Z1"]) + parameters["b2"]
    assert abs(tensors["Z2"] - undropped).max() > 0.1  # while the hidden layer is dropped


def test_fresh_masks_differ_at_every_iteration(implementation, drawn):
    for D in drawn(implementation, "dropout"):
        assert len({mask.tobytes() for mask in D}) == len(D) == 8
        assert 0.5 < D.mean() < 0.95


def test_frozen_masks_are_the_same_at_every_iteration(implementation, drawn):
    frozen, fresh = (drawn(implementation, variant) for variant in ("frozen-dropout", "dropout"))
    for D in frozen:
        assert all(np.array_equal(mask, D[0]) for mask in D)
        assert 0.5 < D.mean() < 0.95
    assert not any(np.array_equal(D[1], D[0]) for D in fresh)


def test_the_two_layers_draw_masks_of_their_own(implementation, drawn):
    """Layers of equal size: units of the two agree as often as independent draws do."""
    D1, D2 = drawn(implementation, "dropout")
    for i in range(8):
        for j in range(8):
            expected, deviation = KEEP_PROB**2 + (1 - KEEP_PROB) ** 2, np.sqrt(0.68 * 0.32 / D1[0].size)
            assert abs((D1[i] == D2[j]).mean() - expected) < 5 * deviation < 1 - expected  # equal masks would be seen


def test_prediction_drops_nothing(implementation, reference, make_problem):
    X, Y, parameters = make_problem(m=400)
    parameters["b3"] -= np.median(reference.adapter.trace(X, Y, parameters)["Z3"])  # half of them in each class
    expected = (reference.adapter.trace(X, Y, parameters)["A3"] > 0.5).astype(np.int64)
    for _ in range(2):
        np.testing.assert_array_equal(implementation.network.predict(X, parameters), expected, strict=True)
    dropped = implementation.adapter.trace(X, Y, parameters, keep_prob=KEEP_PROB)["A3"] > 0.5
    assert (dropped != expected).sum() > 20  # dropout would be seen
