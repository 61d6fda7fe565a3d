"""What all results of commands have in common: a verdict, and a JSON file from which they can be read again."""

from typing import Any, Self

from shared.harness.output import SCHEMA
from shared.harness.typed import fields_as_json, fields_from_json

Content = dict[str, Any]
"""The content of a command's JSON file."""


class Measured:
    """The results of a command: a dataclass, whose fields are the keys of the JSON, beside `schema` and the verdict."""

    @property
    def verdict(self) -> str:
        """match, mismatch or incomplete, which decides the exit code."""
        raise NotImplementedError

    def as_json(self) -> Content:
        """The content of the JSON file."""
        return {"schema": SCHEMA, "verdict": self.verdict, **fields_as_json(self)}

    @classmethod
    def from_json(cls, content: Content) -> Self:
        """The results in the content of the JSON file."""
        return fields_from_json(cls, {key: value for key, value in content.items() if key not in ("schema", "verdict")})
