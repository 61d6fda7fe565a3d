"""Data sets: what a good file gives, what is said of a bad one, and the built-in data."""

import hashlib
import os
import random
import struct
import subprocess
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from shared import readers
from shared.data import Dataset, load_dataset
from shared.errors import DataError
from shared.synthetic import make_dataset

ROOT = Path(__file__).resolve().parents[1]
COURSE_DATA = ROOT.parent / "shared" / "football" / "data.mat"

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


@pytest.mark.parametrize("shape", [(-1,), (-1, 1), (1, -1)])
def test_labels_may_be_a_column_a_row_or_flat(tmp_path: Path, shape: tuple[int, ...]) -> None:
    dataset = load_dataset(write(tmp_path / "data.mat", {**GOOD, "y": GOOD["y"].reshape(shape)}))
    np.testing.assert_array_equal(dataset.Y_train, [[0, 1, 1, 0]])


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


# Good files


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("suffix", [".mat", ".npz", ".csv", ".MAT"])
def test_every_format_gives_the_same_data_in_the_course_layout(tmp_path: Path, suffix: str, compressed: bool) -> None:
    path = good_file(tmp_path / f"good{suffix.lower()}", compressed=compressed)
    path = path.rename(tmp_path / f"my data{suffix}")
    dataset = load_dataset(str(path))
    assert_valid(dataset)
    np.testing.assert_array_equal(dataset.X_train, GOOD["X"].T)
    np.testing.assert_array_equal(dataset.Y_train, [[0, 1, 1, 0]])
    np.testing.assert_array_equal(dataset.X_test, GOOD["Xval"].T)
    np.testing.assert_array_equal(dataset.Y_test, [[1, 0, 1]])
    assert dataset.name == f"my data{suffix}"
    assert dataset.source == str(path)
    assert dataset.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float32", "float64", ">f8", "longdouble"])
def test_labels_of_any_numeric_type_become_float64(tmp_path: Path, dtype: str) -> None:
    flat = {name: GOOD[name].astype(dtype).ravel() for name in ("y", "yval")}
    dataset = load_dataset(write(tmp_path / "good.npz", {**GOOD, **flat}))
    assert_valid(dataset)
    np.testing.assert_array_equal(-dataset.Y_train, [[0, -1, -1, 0]])


def test_matlab_logical_labels_and_other_variables_in_the_file_are_fine(tmp_path: Path) -> None:
    others = {"note": "made by hand", "s": {"a": 1.0, "b": "x"}, "c": np.array([1, "a"], object), "z": np.array([1j])}
    variables = {**others, **GOOD, "y": GOOD["y"].astype(bool), "sparse": scipy.sparse.eye_array(3).tocsc()}
    assert_valid(load_dataset(write(tmp_path / "good.mat", variables)))


def test_fortran_ordered_arrays_are_read_the_right_way_round(tmp_path: Path) -> None:
    dataset = load_dataset(write(tmp_path / "good.npz", {**GOOD, "X": np.asfortranarray(GOOD["X"])}))
    np.testing.assert_array_equal(dataset.X_train, GOOD["X"].T)


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


@pytest.mark.parametrize("order", ["<", ">"])
def test_matlab_files_of_both_byte_orders_are_read(tmp_path: Path, order: str) -> None:
    path = tmp_path / "by_hand.mat"
    path.write_bytes(matlab_5(order))
    dataset = load_dataset(path)
    assert_valid(dataset)
    np.testing.assert_array_equal(dataset.X_train, GOOD["X"].T)


def test_a_csv_from_a_spreadsheet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "good.csv"
    lines = ["y , x1 , split", "0 , 1.5 , train", "1 , 2.5 , train", "1 , 3.5 , test", "0 , 4.5 , test", ""]
    path.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    np.testing.assert_array_equal(load_dataset(path).X_train, [[1.5, 2.5]])


def test_the_course_data_is_what_it_was() -> None:
    if not COURSE_DATA.exists():
        pytest.skip(f"the course's data is not at {COURSE_DATA}")
    dataset = load_dataset(COURSE_DATA)
    assert_valid(dataset)
    assert dataset.sha256 == "1218828095bf91d215622d00b2a5b8784c359e29d9d9c5734949b8e60c5bc231"
    assert dataset.X_train.shape == (2, 211)
    assert dataset.X_test.shape == (2, 200)
    assert dataset.Y_train.sum() == 106
    assert dataset.Y_test.sum() == 87
    assert scipy.io.loadmat(COURSE_DATA)["y"].dtype == np.uint8  # which is why labels are cast


