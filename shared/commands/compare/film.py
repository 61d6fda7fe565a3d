"""Training as a film: what the recorded parameters of a run decide over the plane, one picture for each recorded state."""

import struct
import zlib
from base64 import b64encode
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from numpy_impl.network import forward_propagation, predict
from shared.harness.figures import CLASSES
from shared.harness.inputs import grid_points
from shared.harness.records import Record
from shared.harness.results import Curve
from shared.metrics import accuracy
from shared.parameters import Parameters

MOST = 100
"""Pictures of a run; of one with more recorded states, so many of them, evenly."""

EVERY = 2
"""Of the points of the grid, every second one in each direction: the browser draws what is between them."""

SHADES = 32
"""From surely class 0 to surely class 1; the two halves have different colours, so that the boundary is where they meet."""


def shown_states(record: Record) -> Iterator[tuple[int, Parameters]]:
    """The recorded states that are shown: how many updates were done, and the parameters then."""
    updates = [*record.starts, sum(record.lengths)]
    for row in np.unique(np.linspace(0, len(updates) - 1, min(MOST, len(updates))).round().astype(int)):
        yield updates[row], {name: states[row] for name, states in record.snapshots.items()}


def accuracies(record: Record, sets: list[tuple[NDArray, NDArray]]) -> Curve:
    """[updates done, accuracy on each of the sets (X, Y)] of the shown states, as the reference predicts with them."""
    with np.errstate(all="ignore"):
        return [[done, *(accuracy(predict(X, parameters), Y) for X, Y in sets)] for done, parameters in shown_states(record)]


def film(record: Record, axes: list[NDArray]) -> str:
    """The strip of pictures, first state first, as PNG in base64. axes: of the plane's grid."""
    x1, x2 = (axis[::EVERY] for axis in axes)
    points = grid_points([x1, x2[::-1]])  # a picture begins with its upper row
    with np.errstate(all="ignore"):
        frames = [forward_propagation(points, parameters)[0] for _, parameters in shown_states(record)]
    shades = np.nan_to_num(np.concatenate(frames), nan=0.5) * (SHADES - 1)
    return b64encode(_png(shades.round().astype(np.uint8).reshape(-1, len(x1)))).decode()


def _png(shades: NDArray) -> bytes:
    """The shades (height, width) as a PNG with a palette of two colours, the stronger the surer."""
    height, width = shades.shape
    one = np.arange(SHADES) >= SHADES // 2
    sure = np.abs(np.linspace(-1, 1, SHADES))
    strength = np.where(one, 30 + 100 * sure, 90 + 110 * sure)  # in grey too, class 1 is the lighter one
    colours = b"".join(bytes.fromhex(CLASSES[int(which)][1:]) for which in one)
    rows = np.pad(shades, ((0, 0), (1, 0))).astype(np.uint8)  # each row begins with its filter: none
    chunks = (
        (b"IHDR", struct.pack(">2I5B", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", colours),
        (b"tRNS", bytes(strength.astype(np.uint8))),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    )
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)
