"""results.json: an older file of schema 1 and a new one are read alike, and what is read is written again."""

import json
from pathlib import Path

import pytest

from shared.commands.check.table import failure_text
from shared.commands.compare.markdown import markdown
from shared.harness.checks import FREE_RUN, MASKS, Call, Cause, Updates
from shared.harness.output import plain
from shared.harness.results_json import check_from_json, results_as_json, results_from_json, run_from_json

OLDER = json.loads((Path(__file__).parent / "data" / "schema_1.json").read_text())
"""Of a comparison and of a check, as they were before comparisons had a cause; cut short."""


def without_additions(entry, older):
    """The entry without the keys that the older one has not."""
    if isinstance(older, dict):
        return {key: without_additions(entry[key], older[key]) for key in older}
    if isinstance(older, list):
        assert len(entry) == len(older)
        return [without_additions(each, its) for each, its in zip(entry, older, strict=True)]
    return entry


@pytest.mark.parametrize("kind", OLDER)
def test_an_older_file_is_read_and_nothing_of_it_is_lost(kind):
    older = OLDER[kind]
    results = results_from_json(older)
    assert (results.verdict, results.counts.uninformative) == (older["verdict"], older["beyond_horizon"])
    assert without_additions(results_as_json(results), older) == older


def test_an_older_file_is_shown():
    assert "dW2 lacks the term lambd/m * W2" in failure_text(results_from_json(OLDER["check"]))
    assert "| dropout | numpy |" in markdown(results_from_json(OLDER["comparison"]))
    causes = [check.cause for check in results_from_json(OLDER["check"]).checks]
    assert causes == [Cause.NOT_RUN, Cause.AGREES, Cause.UNKNOWN]


def test_a_new_file_is_read_as_it_was_written(everything):
    results = results_from_json(everything.results)
    assert plain(results_as_json(results)) == everything.results
    wheres = {check.where for check in results.checks}
    assert {FREE_RUN, MASKS, Updates.of(0, 50)} <= wheres
    assert results_from_json(OLDER["comparison"]).settings.variants == ["dropout"]


def spoiled(entry, change):
    """The entry, changed in place by a hostile hand."""
    entry = json.loads(json.dumps(entry))
    change(entry)
    return entry


@pytest.mark.parametrize(
    "change",
    [
        lambda check: check.pop("stage"),
        lambda check: check.update(status="fine"),
        lambda check: check.update(difference="none"),
        lambda check: check.update(variant=["none"]),
        lambda check: check.update(index="here"),
        lambda check: check.update(function=1, call=None),
        lambda check: check.update(first_update="0", updates={}),
        lambda check: check.update(iteration=None),
        lambda check: check.update(reason=7),
    ],
)
def test_an_entry_that_is_no_comparison_is_refused(change):
    right = OLDER["check"]["checks"][1]
    assert check_from_json(right).passed
    with pytest.raises(ValueError, match=r"not an entry|is not a valid Status"):
        check_from_json(spoiled(right, change))


@pytest.mark.parametrize("entry", [None, [], "run", {"implementation": 1, "variant": "l2"}, {"variant": "l2"}], ids=str)
def test_what_is_no_run_is_refused(entry):
    with pytest.raises(ValueError, match="not an entry"):
        run_from_json(entry)


def test_the_verdict_is_that_of_the_comparisons_whatever_the_file_says(everything):
    content = json.loads(json.dumps(everything.results))
    content["checks"][0] |= {"status": "failed", "reason": "differs"}
    results = results_from_json(content)
    assert (results.verdict, results.counts.failed, results.checks[0].cause) == ("mismatch", 1, Cause.UNKNOWN)
    content["checks"][0] |= {"function": "train", "call": "whole run"}
    assert results_from_json(content).checks[0].where == Call("whole run", "train")