def test_scipy_is_imported_only_for_matlab_files() -> None:
    program = "import sys, shared.data, shared.synthetic; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0


# Bad paths


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "nowhere.mat")


def test_a_directory_is_not_a_data_set(tmp_path: Path) -> None:
    folder = tmp_path / "folder.mat"
    folder.mkdir()
    assert "is a directory" in refusal(folder)


@pytest.mark.skipif(os.name != "posix", reason="no device files here")
def test_a_device_is_not_a_data_set(tmp_path: Path) -> None:
    (tmp_path / "device.csv").symlink_to(os.devnull)
    assert "not a regular file" in refusal(tmp_path / "device.csv")


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root and Windows may read everything")
def test_a_file_without_read_permission_is_refused(tmp_path: Path) -> None:
    path = good_file(tmp_path / "good.mat")
    path.chmod(0)
    assert "permission denied" in refusal(path)


@pytest.mark.parametrize(
    ("error", "said"),
    [(PermissionError(13, "Permission denied"), "permission denied"), (OSError(5, "Input/output error"), "output error")],
)
def test_a_file_that_fails_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    def fail(path: Path) -> bytes:
        raise error

    path = good_file(tmp_path / "good.mat")
    monkeypatch.setattr(Path, "read_bytes", fail)
    assert said in refusal(path)


@pytest.mark.parametrize("suffix", [".mat", ".npz", ".csv"])
def test_an_empty_file_is_refused(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"empty{suffix}").touch()
    assert "is empty" in refusal(tmp_path / f"empty{suffix}")


