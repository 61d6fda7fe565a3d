"""Data sets: what a good file gives, what is said of a path that leads to none, damaged files, and the built-in data."""

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from shared import readers
from shared.config import DEFAULT_DATA_SEED
from shared.data import load_dataset
from shared.errors import DataError
from shared.synthetic import make_dataset
from tests.helpers.data_files import GOOD, assert_valid, good_file, matlab_5, refusal, write

ROOT = Path(__file__).resolve().parents[1]
COURSE_DATA = ROOT.parent / "shared" / "football" / "data.mat"


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


@pytest.mark.parametrize("shape", [(-1,), (-1, 1), (1, -1)])
def test_labels_may_be_a_column_a_row_or_flat(tmp_path: Path, shape: tuple[int, ...]) -> None:
    dataset = load_dataset(write(tmp_path / "data.mat", {**GOOD, "y": GOOD["y"].reshape(shape)}))
    np.testing.assert_array_equal(dataset.Y_train, [[0, 1, 1, 0]])


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


def test_what_is_no_file_empty_or_of_absurd_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.mat").mkdir()
    assert "no such file" in refusal(tmp_path / "nowhere.mat")
    assert "is a directory" in refusal(tmp_path / "folder.mat")
    if os.name == "posix":
        (tmp_path / "device.csv").symlink_to(os.devnull)
        assert "not a regular file" in refusal(tmp_path / "device.csv")
    for suffix in (".mat", ".npz", ".csv"):
        path = tmp_path / f"data{suffix}"
        path.touch()
        assert "is empty" in refusal(path)
        os.truncate(path, readers.MAX_BYTES + 1)
        assert "at most 320,000,000 are read" in refusal(path)  # and is not even opened


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


@pytest.mark.parametrize("name", ["data.txt", "data", "data.mat.bak"])
def test_an_unknown_suffix_is_refused_with_the_known_ones(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    message = refusal(tmp_path / name)
    assert f"'{Path(name).suffix}'" in message
    assert "give a .mat, .npz or .csv file" in message


@pytest.mark.parametrize("name", ["a\nb\x1b[31m.mat", "null\0byte.mat", "x" * 300 + ".mat", "lone\udcffsurrogate.mat"])
def test_a_path_cannot_put_control_characters_into_the_message(tmp_path: Path, name: str) -> None:
    assert refusal(tmp_path / name)  # refusal looks for them


def test_a_file_cannot_put_control_characters_into_name_and_source(tmp_path: Path) -> None:
    dataset = load_dataset(good_file(tmp_path / "a\x1b[31mb.csv"))
    assert dataset.name == r"a\x1b[31mb.csv"
    assert dataset.source.isprintable()


# Damaged files


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Cut off somewhere, or with a few bytes changed."""
    changed = bytearray(content)
    if rng.random() < 0.3:
        return content[: rng.randrange(len(content))]
    for _ in range(rng.choice([1, 1, 2, 5])):
        changed[rng.randrange(len(changed))] = rng.choice([0, 1, 255, rng.randrange(256)])
    return bytes(changed)


@pytest.mark.parametrize("times", [50, pytest.param(500, marks=pytest.mark.full)])
@pytest.mark.parametrize(
    ("suffix", "compressed"), [(".mat", False), (".mat", True), (".npz", False), (".npz", True), (".csv", False)]
)
def test_a_damaged_file_gives_one_line_or_a_valid_data_set(
    tmp_path: Path, suffix: str, compressed: bool, times: int
) -> None:
    content = good_file(tmp_path / f"good{suffix}", compressed=compressed).read_bytes()
    rng = random.Random(f"{suffix} {compressed} {times}")
    path = tmp_path / f"damaged{suffix}"
    refused = 0
    for _ in range(times):
        path.write_bytes(damaged(content, rng))
        try:
            dataset = load_dataset(path)
        except DataError:
            refused += 1
            refusal(path)
        else:
            assert_valid(dataset)
    assert refused > times / 5


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.full)])
@pytest.mark.parametrize("suffix", [".mat", ".npz"])
def test_a_changed_bit_in_a_compressed_file_never_gives_other_numbers(tmp_path: Path, suffix: str, step: int) -> None:
    path = good_file(tmp_path / f"good{suffix}", compressed=True)
    good, content = load_dataset(path), path.read_bytes()
    refused = 0
    for at in range(0, len(content), step):
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
    assert refused > len(content) / step / 3


# The built-in data


def test_the_built_in_data_has_few_training_and_many_test_points() -> None:
    dataset = make_dataset()
    assert_valid(dataset)
    assert dataset.X_train.shape == (2, 100)
    assert dataset.X_test.shape == (2, 1000)
    assert dataset.name == f"built-in noisy diagonal, seed {DEFAULT_DATA_SEED}"
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
        assert 0.13 < wrong.mean() < 0.16  # some labels are noise,
        assert wrong[distance < 0.05].mean() > 0.4  # near the line,
        assert wrong[distance > 0.25].mean() < 0.02  # not far from it
        np.testing.assert_allclose(X.mean(axis=1), [-0.15, -0.05], atol=0.01)
        np.testing.assert_allclose(X.min(axis=1), [-0.6, -0.7], atol=0.01)
        np.testing.assert_allclose(X.max(axis=1), [0.3, 0.6], atol=0.01)
