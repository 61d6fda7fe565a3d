"""Errors that are the user's to fix: one clear line, exit code 2, never a traceback."""


class SamenetError(Exception):
    """Base of every error this project raises on purpose: what was expected, what came, what to do."""


class DataError(SamenetError):
    """The data set cannot be used as it is."""


class UsageError(SamenetError):
    """A flag or an argument is outside what it may be."""