@pytest.mark.parametrize("name", ["data.txt", "data", "data.mat.bak"])
def test_an_unknown_suffix_is_refused_with_the_known_ones(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    message = refusal(tmp_path / name)
    assert f"'{Path(name).suffix}'" in message
    assert "give a .mat, .npz or .csv file" in message


@pytest.mark.parametrize("suffix", [".mat", ".npz", ".csv"])
def test_a_file_of_absurd_size_is_not_even_opened(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"large{suffix}"
    with path.open("wb") as file:
        file.truncate(readers.MAX_BYTES + 1)
    assert "at most 320,000,000 are read" in refusal(path)


@pytest.mark.parametrize("name", ["a\nb\x1b[31m.mat", "null\0byte.mat", "x" * 300 + ".mat", "lone\udcffsurrogate.mat"])
def test_a_path_cannot_put_control_characters_into_the_message(tmp_path: Path, name: str) -> None:
    assert refusal(tmp_path / name)  # refusal looks for them


def test_a_file_cannot_put_control_characters_into_name_and_source(tmp_path: Path) -> None:
    dataset = load_dataset(good_file(tmp_path / "a\x1b[31mb.csv"))
    assert dataset.name == r"a\x1b[31mb.csv"
    assert dataset.source.isprintable()


# Bad variables, in .mat and .npz alike

BAD_VARIABLES: dict[str, tuple[dict[str, Any], str]] = {
    "y missing": ({"y": None}, "no variable y; expected X, y, Xval and yval, found X, Xval, yval"),
    "wrong names": ({**dict.fromkeys(GOOD), "x": 1.0, "Y": 1.0}, "no variable X; expected X, y, Xval and yval, found x, Y"),
    "X three-dimensional": ({"X": np.zeros((4, 2, 2))}, "X has shape (4, 2, 2); expected (examples, features)"),
    "X transposed": ({"X": GOOD["X"].T}, "X has 4 features but Xval has 2"),
    "features differ": ({"Xval": np.zeros((3, 5))}, "X has 2 features but Xval has 5"),
    "y two columns": ({"y": np.hstack([GOOD["y"]] * 2)}, "y has shape (4, 2)"),
    "y too short": ({"y": GOOD["y"][:3]}, "y has 3 labels but X has 4 examples"),
    "yval too long": ({"yval": GOOD["y"]}, "yval has 4 labels but Xval has 3 examples"),
    "X empty": ({"X": np.zeros((0, 2)), "y": np.zeros((0, 1))}, "X is empty, shape (0, 2)"),
    "no features": ({"X": np.zeros((4, 0)), "Xval": np.zeros((3, 0))}, "X is empty, shape (4, 0)"),
    "yval empty": ({"yval": np.zeros((0, 1))}, "yval is empty, shape (0, 1)"),
    "X nan": ({"X": np.where(GOOD["X"] == 3, np.nan, GOOD["X"])}, "X holds nan at (3, 2), counted from 1"),
    "Xval infinite": ({"Xval": np.where(GOOD["Xval"] == 7, -np.inf, GOOD["Xval"])}, "Xval holds -inf at (1, 1)"),
    "y nan": ({"y": np.array([[0], [1], [np.nan], [0]])}, "y holds nan at (3, 1)"),
    "labels -1 and 1": ({"y": np.array([[-1], [1], [1], [-1]])}, "y holds the label -1.0; expected 0 or 1"),
    "labels 1 and 2": ({"yval": np.array([[1], [2], [1]])}, "yval holds the label 2.0; expected 0 or 1"),
    "labels almost 1": ({"y": np.array([[0], [1 + 1e-9], [1], [0]])}, "y holds the label 1.000000001;"),
    "train all 0": ({"y": np.zeros((4, 1))}, "every label in y is 0; expected both classes"),
    "test all 1": ({"yval": np.ones((3, 1))}, "every label in yval is 1; expected both classes"),
    "X complex": ({"X": GOOD["X"] + 1j}, "X holds complex numbers; expected real numbers"),
    "y complex without imaginary part": ({"y": GOOD["y"] + 0j}, "y holds complex numbers"),
    "X strings": ({"X": np.array([["a", "b"], ["c", "d"]])}, "X holds strings; expected real numbers"),
    "y strings": ({"y": np.array(["0", "1", "1", "0"])}, "y holds strings"),
}  # fmt: skip


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("suffix", [".mat", ".npz"])
@pytest.mark.parametrize("case", BAD_VARIABLES)
def test_bad_variables_are_refused_by_name(tmp_path: Path, case: str, suffix: str, compressed: bool) -> None:
    change, said = BAD_VARIABLES[case]
    assert said in refusal(write(tmp_path / f"bad{suffix}", {**GOOD, **change}, compressed=compressed))


def test_only_the_first_few_of_many_variables_are_listed(tmp_path: Path) -> None:
    message = refusal(write(tmp_path / "bad.npz", {f"v{i}": np.zeros(1) for i in range(1000)}))
    assert message.endswith("v8, v9, ...")


def test_names_in_the_file_cannot_put_control_characters_into_the_message(tmp_path: Path) -> None:
    message = refusal(write(tmp_path / "bad.npz", {"\x1b[2J\n": np.zeros(1), "long" * 99: np.zeros(1)}))
    assert r"found \x1b[2J\n, longlong" in message


# Bad .mat files

HDF5 = b"\x89HDF\r\n\x1a\n"
MATLAB_7_3 = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM" + bytes(384) + HDF5 + bytes(64)

NOT_MATLAB_5: dict[str, tuple[bytes, str]] = {
    "7.3": (MATLAB_7_3, "MATLAB 7.3 (HDF5), which is not read; save it with `save -v7`, or export it to .npz"),
    "7.3, header only": (MATLAB_7_3[:200], "MATLAB 7.3"),
    "plain HDF5": (HDF5 + bytes(600), "MATLAB 7.3 (HDF5)"),
    "text": (b"x1,x2,y,split\n" * 20, "not a MATLAB 5 to 7 file"),
    "short text": (b"hello", "not a MATLAB 5 to 7 file"),
    "zeros": (bytes(1000), "not a MATLAB 5 to 7 file"),
    "a zip": (b"PK\x03\x04" + bytes(300), "not a MATLAB 5 to 7 file"),
    "zero in the header": (b"\0" + matlab_5()[1:], "not a MATLAB 5 to 7 file"),
    "header only": (matlab_5()[:128], "no variable X; expected X, y, Xval and yval, found none"),
    "twice": (matlab_5() + matlab_5()[128:], "variable X is there 2 times; keep one"),
    "cut inside a variable": (matlab_5()[:-9], "truncated or corrupted MATLAB file (an element ends too early); get"),
    "cut in the first bytes of a variable": (matlab_5()[:132], "corrupted MATLAB file (an element ends too early)"),
    "short element that is too long": (matlab_5()[:128] + struct.pack("<HHQ", 14, 5, 0), "(an element ends too early)"),
    "no variable": (matlab_5()[:128] + element("<", 9, bytes(64)), "(something else where a variable"),
    "no class": (matlab_5()[:128] + element("<", 14, element("<", 6, bytes(4))), "(something else where a variable"),
    "no numbers": (matlab_5()[:128] + variable(6, b"\4\0\0\0\2\0\0\0", b"X"), "(a variable without its numbers)"),
    "cut between variables": (matlab_5()[:-88], "no variable yval; expected X, y, Xval and yval, found X, y, Xval"),
    # Each of these takes scipy 1.17 down with a segmentation fault.
    "unknown number type": (matlab_5(number_type=8), "truncated or corrupted MATLAB file"),
    "number type far out": (matlab_5(number_type=1000), "truncated or corrupted MATLAB file"),
    "imaginary part missing": (matlab_5(flags=6 | 0x800), "X holds complex numbers"),
    # whosmat calls these logical.
    "logical struct": (matlab_5(flags=2 | 0x200), "X holds a struct"),
    "logical sparse": (matlab_5(flags=5 | 0x200), "X holds a sparse matrix"),
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_MATLAB_5)
def test_what_is_no_matlab_5_file_is_refused(tmp_path: Path, case: str) -> None:
    content, said = NOT_MATLAB_5[case]
    (tmp_path / "bad.mat").write_bytes(content)
    assert said in refusal(tmp_path / "bad.mat")


def test_an_opaque_object_is_passed_over_unless_it_stands_for_data(tmp_path: Path) -> None:
    content = matlab_5()
    header, X, others = content[:128], content[128:256], content[256:]
    objects = {name: variable(17, name.encode(), b"MCOS", b"table") for name in ("table", "X")}
    (tmp_path / "good.mat").write_bytes(header + objects["table"] + X + others)
    assert_valid(load_dataset(tmp_path / "good.mat"))
    (tmp_path / "bad.mat").write_bytes(header + objects["X"] + others)
    assert "X holds an opaque object" in refusal(tmp_path / "bad.mat")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.array([["a", 1.0]], object), "X holds a cell array"),
        ({"field": 1.0}, "X holds a struct"),
        (scipy.sparse.eye_array(4).tocsc(), "X holds a sparse matrix"),
        (np.array([[1.5 + 1j, 2]]), "X holds complex numbers"),
    ],
)
def test_matlab_variables_that_are_no_matrices_are_refused(tmp_path: Path, values: Any, said: str) -> None:
    assert said in refusal(write(tmp_path / "bad.mat", {**GOOD, "X": values}))


