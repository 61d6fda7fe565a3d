"""Flags that several commands share, and how the command line reads them: errors in one line, limits from the dataclass."""

import argparse
from collections import Counter
from collections.abc import Callable
from dataclasses import Field, fields, replace
from pathlib import Path
from typing import Any, NoReturn

from shared.config import DEFAULT_DATA_SEED, IMPLEMENTATION_NAMES, VARIANTS, Hyperparameters, choose
from shared.environment import available_cores
from shared.errors import UsageError


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


def grid(options: argparse.Namespace) -> Any:
    """The grid of a study; UsageError where it makes no sense."""
    from shared.study.grid import Grid

    def listed(given: list[list[int]] | None, default: list[int]) -> list[int]:
        return list(dict.fromkeys(seed for part in given for seed in part)) if given else default

    axes = (options.init_seeds, options.seeds, options.data_seeds, options.split_seeds)
    many = max((len(listed(axis, [])) for axis in axes if axis), default=0)
    unless_given = list(range(1, (many if many > 1 else 30) + 1))  # as many as the longest list that is given
    if options.data is not None and options.data_seeds is not None:
        raise UsageError("--data-seeds are of the built-in data: expected them without --data")
    grid = Grid(
        implementations=implementations(options),
        variants=variants(options),
        lambds=list(dict.fromkeys(value + 0.0 for value in options.lambd)),  # -0.0 is 0.0
        keep_probs=list(dict.fromkeys(options.keep_prob)),
        learning_rates=list(dict.fromkeys(options.learning_rate)),
        hiddens=list(dict.fromkeys(options.hidden)),
        data_seeds=[None] if options.data is not None else listed(options.data_seeds, [DEFAULT_DATA_SEED]),
        split_seeds=[None],
        init_seeds=listed(options.init_seeds, unless_given),
        seeds=listed(options.seeds, unless_given),
        crossed=options.crossed,
        num_iterations=options.num_iterations,
        dtype=options.dtype,
        dev_share=options.dev_share,
    )
    chosen_from = max(Counter(setting.variant for setting in grid.settings()).values())
    share = options.dev_share if options.dev_share is not None else 0.2 if chosen_from > 1 else None
    if share is None and options.split_seeds:
        raise UsageError("--split-seeds are of the dev part, and nothing is chosen here: give --dev-share too")
    if share is not None:
        if not 0 < share < 1:
            raise UsageError(f"--dev-share: expected a share > 0 and < 1, got {share}")
        grid = replace(
            grid, dev_share=share, split_seeds=listed(options.split_seeds, [0] if options.crossed else unless_given)
        )
    grid.runs()  # complains where a value is out of range
    return grid


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
