"""The masks of a whole run: fresh ones do not repeat themselves, frozen ones stay."""

import numpy as np
import pytest

from shared.alignment.masks import RUN_TESTS, run_mask_checks
from shared.contract import Segment
from shared.parameters import initialize_parameters
from shared.records import RunRecord, write_record


def recorded_masks(folder, D1s):
    """A record of segments whose first layer has these masks (n, 20, 60), the second a part of them."""
    zeros = initialize_parameters([2, 20, 3, 1])
    segments = [Segment(np.zeros(len(D1)), zeros, (D1, D1[:, ::-1][:, :3].copy())) for D1 in D1s]
    write_record(folder, zeros, [len(D1) for D1 in D1s], segments)
    return RunRecord(folder)


def random_masks(n, seed):
    return np.random.default_rng(seed).random((n, 20, 60)) < 0.86


FRESH_RUN = [random_masks(50, 1), random_masks(50, 2), random_masks(30, 3)]
FROZEN_RUN = [np.repeat(random_masks(1, 4), n, axis=0) for n in (50, 50, 30)]


@pytest.mark.parametrize(
    ("masks", "frozen", "said"),
    [
        (FRESH_RUN, False, ""),
        (FROZEN_RUN, True, ""),
        ([FRESH_RUN[0], FRESH_RUN[0]], False, "repeat themselves from the segment before in the updates 50 to 99"),
        ([FRESH_RUN[0], FROZEN_RUN[1]], False, "repeat themselves within the updates 50 to 99"),
        ([np.concatenate([FRESH_RUN[0], FROZEN_RUN[2]])], False, "repeat themselves within the updates 0 to 79"),
        ([FROZEN_RUN[0], FRESH_RUN[1]], True, "are drawn anew within the updates 50 to 99"),
    ],
)
def test_the_masks_of_the_run_itself_are_tested(tmp_path, masks, frozen, said):
    checks = list(
        run_mask_checks(recorded_masks(tmp_path / "run", masks), 0.86, frozen, {"variant": "", "implementation": ""})
    )
    assert [check.tensor for check in checks] == list(RUN_TESTS)
    assert all(check.status == ("failed" if said else "passed") for check in checks)
    assert all(said in check.reason for check in checks)
