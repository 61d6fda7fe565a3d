"""Data sets as files: a good one, and one put together by hand; what is said of a bad one."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from shared import readers
from shared.data import Dataset, load_dataset
from shared.errors import DataError

GOOD: dict[str, Any] = {
    "X": np.array([[0.5, -1.5], [2.25, 0.125], [1.0, 3.0], [-0.75, 4.0]]),
    "y": np.array([[0], [1], [1], [0]], np.uint8),
    "Xval": np.array([[7.0, 8.0], [9.0, 10.0], [11.0, 12.0]]),
    "yval": np.array([[1], [0], [1]], np.uint8),
}
GOOD_CSV = """x1,split,y,x2
0.5,train,0,-1.5
2.25,train,1,0.125
7,test,1,8
1.0,train,1.0,3e0

9,test,0,10
-0.75,train,0,4
11,test,1,12
"""


def write(path: Path, variables: dict[str, Any], *, compressed: bool = False) -> Path:
    """A .mat or .npz file of the variables that are not None."""
    variables = {name: values for name, values in variables.items() if values is not None}
    if path.suffix == ".mat":
        scipy.io.savemat(path, variables, do_compression=compressed)
    else:
        (np.savez_compressed if compressed else np.savez)(path, **variables)
    return path


def good_file(path: Path, *, compressed: bool = False) -> Path:
    if path.suffix == ".csv":
        path.write_text(GOOD_CSV)
        return path
    return write(path, GOOD, compressed=compressed)


def refusal(path: str | Path) -> str:
    """What load_dataset says of a bad file, after the path; always one line without control characters."""
    with pytest.raises(DataError) as caught:
        load_dataset(path)
    shown, _, message = str(caught.value).partition(": ")
    assert shown == readers.printable(str(path))
    assert message.isprintable()
    assert len(message) < 400
    return message


def assert_valid(dataset: Dataset) -> None:
    for X, Y in ((dataset.X_train, dataset.Y_train), (dataset.X_test, dataset.Y_test)):
        n_x, m = X.shape
        assert Y.shape == (1, m)
        assert n_x == dataset.X_train.shape[0]
        assert np.isfinite(X).all()
        assert set(np.unique(Y)) == {0.0, 1.0}
        for each in (X, Y):
            assert each.dtype == np.float64
            assert each.flags.c_contiguous
            assert not each.flags.writeable


def element(order: str, kind: int, content: bytes) -> bytes:
    """An element of a MATLAB 5 file."""
    return struct.pack(order + "II", kind, len(content)) + content + bytes(-len(content) % 8)


def variable(matlab_class: int, *parts: bytes) -> bytes:
    """A variable of a MATLAB 5 file whose parts are all declared as int8."""
    return element(
        "<", 14, element("<", 6, struct.pack("<II", matlab_class, 0)) + b"".join(element("<", 1, p) for p in parts)
    )


def matlab_5(order: str = "<", *, number_type: int = 9, flags: int = 6) -> bytes:
    """A MATLAB 5 file of the good variables, put together by hand; X has the given number type and flags."""
    content = b"MATLAB 5.0 by hand".ljust(124) + struct.pack(order + "H", 0x0100) + (b"IM" if order == "<" else b"MI")
    for name, values in GOOD.items():
        parts = element(order, 6, struct.pack(order + "II", flags if name == "X" else 6, 0))
        parts += element(order, 5, struct.pack(order + "2i", *values.shape))
        parts += element(order, 1, name.encode())
        parts += element(order, number_type if name == "X" else 9, values.T.astype(order + "f8").tobytes())
        content += element(order, 14, parts)
    return content
