"""Results as a run that ended otherwise would have written them. What is given stays as it was."""

import copy

from shared.adapters import IMPLEMENTATIONS
from shared.commands.compare.markdown import markdown
from shared.harness.results_json import results_from_json
from shared.page.build import page

HOSTILE = "<script>alert(1)</script>\"onload=x' {{ 7 * 7 }} &amp; <!--"
"""What nobody's name should be."""


def only(results: dict, *implementations: str, variants: tuple[str, ...] = ()) -> dict:
    """The results of some implementations (in some variants), as if nothing else had been asked for."""
    results = copy.deepcopy(results)
    for key in ("runs", "checks"):
        results[key] = [
            each for each in results[key]
            if each["implementation"] in implementations and each["variant"] in (variants or (each["variant"],))
        ]  # fmt: skip
    results["hyperparameters"]["variants"] = list(dict.fromkeys(run["variant"] for run in results["runs"]))
    return results


def of_all(results: dict) -> dict:
    """NumPy's results as if each of the three had given them."""
    each = {
        key: [one | {"implementation": name} for one in results[key] for name in IMPLEMENTATIONS]
        for key in ("runs", "checks")
    }
    return copy.deepcopy(results | each)


def failing(results: dict, **more) -> dict:
    """The results with one comparison made to fail, as compare.py would write it."""
    results = copy.deepcopy(results)
    check = next(check for check in results["checks"] if check["tensor"] == "dW2")
    check |= {"status": "failed", "reason": "differs", "difference": 1.0, "budget_used": 1e9} | more
    failure = check | {"inputs_agreed": ["A1"], "inputs_differ": [], "first_bad_update": None, "locations": {}}
    return results | {"verdict": "mismatch", "failures": [failure]}


def ended(results: dict, **ends: str) -> dict:
    """The results with some runs ended otherwise: torch_l2="diverged", or "differs"."""
    results = copy.deepcopy(results)
    for name, end in ends.items():
        run = tuple(name.split("_"))
        of_run = {
            key: next(each for each in results[key] if (each["implementation"], each["variant"]) == run)
            for key in ("runs", "checks")
        }
        of_run["runs"]["status"] = "diverged" if end == "diverged" else "completed"
        of_run["checks"]["status"] = "failed"
        results["verdict"] = "mismatch"
    return results


def of_check(results: dict) -> dict:
    """The results as if NumPy's runs were those of a student's file, one of whose functions differs."""
    results = failing(only(results, "numpy"))
    function = {"function": "backward_propagation_with_regularization", "call": "data, initial"}
    results["failures"][0] |= function | {"locations": {"numpy": "/home/me/own.py:97: `dW2 = 1/m * np.dot(dZ2, A1.T)`"}}
    said = {"mistake": "term-lost", "explanation": "dW2 lacks the term lambd/m * W2", "fit": 0.1, "remedy": None}
    results["diagnoses"] = [{"variant": "none", "implementation": "numpy", "function": function["function"]} | said]
    results["checks"][0] |= {"status": "skipped", "reason": "sigmoid is not written yet", "cause": "no_answer"}
    port = {"file": "/home/me/own.py", "name": "numpy", "functions": ["predict", function["function"]], "lines": {}}
    return results | {"port": port | {"not_checked": ["trace"]}, "remarks": ["train seeds NumPy's global generator"]}


def page_of(content: dict) -> str:
    """The page of the content of a results.json."""
    return page(results_from_json(content))


def markdown_of(content: dict) -> str:
    """The summary of the content of a results.json."""
    return markdown(results_from_json(content))
