"""Dataclasses as JSON and back: what processes say and what commands write.

A dataclass becomes an object of its fields, unless it has an `as_json` and a `from_json` of its own. What comes back is held
against the types that are declared.
"""

import types
import typing
from collections.abc import Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import EnumType
from functools import cache
from typing import Any

LARGEST = 2**63
"""Integers are smaller than this: one of hundreds of digits, divided, would end the program."""


class WrongType(ValueError):
    """A value that is not of the type that is declared; the text says which."""


def as_json(value: Any) -> Any:
    """A value as plain lists and dicts."""
    if hasattr(value, "as_json"):
        return value.as_json()
    if is_dataclass(value):
        return fields_as_json(value)
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    return [as_json(item) for item in value] if isinstance(value, list | tuple) else value


def fields_as_json(value: Any) -> dict[str, Any]:
    """The fields of a dataclass, by their names."""
    return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}


def from_json(kind: Any, value: Any) -> Any:
    """A value of JSON as a type: a dataclass, list, tuple, dict, union or plain value; WrongType where it is none.

    A dataclass or a member of an enumeration in it may have been read before, and stays what it is.
    """
    if kind is Any or (kind in (str, bool, float, type(None)) and type(value) is kind):
        return value
    if kind in (int, float) and type(value) is int and abs(value) < LARGEST:
        return value
    if is_dataclass(kind) or isinstance(kind, EnumType):
        if isinstance(value, kind):  # type: ignore[arg-type]
            return value
        if hasattr(kind, "from_json"):
            return kind.from_json(value)
        if is_dataclass(kind):
            return fields_from_json(kind, value)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return _first_that_fits(arguments, kind, value)
    if origin in (list, Sequence) and isinstance(value, list):
        return [from_json(arguments[0], item) for item in value]
    if origin is tuple and isinstance(value, list | tuple):
        kinds = [arguments[0]] * len(value) if arguments[-1] is ... else arguments
        if len(kinds) == len(value):
            return tuple(from_json(each, item) for each, item in zip(kinds, value, strict=True))
    if origin is dict and isinstance(value, dict):
        return {key: from_json(arguments[1], item) for key, item in value.items()}
    raise WrongType(f"expected {getattr(kind, '__name__', kind)}, got {short(value)}")


@cache
def declared(kind: Any) -> tuple[dict[str, Any], set[str]]:
    """The fields of a dataclass with their types, and those that have no default."""
    hints, own = typing.get_type_hints(kind), fields(kind)
    needed = {field.name for field in own if field.default is field.default_factory is MISSING}
    return {field.name: hints[field.name] for field in own}, needed


def short(value: Any) -> str:
    """A value as the message of an error shows it."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def fields_from_json(kind: Any, value: Any) -> Any:
    """A dataclass from an object of its fields; WrongType where one is missing, or is no field."""
    known, needed = declared(kind)
    if not isinstance(value, dict) or not needed <= value.keys() <= known.keys():
        raise WrongType(f"expected the fields of {kind.__name__} ({', '.join(known)}), got {short(value)}")
    return kind(**{name: from_json(known[name], item) for name, item in value.items()})


def known_from_json(kind: Any, value: dict[str, Any]) -> Any:
    """A dataclass from an object that may hold more than its fields."""
    return fields_from_json(kind, {field.name: value[field.name] for field in fields(kind) if field.name in value})


def _first_that_fits(kinds: tuple[Any, ...], whole: Any, value: Any) -> Any:
    for kind in kinds:
        try:
            return from_json(kind, value)
        except WrongType:
            continue
    raise WrongType(f"expected {whole}, got {short(value)}")
