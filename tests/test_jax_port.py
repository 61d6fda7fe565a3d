"""The contract is enough: a port in a fourth framework, which knows nothing of this project, passes `check`."""

from pathlib import Path

import pytest

PORT = Path(__file__).resolve().parent / "ports" / "jax_port.py"

pytest.importorskip("jax", reason="JAX is not installed: pip install -r requirements-jax.txt")
pytestmark = pytest.mark.full


@pytest.mark.parametrize(
    ("dtype", "variants"),
    [("float64", ["none", "l2", "dropout", "l2-dropout"]), ("float32", ["none", "l2-dropout"])],
)
def test_the_port_in_jax_is_the_same_network(run_compare, dtype, variants):
    done = run_compare("check", PORT, "--iterations", 100, "--dtype", dtype, "--variants", *variants)
    results = done.results
    assert done.code == 0, done.stdout
    assert results["verdict"] == "match"
    assert {c["variant"] for c in results["checks"]} == set(variants)
    assert {"forward", "cost", "gradients", "update", "trajectory", "predictions"} <= {c["stage"] for c in results["checks"]}
    assert results["counts"]["skipped"] == 0


MISTAKES = [
    ("l2", 'for W in ("W1", "W2", "W3"))', 'for W in ("W1", "b1", "W2", "b2", "W3", "b3"))', "biases-decayed"),
    ("none", '["A3"] > 0.5', '["Z3"] > 0.5', "threshold-on-logits"),
]


def test_mistakes_in_it_are_found_and_named(run_compare, tmp_path):
    source = PORT.read_text()
    for _, right, wrong, _ in MISTAKES:
        assert right in source
        source = source.replace(right, wrong)
    (tmp_path / "port.py").write_text(source)
    small = ("--hidden", 4, 3, "--iterations", 5)
    done = run_compare("check", tmp_path / "port.py", *small, "--variants", "none", "l2")
    assert done.code == 1
    assert {failure["variant"] for failure in done.results["failures"]} == {"none", "l2"}
    named = {(found["variant"], found["mistake"]) for found in done.results["diagnoses"]}
    assert {(variant, mistake) for variant, _, _, mistake in MISTAKES} <= named
