"""What explains a difference is named only if it reproduces it; and every known mistake is."""

from dataclasses import replace

import numpy as np
import pytest

from shared.alignment.floor import Perturbation
from shared.alignment.random_problem import random_problem
from shared.alignment.recording import port_tensors
from shared.alignment.stages import single_step_checks
from shared.alignment.states import make_states
from shared.alignment.step import Step, cost_of_probabilities, penalty_in_loss
from shared.alignment.tensors import one_step
from shared.case import Problem
from shared.commands.check.source import modules_of
from shared.commands.mistakes.planting import planted
from shared.commands.mistakes.trial import TRIALS
from shared.diagnosis.catalogue import CATALOGUE
from shared.diagnosis.catalogue.cost import COMPILED_EPSILON, EAGER_EPSILON, clamped_by_torch
from shared.diagnosis.diagnose import diagnose
from shared.diagnosis.hypothesis import Evidence, fit
from shared.diagnosis.remedies import CAFFE, PADDLE
from shared.harness.checks import Cause, Check, RunId, Where, because
from shared.harness.processes import ROOT
from shared.parameters import initialize_parameters
from shared.synthetic import make_dataset

RUN = RunId("none", "torch")


def first_quick(cases, quick=1):
    """The cases of a test, of which all but the first ones are left to the full set: searching all pairs takes seconds."""
    return [pytest.param(*case, marks=[pytest.mark.full] * (i >= quick)) for i, case in enumerate(cases)]


FORMS = [
    *((mistake.name, 0) for mistake in CATALOGUE if mistake.effects and mistake.stage != "predictions"),
    *((mistake.name, len(mistake.effects) - 1) for mistake in CATALOGUE if len(mistake.effects) > 1),
]
"""The first and the last form of every mistake of a step; those of predictions tests/test_mistakes.py plants."""

STATE_OF = {"probabilities-clipped": "saturated", "logarithms-clamped": "saturated", "gradient-at-zero": "initial"}
"""Mistakes that show only where the logits are large, or where they are exactly 0; all others with biases."""


def problem_of(dropout, dtype="float64"):
    data = make_dataset()
    X, Y = data.X_train[:, :60].astype(dtype), data.Y_train[:, :60].astype(dtype)
    return Problem(X, Y, 0.3, 0.7, 0.86 if dropout else 1.0)


def masks_of(problem, parameters, share):
    rng = np.random.default_rng(0)
    shapes = [(len(parameters[b]), problem.X.shape[1]) for b in ("b1", "b2")]
    return {
        f"D{i}{when}": rng.random(shape) < share
        for when in ("", " of update 1", " of update 2")
        for i, shape in enumerate(shapes, 1)
    }


def evidence_of(problem, effect, wanted=("biases",)):
    """What a port with this mistake would hand over, from some of the states."""
    initial = initialize_parameters([problem.X.shape[0], 20, 3, 1], dtype=str(problem.X.dtype))
    states = {}
    step = effect(Step())
    made = make_states(problem.X, initial, initial)
    for state in wanted:
        start = made[state]
        drawn = masks_of(problem, start, step.kept(problem.keep_prob)) if problem.keep_prob < 1 else {}
        with np.errstate(all="ignore"):
            tensors = step.tensors(problem, start, drawn)
        states[Where(state)] = start, drawn | {name: np.asarray(value) for name, value in tensors.items()}
    return Evidence(problem, states)


def checks_of(evidence):
    """The comparison of every state with the reference."""
    checks: list[Check] = []
    for state, (start, port) in evidence.states.items():
        checks += single_step_checks(evidence.problem, state, start, port, port, RUN)
    return checks


def named(evidence):
    return [diagnosis.mistake for diagnosis in diagnose(evidence, checks_of(evidence), RUN)]


def entry(name):
    return next(mistake for mistake in CATALOGUE if mistake.name == name)


