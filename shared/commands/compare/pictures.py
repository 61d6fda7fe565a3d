"""The pictures, made from the results; headless."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from shared.harness import figures
from shared.harness.figures import CLASSES, COLOURS, STYLES, png
from shared.harness.results import Curve, Results, Run
from shared.harness.results_json import run_as_json
from shared.page import film
from shared.page.film import disputed, thinned

NOT_SHOWN = ("seconds", "microseconds_per_iteration", "reused")
"""Of a run, what is in no picture and changes from one command to the next."""


def pictures(results: Results) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """The pictures by file name, and what draws each as PNG; decision_boundary.png for two features only."""
    comment = _comment(results)
    for name, draw in PICTURES.items():
        if draw is not decision_boundaries or results.data.grid_axes is not None:
            yield name, partial(_drawn, draw, results, comment)


def _drawn(draw: Callable[[Results], Any], results: Results, comment: str) -> bytes:
    return png(draw(results), comment)


def unchanged(results: Results, folder: Path) -> dict[str, bytes]:
    """The pictures in the folder that show what `pictures` would draw: a comment in each says what it was drawn from."""
    comment = _comment(results).encode()
    found = {name: folder / name for name, _ in pictures(results)}
    images = {name: path.read_bytes() for name, path in found.items() if path.is_file()}
    return {name: image for name, image in images.items() if comment in image}


def _comment(results: Results) -> str:
    """A digest of everything that the pictures depend on."""
    runs = [{key: value for key, value in run_as_json(run).items() if key not in NOT_SHOWN} for run in results.runs]
    shown = [asdict(results.data), asdict(results.settings), runs, version("matplotlib")]
    digest = hashlib.sha256(json.dumps(shown, sort_keys=True).encode())
    for source in (__file__, figures.__file__, film.__file__):
        digest.update(Path(source).read_bytes())
    return f"samenet {digest.hexdigest()}"


def _grid(rows: int, columns: int, width: float, height: float, ticks: bool = True) -> tuple[Any, Any]:
    """A figure of panels, each with its share of so many inches. ticks: leave room for figures and labels beside them.

    The room is given: to lay it out from what is drawn takes longer than the drawing.
    """
    from matplotlib.figure import Figure  # imports slowly, and only here

    wide, high = width * columns, height * rows
    left, right, top, bottom = (0.9, 0.25, 0.35, 0.5) if ticks else (0.1, 0.1, 0.4, 0.1)  # inches around all panels
    room = {"left": left / wide, "right": 1 - right / wide, "top": 1 - top / high, "bottom": bottom / high}
    between = {"wspace": 0.25, "hspace": 0.35} if ticks else {"wspace": 0.08, "hspace": 0.22}  # shares of a panel
    figure = Figure(figsize=(wide, high))
    return figure, figure.subplots(rows, columns, squeeze=False, gridspec_kw=room | between)


def cost_curves(results: Results) -> Any:
    """The training cost of every run."""
    variants = results.settings.variants
    figure, axes = _grid(1, len(variants), 3.2, 3)
    for ax, variant in zip(axes[0], variants, strict=True):
        for run in _finished(results, variant):
            iterations, costs = zip(*(run.costs or ()), strict=True)
            name = run.implementation
            ax.plot(iterations, costs, STYLES.get(name, "-."), color=COLOURS.get(name), label=name, linewidth=1.8,
                    marker=_marker(iterations))  # fmt: skip
        ax.set_title(variant)
        ax.set_xlabel("iteration")
        ax.grid(alpha=0.3)
    axes[0][0].set_ylabel("training cost")
    if axes[0][0].lines:
        axes[0][0].legend()
    return figure


def decision_boundaries(results: Results) -> Any:
    """The decision of every run over the plane, and the examples that the implementations dispute; two features only."""
    from matplotlib import rcParams

    grid_axes = results.data.grid_axes
    if grid_axes is None:
        return None
    variants = results.settings.variants
    implementations = results.implementations()
    figure, axes = _grid(len(implementations), len(variants), 2.6, 2.6, ticks=False)
    points = thinned(results.data.train)
    for row, implementation in zip(axes, implementations, strict=True):
        for ax, variant in zip(row, variants, strict=True):
            run = next((r for r in _finished(results, variant) if r.implementation == implementation), None)
            if run is None:
                ax.text(0.5, 0.5, "not finished", ha="center", transform=ax.transAxes)
            elif run.grid is None:
                ax.text(0.5, 0.5, "no decision of its form", ha="center", transform=ax.transAxes)
            else:
                decision = [[int(cell) for cell in line] for line in run.grid]
                ax.contourf(*grid_axes, decision, levels=[-0.5, 0.5, 1.5], colors=CLASSES, alpha=0.25)
                ax.set_title(f"{implementation}, {variant}\ntrain {run.train_accuracy:.1%}, "
                             f"test {run.test_accuracy:.1%}", fontsize=8)  # fmt: skip
            for label, marker in ((0, "o"), (1, "^")):
                chosen = [point for point in points if point[-1] == label]
                if chosen:
                    ax.scatter(*list(zip(*chosen, strict=True))[:2], s=11, marker=marker, color=CLASSES[label],
                               edgecolors=rcParams["text.color"], linewidths=0.4)  # fmt: skip
            crosses = thinned(disputed(results, variant))
            if crosses:
                places = list(zip(*crosses, strict=True))[:2]
                ax.scatter(*places, s=26, marker="x", color=rcParams["text.color"], linewidths=0.9)
            ax.set_xticks([])
            ax.set_yticks([])
    return figure


def noise_floors(results: Results) -> Any:
    """How far every run's cost is from the reference, and how far rounding alone moves it."""
    variants = results.settings.variants
    figure, axes = _grid(2, len(variants), 3.2, 2.6)
    curves: tuple[tuple[Any, Callable[[Run], Curve | None], str], ...] = (
        (axes[0], lambda run: run.segments, "in segments"),
        (axes[1], lambda run: run.free_run, "free run"),
    )
    for row, curve, what in curves:
        for ax, variant in zip(row, variants, strict=True):
            for run in _finished(results, variant):
                points = curve(run)
                if points is None:
                    continue
                iterations, differences, floors = zip(*points, strict=True)
                name = run.implementation
                style = {"color": COLOURS.get(name), "marker": _marker(iterations)}
                ax.plot(iterations, floors, alpha=0.5, linewidth=3, **style)
                ax.plot(iterations, differences, STYLES.get(name, "-."), label=name, linewidth=1.4, **style)
                if what == "free run" and run.horizon is not None and run.horizon < results.settings.num_iterations:
                    ax.axvline(run.horizon, color=COLOURS.get(name), alpha=0.5, linewidth=0.8)
            ax.set_yscale("symlog", linthresh=1e-17, linscale=0.3)
            ax.set_ylim(0, 10)
            ax.set_yticks([0, 1e-16, 1e-12, 1e-8, 1e-4, 1])
            ax.set_title(f"{variant}, {what}", fontsize=9)
            ax.grid(alpha=0.3)
        row[0].set_ylabel("cost: difference (thin),\nnoise floor (broad)", fontsize=8)
    if axes[0][0].lines:
        axes[0][0].legend(fontsize=8)
    return figure


def _marker(iterations: tuple[int, ...]) -> str:
    """Points where there are few: the line between them is nobody's."""
    return "." if len(iterations) < 20 else ""


def _finished(results: Results, variant: str) -> list[Run]:
    return [run for run in results.runs if run.variant == variant and run.status == "completed"]


PICTURES = {
    "cost_curves.png": cost_curves,
    "decision_boundary.png": decision_boundaries,
    "noise_floor.png": noise_floors,
}
