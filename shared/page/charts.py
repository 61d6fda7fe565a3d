"""Line charts as inline SVG, drawn from the numbers: text stays text, colours follow the page, dashes tell lines apart."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.harness.figures import COLOURS, STYLES

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 260, 150, 40, 10, 8, 32
"""Of a chart, and its margins; what is between them is the plot."""

DASHES = {"-": "", "--": "7 4", ":": "2 3", "-.": "7 3 2 3"}
Points = Sequence[Sequence[float | None]]
"""[x, y] ...; None where it is not finite."""


@dataclass(frozen=True)
class Line:
    """A line of an implementation; broad and pale where it is only what another is compared with."""

    implementation: str
    points: Points
    pale: bool = False


@dataclass(frozen=True)
class Axis:
    """The values of an axis, and the ticks with their words. powers: an axis of powers of ten."""

    low: float
    high: float
    ticks: list[tuple[float, str]]
    powers: bool = False

    def share(self, value: float) -> float:
        """How far along the axis the value lies, from 0 to 1."""
        if not self.powers:
            return min(max((value - self.low) / (self.high - self.low), 0), 1)
        low, high = math.log10(self.low), math.log10(self.high)
        return min(max((math.log10(max(value, self.low)) - low) / (high - low), 0), 1)


POWERS = Axis(1e-18, 10, [(0, "0"), *((10.0**p, f"1e{p}" if p else "1") for p in (-16, -12, -8, -4, 0))], powers=True)


def updates_axis(last: int) -> Axis:
    """From the first to the last update."""
    return Axis(0, max(last, 1), [(x, f"{x:,}") for x in sorted({0, last // 2, last})])


def cost_axis(lines: Iterable[Line]) -> Axis:
    """From 0 to a little above the largest value."""
    values = [y for line in lines for _, y, *_ in line.points if y is not None]
    top = max(values, default=1.0) or 1.0
    step = 10.0 ** math.floor(math.log10(top))
    step *= next(factor for factor in (0.2, 0.5, 1, 2, 5) if top / (factor * step) <= 5)
    ticks = [step * i for i in range(int(top / step * 1.0001) + 1)]
    return Axis(0, 1.05 * top, [(y, f"{y:g}") for y in ticks])


def share_axis(lines: Iterable[Line]) -> Axis:
    """From the lowest share, or a half, to 1."""
    values = [y for line in lines for _, y, *_ in line.points if y is not None]
    low = math.floor(10 * min(values, default=0.5)) / 10
    ticks = sorted({low, (low + 1) / 2, 1.0})
    return Axis(low, 1.0 if low < 1 else 2.0, [(y, f"{y:.0%}") for y in ticks])


def chart(title: str, lines: Sequence[Line], across: Axis, up: Axis, horizon: int | None = None) -> dict[str, Any]:
    """What the template draws: polylines, ticks, and the place of the film's moment."""
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(value: float) -> str:
        return f"{LEFT + width * across.share(value):.1f}"

    def y(value: float) -> str:
        return f"{TOP + height * (1 - up.share(value)):.1f}"

    drawn = []
    for line in lines:
        points = [f"{x(at)},{y(value)}" for at, value, *_ in line.points if at is not None and value is not None]
        style = DASHES[STYLES.get(line.implementation, "-.")]
        colour = COLOURS.get(line.implementation, "currentColor")
        few = [] if line.pale or len(points) >= 20 else points
        drawn.append({"d": f"M{' '.join(points)}" if points else "", "dash": "" if line.pale else style,
                      "colour": colour, "pale": line.pale, "dots": [point.split(",") for point in few]})  # fmt: skip
    return {
        "title": title,
        "lines": drawn,
        "xticks": [(x(value), words) for value, words in across.ticks],
        "yticks": [(y(value), words) for value, words in up.ticks],
        "horizon": None if horizon is None else x(horizon),
        "box": {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT, "top": TOP, "low": HEIGHT - BOTTOM},
    }