def test_the_step_in_pieces_is_the_reference_bit_for_bit():
    rng = np.random.default_rng(0)
    for dtype in ["float64", "float32"] * 15:
        problem, parameters = random_problem(rng, dtype)
        drawn = masks_of(problem, parameters, problem.keep_prob) if problem.keep_prob < 1 else {}
        pieces, whole = Step().tensors(problem, parameters, drawn), one_step(problem, parameters, drawn)
        assert set(pieces) == set(whole)
        for name in whole:
            assert np.array_equal(pieces[name], whole[name], equal_nan=True), name
            assert np.asarray(pieces[name]).dtype == np.asarray(whole[name]).dtype


@pytest.mark.parametrize(("name", "form"), first_quick(FORMS, len({name for name, _ in FORMS})))
def test_every_form_of_every_mistake_is_named(name, form):
    dropout = "keep-prob" in name or "dropout" in name or "masks" in name
    state = STATE_OF.get(name, "biases")
    evidence = evidence_of(problem_of(dropout), entry(name).effects[form], (state,))
    # That it is found as well, tests/test_mistakes.py sees: floors are half of the time here.
    where = Where(state)
    failed = because(Cause.MISSING).of(RUN.at("update", where, "W1 after update 1"))
    assert name in [found.mistake for found in diagnose(evidence, [failed], RUN)]
    right = evidence_of(evidence.problem, lambda step: step, (state,)).states[where][1]
    port = evidence.states[where][1]
    assert not all(np.array_equal(port[tensor], value, equal_nan=True) for tensor, value in right.items())


@pytest.mark.parametrize("seed", [0, 2, 5])
def test_logarithms_clamped_by_pytorch_are_known_by_its_own_epsilon(seed, tmp_path):
    pytest.importorskip("torch")
    data = make_dataset(seed)
    problem = replace(problem_of(False), X=data.X_train, Y=data.Y_train.astype(float))
    initial = initialize_parameters([2, 20, 3, 1])
    start = make_states(problem.X, initial, initial)["saturated"]
    (trial,) = (trial for trial in TRIALS if trial.name == "logarithms-clamped")
    with planted(trial.plant, tmp_path / "source") as port:
        evidence = Evidence(problem, {Where("saturated"): (start, port_tensors(port, problem, start))})
    fits = [fit(clamped_by_torch(epsilon), evidence) for epsilon in (EAGER_EPSILON, COMPILED_EPSILON, 2e-12, 1.1e-12)]
    assert [fitting is not None for fitting in fits] == [True, False, False, False]


@pytest.mark.parametrize("other", [(EAGER_EPSILON - 4e-21,), (COMPILED_EPSILON + 4e-21,), (EAGER_EPSILON, -99.0)])
def test_another_clamp_is_not_taken_for_pytorch_s(other):
    evidence = evidence_of(problem_of(False), clamped_by_torch(*other), ("saturated",))
    assert [fit(effect, evidence) for effect in entry("logarithms-clamped").effects] == [None, None]


@pytest.mark.parametrize("name", ["biases-decayed", "float32-labels", "sigmoid-twice", "momentum"])
def test_another_processor_s_last_bits_change_no_name(name):
    evidence = evidence_of(problem_of(False), entry(name).effects[0])
    perturb = Perturbation(1)
    for start, port in evidence.states.values():
        given = {"X", "Y", *start}
        computed = [tensor for tensor, value in port.items() if value.dtype.kind == "f" and tensor not in given]
        port |= {tensor: np.asarray(perturb(port[tensor])) for tensor in computed}
        port["cost"] = np.asarray(port["cross_entropy"] + port["l2_penalty"])
    assert name in named(evidence)


def test_a_correct_port_gets_no_diagnosis():
    for dropout in (False, True):
        evidence = evidence_of(problem_of(dropout), lambda step: step)
        assert diagnose(evidence, checks_of(evidence), RUN) == []


PAIRS = [
    *(("decay-undivided", "penalty-not-reported"), ("python-float", "biases-decayed")),
    *(("momentum", "decay-halved"), ("weights-reshaped", "penalty-not-reported")),
]


