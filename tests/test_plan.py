"""The plan of all comparisons: green means that each of them was made, and that there were some."""

import itertools
from dataclasses import replace

import pytest

from shared.alignment.plan import PREDICTED, planned, segments_of
from shared.alignment.states import STATES
from shared.alignment.tensors import STAGE_OF
from shared.config import VARIANTS
from shared.harness.checks import MASKS, STAGES, Cause, RunId, because
from shared.harness.ledger import Counts, Ledger
from shared.parameters import PARAMETER_NAMES

LENGTHS = [20, 20, 5]
NAMES = ("variant", "implementation", "stage", "where", "tensor")
DESIGN = ("data", "parameters", "forward", "cost", "gradients", "update", "trajectory", "predictions")


@pytest.fixture
def plan():
    """A plan of two variants and two implementations."""
    variants = ["none", "dropout"]
    return Ledger(key for name in variants for i in ("torch", "tensorflow") for key in planned(VARIANTS[name], LENGTHS, i))


def entry(key, cause=Cause.AGREES):
    """An outcome for one place of the plan."""
    return because(cause, *range(10)).of(key)


def places_of(variant, lengths=LENGTHS):
    return [(key.stage, str(key.where), key.tensor) for key in planned(variant, lengths, "torch")]


def keys_of(plan):
    return [check.key for check in plan.checks()]


def filled(plan, *exceptions):
    """The plan with all passed, but for the given number of failed and of open ones at its end."""
    keys = keys_of(plan)
    failed, still_open = exceptions or (0, 0)
    causes = [Cause.AGREES] * (len(keys) - failed - still_open) + [Cause.MISSING] * failed
    plan.fill(entry(key, cause) for key, cause in zip(keys, causes, strict=False))
    return plan


def test_all_stages_of_the_design_are_planned_in_its_order():
    assert list(STAGES) == ["repeat", *DESIGN]
    assert set(STAGE_OF) == set(DESIGN[:6])
    for variant in VARIANTS.values():
        stages = [stage for stage, _, _ in places_of(variant)]
        assert list(dict.fromkeys(stages)) == list(STAGES)
        assert stages == sorted(stages, key=STAGES.index)


@pytest.mark.parametrize("lengths", [LENGTHS, [1], [1, 1, 1], [1000, 1000]], ids=str)
@pytest.mark.parametrize("variant", VARIANTS)
def test_no_comparison_is_planned_twice(variant, lengths):
    places = list(planned(VARIANTS[variant], lengths, "torch"))
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_tensor_of_the_design_is_planned_from_every_state(variant):
    places = set(places_of(VARIANTS[variant]))
    tensors = {
        "data": {"X", "Y"},
        "parameters": set(PARAMETER_NAMES),
        "forward": {"Z1", "A1", "Z2", "A2", "Z3", "A3"},
        "cost": {"cross_entropy", "l2_penalty", "cost"},
        "gradients": {f"{prefix}{name}" for prefix in ("d", "decay_") for name in PARAMETER_NAMES},
        "update": {f"{name} after update {update}" for name in PARAMETER_NAMES for update in (1, 2)},
    }
    for state, (stage, names) in itertools.product(STATES, tensors.items()):
        assert {(stage, state, name) for name in names} <= places
    masks = {("forward", state, D) for state in STATES for D in ("D1", "D2")}
    assert masks <= places if VARIANTS[variant].dropout else not masks & places
    scopes = ["updates 0 to 19", "updates 20 to 39", "updates 40 to 44", "free run"]
    assert [str(segment) for segment in segments_of(LENGTHS)] == scopes[:3]
    assert {("trajectory", scope, name) for scope in scopes for name in ("cost", *PARAMETER_NAMES)} <= places
    assert {("predictions", "final parameters", part) for part in PREDICTED} <= places
    assert {("repeat", state, "step") for state in STATES} | {("repeat", scopes[0], "training")} <= places


