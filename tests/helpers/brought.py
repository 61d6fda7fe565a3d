"""A port checked in this process, as the process of `check` does it, on the built-in data.

`python -m tests.helpers.brought` does it in a process of its own: it is given [path, variants, dtype] of several ports, as
JSON on standard input, and says what came of each on the last line of standard output.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shared.commands.check.tasks import Checked, CheckPort
from shared.config import Hyperparameters
from shared.harness.inputs import write_arrays
from shared.harness.typed import as_json
from shared.synthetic import make_dataset


class Brought:
    """What was said of a port: its comparisons by what became of them, the remarks as one text, what explains failures."""

    def __init__(self, path: Path, variants: Sequence[str], dtype: str = "float64", **settings: Any):
        data, folder = make_dataset(), path.parent / "data"
        folder.mkdir(exist_ok=True)
        write_arrays(folder, data, dtype)
        np.save(folder / "Y_test.npy", data.Y_test)
        heard: list[Any] = []
        hyper = Hyperparameters(**{"num_iterations": 20, "dtype": dtype, **settings})
        CheckPort(str(folder), hyper, str(path), [*variants], [], []).run(heard.append)
        said: list[dict] = [as_json(message) for message in heard if type(message) is Checked]
        said += [{"remarks": message.remarks} for message in heard if hasattr(message, "functions")]
        self.checks = [check for message in said for check in message.get("checks", [])]
        self.remarks = " | ".join(dict.fromkeys(remark for message in said for remark in message.get("remarks", [])))
        self.failed = {check.get("function") for check in self.checks if check["status"] == "failed"}
        self.failed_tensors = {check["tensor"] for check in self.checks if check["status"] == "failed"}
        self.skipped = {check["tensor"]: check["reason"] for check in self.checks if check["status"] == "skipped"}
        self.passed = {check.get("function") for check in self.checks if check["status"] == "passed"}
        self.mistakes = {one["mistake"] for message in said for one in message.get("diagnoses", [])}
        self.names = [one["explanation"] for message in said for one in message.get("diagnoses", [])]


def main() -> None:
    """Check small ports one after the other: their framework is imported once."""
    said = []
    for path, variants, dtype in json.load(sys.stdin):
        found = Brought(Path(path), variants, dtype, num_iterations=3, hidden=(4, 3))
        said.append([sorted(found.failed_tensors), sorted(filter(None, found.mistakes)), found.remarks])
    print(json.dumps(said))


if __name__ == "__main__":
    main()
