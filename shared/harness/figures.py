"""What all pictures share: the colour and the line style of each implementation, and the file format."""

import io
from typing import Any

from shared.adapters import IMPLEMENTATIONS

COLOURS = {name: implementation.colour for name, implementation in IMPLEMENTATIONS.items()}
"""Okabe and Ito's palette, told apart by colour-blind readers; line styles tell them apart in grey."""
STYLES = {name: implementation.line for name, implementation in IMPLEMENTATIONS.items()}

CLASSES = ("#0072b2", "#d55e00")
"""The colours of the classes 0 and 1."""


def png(figure: Any, comment: str | None = None) -> bytes:
    """A figure of Matplotlib as PNG; the comment stands in the file as it is."""
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=120, metadata={"Comment": comment})
    return image.getvalue()
