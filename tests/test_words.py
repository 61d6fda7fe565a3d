"""The table of words in tests/ports/README.md says what the frameworks do, as measured in a process for each."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PORTS = Path(__file__).resolve().parent / "ports"
FRAMEWORKS = {"NumPy (the course)": "numpy", "PyTorch": "torch", "Keras": "keras", "PaddlePaddle": "paddle",
              "Caffe": "caffe", "JAX": "jax", "scikit-learn": "sklearn"}  # fmt: skip


def table():
    """Framework -> the rows that are measured -> cell; "" where a framework has no such thing."""
    text = (PORTS / "README.md").read_text(encoding="utf-8").split("## The words")[1]
    (_, *names), _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "|" in line
    ]
    assert names == list(FRAMEWORKS)
    measured = {row.strip("*"): cells for row, *cells in rows if row.startswith("*")}
    return {name: {row: cells[i] for row, cells in measured.items()} for i, name in enumerate(names)}


@pytest.mark.full
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_word_means_what_the_table_says(name, clean_environment):
    module = FRAMEWORKS[name]
    python = os.environ.get("CAFFE_PYTHON", "") if module == "caffe" else sys.executable
    if not python or (module != "caffe" and find_spec(module) is None):
        pytest.skip(f"{module} is not installed: tests/ports/README.md says how")
    command = [python, str(PORTS / "words.py"), module]
    done = subprocess.run(command, env=clean_environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout.splitlines()[-1])
    said = {row: cell for row, cell in table()[name].items() if cell}
    assert measured == said


def test_the_table_has_the_rows_that_are_measured():
    rows = next(iter(table().values()))
    source = (PORTS / "words.py").read_text(encoding="utf-8")
    assert len(rows) == 7
    assert [row for row in rows if f'"{row}":' not in source] == []
