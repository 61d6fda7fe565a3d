"""Everything that the page shows, computed from the content of results.json; the template only lays it out."""

import re
import shlex
from pathlib import Path
from typing import Any

from shared.adapters import IMPLEMENTATIONS
from shared.commands.compare.page.concepts import CONCEPTS, agreement, concept_of, largest_share
from shared.commands.compare.page.svg import inline_svg
from shared.commands.compare.pictures import SHOWN, cost_curves, decision_boundaries, noise_floors
from shared.commands.compare.table import state
from shared.diagnosis.failure import message
from shared.harness.checks import MASKS, Check, RunId, Status
from shared.harness.results import Results
from shared.harness.results_json import results_from_json
from shared.synthetic import BUILT_IN

ABOUT = {
    "none": "without regularization",
    "l2": "with the L2 penalty lambd / (2 m) sum(W²), as weight decay",
    "dropout": "with fresh dropout masks at every iteration",
    "frozen-dropout": "with the same masks at every iteration, as the course's code does",
    "l2-dropout": "with both",
}
FAMILIES = ("data", "parameters", "forward", "masks", "cost", "gradients", "update", "trajectory", "predictions", "repeat")


def page(content: dict[str, Any]) -> str:
    """The page as HTML, made from the content of results.json. What came from outside is escaped by the template."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": _number, "percent": lambda share: "-" if share is None else f"{share:.2%}"}
    results = results_from_json(content)
    implementations = results.implementations()
    pictures = [
        ("Decision boundaries", "boundaries", lambda: decision_boundaries(results),
         "Decision of each variant and implementation over the plane, with the training examples. Blue circles are class 0, "
         f"orange triangles class 1 (of many, about {SHOWN}); crosses mark examples on which the implementations of a "
         "variant disagree."),
        ("Cost curves", "costs", lambda: cost_curves(results),
         "Training cost over the iterations, one panel per variant. With dropout each draws its own masks, so that the "
         "curves part."),
        ("Difference and noise floor", "floors", lambda: noise_floors(results),
         "The cost's difference from the reference (thin lines) and the noise floor, what rounding alone does (broad), in "
         "segments and in the free run. Where a line stays within sixteen times its floor, the difference is rounding."),
    ]  # fmt: skip
    return environment.get_template("page.html.j2").render(
        results=results,
        counts=results.counts,
        settings=vars(results.settings),
        verdict=_verdict(results, implementations),
        about=ABOUT,
        states=[state(results, run) for run in results.runs],
        implementations=implementations,
        pictures=[
            {"title": title, "about": about, "svg": Markup(svg)}
            for title, name, draw, about in pictures
            if (svg := inline_svg(draw, name, title))
        ],
        failures=_failures(results),
        heat=_heat(results),
        concepts=_concepts(results, implementations),
        masks=_masks(results),
        css=Markup(_css()),
        command=_command(results),
    )


def _verdict(results: Results, implementations: list[str]) -> str:
    """The verdict in one sentence, with names."""
    reference = "the reference, numpy_impl"
    if results.verdict == "match":
        if implementations == ["numpy"]:
            return "numpy_impl is the reference itself: every update of every run is repeated to the last bit."
        if len(implementations) == 1:
            return f"{implementations[0]} is the same network as {reference}: every update of every run agrees to rounding."
        return "The implementations are the same network: every update of every run agrees to rounding."
    if results.verdict == "incomplete":
        return "The comparison is incomplete: not everything that was planned was compared."
    ends: dict[str, list[str]] = {"differs": [], "diverged": []}
    for run in results.runs:
        end, _ = state(results, run)
        if end in ends:
            ends[end].append(f"{run.implementation} in {run.variant}")
    said = []
    if ends["differs"]:
        said.append(f"Not the same network: {_listed(ends['differs'])} parts from {reference}.")
    if ends["diverged"]:
        said.append(f"Training diverges: {_listed(ends['diverged'])}.")
    return " ".join(said)


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _failures(results: Results) -> list[dict]:
    """What the message says of each failed run, and the lines to look at, where no failure before has shown them."""
    shown = []
    seen = set()
    for failure in results.failures:
        headline, *lines = message(failure, results.diagnoses)
        concept = concept_of(failure.check)
        columns = []
        if concept and concept.name not in seen:
            seen.add(concept.name)
            columns = [_lines(results, concept.name, name) for name in IMPLEMENTATIONS]
        shown.append({"headline": headline, "lines": lines, "columns": columns})
    return shown


def _lines(results: Results, concept: str, implementation: str) -> dict:
    source = results.sources[concept][implementation]
    return {"implementation": implementation, "where": source["where"], "code": _highlight(source["code"])}


def _heat(results: Results) -> dict:
    """Rows of stage and tensor, columns of runs; in a cell the largest share of the tolerance that was used."""
    columns = [run.run for run in results.runs]
    cells: dict[tuple[str, str], dict[RunId, list[Check]]] = {}
    for check in results.checks:
        stage = "masks" if check.where == MASKS else check.stage
        cells.setdefault((stage, check.tensor), {}).setdefault(check.run, []).append(check)
    stages = [
        (stage, [(tensor, [_cell(cells[s, tensor].get(c, [])) for c in columns]) for s, tensor in cells if s == stage])
        for stage in FAMILIES
    ]
    return {"columns": columns, "stages": [(stage, rows) for stage, rows in stages if rows]}


def _cell(checks: list[Check]) -> dict:
    statuses = [check.status for check in checks]
    status = next((s for s in (Status.FAILED, Status.SKIPPED, Status.PASSED) if s in statuses), "none")
    share = largest_share(checks)
    # Levels 1 to 5 for the share of the tolerance that is used; level 0: exact agreement, or nothing to measure.
    level = 0 if not share else 1 + int(5 * share) if share < 1 else 5
    return {"status": status, "used": share, "level": level, "compared": len(checks) - statuses.count(Status.SKIPPED)}


def _concepts(results: Results, implementations: list[str]) -> list[dict]:
    shown = []
    for concept in CONCEPTS:
        columns = []
        for name in implementations:
            columns.append(_lines(results, concept.name, name) | {"agreement": agreement(concept, results.checks, name)})
        shown.append({"name": concept.name, "stage": concept.stage, "columns": columns})
    return shown


def _masks(results: Results) -> list[dict]:
    """The tests of the masks, by run: how many passed, and what failed."""
    shown = []
    for run in results.runs:
        own = [check for check in results.checks_of(run.run) if check.where == MASKS]
        if own:
            failed = [f"{check.tensor}: {check.reason}" for check in own if check.failed]
            passed = sum(check.passed for check in own)
            shown.append({"run": run, "kept": run.kept_share, "tests": len(own), "passed": passed, "failed": failed})
    return shown


def _command(results: Results) -> str:
    """The command that runs this again."""
    settings, data = results.settings, results.data
    seed = re.search(r"seed (\d+)$", data.name)
    flags = ["--data-seed", seed[1]] if seed and data.source == BUILT_IN else ["--data", data.source]
    flags += ["--variants", *settings.variants, "--iterations", str(settings.num_iterations)]
    for name in ("learning_rate", "lambd", "keep_prob", "dtype", "seed", "init_seed"):
        flags += [f"--{name.replace('_', '-')}", str(getattr(settings, name))]
    flags += ["--hidden", *map(str, settings.hidden), "--implementations", *results.implementations()]
    return shlex.join(["python", "compare.py", *flags])


def _highlight(code: str) -> Any:
    from markupsafe import Markup
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return Markup(highlight(code, PythonLexer(), HtmlFormatter(nowrap=True)))


def _css() -> str:
    from pygments.formatters import HtmlFormatter

    light, dark = (HtmlFormatter(style=style).get_style_defs("code") for style in ("xcode", "github-dark"))
    return f"{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return "0" if value == 0 else f"{value:.1e}"
