"""Dropout of which only `train` is known: its masks are read off its costs, and each mistake in them is named."""

from pathlib import Path

import numpy as np
import pytest

from shared.commands.check.unseen_masks import designs, read, updates_off

ROOT = Path(__file__).resolve().parents[1]
PORT = (ROOT / "tests" / "ports" / "numpy_port.py").read_text()
TRAIN_ALONE = PORT.replace("def trace(", "def _trace(").replace("def predict(", "def _predict(")
ON = "t = step(X, Y, p, keep_prob, rng)\n        costs"
D1, D2 = (f'D{i} = rng.random((len(p["b{i}"]), m)) < keep_prob' for i in (1, 2))


def without(condition):
    """Dropout in some of the iterations only."""
    return [(ON, ON.replace("keep_prob", f"keep_prob if {condition} else 1"))]


WRONG = {
    "randn for rand": ([(D, D.replace("random", "standard_normal")) for D in (D1, D2)], "randn is normal; use rand"),
    "off now and then": (without("i % 50 < 10"), "dropout is off in 800 of 1,000 updates, first in 11 to 50"),
    "a cost in base 2": ([('["cross_entropy"] + pen', '["cross_entropy"] / np.log(2) + pen')], "logarithms of base 2"),
    "one mask for all examples": ([(D, D.replace("m)", "1)")) for D in (D1, D2)], "one mask for all examples: D1"),
    "whole examples": ([(D1, "D1 = rng.random((1, m)) < keep_prob")], "whole examples are dropped: the units of D1"),
    "the same draws twice": ([(D2, "D2 = D1[: len(p['b2'])]")], "the second layer repeats the first's draws"),
    "off after the first update": (without("i < 1"), "dropout is off from update 2"),
    "never on": (without("False"), "dropout is off in every update"),
    "frozen": ([(ON, ON.replace("rng", "np.random.default_rng(1)"))], "masks"),
    "the share to drop": ([(D, D.replace("<", ">=")) for D in (D1, D2)], "keeps the share that should be dropped"),
}  # fmt: skip


def edited(edits):
    source = TRAIN_ALONE
    for right, wrong in edits:
        assert right in source, f"the port no longer holds {right!r}: fix this test"
        source = source.replace(right, wrong)
    return source


@pytest.mark.parametrize("which", [w if i < 1 else pytest.param(w, marks=pytest.mark.full) for i, w in enumerate(WRONG)])
def test_a_mistake_in_masks_that_nobody_hands_over_is_found_and_named(brought, which):
    edits, named = WRONG[which]
    result = brought(edited(edits), variants=["dropout"])
    assert result.failed_tensors
    assert any(named in name for name in result.names), result.names
    assert "frozen" in which or not any("the same at every iteration" in name for name in result.names)


def test_correct_dropout_of_train_alone_matches(brought):
    result = brought(TRAIN_ALONE, variants=["dropout"])
    assert not result.failed_tensors
    assert not result.skipped
    assert {"dropout on", "costs", "D1: every unit", "D2: every unit", "D1 and D2: independence"} <= {
        check["tensor"] for check in result.checks
    }


FROZEN = [(ON, ON.replace("rng", "np.random.default_rng(seed)"))]


@pytest.mark.full
def test_a_port_that_seeds_its_masks_anew_is_checked_as_what_it_is(brought):
    frozen = brought(edited(FROZEN), variants=["frozen-dropout"])
    assert not frozen.failed_tensors
    fresh = brought(TRAIN_ALONE, variants=["frozen-dropout"])
    assert {"D1: frozen", "D2: frozen"} & fresh.failed_tensors
    unscaled = brought(edited([*FROZEN, ("* D1 / keep_prob\n", "* D1\n")]), variants=["frozen-dropout"])
    assert unscaled.failed_tensors


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("sizes", [(2, 20, 3), (1, 1, 1), (5, 7, 12)])
def test_every_cost_tells_its_masks(dtype, sizes):
    rng = np.random.default_rng(0)
    for design in designs(sizes, 0.8, np.dtype(dtype)):
        entry = rng.integers(len(design.costs), size=50)
        costs = design.costs[entry].astype(dtype)
        found = read(design, costs)
        np.testing.assert_array_equal(found.entry, entry)
        assert (found.unread, found.factor, found.off.any()) == (0, 1.0, False)
        costs[10:20] = design.plain
        assert updates_off(read(design, costs).off) == "in 10 of 50 updates, first in 11 to 20"
        costs[10:] = design.plain
        assert updates_off(read(design, costs).off) == "from update 11"
        assert read(design, design.costs[entry].astype(dtype) * 1.1).unread > 10