def test_a_matlab_matrix_of_absurd_declared_size_is_not_loaded(tmp_path: Path) -> None:
    content = matlab_5().replace(struct.pack("<2i", 4, 2), struct.pack("<2i", 2**30, 2**30))
    (tmp_path / "bad.mat").write_bytes(content)
    assert "X is declared as (1073741824, 1073741824); at most 10,000,000 values" in refusal(tmp_path / "bad.mat")


def test_a_compressed_variable_that_unpacks_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "MAX_BYTES", 100_000)
    bomb = element("<", 14, bytes(200_000))
    packed = zlib.compress(bomb)
    (tmp_path / "bad.mat").write_bytes(matlab_5()[:128] + struct.pack("<II", 15, len(packed)) + packed)
    assert "unpacks to more than 100,000 bytes" in refusal(tmp_path / "bad.mat")


def test_many_compressed_variables_share_one_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "bad.mat", {**GOOD, "a": np.zeros(5000), "b": np.zeros(5000)}, compressed=True)
    assert_valid(load_dataset(path))
    monkeypatch.setattr(readers, "MAX_BYTES", 60_000)
    assert "unpacks to more than 60,000 bytes" in refusal(path)


# Bad .npz files


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        return os.mkdir, (str(self.witness),)


def test_a_pickled_object_is_refused_without_being_loaded(tmp_path: Path) -> None:
    witness = tmp_path / "unpickled"
    path = write(tmp_path / "bad.npz", {**GOOD, "X": np.array([[Trap(witness)]], object)})
    assert "X holds Python objects; expected real numbers" in refusal(path)
    assert not witness.exists()
    np.load(path, allow_pickle=True)["X"]
    assert witness.exists()  # the trap works


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros(4), "X has shape (4,); expected (examples, features)"),
        (np.float64(1), "X has shape (); expected (examples, features)"),
        (np.zeros((4, 2), "f8,i4"), "X holds a structure"),
        (np.zeros((4, 2), "datetime64[s]"), "X holds values of type datetime64[s]"),
        (np.zeros((4, 2), "S3"), "X holds strings"),
        (np.full((4, 2), np.finfo("longdouble").max), "X holds inf at (1, 1)"),
    ],
)
def test_numpy_arrays_that_are_no_matrices_are_refused(tmp_path: Path, values: Any, said: str) -> None:
    if values.dtype == np.longdouble and np.finfo("longdouble").max == np.finfo("float64").max:
        pytest.skip("long double is double here")
    assert said in refusal(write(tmp_path / "bad.npz", {**GOOD, "X": values}))


