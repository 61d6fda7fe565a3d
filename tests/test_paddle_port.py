"""A port in PaddlePaddle passes `check`, and what people get wrong in Paddle does not.

Paddle is never imported here: after TensorFlow that is a segmentation fault. `check` runs a port in a process of its own.
"""

from importlib.util import find_spec
from pathlib import Path

import pytest

PORT = Path(__file__).resolve().parent / "ports" / "paddle_port.py"

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(find_spec("paddle") is None, reason="no PaddlePaddle: pip install -r requirements-paddle.txt"),
]

EVERYTHING = {"forward", "cost", "gradients", "update", "trajectory", "predictions"}


@pytest.mark.parametrize(
    ("dtype", "variants"),
    [("float64", ["none", "l2", "dropout", "l2-dropout"]), ("float32", ["none", "l2", "dropout", "l2-dropout"])],
)
def test_the_port_in_paddle_is_the_same_network(run_compare, dtype, variants):
    done = run_compare("check", PORT, "--iterations", 50, "--dtype", dtype, "--variants", *variants)
    assert done.code == 0, done.stdout
    assert {c["variant"] for c in done.results["checks"]} == set(variants)
    assert {c["stage"] for c in done.results["checks"]} >= EVERYTHING
    assert done.results["counts"]["skipped"] == 0


GROUPS = ("parameters=groups)", "parameters={})")
DECAY = "paddle.regularizer.L2Decay(lambd / m)"
LOSS = "-paddle.mean(Y * F.log_sigmoid(Z3) + (1 - Y) * F.log_sigmoid(-Z3))"

MISTAKES = {
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
    "dropout of whole units": ("dropout", {"axis=[0, 1]": "axis=1"}, None),
    "Momentum, which rounds its decay": (
        "l2", {DECAY: "lambd / m", "optimizer.SGD(learning_rate,": "optimizer.Momentum(learning_rate, 0.0,"}, "python-float",
    ),
}  # fmt: skip
"""What is wrong -> the variant that shows it, the lines as they are right and wrong, and what `check` calls it."""


@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_of_paddle_s_own_kind_is_found_and_named(run_compare, tmp_path, what):
    variant, changes, name = MISTAKES[what]
    source = PORT.read_text()
    for right, wrong in changes.items():
        assert right in source
        source = source.replace(right, wrong)
    (tmp_path / "port.py").write_text(source)
    done = run_compare("check", tmp_path / "port.py", "--hidden", 4, 3, "--iterations", 3, "--variants", variant)
    assert done.code == 1, done.stdout
    if name is None:  # masks of this kind are found by their bits, and have no name
        assert "D1: examples" in {check["tensor"] for check in done.results["checks"] if check["status"] == "failed"}
    else:
        (found,) = (found for found in done.results["diagnoses"] if found["mistake"] == name)
        assert "PyTorch" not in found["remedy"] + "Keras"
