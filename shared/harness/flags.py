"""Flags that several commands share, and how the command line reads them: errors in one line, limits from the dataclass."""

import argparse
from collections.abc import Callable
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, NoReturn

from shared.config import DEFAULT_DATA_SEED, IMPLEMENTATION_NAMES, VARIANTS, Hyperparameters, choose
from shared.errors import UsageError
from shared.harness.environment import available_cores


class Parser(argparse.ArgumentParser):
    """argparse, with errors in one line."""

    def __init__(self, **settings: Any):
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **settings)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def add_data(parser: argparse.ArgumentParser) -> None:
    """--data and --data-seed."""
    parser.add_argument("--data", metavar="PATH", help="data set: .mat (X, y, Xval, yval), .npz (the same names) or .csv "
                        "(columns y, split and the features); default: the built-in, synthetic one")  # fmt: skip
    parser.add_argument("--data-seed", type=integer, default=None, metavar="S",
                        help=f"of the built-in data (default: {DEFAULT_DATA_SEED})")  # fmt: skip


def add_variants(parser: argparse.ArgumentParser, known: tuple[str, ...], default: tuple[str, ...]) -> None:
    """--variants."""
    parser.add_argument("--variants", nargs="+", metavar="V", default=list(default),
                        help=f"of {', '.join(known)} (default: {' '.join(default)})")  # fmt: skip


def add_hyperparameters(parser: argparse.ArgumentParser) -> None:
    """A flag for every field of Hyperparameters."""
    for option in fields(Hyperparameters):
        name = "iterations" if option.name == "num_iterations" else option.name
        _add_hyperparameter(parser, f"--{name.replace('_', '-')}", option)


def add_implementations(parser: argparse.ArgumentParser) -> None:
    """--implementations."""
    parser.add_argument("--implementations", nargs="+", metavar="I", default=list(IMPLEMENTATION_NAMES),
                        help=f"of {', '.join(IMPLEMENTATION_NAMES)} (default: all)")  # fmt: skip


def add_output(parser: argparse.ArgumentParser, content: str) -> None:
    """--out and --jobs."""
    parser.add_argument("--out", type=Path, default=Path("results"), metavar="DIR",
                        help=f"where {content} go (default: results)")  # fmt: skip
    parser.add_argument("--jobs", type=integer, default=None, metavar="N",
                        help="processes side by side (default: one per core)")  # fmt: skip


def _add_hyperparameter(parser: argparse.ArgumentParser, flag: str, option: Field) -> None:
    default = option.default
    if isinstance(default, tuple):
        help = f"{option.metadata['help']} (default: {' '.join(map(str, default))})"
        parser.add_argument(flag, dest=option.name, nargs=2, type=integer, metavar="H", default=default, help=help)
        return
    converters: dict[type, Callable[[str], Any]] = {int: integer, float: number, str: str}
    help = f"{option.metadata['help']} (default: {default})"
    metavar = "|".join(option.metadata.get("choices", ())) or option.name[0].upper()
    parser.add_argument(flag, dest=option.name, type=converters[type(default)], metavar=metavar, default=default, help=help)


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


def seeds(text: str) -> list[int]:
    """For argparse's `type`: a seed, or a range of them such as 1-30, both ends included."""
    ends = text.split("-") if "-" in text[1:] else [text, text]
    try:
        first, last = map(int, ends)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a seed or a range such as 1-30, got {text!r}") from None
    if not 0 <= first <= last < 2**31 or last - first >= 1_000_000:
        raise argparse.ArgumentTypeError(f"expected seeds >= 0 and < 2**31, lowest first, at most a million, got {text!r}")
    return list(range(first, last + 1))


def sizes(text: str) -> tuple[int, int]:
    """For argparse's `type`: the units of the two hidden layers, such as 20,3."""
    try:
        first, second = map(int, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected the units of two hidden layers such as 20,3, got {text!r}") from None
    return first, second


def hyperparameters(options: argparse.Namespace) -> Hyperparameters:
    """The hyperparameters given; UsageError where one is out of range."""
    settings: dict[str, Any] = {field.name: getattr(options, field.name) for field in fields(Hyperparameters)}
    return Hyperparameters(**settings | {"hidden": tuple(settings["hidden"])})


def variants(options: argparse.Namespace) -> list[str]:
    """The variants given; UsageError on an unknown one."""
    return choose(options.variants, VARIANTS, "--variants")


def implementations(options: argparse.Namespace) -> list[str]:
    """The implementations given; UsageError on an unknown one."""
    return choose(options.implementations, IMPLEMENTATION_NAMES, "--implementations")


def jobs(options: argparse.Namespace) -> int:
    """How many processes side by side."""
    jobs = available_cores() if options.jobs is None else options.jobs
    if not 1 <= jobs <= 64:
        raise UsageError(f"--jobs: expected a number from 1 to 64, got {jobs}")
    return jobs


def data_seed(options: argparse.Namespace) -> int:
    """The seed of the built-in data; UsageError where it makes no sense."""
    if options.data is not None and options.data_seed is not None:
        raise UsageError("--data-seed is of the built-in data: expected it without --data")
    data_seed = DEFAULT_DATA_SEED if options.data_seed is None else options.data_seed
    if not 0 <= data_seed < 2**31:
        raise UsageError(f"--data-seed: expected a number >= 0 and < 2**31, got {data_seed}")
    return data_seed


def spelled(settings: dict[str, Any]) -> list[str]:
    """Settings by name, as a command line: keep_prob=0.8, fresh=True -> --keep-prob=0.8 --fresh; without None and False."""
    words: list[str] = []
    for name, value in settings.items():
        flag = f"--{name.replace('_', '-')}"
        if value is None or isinstance(value, bool):
            words += [flag] if value else []
        elif isinstance(value, list | tuple):
            words += [flag, *map(str, value)]
        else:
            words.append(f"{flag}={value}")
    return words
