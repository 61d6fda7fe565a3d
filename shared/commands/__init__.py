"""One folder per command: its description (command.py), its work, its tables and pictures, and a README."""

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what is installed beside other projects' tests imports nothing of the house
    from shared.harness.command import Command

MAIN = "compare"
"""The command that runs where none is named."""


def commands() -> "dict[str, Command]":
    """Every command by its name: a folder here is one."""
    return {folder.name: import_module(f"{__name__}.{folder.name}.command").COMMAND for folder in iter_modules(__path__)}
