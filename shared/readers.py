"""The readers of data files: .mat (MATLAB 5 to 7), .npz and .csv.

Nothing is loaded before the size and the contents that the file declares are known to be sensible, and no
pickle is ever loaded. Each reader takes the file's bytes and gives X_train (n_x, m), Y_train (1, m), X_test, Y_test.
"""

import csv
import io
import math
import struct
import warnings
import zipfile
from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared.errors import DataError
from shared.matlab import COMPLEX, REAL, variables

MAX_VALUES = 10_000_000
"""An array of a file may hold at most so many: with two features, 30,000 updates over them take half a day."""

MAX_BYTES = 32 * MAX_VALUES
"""A file, and what it unpacks to, may hold at most so many: four arrays of float64, or numbers of 32 characters."""

VARIABLES = ("X", "y", "Xval", "yval")
DTYPE_KINDS = {
    **dict.fromkeys("biuf", REAL),
    "c": COMPLEX,
    "O": "Python objects",
    "U": "strings",
    "S": "strings",
    "V": "a structure",
}


def printable(text: str, longest: int | None = None) -> str:
    """The text with everything escaped that could move the cursor, and cut after `longest` characters."""
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if longest is None or len(text) <= longest else text[:longest] + "..."


def _read_mat(content: bytes) -> list[NDArray]:
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128], "")
    version = struct.unpack_from(order + "H", content, 124)[0] if order else 0
    if version == 0x0200 or b"\x89HDF\r\n\x1a\n" in (content[:8], content[512:520]):
        raise DataError("MATLAB 7.3 (HDF5), which is not read; save it with `save -v7`, or export it to .npz")
    if version != 0x0100 or 0 in content[:4]:  # a zero among them: scipy would read it as MATLAB 4
        raise DataError("not a MATLAB 5 to 7 file; save it with `save -v7`, or export it to .npz")
    import scipy.io

    try:
        _check_declared(variables(content, order, MAX_BYTES))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = scipy.io.loadmat(io.BytesIO(content), variable_names=VARIABLES)
        return _checked([loaded[name] for name in VARIABLES])
    except DataError:
        raise
    except Exception as error:  # scipy raises of every kind on a damaged file
        raise DataError(f"truncated or corrupted MATLAB file ({_reason(error)}); get it again") from error


def _read_npz(content: bytes) -> list[NDArray]:
    if not content.startswith(b"PK"):
        raise DataError("not an .npz file; write it with numpy.savez")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            members = [(info.filename.removesuffix(".npy"), info) for info in archive.infolist()]
            _check_declared([(name, (), REAL) for name, _ in members])
            wanted = {name: info for name, info in members if name in VARIABLES}
            _check_declared([(name, *_npy_header(archive, info)) for name, info in wanted.items()])
            return _checked([_npy_array(archive, wanted[name]) for name in VARIABLES])
    except DataError:
        raise
    except Exception as error:  # zipfile and numpy raise of every kind on a damaged file
        raise DataError(f"truncated or corrupted .npz file ({_reason(error)}); get it again") from error


def _npy_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[tuple[int, ...], str]:
    """The declared shape and contents of an array."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("compressed in a way that numpy does not use")  # and that has no bounds while unpacking
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(stream)
    return shape, DTYPE_KINDS.get(dtype.kind, f"values of type {dtype.name}")


def _npy_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray:
    with archive.open(member) as stream:
        values: NDArray = np.lib.format.read_array(stream, allow_pickle=False)
        if stream.read(1):
            raise ValueError("an array is longer than its header says")
    return values


def _check_declared(declared: Sequence[tuple[str, Sequence[int], str]]) -> None:
    """Refuse by (name, shape, contents) what should not even be loaded."""
    names = [name for name, _, _ in declared]
    for name in VARIABLES:
        if name not in names:
            raise DataError(f"no variable {name}; expected X, y, Xval and yval, found {_listed(names)}")
        if names.count(name) > 1:
            raise DataError(f"variable {name} is there {names.count(name)} times; keep one")
    for name, shape, contents in declared:
        if name in VARIABLES:
            _check_contents(name, contents)
            if math.prod(shape) > MAX_VALUES:
                raise DataError(
                    f"{name} is declared as {printable(str(tuple(shape)), 60)}; "
                    f"at most {MAX_VALUES:,} values are read: take a part of the data"
                )


def _check_contents(name: str, contents: str) -> None:
    if contents != REAL:
        raise DataError(f"{name} holds {contents}; expected {REAL}: save it as a plain numeric array")


def _checked(arrays: Sequence[NDArray]) -> list[NDArray]:
    """X_train (n_x, m), Y_train (1, m), X_test, Y_test from the file's X (m, n_x), y, Xval, yval."""
    X, y, Xval, yval = (_finite(name, values) for name, values in zip(VARIABLES, arrays, strict=True))
    for name, values in (("X", X), ("Xval", Xval)):
        if values.ndim != 2:
            raise DataError(f"{name} has shape {values.shape}; expected (examples, features), an example in each row")
    if X.shape[1] != Xval.shape[1]:
        raise DataError(f"X has {X.shape[1]} features but Xval has {Xval.shape[1]}; expected the same in both")
    _check_labels("y", y, "X", X)
    _check_labels("yval", yval, "Xval", Xval)
    return [X.T, y.reshape(1, -1), Xval.T, yval.reshape(1, -1)]


