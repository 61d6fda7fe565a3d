"""The contract is enough: ports in other frameworks, which know nothing of this project, pass `check`, and mistakes in them
are found.

No framework is imported here, since `check` runs a port in a process of its own: Paddle after TensorFlow, in one process,
is a segmentation fault.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PORTS = ROOT / "tests" / "ports"
ALL = ("none", "l2", "dropout", "l2-dropout")

pytestmark = pytest.mark.full


def need(port):
    """Skip the test where the port's framework is not installed."""
    if port == "numpy_port":
        return
    module, install = {
        "jax_port": ("jax", "pip install -r requirements-jax.txt"),
        "paddle_port": ("paddle", "pip install -r requirements-paddle.txt"),
        "sklearn_port": ("sklearn", "pip install -r requirements-bench.txt"),
        "caffe_port": ("caffe", "CAFFE_PYTHON is not set, see tests/ports/caffe_port.py"),
    }[port]
    if not (os.environ.get("CAFFE_PYTHON") if module == "caffe" else find_spec(module)):
        pytest.skip(f"no {module}: {install}")


@pytest.mark.parametrize(
    ("port", "dtype", "variants"),
    [
        ("jax_port", "float64", ALL),
        ("jax_port", "float32", ("none", "l2-dropout")),
        ("paddle_port", "float64", ALL),
        ("paddle_port", "float32", ("none", "l2-dropout")),
        ("caffe_port", "float32", ALL),
        ("sklearn_port", "float64", ("none", "l2")),
        ("sklearn_port", "float32", ("none", "l2")),
    ],
)
def test_a_port_is_the_same_network(run_compare, port, dtype, variants):
    need(port)
    done = run_compare("check", PORTS / f"{port}.py", "--iterations", 20, "--dtype", dtype, "--variants", *variants)
    checks = done.results["checks"]
    assert done.code == 0, done.stdout
    assert done.results["verdict"] == "match"
    assert {check["variant"] for check in checks} == set(variants)
    stages = {"cost", "update", "trajectory", "predictions"} | (
        {"forward", "gradients"} if port != "sklearn_port" else set()
    )
    assert {check["stage"] for check in checks} >= stages
    assert done.results["counts"]["skipped"] == 0
    assert not any(LOST in remark for remark in done.results["remarks"])


DECAY = "paddle.regularizer.L2Decay(lambd / m)"
LOSS = "-paddle.mean(Y * F.log_sigmoid(Z3) + (1 - Y) * F.log_sigmoid(-Z3))"

BIASES = ('for W in ("W1", "W2", "W3"))', 'for W in ("W1", "b1", "W2", "b2", "W3", "b3"))')

