"""Files with bad contents: variables, MATLAB files, NumPy archives and CSV lines that are refused, and what is said."""

import os
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from shared import readers
from shared.data import load_dataset
from tests.helpers.data_files import GOOD, assert_valid, element, matlab_5, refusal, variable, write

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