@pytest.mark.parametrize(("variant", "masks"), [("none", 0), ("l2", 0), ("dropout", 17), ("frozen-dropout", 15)])
def test_the_masks_are_tested_where_there_is_dropout(variant, masks):
    assert sum(scope == "masks" for _, scope, _ in places_of(VARIANTS[variant])) == masks


def test_what_was_never_compared_is_skipped_with_a_reason(plan):
    checks = plan.checks()
    assert len(checks) > 400
    assert {(check.status, check.reason) for check in checks} == {("skipped", "never compared")}
    assert all(check.difference is check.tolerance is check.share is None for check in checks)
    assert plan.verdict() == "incomplete"


def test_a_reason_reaches_only_what_is_still_open_of_its_run(plan):
    keys = keys_of(plan)
    plan.fill([entry(keys[0])])
    plan.skip("crashed", "none", "torch")
    plan.skip("later", "none", "torch")
    reasons = {key: check.reason for key, check in zip(keys, plan.checks(), strict=True)}
    assert reasons.pop(keys[0]) == ""
    assert {reason for key, reason in reasons.items() if key.run == RunId("none", "torch")} == {"crashed"}
    assert {reason for key, reason in reasons.items() if key.run != RunId("none", "torch")} == {"never compared"}


def test_a_reason_for_all_implementations_reaches_all_of_the_variant(plan):
    plan.skip("no reference", "dropout")
    for check in plan.checks():
        assert check.reason == ("no reference" if check.variant == "dropout" else "never compared")


def test_a_comparison_that_was_not_planned_raises(plan):
    key = keys_of(plan)[0]
    for name, other in zip(NAMES, ("l2", "numpy", "update", MASKS, "Z9"), strict=True):
        stranger = replace(key, **{name: other})
        with pytest.raises(ValueError, match="not planned"):
            plan.fill([entry(stranger)])
    plan.fill([entry(key)])


@pytest.mark.parametrize("cause", [Cause.AGREES, Cause.MISSING])
def test_a_comparison_made_twice_raises(plan, cause):
    key = keys_of(plan)[0]
    plan.fill([entry(key, cause)])
    with pytest.raises(ValueError, match="made twice"):
        plan.fill([entry(key)])
    assert plan.checks()[0].cause is cause


def test_outcomes_stand_in_the_order_of_the_plan(plan):
    keys = keys_of(plan)
    plan.fill(entry(key) for key in reversed(keys))
    assert keys_of(plan) == keys


@pytest.mark.parametrize(
    ("failed", "still_open", "verdict"),
    [(0, 0, "match"), (1, 0, "mismatch"), (0, 1, "incomplete"), (1, 1, "mismatch"), (5, 7, "mismatch")],
)
def test_the_verdict_and_the_counts(plan, failed, still_open, verdict):
    total = len(keys_of(plan))
    counts = filled(plan, failed, still_open).counts()
    assert counts == Counts(total, total - still_open, failed, still_open, 0)
    assert plan.verdict() == verdict


@pytest.mark.parametrize(("variants", "implementations"), [([], []), ([], ["torch"]), (["none"], [])], ids=str)
def test_an_empty_plan_is_no_match(variants, implementations):
    plan = Ledger(key for name in variants for i in implementations for key in planned(VARIANTS[name], LENGTHS, i))
    assert plan.counts() == Counts(0, 0, 0, 0, 0)
    assert plan.verdict() == "incomplete"


def test_a_comparison_entered_as_skipped_is_no_match(plan):
    keys = keys_of(plan)
    plan.fill(entry(key, Cause.NOT_RUN if i == 3 else Cause.AGREES) for i, key in enumerate(keys))
    assert plan.counts().skipped == 1
    assert plan.verdict() == "incomplete"


def test_what_passed_though_rounding_hides_it_is_counted_as_uninformative(plan):
    keys = keys_of(plan)
    causes = dict(enumerate((Cause.ROUNDING, Cause.HORIZON, Cause.VALUES)))
    plan.fill(entry(key, causes.get(i, Cause.AGREES)) for i, key in enumerate(keys))
    assert plan.counts() == Counts(len(keys), len(keys), 1, 0, 2)
