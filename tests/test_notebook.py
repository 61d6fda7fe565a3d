"""The comparison from Python: README's own lines, run as they stand."""

import json
import re
import shutil
from pathlib import Path

import pytest

from compare import comparison
from shared.commands.compare import pictures
from shared.commands.compare.notebook import Comparison
from shared.errors import DataError, UsageError
from shared.harness.command import spelled

README = Path(__file__).resolve().parents[1] / "README.md"


def test_readme_s_lines_for_a_notebook(everything, tmp_path, monkeypatch):
    """As they stand, but with as many iterations as were run before: nothing is trained."""
    [lines] = [
        block for block in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL) if "import comparison" in block
    ]
    assert "iterations=2000" in lines
    shutil.copytree(everything.out, tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pictures, "pictures", lambda results: {})  # to draw them takes seconds
    names: dict = {}
    exec(lines.replace("iterations=2000", "iterations=50"), names)
    done = names["done"]
    written = json.loads((tmp_path / "results" / "results.json").read_text())
    assert done.results == written
    assert done.results["verdict"] == "match"
    assert {(run["implementation"], run["reused"]) for run in written["runs"]} == {
        ("numpy", True), ("torch", True), ("tensorflow", True),
    }  # fmt: skip
    assert {run["variant"] for run in written["runs"]} == {"none", "l2"}
    assert done.results["hyperparameters"]["num_iterations"] == 50
    assert "match" in repr(done)
    assert "samenet: MATCH" in done._repr_markdown_()


def test_a_notebook_shows_the_page_in_a_frame_of_its_own(everything):
    shown = Comparison(everything.out)._repr_html_()
    page = (everything.out / "index.html").read_text(encoding="utf-8")
    assert shown.count("<") == shown.count(">") == 2  # the frame alone: the page in it is escaped
    assert len(shown) > len(page)
    assert shown.endswith("</iframe>")


def test_what_is_wrong_is_said_as_on_the_command_line(tmp_path):
    with pytest.raises(UsageError, match="got -3"):
        comparison(iterations=-3, out=tmp_path)
    with pytest.raises(UsageError, match="unrecognized arguments: --nonsense"):
        comparison(nonsense=1)
    with pytest.raises(DataError, match="no such file"):
        comparison(data=tmp_path / "no.mat")
    assert list(tmp_path.iterdir()) == []


def test_settings_are_spelled_as_flags():
    settings = {"keep_prob": 0.8, "variants": ["none", "l2"], "fresh": True, "quiet": False, "data": None, "out": "-x"}
    assert spelled(settings) == ["--keep-prob=0.8", "--variants", "none", "l2", "--fresh", "--out=-x"]
