"""How the harness looks into an implementation from outside: what it is called, where things stand in it, and how it is
trained so that its masks and tensors can be seen. One file per implementation; a framework is imported when it is used.
"""

from importlib import import_module

from shared.adapters.implementation import Adapter, Implementation
from shared.config import IMPLEMENTATION_NAMES

IMPLEMENTATIONS: dict[str, Implementation] = {
    name: import_module(f"{__name__}.{name}").IMPLEMENTATION for name in IMPLEMENTATION_NAMES
}
"""Name on the command line and in results.json -> implementation; the reference first."""

__all__ = ["IMPLEMENTATIONS", "Adapter", "Implementation"]
