"""Data sets: read from .mat, .npz or .csv, checked, and handed over in the course's layout.

Whatever is wrong with a file comes out as one DataError of one line.
"""

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shared.errors import DataError
from shared.readers import MAX_BYTES, READERS, printable


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test examples, in columns.

    name, source: what to call it, and where it came from (an absolute path); printable.
    X_train, X_test (n_x, m) and Y_train, Y_test (1, m), labels 0.0 or 1.0: float64, C-contiguous, read-only.
    sha256: of the file's bytes; for generated data, of the bytes of the four arrays in the order above. seed: of these.
    """

    name: str
    source: str
    X_train: NDArray[np.float64]
    Y_train: NDArray[np.float64]
    X_test: NDArray[np.float64]
    Y_test: NDArray[np.float64]
    sha256: str
    seed: int | None = None


def dataset_from_arrays(name: str, source: str, arrays: Iterable[ArrayLike], sha256: str = "") -> Dataset:
    """A Dataset of copies of X_train, Y_train, X_test, Y_test, cast to float64 and made read-only."""
    X_train, Y_train, X_test, Y_test = copies = [np.array(each, dtype=np.float64, order="C") for each in arrays]
    for each in copies:
        each.setflags(write=False)
    sha256 = sha256 or hashlib.sha256(b"".join(each.tobytes() for each in copies)).hexdigest()
    return Dataset(name, source, X_train, Y_train, X_test, Y_test, sha256)


def load_dataset(path: str | os.PathLike[str]) -> Dataset:
    """The data set in a file, by its suffix.

    .mat (MATLAB 5 to 7) and .npz: variables X (m, n_x), y (m, 1) or (m,), Xval and yval, examples in rows.
    .csv: a header line; column `y` holds the labels, `split` says train or test, all others are features.
    Labels are 0 or 1, of any numeric type; both occur in train and in test. DataError otherwise, in one line.
    """
    path = Path(path)
    try:
        content = _read_bytes(path)
        arrays = READERS[path.suffix.lower()](content)
        return dataset_from_arrays(
            printable(path.name), printable(str(path.resolve())), arrays, hashlib.sha256(content).hexdigest()
        )
    except DataError as error:
        raise DataError(f"{printable(str(path))}: {error}") from error


def _read_bytes(path: Path) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise DataError("is a directory; give a .mat, .npz or .csv file")
        if not stat.S_ISREG(status.st_mode):
            raise DataError("is not a regular file; give a .mat, .npz or .csv file")
        if path.suffix.lower() not in READERS:
            raise DataError(f"unknown kind of file '{printable(path.suffix, 20)}'; give a .mat, .npz or .csv file")
        if status.st_size > MAX_BYTES:
            raise DataError(f"{status.st_size:,} bytes; at most {MAX_BYTES:,} are read: take a part of the data")
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError("no such file; check the path") from error
    except PermissionError as error:
        raise DataError("may not be read (permission denied); check who owns it") from error
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read ({printable(str(error), 120) or type(error).__name__})") from error
    if not content:
        raise DataError("is empty; expected a data set")
    return content