def _finite(name: str, values: NDArray) -> NDArray[np.float64]:
    """The values as float64: uint8 labels would make -Y 255."""
    _check_contents(name, DTYPE_KINDS.get(values.dtype.kind, f"values of type {values.dtype.name}"))
    if values.size == 0:
        raise DataError(f"{name} is empty, shape {values.shape}; expected at least one example")
    values = values.astype(np.float64)
    bad = np.argwhere(~np.isfinite(values))
    if bad.size:
        place = ", ".join(str(i + 1) for i in bad[0])
        raise DataError(f"{name} holds {values[tuple(bad[0])]} at ({place}), counted from 1; expected finite numbers")
    return values


def _check_labels(name: str, labels: NDArray[np.float64], of: str, features: NDArray[np.float64]) -> None:
    if labels.size != max(labels.shape, default=0):  # a row is what scipy.io.savemat makes of (examples,)
        raise DataError(f"{name} has shape {labels.shape}; expected (examples, 1) or (examples,): save it as a column")
    if labels.size != len(features):
        raise DataError(f"{name} has {labels.size} labels but {of} has {len(features)} examples; expected one for each")
    other = labels[(labels != 0) & (labels != 1)]
    if other.size:
        raise DataError(f"{name} holds the label {other[0]}; expected 0 or 1: map the classes to these")
    _check_both_classes(name, labels)


def _check_both_classes(name: str, labels: NDArray[np.float64]) -> None:
    if (labels == labels.flat[0]).all():
        raise DataError(f"every label in {name} is {labels.flat[0]:g}; expected both classes, 0 and 1")


def _read_csv(content: bytes) -> list[NDArray]:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"line {line}: not UTF-8 text; save it as CSV in UTF-8") from error
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")  # Excel writes a byte order mark
    rows = csv.reader(text, strict=True)
    try:
        header = _csv_header(next(rows, []))
        features = {"train": array("d"), "test": array("d")}
        labels = {"train": array("d"), "test": array("d")}
        for row in filter(None, rows):  # an empty line is no example
            if len(row) != len(header):
                raise DataError(f"{len(row)} fields; expected {len(header)}, as in the header")
            fields = dict(zip(header, row, strict=True))
            label, split = _csv_number("y", fields.pop("y")), fields.pop("split").strip()
            if label not in (0, 1):
                raise DataError(f"the label y is {label}; expected 0 or 1: map the classes to these")
            if split not in features:
                raise DataError(f"split is '{printable(split, 40)}'; expected train or test")
            labels[split].append(label)
            features[split].extend(_csv_number(name, field) for name, field in fields.items())
            if len(features[split]) > MAX_VALUES:
                raise DataError(f"more than {MAX_VALUES:,} values are not read; take a part of the data")
    except (DataError, csv.Error) as error:
        raise DataError(f"line {rows.line_num}: {error}") from error
    for split in labels:
        if not labels[split]:
            raise DataError(f"no line has split {split}; expected examples in train and in test")
        _check_both_classes(f"the {split} lines", np.array(labels[split]))
    n_x = len(header) - 2
    X_train, X_test = (np.array(features[split]).reshape(-1, n_x).T for split in features)
    Y_train, Y_test = (np.array(labels[split]).reshape(1, -1) for split in labels)
    return [X_train, Y_train, X_test, Y_test]


def _csv_header(fields: Sequence[str]) -> list[str]:
    names = [field.strip() for field in fields]
    for name in ("y", "split"):
        if name not in names:
            raise DataError(f"no column {name}; expected features, y and split, found {_listed(names)}")
    if "" in names:
        raise DataError(f"column {names.index('') + 1} has no name; name it, or leave it out if it counts the lines")
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise DataError(f"column {printable(double, 40)} is there more than once; keep one")
    if len(names) < 3:
        raise DataError("no feature columns; expected at least one beside y and split")
    return names


def _csv_number(name: str, field: str) -> float:
    try:
        value = float(field) if "_" not in field else math.nan  # Python reads 1_5 as 15
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"column {printable(name, 40)} holds '{printable(field, 40)}'; expected a finite number")
    return value


def _listed(names: Sequence[str]) -> str:
    """Names for a message, the first few."""
    shown = [printable(name, 40) for name in names[:10]]
    return ", ".join(shown + ["..."] * (len(names) > 10)) or "none"


def _reason(error: Exception) -> str:
    return printable(str(error), 120) or type(error).__name__


READERS = {".mat": _read_mat, ".npz": _read_npz, ".csv": _read_csv}