OF_PADDLE: dict[str, tuple[str, dict[str, str], str]] = {
    "p is keep_prob": ("dropout", {"p=1 - keep_prob": "p=keep_prob"}, "keep-prob-as-rate"),
    "the mode that scales at evaluation": ("dropout", {"axis=[0, 1]": 'mode="downscale_in_infer"'}, "dropout-unscaled"),
    "one weight_decay for all": (
        "l2", {"parameters=groups)": "parameters=network.parameters(), weight_decay=lambd / m)"}, "biases-decayed",
    ),
    "a group that overwrites the layers' own regularizer": (
        "l2",
        {"(n_x, h1), nn.Linear(h1, h2), nn.Linear(h2, n_y)":
         "(n_x, h1, OWN), nn.Linear(h1, h2, OWN), nn.Linear(h2, n_y, OWN)",
         "class Network": f"OWN = paddle.ParamAttr(regularizer={DECAY})\n\n\nclass Network".replace("lambd / m", "0.007"),
         f', "weight_decay": {DECAY}': "", ', "weight_decay": 0.0': ""},
        "decay-lost",
    ),
    "None in a group, under a decay for all": (
        "l2", {"0.0}": "None}", "parameters=groups)": "parameters=groups, weight_decay=lambd / m)"}, "biases-decayed",
    ),
    "L2Decay with the half of the penalty": ("l2", {DECAY: DECAY.replace("/ m", "/ (2 * m)")}, "decay-halved"),
    "the loss whose gradient is wrong at 0": (
        "none", {LOSS: "F.binary_cross_entropy_with_logits(Z3, Y)"}, "gradient-at-zero",
    ),
    "dropout of whole units": ("dropout", {"axis=[0, 1]": "axis=1"}, ""),
    "Momentum, which rounds its decay": (
        "l2", {DECAY: "lambd / m", "optimizer.SGD(learning_rate,": "optimizer.Momentum(learning_rate, 0.0,"}, "python-float",
    ),
}  # fmt: skip
MISTAKES: dict[str, tuple[str, str, str, dict[str, str], str]] = {
    **{f"paddle: {what}": ("paddle_port", "float64", *mistake) for what, mistake in OF_PADDLE.items()},
    "jax: biases in the penalty, logits for probabilities": (
        "jax_port", "float64", "l2", dict([BIASES, ('["A3"] > 0.5', '["Z3"] > 0.5')]), "biases-decayed threshold-on-logits",
    ),
    "caffe: lr_mult: 2": (
        "caffe_port", "float32", "none", {"lr_mult: 1 decay_mult: 0": "lr_mult: 2 decay_mult: 0"}, "biases-twice-as-fast",
    ),
    "caffe: no decay_mult": ("caffe_port", "float32", "l2", {"lr_mult: 1 decay_mult: 0": "lr_mult: 1"}, "biases-decayed"),
    "sklearn: alpha doubled": ("sklearn_port", "float64", "l2", {"alpha=lambd": "alpha=2 * lambd"}, "decay-doubled"),
}  # fmt: skip
"""What is wrong -> the port, a dtype and a variant that show it, the lines as they are right and wrong, and its names."""

LOST = "is lost where its logit is"
NOT_LOST = {
    "paddle_port": (LOSS, "F.binary_cross_entropy_with_logits(Z3, Y, pos_weight=paddle.ones([1], Z3.dtype))"),
    "numpy_port": ("dZ3 = A3 - Y", "dZ3 = (1 - Y) - sigmoid(-Z3)"),
}
"""Port -> a line of it, and another whose gradient is lost where a probability is small: that is no mistake, since beside
other examples it is less than the rounding of their gradients."""


@pytest.mark.parametrize("port", ["numpy_port", "jax_port", "paddle_port", "caffe_port", "sklearn_port"])
def test_mistakes_in_it_are_found_and_named_and_a_gradient_that_is_lost_is_a_remark(port, clean_environment, tmp_path):
    need(port)
    right = (PORTS / f"{port}.py").read_text()
    mistakes = {what: mistake[1:4] for what, mistake in MISTAKES.items() if mistake[0] == port}
    remarks = {dtype: (dtype, "none", dict([NOT_LOST[port]])) for dtype in ("float64", "float32") if port in NOT_LOST}
    asked: list[tuple[Path, list[str], str]] = []
    for number, (dtype, variant, changes) in enumerate([*mistakes.values(), *remarks.values()]):
        source = right
        for line, other in changes.items():
            assert line in source
            source = source.replace(line, other)
        asked.append((tmp_path / str(number) / "port.py", [variant], dtype))
        asked[-1][0].parent.mkdir()
        asked[-1][0].write_text(source)
    done = subprocess.run(
        [sys.executable, "-m", "tests.helpers.brought"], input=json.dumps(asked, default=str),
        cwd=ROOT, env=clean_environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = dict(zip([*mistakes, *remarks], json.loads(done.stdout.splitlines()[-1]), strict=True))
    for what in mistakes:
        (failed, found, _), names = said[what], MISTAKES[what][-1]
        assert set(names.split()) <= set(found), what
        assert failed if names else "D1: examples" in failed, what  # those masks are found by their bits, and have no name
    for dtype in remarks:
        failed, _, remarked = said[dtype]
        assert (failed, remarked.count(LOST)) == ([], 1), dtype
