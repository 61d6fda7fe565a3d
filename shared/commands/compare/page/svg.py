"""Matplotlib's pictures as inline SVG: text stays text, colours follow the page, names are unique in it."""

import io
import re
from typing import Any

INK = "#010203"
"""Drawn in this colour; the page replaces it by its own."""

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "samenet",
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "legend.facecolor": "none",
    "legend.edgecolor": "none",
    "savefig.facecolor": "none",
    "font.family": "sans-serif",
}


def inline_svg(draw: Any, name: str, description: str) -> str:
    """The picture that draw() returns, as an <svg> element; name: prefix of its identifiers. Empty where there is none."""
    import matplotlib

    with matplotlib.rc_context(STYLE):
        figure = draw()
        if figure is None:
            return ""
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    text = text.replace(INK, "currentColor")
    # As wide as the page allows, but not wider than its text stays in proportion to the page's.
    wide = f"{1.6 * figure.get_figwidth() * 72:.0f}px"
    size = f"max-width: {wide}; min-width: min(42rem, 200vw, {wide})"  # on a phone, readable, and scrolled
    widest = f'<svg role="img" aria-label="{description}" style="{size}"'
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    return text.replace("<svg", widest, 1)
