"""samenet: train one regularized network in NumPy, PyTorch and TensorFlow, and prove that it is the same network."""

import argparse
import signal
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from shared.config import DEFAULT_VARIANTS, IMPLEMENTATIONS, VARIANTS, Hyperparameters, choose
from shared.environment import available_cores
from shared.errors import SamenetError, UsageError

EXIT = {"match": 0, "mismatch": 1, "incomplete": 3}
EXIT_CODES = """exit codes:
  0  everything planned was compared and matches
  1  something differs
  2  wrong usage or bad input
  3  incomplete: an implementation is missing, crashed or was killed"""


class Parser(argparse.ArgumentParser):
    """argparse, with errors in one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line; UsageError where it is wrong."""
    parser = Parser(
        prog="compare.py", description=__doc__, epilog=EXIT_CODES, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--data", metavar="PATH", help="data set: .mat (X, y, Xval, yval), .npz (the same names) or .csv "
                        "(columns y, split and the features); default: the built-in, synthetic one")  # fmt: skip
    parser.add_argument("--variants", nargs="+", metavar="V", default=list(DEFAULT_VARIANTS),
                        help=f"of {', '.join(VARIANTS)} (default: {' '.join(DEFAULT_VARIANTS)})")  # fmt: skip
    parser.add_argument("--implementations", nargs="+", metavar="I", default=list(IMPLEMENTATIONS),
                        help=f"of {', '.join(IMPLEMENTATIONS)} (default: all)")  # fmt: skip
    for option in fields(Hyperparameters):
        name = "iterations" if option.name == "num_iterations" else option.name
        _add_hyperparameter(parser, f"--{name.replace('_', '-')}", option)
    parser.add_argument("--data-seed", type=_integer, default=None, metavar="S",
                        help="of the built-in data (default: 0)")  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("results"), metavar="DIR",
                        help="where results.json and the pictures go (default: results)")  # fmt: skip
    parser.add_argument("--jobs", type=_integer, default=None, metavar="N",
                        help="processes side by side (default: one per core)")  # fmt: skip
    return parser.parse_args(arguments)


def _add_hyperparameter(parser: argparse.ArgumentParser, flag: str, option) -> None:
    default = option.default
    if isinstance(default, tuple):
        help = f"{option.metadata['help']} (default: {' '.join(map(str, default))})"
        parser.add_argument(flag, dest=option.name, nargs=2, type=_integer, metavar="H", default=default, help=help)
        return
    convert: Callable[[str], Any] = {int: _integer, float: _number, str: str}[type(default)]
    help = f"{option.metadata['help']} (default: {default})"
    metavar = "|".join(option.metadata.get("choices", ())) or option.name[0].upper()
    parser.add_argument(flag, dest=option.name, type=convert, metavar=metavar, default=default, help=help)


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}") from None


def run(options: argparse.Namespace) -> int:
    """The comparison; returns the exit code."""
    settings: dict[str, Any] = {field.name: getattr(options, field.name) for field in fields(Hyperparameters)}
    hyper = Hyperparameters(**settings | {"hidden": tuple(settings["hidden"])})
    variants = choose(options.variants, VARIANTS, "--variants")
    implementations = choose(options.implementations, IMPLEMENTATIONS, "--implementations")
    jobs = available_cores() if options.jobs is None else options.jobs
    if not 1 <= jobs <= 64:
        raise UsageError(f"--jobs: expected a number from 1 to 64, got {jobs}")
    if options.data and options.data_seed is not None:
        raise UsageError("--data-seed is of the built-in data: expected it without --data")
    data_seed = options.data_seed or 0
    if not 0 <= data_seed < 2**31:
        raise UsageError(f"--data-seed: expected a number >= 0 and < 2**31, got {data_seed}")

    # Imported only now: --help and a wrong flag answer at once.
    from rich.console import Console

    from shared.comparison import compare
    from shared.data import load_dataset
    from shared.report.pictures import draw_pictures
    from shared.report.progress import TrainingProgress
    from shared.report.results import prepare, write_json
    from shared.report.table import show
    from shared.synthetic import make_dataset

    dataset = load_dataset(options.data) if options.data else make_dataset(data_seed)
    prepare(options.out)
    with TrainingProgress(implementations, variants, hyper.num_iterations, Console(stderr=True)) as progress:
        results = compare(dataset, hyper, variants, implementations, jobs, options.out, progress)
    write_json(results, options.out / "results.json")
    console = Console()
    show(results, console)
    paths = [options.out / "results.json", *draw_pictures(results, options.out)]
    console.print("written: " + ", ".join(map(str, paths)), style="dim", markup=False, soft_wrap=True)
    return EXIT[results["verdict"]]


def main() -> int:
    """Parse, run, and turn errors into one line and an exit code."""

    def interrupt(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        return run(parse(sys.argv[1:]))
    except SamenetError as error:
        print(f"compare.py: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("compare.py: interrupted, nothing was written", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
