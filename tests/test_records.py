"""The record of a run."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from shared.alignment.tensors import REFERENCE
from shared.harness.records import Record
from shared.parameters import PARAMETER_NAMES
from tests.helpers.training import in_segments

SETTINGS: dict[str, dict] = {"none": {}, "l2-dropout": {"lambd": 0.7, "keep_prob": 0.8}}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("variant", ["none", "l2-dropout"])
def test_a_run_is_recorded_and_read_bit_for_bit_once_it_is_finished(make_problem, tmp_path, variant, dtype):
    X, Y, parameters = make_problem((3, 6, 4, 1), m=13, dtype=dtype)  # 6 * 13 and 4 * 13 are no whole bytes
    run = list(in_segments(REFERENCE, X, Y, parameters, learning_rate=0.3, lengths=[7, 5, 1], **SETTINGS[variant]))
    heard: list[tuple[int, float]] = []
    Record(tmp_path / "run").write(parameters, [7, 5, 1], run, lambda done, cost: heard.append((done, cost)))
    record = Record(tmp_path / "run")
    assert record.finished
    assert (record.lengths, record.starts) == ([7, 5, 1], [0, 7, 12])
    assert heard == [(done, float(segment.costs[-1])) for done, segment in zip((7, 12, 13), run, strict=True)]
    np.testing.assert_array_equal(record.costs, np.concatenate([segment.costs for segment in run]), strict=True)
    for name in PARAMETER_NAMES:
        rows = np.stack([parameters[name], *(segment.parameters[name] for segment in run)])
        np.testing.assert_array_equal(record.snapshots[name], rows, strict=True)
        np.testing.assert_array_equal(record.final_parameters[name], rows[3], strict=True)
        np.testing.assert_array_equal(record.late_parameters[name], rows[3], strict=True)
    for layer in (1, 2) if variant == "l2-dropout" else ():
        D = np.concatenate([segment.masks[layer - 1] for segment in run if segment.masks])
        np.testing.assert_array_equal(record.masks(slice(None), layer), D, strict=True)
        np.testing.assert_array_equal(record.masks(slice(3, 9), layer), D[3:9], strict=True)
        np.testing.assert_array_equal(record.masks(np.array([12, 0, 5]), layer), D[[12, 0, 5]], strict=True)
        assert D.any()
        assert not D.all()
        bits = np.load(record.folder / f"D{layer}.npy", mmap_mode="r")
        assert (bits.shape, bits.dtype) == ((13, -(-D[0].size // 8)), np.uint8)
    assert (record.folder / "D1.npy").exists() == (variant == "l2-dropout")
    (record.folder / "lengths.json").unlink()  # a run that was not finished
    assert not record.finished
    with pytest.raises(FileNotFoundError):
        _ = Record(record.folder).lengths


def test_what_would_need_pickle_is_refused_where_it_is_written(make_problem, tmp_path):
    nothing: Any = None
    X, Y, parameters = make_problem()
    (segment,) = in_segments(REFERENCE, X, Y, parameters, learning_rate=0.3, lengths=[2])
    for wrong in (
        replace(segment, costs=np.array([None, None], object)),
        replace(segment, parameters={**parameters, "b3": None}),
    ):
        with pytest.raises((ValueError, TypeError)):
            Record(tmp_path).write(parameters, [2], [wrong])
        assert not Record(tmp_path).finished
    with pytest.raises(ValueError, match="Object arrays"):
        Record(tmp_path).save_predictions("grid", nothing)
