"""How the harness looks into an implementation from outside: what it is called, where things stand in it, and how it is
trained so that its masks and tensors can be seen. One file per implementation; a framework is imported when it is used.
"""

from shared.adapters import numpy, tensorflow, torch
from shared.adapters.implementation import Adapter, Implementation

IMPLEMENTATIONS: dict[str, Implementation] = {
    module.IMPLEMENTATION.name: module.IMPLEMENTATION for module in (numpy, torch, tensorflow)
}
"""Name on the command line and in results.json -> implementation; the reference first."""

__all__ = ["IMPLEMENTATIONS", "Adapter", "Implementation"]
