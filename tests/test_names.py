"""Mistakes that people have reported, written anew into a port: each is named as what it is, and none as something else."""

from pathlib import Path

import numpy as np
import pytest

from shared.case import Problem
from shared.diagnosis.catalogue.initial import others
from shared.parameters import initialize_parameters

ROOT = Path(__file__).resolve().parents[1]
PORT = (ROOT / "tests" / "ports" / "numpy_port.py").read_text()
ONLY_TRAIN = (("def trace(", "def _trace("), ("def predict(", "def _predict("))
COST = 'costs[i] = t["cross_entropy"] + penalty(p, lambd, m)'
DECAY = 'decay = {W: lambd / m * p[W] for W in ("W1", "W2", "W3")}'
MOVE = 'learning_rate * (t["d" + name] + decay.get(name, 0))'
PENALTY = 'return lambd / (2 * m) * sum(np.sum(p[W] ** 2) for W in ("W1", "W2", "W3"))'
ENTROPY = "cross_entropy = np.mean(np.maximum(Z3, 0) - Z3 * Y + np.log1p(np.exp(-np.abs(Z3))))"
SUMS = 'f"db{i}": dZ.sum(axis=1, keepdims=True) / m'
START, END = "p, m = dict(parameters), X.shape[1]", "p = {name: value -"

