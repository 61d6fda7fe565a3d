"""A port checked in this process, as the process of `check` does it, on the built-in data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shared.commands.check.tasks import Checked, CheckPort
from shared.config import Hyperparameters
from shared.harness.inputs import write_arrays
from shared.synthetic import make_dataset


class Brought:
    """What was said of a port: its comparisons by what became of them, the remarks as one text, what explains failures."""

    def __init__(self, path: Path, variants: Sequence[str], dtype: str = "float64"):
        data, folder = make_dataset(), path.parent / "data"
        folder.mkdir(exist_ok=True)
        write_arrays(folder, data, dtype)
        np.save(folder / "Y_test.npy", data.Y_test)
        heard: list[Any] = []
        hyper = Hyperparameters(num_iterations=20, dtype=dtype)
        CheckPort(str(folder), hyper, str(path), [*variants], [], []).run(heard.append)
        said: list[dict] = [message.as_json() for message in heard if type(message) is Checked]
        said += [{"remarks": message.remarks} for message in heard if hasattr(message, "functions")]
        self.checks = [check for message in said for check in message.get("checks", [])]
        self.remarks = " | ".join(dict.fromkeys(remark for message in said for remark in message.get("remarks", [])))
        self.failed = {check.get("function") for check in self.checks if check["status"] == "failed"}
        self.failed_tensors = {check["tensor"] for check in self.checks if check["status"] == "failed"}
        self.skipped = {check["tensor"]: check["reason"] for check in self.checks if check["status"] == "skipped"}
        self.passed = {check.get("function") for check in self.checks if check["status"] == "passed"}
        self.mistakes = {one["mistake"] for message in said for one in message.get("diagnoses", [])}
        self.names = [one["explanation"] for message in said for one in message.get("diagnoses", [])]
