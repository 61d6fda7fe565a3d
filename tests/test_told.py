"""What is told of failures: names first, else one line of what is known; and what --fail-fast leaves out."""

from dataclasses import replace

import pytest

from shared.commands.check.contract import ROUNDED
from shared.commands.check.lines import places_of
from shared.commands.check.loading import load_port
from shared.commands.check.told import told
from shared.harness.checks import Call, Cause, Check, RunId, Where, because
from shared.harness.results import named, unnamed
from tests.test_names import PORT, edited

PLAIN = RunId("none", "port")


def check(variant, failed):
    outcome = because(Cause.FORM if failed else Cause.AGREES, "off")
    return outcome.of(RunId(variant, "port").at("cost", Where("initial"), "cost"))


def line(variant, wrong, right):
    checks: list[Check] = [*(check(v, True) for v in wrong), *(check(v, False) for v in right)]
    unknown = [unnamed(RunId(variant, "port"), *said) for said in (("nothing fits", "the data agrees"), ("nothing fits",))]
    (only,) = told(unknown, checks, {"numpy"})
    return only.explanation


def test_one_line_says_which_variants_agree_and_where_to_look():
    assert line("l2", ["l2"], ["none", "dropout"]) == (
        "nothing fits; the data agrees; none and dropout match, only l2 differs: look at the penalty"
    )
    assert line("dropout", ["dropout", "l2-dropout"], ["none", "l2"]).endswith(
        "none and l2 match, only dropout and l2-dropout differ: look at dropout"
    )
    assert line("l2", ["none", "l2"], ["dropout"]).endswith(
        "the variant none differs already, which shows again here: fix that first"
    )
    assert line("none", ["none"], []) == "nothing fits; the data agrees"


def test_what_is_named_is_told_once_and_hides_no_other_variant():
    one = named(PLAIN, "momentum", "a momentum", fit=0.1)
    other = unnamed(RunId("l2", "port"), "nothing fits")
    found = told([one, one, unnamed(PLAIN, "nothing"), other], [check("none", True), check("l2", True)], {"torch"})
    assert [(each.variant, each.mistake) for each in found] == [("none", "momentum"), ("l2", None)]
    assert found[0].remedy == "torch.optim.SGD(..., momentum=0), the default"


def test_masks_that_never_change_may_be_meant():
    frozen = named(RunId("dropout", "port"), "masks-frozen", "the masks are the same at every iteration")
    (found,) = told([frozen], [check("dropout", True)], {"numpy"})
    assert found.remedy == (
        "np.random.seed once, before the loop, never in the forward pass; if that is meant, as in the course's own code: "
        "--variants frozen-dropout"
    )


def test_float32_comes_first_with_the_remedy_of_what_the_port_imports():
    single = because(Cause.FLOAT32, "").of(RunId("none", "port").at("data", Call("dtype", "train"), "dtype"))
    (first,) = told([], [single], {"torch"})
    assert first.mistake == "float32"
    assert first.explanation == "everything is computed in float32, where float64 was given"
    (inside,) = told([], [replace(single, tensor=ROUNDED)], {"torch"})
    assert inside.explanation.startswith("single precision inside: ")
    assert "torch.tensor(X) keeps the dtype" in str(first.remedy)


@pytest.mark.full
def test_fail_fast_stops_at_the_first_stage_that_differs(tmp_path, run_compare):
    (tmp_path / "port.py").write_text(PORT.replace("dZ3 = A3 - Y", "dZ3 = 2 * (A3 - Y)"))
    done = run_compare("check", tmp_path / "port.py", "--iterations", 5, "--hidden", "4", "3", "--fail-fast")
    assert done.code == 1
    checks = done.results["checks"]
    assert {each["stage"] for each in checks if each["status"] == "failed"} == {"gradients"}
    assert {each["variant"] for each in checks} == {"none"}
    skipped = [each for each in checks if each["status"] == "skipped"]
    assert {each["reason"] for each in skipped} == {"not compared: --fail-fast, and the stage gradients differs"}
    assert {"update", "predictions"} <= {each["stage"] for each in skipped}


BROUGHT = """
def forward(X, p):
    W1 = torch.tensor(p["W1"])
    A1 = relu(W1 @ X)
    A1 = A1 * (rand(*A1.shape) < 0.9)
    return {"Z3": A1, "A3": sigmoid(A1)}
def backward(cache):
    Z1, A1 = cache
    dW1 = A1 @ A1.T
def trace(X, Y, parameters):
    out = forward(X, parameters)
    out["D1"], out["dW2"] = out["A1"] != 0, net.weight.grad.numpy()
    return out | {"dW1": backward(out)}
def train(X, p):
    loss = bce(X) + decay
    KEPT
    W2 = p["W2"].copy()
    W2 -= 0.1 * X
    return {"W1": p["W1"] - X}
def predict(X):
    return (forward(X)["A3"] > 0.5).astype(int)
"""


@pytest.mark.parametrize("kept", ["costs.append(loss.item())", "losses[i] = loss", "history += [loss]"])
def test_a_line_is_quoted_where_it_computes_the_tensor_and_else_none(tmp_path, kept):
    path = tmp_path / "port.py"
    path.write_text(BROUGHT.replace("KEPT", kept))
    port = load_port(path)
    assert places_of(port.functions, port.trees, port.uses, path) == {
        "trace": "port.py, lines 10 to 13 (trace)",
        "trace.A1": "port.py, lines 4 and 5: `A1 = relu(W1 @ X)`; `A1 = A1 * (rand(*A1.shape) < 0.9)`",
        "trace.A3": 'port.py, line 6: `return {"Z3": A1, "A3": sigmoid(A1)}`',
        "trace.dW1": 'port.py, line 13: `return out | {"dW1": backward(out)}`',
        "train": "port.py, lines 14 to 19 (train)",
        "train.W1": 'port.py, line 19: `return {"W1": p["W1"] - X}`',
        "train.W2": "port.py, line 18: `W2 -= 0.1 * X`",
        "train.cost": f"port.py, lines 15 and 16: `loss = bce(X) + decay`; `{kept}`",
        "predict": "port.py, lines 20 to 21 (predict)",
        "predict.A1": "port.py, lines 4 and 5: `A1 = relu(W1 @ X)`; `A1 = A1 * (rand(*A1.shape) < 0.9)`",
        "predict.A3": 'port.py, line 6: `return {"Z3": A1, "A3": sigmoid(A1)}`',
        "predict.classes": 'port.py, line 21: `return (forward(X)["A3"] > 0.5).astype(int)`',
    }


@pytest.mark.parametrize(
    ("factor", "mistake", "said"),
    [
        ("0.5 ** (i // 7)", "learning-rate-decays", "goes 0.5 times as far"),
        ("(0.5 if i == 7 else 1)", None, "goes 0.5 times as far"),
        ("2 ** (i // 7)", None, "goes 2 times as far"),
        ("(i < 7)", "training-stops", "moves nothing: training stops"),
        ("(i != 7)", None, "moves nothing, and later ones do"),
    ],
)
def test_what_shows_only_during_a_run_is_dated_and_named_where_it_lasts(brought, factor, mistake, said):
    later = edited([("learning_rate * (t", f"learning_rate * {factor} * (t")])
    result = brought(later, variants=["none"])
    assert result.mistakes == {mistake}
    assert f"update 8 is the first that differs: it {said}" in str(result.names)
