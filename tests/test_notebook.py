"""The comparison from Python: README's own lines, run as they stand."""

import json
import re
from pathlib import Path

import pytest

from compare import comparison
from shared.errors import DataError, UsageError
from shared.flags import spelled

README = Path(__file__).resolve().parents[1] / "README.md"


def test_readme_s_lines_for_a_notebook(tmp_path, monkeypatch):
    [lines] = [
        block for block in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL) if "import comparison" in block
    ]
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(lines, names)
    done = names["done"]
    written = json.loads((tmp_path / "results" / "results.json").read_text())
    assert done.results == written
    assert done.results["verdict"] == "match"
    assert {run["implementation"] for run in done.results["runs"]} == {"numpy", "torch", "tensorflow"}
    assert done.results["hyperparameters"]["num_iterations"] == 2000
    assert "match" in repr(done)
    assert "samenet: MATCH" in done._repr_markdown_()


def test_a_notebook_shows_the_page_in_a_frame_of_its_own(tmp_path):
    done = comparison(implementations=["numpy"], variants=["l2"], iterations=20, out=tmp_path)
    shown = done._repr_html_()
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
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
