"""The terminal's table: whole figures at any width, and nothing that a plain terminal cannot show."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from shared.alignment.judge import FACTOR
from shared.commands.check import table as check_table
from shared.commands.compare import table as compare_table
from shared.commands.compare.table import EXPENDABLE, HEADINGS, show
from shared.harness.ledger import Counts
from shared.harness.results_json import results_from_json
from shared.harness.tables import TOLERANCE


def shown(results, width):
    output = io.StringIO()
    show(results_from_json(results), Console(file=output, width=width))
    return output.getvalue()


@pytest.mark.parametrize("width", [200, 80, 76, 70, 60, 50, 44, 36])
def test_a_narrow_terminal_loses_columns_and_no_figure(everything, width):
    text = shown(everything.results, width)
    assert max(map(len, text.splitlines())) <= width
    assert text.isascii()
    assert "\x1b" not in text
    headings = next(line for line in text.splitlines() if "verdict" in line)
    left_out = [heading for heading in HEADINGS if heading not in headings]
    assert left_out == [heading for heading in HEADINGS if heading in EXPENDABLE[: len(left_out)]]
    assert (left_out == []) == (width >= 76)
    assert text.count("match") >= len(everything.results["runs"])
    assert all(f"{run['test_accuracy']:.2%}" in text for run in everything.results["runs"])


@pytest.mark.parametrize("answer", [check_table.answer, compare_table.answer])
def test_a_match_says_how_many_comparisons_say_little(answer):
    ends = {n: SimpleNamespace(verdict="match", counts=Counts(3000, 3000, 0, 0, n)) for n in (0, 1, 2000)}
    said = {n: answer(results).plain.partition("rounding")[2] for n, results in ends.items()}
    assert said == {0: "", 1: " (1 comparison uninformative)", 2000: " (2,000 comparisons uninformative)"}


def test_the_table_of_eighty_columns_holds_everything(everything):
    text = shown(everything.results, 80)
    assert f"is {FACTOR:g} times the noise floor" in TOLERANCE
    assert TOLERANCE in " ".join(text.split())
    for run in everything.results["runs"]:
        assert f"{run['costs'][-1][1]:.6f}" in text
        assert f"{run['segment_difference']:.1e}" in text