@pytest.mark.parametrize(("one", "two"), first_quick(PAIRS, 0))
def test_two_mistakes_at_once_are_both_named(one, two):
    first, second = entry(one).effects[0], entry(two).effects[0]
    found = named(evidence_of(problem_of(False), lambda step: second(first(step))))
    assert any(set(str(names).split(" + ")) == {one, two} for names in found), found


SETTINGS = [
    (lambda step: replace(step, dZ3=lambda Z3, Y: 3 * step.dZ3(Z3, Y)), "3 times"),
    (lambda step: replace(step, strength=lambda lambd, m: 1.37 * lambd / m), "1.37 times the term lambd/m * W1"),
    (lambda step: replace(step, decayed=dict.fromkeys(("W1", "W3"), 1.0)), "dW2 lacks the term lambd/m * W2"),
    (
        lambda step: replace(step, decayed=dict.fromkeys(("W1", "W2", "W3", "b2"), 1.0)),
        "db2 has 1 times the term lambd/m * b2",
    ),
    (
        lambda step: replace(step, update=lambda p, g, d, memory, rate: step.update(p, g, d, memory, rate / 2)),
        "0.5 times as far as it should (learning rate 0.15 for 0.3)",
    ),
]


@pytest.mark.parametrize(("effect", "words"), first_quick(SETTINGS, 0))
def test_other_settings_are_estimated(effect, words):
    evidence = evidence_of(problem_of(False), effect)
    entries = diagnose(evidence, checks_of(evidence), RUN)
    assert any(words in entry.explanation for entry in entries), entries
    assert all(entry.fit is not None and entry.fit <= 1 for entry in entries)


@pytest.mark.full
def test_the_scale_of_dropout_is_estimated():
    effect = lambda step: replace(  # noqa: E731
        step, drop=lambda A, D, k: 1.1 * step.drop(A, D, k), undrop=lambda dA, D, k: 1.1 * step.undrop(dA, D, k)
    )
    evidence = evidence_of(problem_of(True), effect)
    (found,) = diagnose(evidence, checks_of(evidence), RUN)
    assert "multiplied by 1.27906976744, not by 1 / keep_prob = 1.16279069767" in found.explanation


def noise(tensors, rng):
    return tensors | {"dW2": tensors["dW2"] + 1e-12 * rng.standard_normal(tensors["dW2"].shape)}


GIBBERISH = {
    "nothing at all": lambda t, rng: {},
    "noise of a millionth of a millionth": noise,
    "two weights exchanged": lambda t, rng: t | {"W2 after update 1": t["W2 after update 1"][:, ::-1].copy()},
    "leaky units": lambda t, rng: t | {"A1": np.where(t["Z1"] > 0, t["Z1"], 0.01 * t["Z1"])},
    "a cost that is off": lambda t, rng: t | {"cross_entropy": t["cross_entropy"] * 1.01, "cost": t["cost"] * 1.01},
    "not a number": lambda t, rng: t | {"dW1": np.full_like(t["dW1"], np.nan)},
    "infinite, and a list": lambda t, rng: t | {"cost": np.asarray(np.inf), "dW1": t["dW1"].tolist()},
    "another shape": lambda t, rng: t | {"dW1": t["dW1"].T.copy()},
    "a tensor is missing": lambda t, rng: {name: value for name, value in t.items() if name != "Z1"},
    "one tensor in float32": lambda t, rng: t | {"dW1": t["dW1"].astype(np.float32)},
}


@pytest.mark.parametrize("what", first_quick([(what,) for what in GIBBERISH]))
def test_what_nothing_explains_is_not_guessed(what):
    evidence = evidence_of(problem_of(False), lambda step: step)
    rng = np.random.default_rng(0)
    states = {state: (start, GIBBERISH[what](port, rng)) for state, (start, port) in evidence.states.items()}
    evidence = replace(evidence, states=states)
    assert named(evidence) == [None]


