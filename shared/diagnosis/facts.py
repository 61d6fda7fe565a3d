"""What is known of a difference that nothing explains: which stages and states agree, and a factor between two tensors."""

from collections.abc import Iterator

import numpy as np

from shared.alignment.tensors import STAGE_OF, one_step
from shared.diagnosis.hypothesis import Evidence
from shared.errors import listed
from shared.harness.checks import Check, Where
from shared.harness.ledger import first_failed

STAGE_WORDS = {
    "data": "the data", "parameters": "the initial parameters", "forward": "the forward pass", "cost": "the cost",
    "gradients": "the gradients", "update": "the updates",
}  # fmt: skip


def facts(evidence: Evidence, checks: list[Check]) -> Iterator[str]:
    """What agrees, what differs, and by which factor or shift the first tensor that differs does, if there is one."""
    single = [check for check in checks if check.stage in STAGE_WORDS and check.where in evidence.states]
    wrong = {check.stage for check in single if check.failed}
    right = [stage for stage in STAGE_OF if any(check.stage == stage for check in single) and stage not in wrong]
    if wrong and right:
        yield f"{listed(STAGE_WORDS[stage] for stage in right)} agree{'s' * (len(right) == 1)} in every state"
    states = list(dict.fromkeys(str(check.where) for check in single))
    bad = list(dict.fromkeys(str(check.where) for check in single if check.failed))
    if bad and len(bad) < len(states):
        yield f"only the state{'s' * (len(bad) > 1)} {listed(bad)} differ{'s' * (len(bad) == 1)}"
    first = next(iter(first_failed(single)), None)
    if first is not None and first.stage in ("gradients", "cost", "forward"):
        here = [check for check in single if check.stage == first.stage and not check.tensor.startswith("decay")]
        off = list(dict.fromkeys(check.tensor for check in here if check.failed))
        well = list(dict.fromkeys(check.tensor for check in here if check.tensor not in off))
        if off and well:
            yield f"{listed(off)} differ{'s' * (len(off) == 1)}, {listed(well)} do{'es' * (len(well) == 1)} not"
    if first is not None and (said := _relation(evidence, first.where, first.tensor)):
        yield said


def _relation(evidence: Evidence, state: Where, name: str) -> str:
    """The factor, or the shift, between the port's tensor and the reference's, where it is the same for all elements."""
    start, port = evidence.states[state]
    with np.errstate(all="ignore"):
        mine, its = np.asarray(one_step(evidence.problem, start, port).get(name), float), np.asarray(port.get(name))
    if its.dtype.kind != "f" or its.shape != mine.shape or mine.size < 2 or not np.isfinite([its, mine]).all():
        return ""
    size, square = np.abs(its).max(), float(np.sum(mine * mine))
    if square and size and np.abs(its - (factor := float(np.sum(mine * its)) / square) * mine).max() <= 1e-9 * size:
        shown = f"{factor:.10g}"
        return "" if shown == "1" else f"{name} of the port is {shown} times the reference's"
    if np.ptp(its - mine) <= 1e-9 * size:
        return f"{name} of the port is the reference's {float(np.mean(its - mine)):+.6g}, in every element"
    return ""
