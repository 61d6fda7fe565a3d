"""The contract is enough: a port in a fourth framework, which knows nothing of this project, passes `check`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PORT = ROOT / "tests" / "ports" / "jax_port.py"

pytest.importorskip("jax", reason="JAX is not installed: pip install -r requirements-jax.txt")


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    return request.param


def check(port, tmp_path, clean_environment, *flags):
    done = subprocess.run(
        [sys.executable, ROOT / "compare.py", "check", port, "--out", tmp_path, "--iterations", "300", *flags],
        env=clean_environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done, json.loads((tmp_path / "results.json").read_text())


def test_the_port_in_jax_is_the_same_network(dtype, tmp_path, clean_environment):
    variants = ["--variants", "none", "l2", "dropout", "l2-dropout"]
    done, results = check(PORT, tmp_path, clean_environment, "--dtype", dtype, *variants)
    assert done.returncode == 0, done.stdout
    assert results["verdict"] == "match"
    assert {c["variant"] for c in results["checks"]} == {"none", "l2", "dropout", "l2-dropout"}
    assert {"forward", "cost", "gradients", "update", "trajectory", "predictions"} <= {c["stage"] for c in results["checks"]}
    assert results["counts"]["skipped"] == 0


@pytest.mark.parametrize(
    ("variant", "right", "wrong", "mistake"),
    [
        ("l2", 'for W in ("W1", "W2", "W3"))', 'for W in ("W1", "b1", "W2", "b2", "W3", "b3"))', "biases-decayed"),
        ("l2", "lambd / (2 * m)", "lambd / m", "decay-doubled"),
        ("dropout", "* D1 / keep_prob", "* D1", None),
        ("dropout", "(key1, keep_prob,", "(key1, 1 - keep_prob,", None),
        ("none", '["A3"] > 0.5', '["Z3"] > 0.5', "threshold-on-logits"),
    ],
)
def test_a_mistake_in_it_is_found(variant, right, wrong, mistake, tmp_path, clean_environment):
    source = PORT.read_text()
    assert right in source
    (tmp_path / "port.py").write_text(source.replace(right, wrong))
    done, results = check(tmp_path / "port.py", tmp_path, clean_environment, "--variants", variant)
    assert done.returncode == 1
    if mistake:
        assert mistake in {diagnosis["mistake"] for diagnosis in results["diagnoses"]}
