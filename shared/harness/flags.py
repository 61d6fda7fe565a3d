"""Flags from dataclasses: a field is a flag, with its default and help; a field that is a dataclass is a group of flags.

Nothing heavy is imported here: `--help` and a wrong flag are answered at once.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from shared.config import DEFAULT_DATA_SEED, IMPLEMENTATION_NAMES, VARIANTS, choose
from shared.errors import DataError, UsageError, did_you_mean

if TYPE_CHECKING:
    from shared.data import Dataset

S = TypeVar("S")
DATA, COMPARED, TRAINING, OUTPUT = "the data", "what is compared", "the training", "how it runs, and what it writes"
"""The headings of the help."""

Then = Callable[[Any, str], Any]
"""What becomes of a value that was given, and the flag it was given with; UsageError where it makes no sense."""


class Parser(argparse.ArgumentParser):
    """argparse, with errors in one line."""

    def __init__(self, **settings: Any):
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **settings)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")

    def parse(self, arguments: list[str]) -> argparse.Namespace:
        """What was given; UsageError where it makes no sense."""
        given, unknown = self.parse_known_args(arguments)
        if unknown:
            meant = did_you_mean(unknown[0].split("=")[0], self._option_string_actions)
            self.error(f"unrecognized arguments: {' '.join(unknown)}{meant}")
        return given


def flag(default: Any, help: str, *, then: Then | None = None, **how: Any) -> Any:
    """A field that is a flag of the field's name, with - for _.

    how: the keywords of argparse; and `flag`, another name; `shown`, the default in words; `alone`, a name that is shared by
    flags of which only one may be given; `positional`: an argument that must be given, without a flag; `under`: the
    heading that it stands under in the help.
    """
    how |= {"help": help, "then": then}
    if isinstance(default, list):
        return field(default_factory=default.copy, metadata=how)
    return field(default=default, metadata=how)


def group(settings: type, under: str) -> Any:
    """A field that is a group of flags: another dataclass. under: their heading in the help."""
    return field(default_factory=settings, metadata={"group": settings, "under": under})


def add_flags(parser: argparse.ArgumentParser, settings: type, under: str = "options") -> None:
    """A flag for every field of a dataclass, under its heading."""
    headings = {each.title: each for each in parser._action_groups}
    exclusive: dict[str, Any] = {}
    for option in fields(settings):
        how = dict(option.metadata)
        heading = how.get("under", under)
        if "group" in how:
            add_flags(parser, how["group"], heading)
            continue
        if heading not in headings:
            headings[heading] = parser.add_argument_group(heading)
        alone = how.get("alone")
        if alone and alone not in exclusive:
            exclusive[alone] = headings[heading].add_mutually_exclusive_group()
        place = exclusive[alone] if alone else headings[heading]
        default = option.default_factory() if callable(option.default_factory) else option.default
        keywords = _keywords(option.name, default, how)
        if how.get("positional"):
            parser.add_argument(option.name, **keywords)
        else:
            place.add_argument(f"--{_name(option)}", dest=option.name, default=default, **keywords)


def positional(settings: type) -> list[str]:
    """The arguments that must be given, as they are shown."""
    return [option.metadata["metavar"] for option in fields(settings) if "positional" in option.metadata]


def read_flags(options: argparse.Namespace, settings: type[S]) -> S:
    """The dataclass from what was given on the command line."""
    values: dict[str, Any] = {}
    for option in fields(settings):  # type: ignore[arg-type]
        how = option.metadata
        if "group" in how:
            values[option.name] = read_flags(options, how["group"])
            continue
        value = getattr(options, option.name)
        value = tuple(value) if isinstance(option.default, tuple) else value
        then = how.get("then")
        values[option.name] = then(value, f"--{_name(option)}") if then else value
    return settings(**values)


def _name(option: Any) -> str:
    return option.metadata.get("flag", option.name).replace("_", "-")


def _keywords(name: str, default: Any, how: dict[str, Any]) -> dict[str, Any]:
    """The keywords of argparse for one flag."""
    keywords: dict[str, Any] = {key: how[key] for key in ("type", "nargs", "metavar") if key in how}
    help = how["help"]
    if isinstance(default, bool):
        return {"action": "store_false" if default else "store_true", "help": help}
    shown = how.get("shown", None if isinstance(default, list) else default)
    if shown is not None and not how.get("positional"):
        words = (
            f"{shown:g}" if isinstance(shown, float) else " ".join(map(str, shown)) if isinstance(shown, tuple) else shown
        )
        help = f"{help} (default: {words})"
    if isinstance(default, tuple):
        keywords = {"nargs": len(default), "type": integer} | keywords
    converters: dict[type, Callable[[str], Any]] = {int: integer, float: number, type(Path()): path}
    metavar = "|".join(how.get("choices", ())) or name[0].upper()
    return {"type": converters.get(type(default), str), "metavar": metavar, "help": help} | keywords


def integer(text: str) -> int:
    """For argparse's `type`."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}") from None


