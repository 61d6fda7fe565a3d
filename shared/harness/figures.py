"""The colour and the line style by which every picture tells the implementations apart."""

from shared.adapters import IMPLEMENTATIONS

COLOURS = {name: implementation.colour for name, implementation in IMPLEMENTATIONS.items()}
"""Okabe and Ito's palette, told apart by colour-blind readers; line styles tell them apart in grey."""
STYLES = {name: implementation.line for name, implementation in IMPLEMENTATIONS.items()}