REPORTED = {
    # https://github.com/ikhlestov/vision_networks/issues/21
    "the L2 loss of all variables": ("l2", [(DECAY, "decay = {W: lambd / m * p[W] for W in p}"),
        (PENALTY, PENALTY.replace('("W1", "W2", "W3")', "p"))], {"biases-decayed"}),
    # https://github.com/pytorch/pytorch/issues/47175
    "gradients never set back": ("none", [(START, START + "\n    g = dict.fromkeys(p, 0)"),
        (END, "g = {name: g[name] + t['d' + name] for name in p}\n        " + END),
        (MOVE, "learning_rate * g[name]")], {"gradients-accumulate"}),
    # https://github.com/FluxML/Flux.jl/issues/1546
    "a softmax over one unit": ("none", [("A3 = sigmoid(Z3)", "A3 = np.exp(Z3) / np.exp(Z3).sum(axis=0)"),
        (ENTROPY, "cross_entropy = np.mean((A3 - Y) ** 2)"), ("dZ3 = A3 - Y", "dZ3 = 0 * Y")], {"softmax-of-one"}),
    # https://github.com/lmjohns3/theanets/pull/123
    "divided by the share that is dropped": ("dropout", [("/ keep_prob", "/ ((1 - keep_prob) or 1)")], {"dropout-scaled"}),
    # https://github.com/CSTR-Edinburgh/mlpractical/pull/32
    "scaled twice": ("dropout", [("/ keep_prob", "/ keep_prob / keep_prob")], {"dropout-scaled-twice"}),
    # https://github.com/pytorch/vision/issues/1261
    "a schedule at every step": ("none", [(MOVE, MOVE.replace("learning_rate", "learning_rate / (1 + 0.01 * i)"))],
                                 {"learning-rate-decays"}),
    # https://github.com/rasbt/stat453-deep-learning-ss21/issues/5
    "one sum for all biases": ("none", [(SUMS, 'f"db{i}": np.full((len(dZ), 1), dZ.sum() / m)')], {"db-over-units"}),
    # https://github.com/louisjc/mnist-neural-network/issues/1
    "the derivative of the output once more": ("none", [("dZ3 = A3 - Y", "dZ3 = A3 * (1 - A3) * (A3 - Y)")],
                                               {"sigmoid-derived-twice"}),
    # https://github.com/kvfrans/notes/issues/5
    "a mean of what is a mean": ("none", [(SUMS, 'f"db{i}": dZ.mean(axis=1, keepdims=True) / m')], {"db-divided-twice"}),
    # https://github.com/hunkim/DeepLearningZeroToAll/issues/173
    "products that are not averaged": ("none", [("dZ @ A.T / m", "dZ @ A.T")], {"other-rates"}),
    # https://github.com/tensorflow/tensorflow/issues/29964
    "the loss of a second pass, after the update": ("none", [("    return p, costs", "    return p, costs  # late"),
        (COST, ""), ("for name, value in p.items()}\n", "for name, value in p.items()}\n        "
         "costs[i] = step(X, Y, p, 1, rng)['cross_entropy']\n")], {"cost-after-update"}),
    # https://github.com/keras-team/keras/issues/503
    "the mean of the losses so far": ("none", [
        ("return p, costs", "return p, costs.cumsum() / np.arange(1, 1 + len(costs))")],
                                      {"costs-averaged"}),
    # https://github.com/keras-team/keras/issues/15249
    "clipped, and an epsilon added": ("none", [(ENTROPY, "P = np.clip(A3, 1e-7, 1 - 1e-7)\n    cross_entropy = "
        "-np.mean(Y * np.log(P + 1e-7) + (1 - Y) * np.log(1 - P + 1e-7))")], set()),
    # https://github.com/titu1994/DenseNet/issues/57
    "a penalty without its half": ("l2", [(DECAY, DECAY.replace("lambd", "2 * lambd")),
        (PENALTY, PENALTY.replace("(2 * m)", "m"))],
                                   {"decay-doubled", "decay-twice"}),
    # https://github.com/jingtinghuang/CS231n-Spring-2017/issues/3
    "its gradient without the 2": ("l2", [(DECAY, DECAY.replace("/ m", "/ (2 * m)"))], {"decay-halved"}),
    # https://github.com/d2l-ai/d2l-zh/pull/517
    "a penalty that is not divided by m": ("l2", [(DECAY, DECAY.replace("/ m", "")),
        (PENALTY, PENALTY.replace("(2 * m)", "2"))],
                                           {"decay-undivided"}),
    # https://github.com/glm-tools/pyglmnet/issues/141
    "a norm that is not squared": ("l2", [(PENALTY, PENALTY.replace("np.sum(p[W] ** 2)", "np.linalg.norm(p[W])")),
        (DECAY, DECAY.replace("p[W] for", "p[W] / (2 * np.linalg.norm(p[W])) for"))], {"penalty-not-squared"}),
    # https://github.com/jeffheaton/encog-dotnet-core/issues/124
    "the derivative of the sigmoid in ReLU": ("none", [(f"* (Z{i} > 0)", f"* A{i} * (1 - A{i})") for i in (1, 2)],
                                              {"other-activation"}),
    # https://github.com/DrexelChatbotGroup/DrexelChatbot/issues/15
    "X in another order than Y": ("none", [(START, START + "\n    X = X[:, np.random.default_rng(0).permutation(m)]")],
                                  {"inputs-shuffled"}),
    # https://github.com/JeanKossaifi/tensorly-notebooks/issues/8
    "a penalty that misses two layers": ("l2", [(DECAY, DECAY.replace(', "W2", "W3"', ",")),
        (PENALTY, PENALTY.replace(', "W2", "W3"', ","))], {"penalty-of-some"}),
    # https://github.com/haifengl/smile/issues/528
    "a gradient that ReLU overwrites": ("none", [
        ("dZ1 = p[\"W2\"].T @ dZ2 * D1 / keep_prob * (Z1 > 0)", "dZ1 = 1.0 * (Z1 > 0)")],
                                        set()),
    # https://github.com/eriklindernoren/ML-From-Scratch/pull/103
    "the gradient of L1 beside a norm": ("l2", [(PENALTY, PENALTY.replace("np.sum(p[W] ** 2)", "np.linalg.norm(p[W])")),
        (DECAY, DECAY.replace("p[W] for", "np.sign(p[W]) for"))], set()),
}  # fmt: skip
"""What is reported -> the variant, how it is written, and its names; none: it is found, and may stay nameless."""


def edited(edits):
    source = PORT
    for right, wrong in (*ONLY_TRAIN, *edits):
        assert right in source, f"the port no longer holds {right!r}: mend this test"
        source = source.replace(right, wrong)
    return source


@pytest.mark.parametrize("what", [w if i < 1 else pytest.param(w, marks=pytest.mark.full) for i, w in enumerate(REPORTED)])
def test_a_reported_mistake_is_named_and_nothing_else_is(brought, what):
    variant, edits, names = REPORTED[what]
    result = brought(edited(edits), variants=[variant])
    found = {name for name in result.mistakes if name}
    assert result.failed_tensors or not names
    assert found == names or (len(names) > 1 and found & names), result.names
    assert result.names or not result.failed_tensors


def test_weights_rounded_to_float32_are_not_called_other_weights():
    problem = Problem(np.zeros((2, 1)), np.zeros((1, 1)), 0.3)
    start = initialize_parameters([2, 20, 3, 1])
    rounded = {name: value.astype(np.float32).astype(np.float64) for name, value in start.items()}
    assert not others(start, rounded, problem)
    assert others(start, rounded | {"W2": start["W2"] * (1 + 1e-6)}, problem)