def number(text: str) -> float:
    """For argparse's `type`."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}") from None


def path(text: str) -> Path:
    """For argparse's `type`; an empty text is an unset variable of the shell, and not the folder that one is in."""
    if not text:
        raise argparse.ArgumentTypeError("expected a path, got ''")
    return Path(text)


def between(low: int, high: int) -> Then:
    """A whole number from low to high."""

    def then(value: int, flag: str) -> int:
        if not low <= value <= high:
            raise UsageError(f"{flag}: expected a number from {low:,} to {high:,}, got {value}")
        return value

    return then


def count(default: int, help: str, low: int, high: int, under: str) -> Any:
    """A field that is a whole number from low to high."""
    return flag(default, help, then=between(low, high), under=under, metavar="N")


@dataclass(frozen=True)
class DataFlags:
    """The flags of the data set."""

    data: str | None = flag(
        None, "data set: .mat (X, y, Xval, yval), .npz (the same names) or .csv (columns y, split and the features); "
        "default: the built-in, synthetic one", metavar="PATH",
    )  # fmt: skip
    data_seed: int | None = flag(None, "of the built-in data", shown=DEFAULT_DATA_SEED, type=integer, metavar="S")

    def __post_init__(self) -> None:
        if self.data is not None and self.data_seed is not None:
            raise UsageError("--data-seed is of the built-in data: expected it without --data")
        if not 0 <= self.seed < 2**31:
            raise UsageError(f"--data-seed: expected a number >= 0 and < 2**31, got {self.data_seed}")

    @property
    def seed(self) -> int:
        """The seed of the built-in data."""
        return DEFAULT_DATA_SEED if self.data_seed is None else self.data_seed

    @cached_property
    def dataset(self) -> "Dataset":
        """The data set, read or made once; DataError where that cannot be done."""
        from shared.synthetic import make_dataset

        return make_dataset(self.seed) if self.data is None else load(self.data)


def load(path: str) -> "Dataset":
    """The data set in a file; DataError names the flag."""
    from shared.data import load_dataset

    try:
        return load_dataset(path)
    except DataError as error:
        raise DataError(f"--data: {error}") from error


def variants(known: tuple[str, ...], default: tuple[str, ...]) -> Any:
    """The field of --variants: a list of their names."""

    def then(names: list[str], flag: str) -> list[str]:
        return choose(names, {name: VARIANTS[name] for name in known}, flag)

    help = f"of {', '.join(known)} (default: {' '.join(default)})"
    return flag(list(default), help, then=then, under=COMPARED, nargs="+", metavar="V")


def implementations() -> Any:
    """The field of --implementations: a list of their names."""

    def then(names: list[str], flag: str) -> list[str]:
        return choose(names, IMPLEMENTATION_NAMES, flag)

    help = f"of {', '.join(IMPLEMENTATION_NAMES)} (default: all)"
    return flag(list(IMPLEMENTATION_NAMES), help, then=then, under=COMPARED, nargs="+", metavar="I")


def out(content: str) -> Any:
    """The field of --out: a folder."""
    return flag(Path("results"), f"where {content} go{'' if ' ' in content else 'es'}", under=OUTPUT, metavar="DIR")


def jobs() -> Any:
    """The field of --jobs: how many processes run side by side."""

    def then(given: int | None, flag: str) -> int:
        from shared.harness.environment import available_cores

        return between(1, 64)(available_cores() if given is None else given, flag)

    return flag(None, "processes side by side", then=then, shown="one per core", under=OUTPUT, type=integer, metavar="N")
