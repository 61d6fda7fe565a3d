"""What a port hands over: NumPy arrays in the course's layout, segment by segment."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.parameters import Parameters

RECORD_EVERY = 1000
"""Every thousandth iteration is recorded, and the last."""

MASK_BYTES_IN_FLIGHT = 64 * 2**20
"""A segment of a dropout run holds its masks unpacked while it trains: long segments of large data are cut to this."""


@dataclass(frozen=True)
class Segment:
    """The updates between two recorded states of a training.

    costs (length,): the training cost before each update, L2 penalty included, dropout masks applied.
    parameters: after the last update of the segment; copies.
    masks: D1 (length, h1, m) and D2 (length, h2, m), bool, read back from the dropout layers; None without dropout.
    """

    costs: NDArray
    parameters: Parameters
    masks: tuple[NDArray, NDArray] | None


def segment_lengths(num_iterations: int, mask_bytes: int = 0, longest: int = RECORD_EVERY) -> list[int]:
    """Lengths of the segments of a run: `longest` updates, fewer where the masks (bytes per iteration) need it."""
    if mask_bytes:
        longest = max(1, min(longest, MASK_BYTES_IN_FLIGHT // mask_bytes))
    full, rest = divmod(num_iterations, longest)
    return [longest] * full + ([rest] if rest else [])


def recorded_iterations(num_iterations: int) -> list[int]:
    """0, 1000, 2000, ... and the last iteration."""
    return sorted({*range(0, num_iterations, RECORD_EVERY), num_iterations - 1})


def join(segments: Iterator[Segment] | Sequence[Segment]) -> tuple[Parameters, NDArray]:
    """The final parameters and all costs (num_iterations,) of a run: what `train` returns."""
    costs, parameters = [], {}
    for segment in segments:
        costs.append(segment.costs)
        parameters = segment.parameters
    return parameters, np.concatenate(costs)
