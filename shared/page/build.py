"""Everything that the page of a comparison shows, computed from the results; the template lays it out."""

import shlex
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from shared.adapters import IMPLEMENTATIONS
from shared.errors import listed
from shared.harness.checks import MASKS, Check, RunId, Status
from shared.harness.figures import COLOURS, STYLES
from shared.harness.results import Curve, Results
from shared.page.causes import causes
from shared.page.charts import DASHES, POWERS, Line, chart, updates_axis
from shared.page.checked import checked
from shared.page.concepts import CONCEPTS, agreement, largest_share
from shared.page.film import film
from shared.page.sources import code_styles, lines_of
from shared.synthetic import BUILT_IN

ABOUT = {
    "none": "without regularization",
    "l2": "with the L2 penalty lambd / (2 m) sum(W²), as weight decay",
    "dropout": "with fresh dropout masks at every iteration",
    "frozen-dropout": "with the same masks at every iteration, as the course's code does",
    "l2-dropout": "with both",
}
FAMILIES = ("data", "parameters", "forward", "masks", "cost", "gradients", "update", "trajectory", "predictions", "repeat")
NOT_MEASURED = "\N{EN DASH}"
FOLDER = Path(__file__).parent


def page(results: Results) -> str:
    """The page as HTML, of a comparison or of a check.

    What came from outside is escaped by the template; the page loads nothing, and no script runs in it but its own.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": _number, "percent": lambda share: NOT_MEASURED if share is None else f"{share:.2%}"}
    script = (FOLDER / "film.js").read_text(encoding="utf-8")
    shown = checked(results) if results.port else _compared(results)
    return environment.get_template("check.html.j2" if results.port else "compare.html.j2").render(
        results=results,
        counts=results.counts,
        settings=vars(results.settings),
        causes=causes(results),
        css=Markup((FOLDER / "page.css").read_text(encoding="utf-8") + code_styles()),
        script=Markup(script),
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
        **shown,
    )


def draw(results: Results) -> list[tuple[str, Callable[[], bytes]]]:
    """The page as the file that commands write."""
    return [("index.html", lambda: page(results).encode())]


def _compared(results: Results) -> dict[str, Any]:
    """What the page of a comparison shows beside what both pages do."""
    implementations = results.implementations()
    return {
        "verdict": _verdict(results, implementations),
        "numbers": _numbers(results),
        "about": ABOUT,
        "states": [results.state(run) for run in results.runs],
        "implementations": implementations,
        "styles": {name: (COLOURS.get(name, "currentColor"), DASHES[STYLES.get(name, "-.")]) for name in implementations},
        "film": film(results),
        "floors": _floors(results),
        "heat": _heat(results),
        "concepts": _concepts(results, implementations),
        "masks": _masks(results),
        "command": _command(results),
    }


def _verdict(results: Results, implementations: list[str]) -> str:
    """The verdict in one sentence, with names."""
    reference = "the reference, numpy_impl"
    if results.verdict == "match":
        if implementations == ["numpy"]:
            return "numpy_impl is the reference itself: every update of every run is replayed to the last bit."
        if len(implementations) == 1:
            return f"{implementations[0]} is the same network as {reference}: every update of every run agrees to rounding."
        return "The implementations are the same network: every update of every run agrees to rounding."
    if results.verdict == "incomplete":
        return "The comparison is incomplete: not everything that was planned was compared."
    ends: dict[str, list[str]] = {"differs": [], "diverged": []}
    for run in results.runs:
        ends.get(results.state(run), []).append(f"{run.implementation} in {run.variant}")
    said = []
    if ends["differs"]:
        verb = "differs" if len(ends["differs"]) == 1 else "differ"
        said.append(f"Not the same network: {listed(ends['differs'])} {verb} from {reference}.")
    if ends["diverged"]:
        said.append(f"Training diverges: {listed(ends['diverged'])}.")
    return " ".join(said)


def _numbers(results: Results) -> list[tuple[str, str]]:
    """Three numbers, each with what it counts."""
    counts, runs = results.counts, results.runs
    differ = sum(results.state(run) in ("differs", "diverged") for run in runs)
    if results.verdict == "mismatch":
        return [
            (f"{counts.failed:,}", f"of {counts.compared:,} comparisons differ"),
            (f"{differ}", f"of {len(runs)} runs differ{'s' if differ == 1 else ''}"),
            _start(results),
        ]
    replayed = sum(run.segments is not None for run in runs)
    share = largest_share([check for check in results.checks if check.passed])
    return [
        (f"{counts.compared - counts.failed:,}", f"of {counts.planned:,} planned comparisons agree"),
        (f"{replayed * results.settings.num_iterations:,}", f"updates of {replayed} runs replayed by the reference"),
        (
            NOT_MEASURED if share is None else f"{share:.2f}",
            "largest share of the tolerance that any difference uses; 1 is the limit",
        ),
    ]


def _start(results: Results) -> tuple[str, str]:
    """Where the first difference is."""
    first = next(iter(results.failures), None)
    if first is None:
        return NOT_MEASURED, "where it first shows is not known"
    if first.first_bad_update is not None:
        return f"{first.first_bad_update:,}", "is the first bad update"
    return f"{first.check.iteration:,}", "is the iteration at which it first shows"


def _floors(results: Results) -> list[dict[str, Any]]:
    """By variant, the cost's differences and noise floors: in segments, and in the free run with its horizon."""
    last = results.settings.num_iterations
    shown = []
    for what, name in (("in segments", "segments"), ("free run", "free_run")):
        for variant in results.settings.variants:
            runs = [run for run in results.runs if run.variant == variant and run.status == "completed"]
            curves: list[tuple[str, Curve]] = [(run.implementation, found) for run in runs if (found := getattr(run, name))]
            lines = [Line(of, [[at, floor] for at, _, floor in points], pale=True) for of, points in curves]
            lines += [Line(of, [[at, difference] for at, difference, _ in points]) for of, points in curves]
            ends = [run.horizon for run in runs if name == "free_run" and run.horizon is not None and run.horizon < last]
            shown.append(chart(f"{variant}, {what}", lines, updates_axis(last), POWERS, min(ends, default=None)))
    return shown


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
        columns = [
            lines_of(results, concept.name, name) | {"agreement": agreement(concept, results.checks, name)}
            for name in (implementations if len(implementations) > 1 else IMPLEMENTATIONS)
            if name in results.sources.get(concept.name, {})  # of a results.json by another hand, perhaps not
        ]
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
    """The command that runs this again; nothing where an older file does not say on which data."""
    settings, data = results.settings, results.data
    if data.seed is None and data.source == BUILT_IN:
        return ""
    flags = ["--data", data.source] if data.seed is None else ["--data-seed", str(data.seed)]
    flags += ["--variants", *settings.variants, "--iterations", str(settings.num_iterations)]
    for name in ("learning_rate", "lambd", "keep_prob", "dtype", "seed", "init_seed"):
        flags += [f"--{name.replace('_', '-')}", str(getattr(settings, name))]
    flags += ["--hidden", *map(str, settings.hidden), "--implementations", *results.implementations()]
    return shlex.join(["python", "compare.py", *flags])


def _number(value: float | None) -> str:
    if value is None:
        return NOT_MEASURED
    return "0" if value == 0 else f"{value:.1e}"
