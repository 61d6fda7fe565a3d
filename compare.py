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
from shared.errors import DataError, SamenetError, UsageError

EXIT = {"match": 0, "mismatch": 1, "incomplete": 3}
LIMITS = """Measure what the comparison can see: false alarms of correct implementations on random problems,
and the smallest fault of each kind that turns red."""
EXIT_CODES = """another command:
  limits  measure what the comparison can see: false alarms and smallest faults (compare.py limits --help)

exit codes:
  0  everything planned was compared and matches
  1  something differs
  2  wrong usage or bad input
  3  incomplete: an implementation is missing, crashed or was killed"""


class Parser(argparse.ArgumentParser):
    """argparse, with errors in one line."""

    def __init__(self, **settings: Any):
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **settings)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line; UsageError where it is wrong."""
    if arguments[:1] == ["limits"]:
        return _parse_limits(arguments[1:])
    parser = Parser(prog="compare.py", description=__doc__, epilog=EXIT_CODES)
    parser.set_defaults(command=run)
    parser.add_argument("--data", metavar="PATH", help="data set: .mat (X, y, Xval, yval), .npz (the same names) or .csv "
                        "(columns y, split and the features); default: the built-in, synthetic one")  # fmt: skip
    parser.add_argument("--variants", nargs="+", metavar="V", default=list(DEFAULT_VARIANTS),
                        help=f"of {', '.join(VARIANTS)} (default: {' '.join(DEFAULT_VARIANTS)})")  # fmt: skip
    for option in fields(Hyperparameters):
        name = "iterations" if option.name == "num_iterations" else option.name
        _add_hyperparameter(parser, f"--{name.replace('_', '-')}", option)
    parser.add_argument("--data-seed", type=_integer, default=None, metavar="S",
                        help="of the built-in data (default: 0)")  # fmt: skip
    _add_common(parser, "results.json and the pictures")
    return parser.parse_args(arguments)


def _parse_limits(arguments: list[str]) -> argparse.Namespace:
    parser = Parser(prog="compare.py limits", description=LIMITS)
    parser.set_defaults(command=run_limits)
    parser.add_argument("--problems", type=_integer, default=200, metavar="N",
                        help="random problems per implementation and dtype (default: 200)")  # fmt: skip
    _add_common(parser, "limits.json")
    return parser.parse_args(arguments)


def _add_common(parser: argparse.ArgumentParser, content: str) -> None:
    parser.add_argument("--implementations", nargs="+", metavar="I", default=list(IMPLEMENTATIONS),
                        help=f"of {', '.join(IMPLEMENTATIONS)} (default: all)")  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("results"), metavar="DIR",
                        help=f"where {content} go (default: results)")  # fmt: skip
    parser.add_argument("--jobs", type=_integer, default=None, metavar="N",
                        help="processes side by side (default: one per core)")  # fmt: skip


def _add_hyperparameter(parser: argparse.ArgumentParser, flag: str, option) -> None:
    default = option.default
    if isinstance(default, tuple):
        help = f"{option.metadata['help']} (default: {' '.join(map(str, default))})"
        parser.add_argument(flag, dest=option.name, nargs=2, type=_integer, metavar="H", default=default, help=help)
        return
    converters: dict[type, Callable[[str], Any]] = {int: _integer, float: _number, str: str}
    help = f"{option.metadata['help']} (default: {default})"
    metavar = "|".join(option.metadata.get("choices", ())) or option.name[0].upper()
    parser.add_argument(flag, dest=option.name, type=converters[type(default)], metavar=metavar, default=default, help=help)


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
    jobs = _jobs(options)
    if options.data is not None and options.data_seed is not None:
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

    try:
        dataset = load_dataset(options.data) if options.data is not None else make_dataset(data_seed)
    except DataError as error:
        raise DataError(f"--data: {error}") from error
    prepare(options.out)
    with TrainingProgress(implementations, variants, hyper.num_iterations, Console(stderr=True)) as progress:
        results = compare(dataset, hyper, variants, implementations, jobs, options.out, progress)
    write_json(results, options.out / "results.json")
    console = Console()
    show(results, console)
    paths = [options.out / "results.json", *draw_pictures(results, options.out)]
    console.print("written: " + ", ".join(map(str, paths)), style="dim", markup=False, soft_wrap=True)
    return EXIT[results["verdict"]]


def run_limits(options: argparse.Namespace) -> int:
    """Measure false alarms and detection limits; 1 where a correct implementation raised an alarm."""
    implementations = choose(options.implementations, IMPLEMENTATIONS, "--implementations")
    if not 1 <= options.problems <= 100_000:
        raise UsageError(f"--problems: expected a number from 1 to 100,000, got {options.problems}")
    jobs = _jobs(options)

    from rich.console import Console

    from shared.comparison import measure_limits
    from shared.report.limits import show_limits
    from shared.report.progress import LimitsProgress
    from shared.report.results import prepare, write_json

    prepare(options.out)
    with LimitsProgress(implementations, options.problems, Console(stderr=True)) as progress:
        limits = measure_limits(implementations, options.problems, jobs, progress)
    write_json(limits, options.out / "limits.json")
    show_limits(limits, Console())
    if limits["incomplete"]:
        return EXIT["incomplete"]
    return EXIT["mismatch" if any(entry["alarms"] for entry in limits["false_alarms"]) else "match"]


def _jobs(options: argparse.Namespace) -> int:
    jobs = available_cores() if options.jobs is None else options.jobs
    if not 1 <= jobs <= 64:
        raise UsageError(f"--jobs: expected a number from 1 to 64, got {jobs}")
    return jobs


def main() -> int:
    """Parse, run, and turn errors into one line and an exit code."""

    def interrupt(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        options = parse(sys.argv[1:])
        return options.command(options)
    except SamenetError as error:
        print(f"compare.py: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("compare.py: interrupted, nothing was written", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
