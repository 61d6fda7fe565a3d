"""The plan of comparisons, written down before the run."""

from collections.abc import Iterator

from shared.alignment.masks import mask_tests
from shared.alignment.run_masks import RUN_TESTS
from shared.alignment.states import STATES
from shared.alignment.tensors import STAGE_OF, UPDATED, tensors_of
from shared.config import Variant
from shared.harness.checks import FINAL, FREE_RUN, MASKS, Key, RunId, Updates, Where
from shared.parameters import PARAMETER_NAMES

PREDICTED = ("train", "test", "grid")


def planned(variant: Variant, lengths: list[int], implementation: str) -> Iterator[Key]:
    """Every comparison of one run, in the order in which a port is checked."""
    run = RunId(variant.name, implementation)
    segments = segments_of(lengths)
    for state in STATES:
        yield run.at("repeat", Where(state), "step")
    yield run.at("repeat", segments[0], "training")
    for stage in STAGE_OF:
        for state in STATES:
            for tensor in tensors_of(stage, variant.dropout):
                yield run.at(stage, Where(state), tensor)
        if stage == "forward" and variant.dropout:
            for test in (*mask_tests(variant.frozen), *RUN_TESTS):
                yield run.at(stage, MASKS, test)
    for segment in (*segments, FREE_RUN):
        for tensor in ("cost", *PARAMETER_NAMES):
            yield run.at("trajectory", segment, tensor)
    for part in PREDICTED:
        yield run.at("predictions", FINAL, part)


SYMBOLS = {
    **{tensor: name for tensor, (name, _) in UPDATED.items()},
    **{test: test[:2] for frozen in (False, True) for test in mask_tests(frozen)},
    **dict(zip(RUN_TESTS, ("D1", "D2"), strict=True)),
}
"""Tensor -> how it is called in the implementations' own lines, where that is something else."""


def symbol_of(tensor: str) -> str:
    """How a tensor of a comparison is called in the implementations' own lines."""
    return SYMBOLS.get(tensor, tensor)


def segments_of(lengths: list[int]) -> list[Updates]:
    """The segments of a run, one after the other."""
    return [Updates.of(sum(lengths[:s]), length) for s, length in enumerate(lengths)]
