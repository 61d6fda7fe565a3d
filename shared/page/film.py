"""Training as a film: for every run the strip of its pictures, and what is told beside each: cost and accuracy."""

import math
from typing import Any

from shared.harness.results import Results, Run
from shared.page.charts import Line, chart, cost_axis, share_axis, updates_axis

SHOWN = 500
"""Examples in a picture, about: more would hide each other, and make the page heavy."""

SIDE = 100.0
"""Of the square in which the examples are drawn."""


def film(results: Results) -> dict[str, Any] | None:
    """Variants with their panels, the moments, the examples; None where no run has a film."""
    runs = [run for run in results.runs if run.film and run.accuracies and run.costs]
    if not runs or results.data.grid_axes is None:
        return None
    last = results.settings.num_iterations
    moments = max((_moments(run) for run in runs), key=len)
    costs = cost_axis(_costs(run) for run in runs)
    shares = share_axis(line for run in runs for line in _shares(run))
    variants = []
    for variant in results.settings.variants:
        of_variant = [run for run in runs if run.variant == variant]
        cost = chart(f"Training cost, {variant}", [_costs(run) for run in of_variant], updates_axis(last), costs)
        lines = [line for run in of_variant for line in _shares(run)]
        accuracy = chart(f"Accuracy on train and test, {variant}", lines, updates_axis(last), shares)
        variants.append({
            "name": variant,
            "panels": [{"run": run, "told": _told(run)} for run in of_variant],
            "disputed": _path(results, thinned(disputed(results, variant)), "m-1.8 -1.8l3.6 3.6m0 -3.6l-3.6 3.6"),
            "charts": [("cost", cost), ("accuracy, on train pale, on test thin", accuracy)],
        })  # fmt: skip
    points = thinned(results.data.train)
    return {
        "variants": [variant for variant in variants if variant["panels"]],
        "moments": moments,
        "last": last,
        "circles": _path(results, [point for point in points if point[-1] == 0], "h0"),
        "triangles": _path(results, [point for point in points if point[-1] != 0], "m0 -1.7l1.6 2.8h-3.2z"),
    }


def disputed(results: Results, variant: str) -> list[list[float]]:
    """The training examples that the implementations classify differently."""
    finished = [run for run in results.runs if run.variant == variant and run.status == "completed"]
    predictions = [run.predictions["train"] for run in finished if run.predictions]
    return [point for point, *classes in zip(results.data.train, *predictions, strict=True) if len(set(classes)) > 1]


def thinned(points: list[list[float]]) -> list[list[float]]:
    """At most about SHOWN of the examples."""
    return points[:: math.ceil(len(points) / SHOWN) or 1]


def _costs(run: Run) -> Line:
    return Line(run.implementation, run.costs or ())


def _shares(run: Run) -> list[Line]:
    """The accuracy on the training examples, pale, and on the others."""
    of = run.accuracies or ()
    return [Line(run.implementation, [[entry[0], entry[which]] for entry in of], pale=which == 1) for which in (1, 2)]


def _moments(run: Run) -> list[int]:
    return [int(entry[0] or 0) for entry in run.accuracies or ()]


def _told(run: Run) -> list[list[float | None]]:
    """[updates, cost, accuracy on train, on test] of each picture. The cost is that before the next update."""
    told, costs = [], list(run.costs or ())
    for updates, *shares in run.accuracies or ():
        before = [cost for at, cost in costs if at is not None and updates is not None and at <= updates]
        told.append([updates, before[-1] if before else None, *shares])
    return told


def _path(results: Results, points: list[list[float]], mark: str) -> str:
    """The marks of some examples as one path, in a square that shows the plane of the grid."""
    (x, y) = results.data.grid_axes or ([], [])

    def place(value: float, axis: list[float]) -> float:
        return SIDE * (value - axis[0]) / ((axis[-1] - axis[0]) or 1)

    return "".join(f"M{place(point[0], x):.1f} {SIDE - place(point[1], y):.1f}{mark}" for point in points)