@pytest.mark.parametrize(
    ("dropout", "dtype"), first_quick([(False, "float64"), (False, "float32"), (True, "float64"), (True, "float32")])
)
def test_where_training_diverges_what_does_nothing_is_not_named(dropout, dtype):
    problem = replace(problem_of(dropout, dtype), learning_rate=1e30 if dtype == "float32" else 1e300, lambd=1e6)
    with np.errstate(all="ignore"):
        right, wrong = (evidence_of(problem, effect) for effect in (lambda step: step, entry("decay-doubled").effects[0]))
        (found,) = diagnose(right, checks_of(right), RUN)
        assert "decay-doubled" in named(wrong)
    assert found.mistake is None
    assert found.explanation.startswith("training diverges, the reference's as well")


@pytest.mark.parametrize("name", first_quick([("tf32-products",), ("bfloat16-products",), ("biases-decayed",)]))
def test_in_float32_a_mistake_is_named_as_well(name):
    assert named(evidence_of(problem_of(False, "float32"), entry(name).effects[0])) == [name]


@pytest.mark.full
def test_products_of_which_only_some_are_rounded_are_not_named():
    def forward_only(step):
        return replace(entry("tf32-products").effects[0](step), dA=step.dA, dW=step.dW)

    evidence = evidence_of(problem_of(False, "float32"), forward_only)
    assert any(check.failed for check in checks_of(evidence))
    assert [m.name for m in CATALOGUE for effect in m.effects if fit(effect, evidence) is not None] == []


def test_rounding_is_no_excuse_for_a_difference_that_float32_does_not_reproduce():
    evidence = evidence_of(problem_of(False), entry("python-float").effects[0])
    assert "float32" not in named(evidence)


@pytest.mark.parametrize("form", [penalty_in_loss, cost_of_probabilities])
def test_another_correct_form_passes_and_a_wrong_tensor_of_it_fails_alone(form):
    evidence = evidence_of(problem_of(False), form, ("initial", "biases"))
    assert not [c for c in checks_of(evidence) if not c.passed]
    for factor in (1 + 1e-9, 2):
        wrong = {state: (start, port | {"dW3": factor * port["dW3"]}) for state, (start, port) in evidence.states.items()}
        assert {c.tensor for c in checks_of(replace(evidence, states=wrong)) if c.failed} == {"dW3"}


def test_names_are_unique_and_nothing_is_left_empty():
    names = [mistake.name for mistake in CATALOGUE]
    assert len(set(names)) == len(names) >= 30
    assert {*PADDLE, *CAFFE} <= set(names)
    for mistake in CATALOGUE:
        assert all(getattr(mistake, text) for text in ("title", "written", "stage", "torch", "keras", "source")), (
            mistake.name
        )
        assert mistake.plants
        how = (mistake.effects, mistake.fitted, mistake.random_effects, mistake.initial, mistake.masks, mistake.traced)
        recognized = any(how)
        assert recognized, f"{mistake.name} can never be named"


def test_a_remedy_is_for_the_frameworks_that_a_port_imports():
    ports = ROOT / "tests" / "ports"
    imports = {name: modules_of(ports / f"{name}_port.py") for name in ("jax", "paddle", "caffe", "numpy")}
    assert all(name in modules for name, modules in imports.items())
    biases, zero = entry("biases-decayed"), entry("gradient-at-zero")
    assert biases.remedy(*imports["paddle"]) == PADDLE["biases-decayed"]
    assert biases.remedy(*imports["caffe"]) == CAFFE["biases-decayed"]  # imported inside a function
    assert zero.remedy(*imports["jax"]) == zero.jax
    assert biases.remedy("torch", "paddle") == f"PyTorch: {biases.torch}. PaddlePaddle: {PADDLE['biases-decayed']}"
    assert biases.remedy() == f"PyTorch: {biases.torch}. Keras: {biases.keras}"
    for modules in (imports["numpy"], imports["jax"]):  # nothing is said of JAX there
        assert biases.remedy(*modules) == biases.numpy


def test_a_planted_line_that_is_gone_is_said(tmp_path):
    plant = replace(TRIALS[0].plant, changes=(("network.py", "a line that is not there", "another"),))
    with pytest.raises(ValueError, match=r"does not hold 'a line that is not there'"), planted(plant, tmp_path):
        pass
