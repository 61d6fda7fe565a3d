"""Errors that are the user's to fix: one clear line, exit code 2, never a traceback."""

from collections.abc import Iterable


class SamenetError(Exception):
    """Base of every error this project raises on purpose: what was expected, what came, what to do."""


class DataError(SamenetError):
    """The data set cannot be used as it is."""


class UsageError(SamenetError):
    """A flag or an argument is outside what it may be."""


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """The end of a line about a wrong word: the known one that is most like it; nothing where none is."""
    from difflib import get_close_matches

    close = get_close_matches(wrong, list(known), 1)
    return f"; did you mean {close[0]}?" if close else ""


def listed(names: Iterable[str]) -> str:
    """The names as a sentence lists them: a, b and c."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