def npz_with(path: Path, member: bytes, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """The good variables, X replaced by the given bytes."""
    write(path, {**GOOD, "X": None})
    with zipfile.ZipFile(path, "a", method) as archive:
        archive.writestr("X.npy", member)
    return path


def npy(shape: str, descr: str = "<f8", content: bytes = b"") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


BAD_MEMBERS: dict[str, tuple[bytes, str]] = {
    "absurd shape": (npy("(10000000000, 10000000000)"), "X is declared as (10000000000, 10000000000); at most 10,000,000"),
    "just too large": (npy("(5000001, 2)"), "X is declared as (5000001, 2)"),
    "a bomb": (npy("(10000001, 1)", content=bytes(10_000_000)), "X is declared as (10000001, 1)"),
    "absurd items": (npy("(4, 2)", "V2000000000"), "X holds a structure"),
    "a number of 5,000 digits": (npy("(1" + "0" * 5000 + ",)"), "corrupted"),
    "too short": (npy("(4, 2)", content=bytes(63)), "truncated or corrupted .npz file"),
    "too long": (npy("(4, 2)", content=bytes(65)), "corrupted .npz file (an array is longer than its header says)"),
    "negative shape": (npy("(-1, 2)", content=bytes(64)), "truncated or corrupted .npz file"),
    "no header": (b"hello", "truncated or corrupted .npz file"),
    "a pickle": (b"\x80\x04]\x94.", "truncated or corrupted .npz file"),
    "code for a header": (b"\x93NUMPY\x01\x00\x20\x00" + b"__import__('os').getcwd()".ljust(32), "corrupted .npz file"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_MEMBERS)
def test_a_bad_array_in_an_npz_is_refused(tmp_path: Path, case: str) -> None:
    member, said = BAD_MEMBERS[case]
    assert said in refusal(npz_with(tmp_path / "bad.npz", member))


def test_an_npz_packed_in_a_way_that_has_no_bounds_is_refused(tmp_path: Path) -> None:
    member = npy("(4, 2)", content=GOOD["X"].tobytes())
    assert_valid(load_dataset(npz_with(tmp_path / "good.npz", member)))
    assert "compressed in a way" in refusal(npz_with(tmp_path / "bad.npz", member, zipfile.ZIP_BZIP2))


def test_a_variable_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = npz_with(tmp_path / "bad.npz", npy("(4, 2)", content=bytes(64)))
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("X.npy", npy("(4, 2)", content=bytes(64)))
    assert "variable X is there 2 times; keep one" in refusal(path)


@pytest.mark.parametrize("content", [b"hello", b"\x80\x04]\x94.", npy("(1, 1)", content=bytes(8))])
def test_what_is_no_zip_is_no_npz(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.npz").write_bytes(content)
    assert "not an .npz file; write it with numpy.savez" in refusal(tmp_path / "bad.npz")


# Bad .csv files

HEADER = "x1,x2,y,split\n"
ROWS = "1,2,0,train\n3,4,1,train\n5,6,0,test\n7,8,1,test\n"

BAD_CSV: dict[str, tuple[str | bytes, str]] = {
    "no y": ("x1,label,split\n", "line 1: no column y; expected features, y and split, found x1, label, split"),
    "no split": ("x1,x2,y\n", "line 1: no column split;"),
    "semicolons": (HEADER.replace(",", ";"), "line 1: no column y; expected features, y and split, found x1;x2;y;split"),
    "no header": (ROWS, "line 1: no column y; expected features, y and split, found 1, 2, 0, train"),
    "empty first line": ("\n" + HEADER + ROWS, "line 1: no column y; expected features, y and split, found none"),
    "double column": ("x1,x1,y,split\n" + ROWS, "line 1: column x1 is there more than once"),
    "double y": ("x1,y,y,split\n" + ROWS, "line 1: column y is there more than once"),
    "column without a name": (",x2,y,split\n" + ROWS, "line 1: column 1 has no name"),
    "no features": ("y,split\n0,train\n", "line 1: no feature columns"),
    "short line": (HEADER + "1,2,0\n" + ROWS, "line 2: 3 fields; expected 4, as in the header"),
    "long line": (HEADER + ROWS + "1,2,0,train,5\n", "line 6: 5 fields; expected 4"),
    "line after a quoted line break": (HEADER + '1,2,0,"train\n"\n' + "1,2\n", "line 4: 2 fields"),
    "a word": (HEADER + "1,two,0,train\n", "line 2: column x2 holds 'two'; expected a finite number"),
    "nothing": (HEADER + ROWS + "1,,0,train\n", "line 6: column x2 holds ''; expected a finite number"),
    "underscore": (HEADER + "1_5,2,0,train\n", "line 2: column x1 holds '1_5'"),
    "nan": (HEADER + "1,nan,0,train\n", "line 2: column x2 holds 'nan'"),
    "infinite": (HEADER + "-Infinity,2,0,train\n", "line 2: column x1 holds '-Infinity'"),
    "too large": (HEADER + "1e999,2,0,train\n", "line 2: column x1 holds '1e999'"),
    "complex": (HEADER + "1+2j,2,0,train\n", "line 2: column x1 holds '1+2j'"),
    "label 2": (HEADER + "1,2,2,train\n", "line 2: the label y is 2.0; expected 0 or 1"),
    "label -1": (HEADER + "1,2,-1,train\n", "line 2: the label y is -1.0; expected 0 or 1"),
    "label yes": (HEADER + "1,2,yes,train\n", "line 2: column y holds 'yes'"),
    "unknown split": (HEADER + "1,2,0,val\n", "line 2: split is 'val'; expected train or test"),
    "only train": (HEADER + ROWS[:24], "no line has split test"),
    "no lines": (HEADER, "no line has split train"),
    "train all 0": (HEADER + ROWS.replace("1,train", "0,train"), "every label in the train lines is 0"),
    "test all 1": (HEADER + ROWS.replace("0,test", "1,test"), "every label in the test lines is 1"),
    "open quote": (HEADER + ROWS + '1,2,0,"train', "line 6: unexpected end of data"),
    "endless field": (HEADER + "1" * 200_000 + ",2,0,train\n", "line 2: field larger than field limit"),
    "endless name": ("x" * 100_000 + ",x2,y\n", "line 1: no column split"),
    "not UTF-8": (HEADER.encode() + b"1,2,0,train\n1,\xff,0,train\n", "line 3: not UTF-8 text"),
    "UTF-16": ((HEADER + ROWS).encode("utf-16"), "line 1: not UTF-8 text"),
    "control characters": (HEADER + "\x1b[2J,2,0,train\n", r"line 2: column x1 holds '\x1b[2J'"),
    "null byte": (HEADER + "1\0,2,0,train\n", r"line 2: column x1 holds '1\x00'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_CSV)
def test_a_bad_csv_is_refused_with_its_line(tmp_path: Path, case: str) -> None:
    content, said = BAD_CSV[case]
    (tmp_path / "bad.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert said in refusal(tmp_path / "bad.csv")


def test_a_csv_of_too_many_values_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "large.csv").write_text(HEADER + ROWS)
    assert_valid(load_dataset(tmp_path / "large.csv"))
    monkeypatch.setattr(readers, "MAX_VALUES", 3)
    assert "line 3: more than 3 values are not read" in refusal(tmp_path / "large.csv")


# Damaged files


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Cut off somewhere, or with a few bytes changed."""
    changed = bytearray(content)
    if rng.random() < 0.3:
        return content[: rng.randrange(len(content))]
    for _ in range(rng.choice([1, 1, 2, 5])):
        changed[rng.randrange(len(changed))] = rng.choice([0, 1, 255, rng.randrange(256)])
    return bytes(changed)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("suffix", [".mat", ".npz", ".csv"])
def test_a_damaged_file_gives_one_line_or_a_valid_data_set(tmp_path: Path, suffix: str, compressed: bool) -> None:
    content = good_file(tmp_path / f"good{suffix}", compressed=compressed).read_bytes()
    rng = random.Random(f"{suffix} {compressed}")
    path = tmp_path / f"damaged{suffix}"
    refused = 0
    for _ in range(500):
        path.write_bytes(damaged(content, rng))
        try:
            dataset = load_dataset(path)
        except DataError:
            refused += 1
            refusal(path)
        else:
            assert_valid(dataset)
    assert refused > 100


@pytest.mark.parametrize("suffix", [".mat", ".npz"])
def test_a_changed_bit_in_a_compressed_file_never_gives_other_numbers(tmp_path: Path, suffix: str) -> None:
    path = good_file(tmp_path / f"good{suffix}", compressed=True)
    good, content = load_dataset(path), path.read_bytes()
    refused = 0
    for at in range(len(content)):
        changed = bytearray(content)
        changed[at] ^= 0x10
        path.write_bytes(changed)
        try:
            dataset = load_dataset(path)
        except DataError:
            refused += 1
        else:
            for name in ("X_train", "Y_train", "X_test", "Y_test"):
                np.testing.assert_array_equal(getattr(dataset, name), getattr(good, name))
    assert refused > len(content) / 3


# The built-in data


def test_the_built_in_data_has_the_shapes_of_the_course_data() -> None:
    dataset = make_dataset()
    assert_valid(dataset)
    assert dataset.X_train.shape == (2, 211)
    assert dataset.X_test.shape == (2, 200)
    assert dataset.name == "built-in noisy diagonal, seed 0"
    assert "synthetic" in dataset.source


def test_the_built_in_data_is_the_same_every_time() -> None:
    first, second = make_dataset(7), make_dataset(7)
    assert first.sha256 == second.sha256
    for name in ("X_train", "Y_train", "X_test", "Y_test"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    joined = b"".join(getattr(first, name).tobytes() for name in ("X_train", "Y_train", "X_test", "Y_test"))
    assert first.sha256 == hashlib.sha256(joined).hexdigest()


def test_another_seed_gives_other_data() -> None:
    assert len({make_dataset(seed).sha256 for seed in range(40)}) == 40
    assert not np.isin(make_dataset(0).X_train, make_dataset(1).X_train).any()


def test_the_built_in_data_leaves_numpys_global_stream_alone() -> None:
    np.random.seed(1)
    expected = np.random.random()
    np.random.seed(1)
    make_dataset()
    assert np.random.random() == expected


def wrong_side(X: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each point from the line, and whether its label belongs to the other side of it."""
    distance = (X[1] - 2 * X[0] - 0.25) / np.sqrt(5)
    return np.abs(distance), (distance > 0) != (Y[0] == 1)


def test_train_and_test_come_from_the_same_noisy_diagonal() -> None:
    datasets = [make_dataset(seed) for seed in range(100)]
    train = [np.concatenate(parts, 1) for parts in zip(*((each.X_train, each.Y_train) for each in datasets), strict=True)]
    test = [np.concatenate(parts, 1) for parts in zip(*((each.X_test, each.Y_test) for each in datasets), strict=True)]
    for X, Y in (train, test):
        distance, wrong = wrong_side(X, Y)
        assert 0.48 < Y.mean() < 0.52
        assert 0.06 < wrong.mean() < 0.10  # some labels are noise,
        assert wrong[distance < 0.05].mean() > 0.25  # near the line,
        assert wrong[distance > 0.25].mean() < 0.01  # not far from it
        np.testing.assert_allclose(X.mean(axis=1), [-0.15, -0.05], atol=0.01)
        np.testing.assert_allclose(X.min(axis=1), [-0.6, -0.7], atol=0.01)
        np.testing.assert_allclose(X.max(axis=1), [0.3, 0.6], atol=0.01)
