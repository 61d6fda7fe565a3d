"""samenet: train one regularized network in NumPy, PyTorch and TensorFlow, and prove that it is the same network."""

import argparse
import io
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.config import DEFAULT_DATA_SEED, DEFAULT_VARIANTS, VARIANTS, Hyperparameters, choose
from shared.errors import DataError, SamenetError, UsageError
from shared.harness import flags

if TYPE_CHECKING:
    from shared.commands.compare.notebook import Comparison

CHECKED_VARIANTS = ("none", "l2", "dropout", "l2-dropout")
EXIT = {"match": 0, "mismatch": 1, "incomplete": 3}
LIMITS = """Measure what the comparison can see: false alarms of correct implementations on random problems,
and the smallest fault of each kind that turns red."""
MISTAKES = """Plant every known mistake in one of the implementations, written as people write it, and see whether
the comparison finds and names it; and that other correct ways to write the network are not flagged.

d1, d10, d1000, end: the largest difference of any parameter from the correct run after so many updates.
test: what it does to the accuracy on the test set, in points."""
OPTIMIZERS = """Measure where weight_decay means the same in PyTorch and in Keras (SGD, momentum, Nesterov, Adam, AdamW),
how far they part where it does not, and what to write to make them equal. Exit code 1: something is not as claimed."""
CHECK = """Hold someone's own port against the reference: a Python file (or a notebook) that defines any of

  trace(X, Y, parameters, *, lambd, keep_prob, seed)                                  one step from inside
  train(X, Y, parameters, *, learning_rate, num_iterations, lambd, keep_prob, seed)   a whole run
  predict(X, parameters)                                                              the classes
  the course's functions, such as backward_propagation_with_dropout(X, Y, cache, keep_prob)

The file is executed, in a process of its own, with your rights: check only what you would run.
Of a notebook only the imports and the function definitions are."""
BENCH = """Measure how fast the implementations are, beside the course's plain NumPy loop, the matrix products alone,
scikit-learn and Keras fit; how time and memory grow; and what the whole command takes. It measures, and asserts nothing."""
STUDY = """Train every combination of the values given, over many seeds, and say what is luck (mean and interval over seeds),
which lambd and keep_prob do best on a dev part split off the training examples (one-standard-error rule), and whether the
implementations are equivalent where each draws its own masks (TOST). Lists of seeds go side by side: the first runs take the
first of each. What is finished is kept in DIR/study.sqlite; given again, the command goes on where it was.

Exit code 1: implementations differ; 3: runs are missing, or too few to tell."""
EXIT_CODES = """other commands (each has its own --help):
  check FILE  hold your own port, or your functions of the course, against the reference
  mistakes    plant every known mistake in a port: each must be found and named
  limits      measure what the comparison can see: false alarms and smallest faults
  optimizers  measure where weight_decay means the same in PyTorch and in Keras, and where not
  bench       measure speed and memory
  study       many seeds: what is luck, which lambd and keep_prob, is dropout equivalent

exit codes:
  0  everything planned was compared and matches
  1  something differs
  2  wrong usage or bad input
  3  incomplete: an implementation is missing, crashed or was killed"""


def parse(arguments: list[str], program: str = "compare.py") -> argparse.Namespace:
    """The command line; UsageError where it is wrong. program: what it calls itself."""
    if arguments[:1] and arguments[0] in COMMANDS:
        return COMMANDS[arguments[0]](program).parse_args(arguments[1:])
    parser = flags.Parser(prog=program, description=__doc__, epilog=EXIT_CODES)
    parser.set_defaults(command=run)
    flags.add_data(parser)
    flags.add_variants(parser, tuple(VARIANTS), DEFAULT_VARIANTS)
    flags.add_hyperparameters(parser)
    flags.add_implementations(parser)
    parser.add_argument("--fresh", action="store_true",
                        help="run everything again, also what was proved before and has not changed")  # fmt: skip
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--quiet", action="store_true", help="show the verdict alone")
    shown.add_argument("--json", action="store_true", help="show results.json instead of the table")
    flags.add_output(parser, "index.html, results.json, summary.md and the pictures")
    return parser.parse_args(arguments)


def _limits_parser(program: str) -> flags.Parser:
    parser = flags.Parser(prog=f"{program} limits", description=LIMITS)
    parser.set_defaults(command=run_limits)
    parser.add_argument("--problems", type=flags.integer, default=200, metavar="N",
                        help="random problems per implementation and dtype (default: 200)")  # fmt: skip
    parser.add_argument("--whole-problems", type=flags.integer, default=10, metavar="N",
                        help="random problems that are trained for 300 to 3,000 iterations and verified as a whole, "
                             "per implementation and dtype (default: 10)")  # fmt: skip
    flags.add_implementations(parser)
    flags.add_output(parser, "limits.json")
    return parser


def _optimizers_parser(program: str) -> flags.Parser:
    parser = flags.Parser(prog=f"{program} optimizers", description=OPTIMIZERS)
    parser.set_defaults(command=run_optimizers)
    flags.add_output(parser, "optimizers.json")
    return parser


def _check_parser(program: str) -> flags.Parser:
    parser = flags.Parser(prog=f"{program} check", description=CHECK)
    parser.set_defaults(command=run_check)
    parser.add_argument("file", type=Path, metavar="FILE", help="the port: .py or .ipynb; it is executed")
    flags.add_data(parser)
    flags.add_variants(parser, CHECKED_VARIANTS, CHECKED_VARIANTS[:3])
    flags.add_hyperparameters(parser)
    parser.add_argument("--time-limit", type=flags.number, default=600.0, metavar="SECONDS",
                        help="that one call of the port may take (default: 600)")  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("results"), metavar="DIR",
                        help="where results.json goes (default: results)")  # fmt: skip
    return parser


def _mistakes_parser(program: str) -> flags.Parser:
    parser = flags.Parser(prog=f"{program} mistakes", description=MISTAKES)
    parser.set_defaults(command=run_mistakes)
    flags.add_data(parser)
    parser.add_argument("--iterations", dest="num_iterations", type=flags.integer, default=30_000, metavar="N",
                        help="of the runs that show how large a mistake grows (default: 30000)")  # fmt: skip
    flags.add_implementations(parser)
    flags.add_output(parser, "mistakes.json")
    return parser


def _bench_parser(program: str) -> flags.Parser:
    parser = flags.Parser(prog=f"{program} bench", description=BENCH)
    parser.set_defaults(command=run_bench)
    flags.add_data(parser)
    parser.add_argument("--rounds", type=flags.integer, default=5, metavar="N",
                        help="in each of which everything is measured once (default: 5)")  # fmt: skip
    parser.add_argument("--updates", type=flags.integer, default=2000, metavar="N",
                        help="that an implementation does per round and variant (default: 2000)")  # fmt: skip
    parser.add_argument("--no-growth", dest="growth", action="store_false", help="leave out how time and memory grow")
    parser.add_argument("--whole", type=flags.integer, default=30_000, metavar="N",
                        help="iterations of the whole command, 0 to leave it out (default: 30000)")  # fmt: skip
    flags.add_implementations(parser)
    parser.add_argument("--out", type=Path, default=Path("results"), metavar="DIR",
                        help="where bench.json and bench.png go (default: results)")  # fmt: skip
    return parser


def _study_parser(program: str) -> flags.Parser:
    parser = flags.Parser(prog=f"{program} study", description=STUDY)
    parser.set_defaults(command=run_study)
    parser.add_argument("--data", metavar="PATH", help="data set, as of the comparison; default: the built-in one")
    flags.add_variants(parser, tuple(VARIANTS), DEFAULT_VARIANTS)
    flags.add_implementations(parser)
    default = Hyperparameters()
    several: dict[str, Any] = {"nargs": "+", "metavar": "V"}
    for flag, kind, value, about in (
        ("--lambd", flags.number, default.lambd, "strengths of the L2 penalty"),
        ("--keep-prob", flags.number, default.keep_prob, "shares of hidden units kept"),
        ("--learning-rate", flags.number, default.learning_rate, "step sizes"),
        ("--hidden", flags.sizes, default.hidden, "units of the hidden layers, such as 20,3 40,5"),
    ):
        shown = ",".join(map(str, value)) if isinstance(value, tuple) else value
        parser.add_argument(flag, type=kind, default=[value], help=f"{about} (default: {shown})", **several)
    for flag, shown, about in (
        ("--init-seeds", "1-30, or as many as other seeds given", "of the initial weights; 1-30: from 1 to 30"),
        ("--seeds", "as of --init-seeds", "of the dropout masks"),
        ("--data-seeds", DEFAULT_DATA_SEED, "of the built-in data"),
        ("--split-seeds", "as of --init-seeds; crossed: 0", "of the dev part"),
    ):
        parser.add_argument(flag, type=flags.seeds, nargs="+", metavar="S", help=f"{about} (default: {shown})")
    parser.add_argument("--crossed", action="store_true", help="every combination of the seeds, instead of side by side")
    parser.add_argument("--dev-share", type=flags.number, metavar="S",
                        help="of the training examples that go into the dev part (default: 0.2 where there is something to "
                        "choose, else none)")  # fmt: skip
    parser.add_argument("--iterations", dest="num_iterations", type=flags.integer, default=default.num_iterations,
                        metavar="N", help=f"updates per run (default: {default.num_iterations})")  # fmt: skip
    parser.add_argument("--dtype", default=default.dtype, metavar="float64|float32", help="precision (default: float64)")
    for metric, margin in (("cost", 0.01), ("accuracy", 0.01)):
        of = "training cost at the end of the runs" if metric == "cost" else "accuracy on the test examples"
        parser.add_argument(f"--margin-{metric}", type=flags.number, default=margin, metavar="M",
                            help=f"largest mean difference of the {of} that is equivalent (default: {margin})")  # fmt: skip
    parser.add_argument("--scheduler", metavar="tcp://HOST:PORT", help="run on the workers of this Dask scheduler")
    flags.add_output(parser, "study.sqlite, study.csv, study.json and the pictures")
    return parser


COMMANDS = {
    "check": _check_parser,
    "mistakes": _mistakes_parser,
    "limits": _limits_parser,
    "optimizers": _optimizers_parser,
    "bench": _bench_parser,
    "study": _study_parser,
}


def run_check(options: argparse.Namespace) -> int:
    """Check a port; returns the exit code."""
    hyper = flags.hyperparameters(options)
    variants = choose(options.variants, {name: name for name in CHECKED_VARIANTS}, "--variants")
    data_seed = flags.data_seed(options)
    if not 0 < options.time_limit <= 1e6:
        raise UsageError(f"--time-limit: expected seconds > 0 and <= 1e6, got {options.time_limit}")

    from shared.commands.check.command import check
    from shared.commands.check.progress import CheckProgress
    from shared.commands.check.table import failure_text, show_check
    from shared.harness.console import Console
    from shared.harness.output import plain, prepare, write_json

    dataset = _dataset(options.data, data_seed)
    path = options.out / "results.json"
    prepare(path)
    with CheckProgress(Console(stderr=True)) as progress:
        results = check(options.file, dataset, hyper, variants, options.time_limit, progress)
    results = plain(results | {"message": failure_text(results)})
    write_json(results, path)
    console = Console()
    show_check(results, console)
    console.print(f"written: {path}", style="dim", markup=False, soft_wrap=True)
    return EXIT[results["verdict"]]


def run(options: argparse.Namespace) -> int:
    """The comparison; returns the exit code."""
    results = _compared(options)

    from shared.commands.compare.results import RESULTS, write_all
    from shared.commands.compare.table import show, show_verdict
    from shared.harness.console import Console

    console = Console()
    try:
        paths = write_all(results, options.out)
    finally:  # what has taken minutes is shown, whatever becomes of the files
        if options.quiet and not options.json:
            show_verdict(results, console)
        elif not options.json:
            show(results, console)
    if options.json:
        text = (options.out / RESULTS).read_text(encoding="utf-8")
        console.print(text, end="", markup=False, highlight=False, soft_wrap=True)
    elif not options.quiet:
        console.print("written: " + ", ".join(map(str, paths)), style="dim", markup=False, soft_wrap=True)
    return EXIT[results["verdict"]]


def comparison(**settings: Any) -> "Comparison":
    """The comparison for notebooks and scripts: a Comparison, which a notebook shows as the page.

    settings: the flags of `compare.py` by their names, with _ for -, such as variants=["none", "l2"], iterations=2000;
    a list where several values follow. UsageError and DataError say what is wrong with them.
    """
    from shared.commands.compare.notebook import Comparison
    from shared.commands.compare.results import write_all

    options = parse(flags.spelled(settings))
    write_all(_compared(options), options.out)
    return Comparison(options.out)


def _compared(options: argparse.Namespace) -> dict:
    """Run the comparison; returns the content of results.json."""
    hyper = flags.hyperparameters(options)
    variants = flags.variants(options)
    implementations = flags.implementations(options)
    jobs = flags.jobs(options)
    data_seed = flags.data_seed(options)

    # Imported only now: --help and a wrong flag answer at once.
    from shared.commands.compare.comparison import compare
    from shared.commands.compare.progress import TrainingProgress
    from shared.commands.compare.results import WRITTEN
    from shared.harness.console import Console
    from shared.harness.output import plain, prepare

    dataset = _dataset(options.data, data_seed)
    for name in WRITTEN:
        prepare(options.out / name)
    errors = Console(stderr=True, quiet=options.quiet)
    with TrainingProgress(implementations, variants, hyper.num_iterations, errors) as progress:
        return plain(compare(dataset, hyper, variants, implementations, jobs, options.out, options.fresh, progress))


def run_mistakes(options: argparse.Namespace) -> int:
    """Plant every mistake; 1 where one is not found and named, or what is none is flagged."""
    hyper = Hyperparameters(num_iterations=options.num_iterations)
    implementations = flags.implementations(options)
    jobs = flags.jobs(options)
    data_seed = flags.data_seed(options)

    from shared.commands.mistakes.mistakes import try_all
    from shared.commands.mistakes.progress import MistakesProgress
    from shared.commands.mistakes.table import show_mistakes
    from shared.commands.mistakes.trial import TRIALS
    from shared.harness.console import Console
    from shared.harness.output import prepare, write_json

    dataset = _dataset(options.data, data_seed)
    path = options.out / "mistakes.json"
    prepare(path)
    total = sum(trial.plant.implementation in implementations for trial in TRIALS)
    with MistakesProgress(total, Console(stderr=True)) as progress:
        results = try_all(dataset, hyper, implementations, jobs, progress)
    write_json(results, path)
    show_mistakes(results, Console())
    return EXIT[results["verdict"]]


def run_limits(options: argparse.Namespace) -> int:
    """Measure false alarms and detection limits; 1 where a correct implementation raised an alarm."""
    implementations = flags.implementations(options)
    if not 1 <= options.problems <= 100_000:
        raise UsageError(f"--problems: expected a number from 1 to 100,000, got {options.problems}")
    if not 0 <= options.whole_problems <= 100_000:
        raise UsageError(f"--whole-problems: expected a number from 0 to 100,000, got {options.whole_problems}")
    jobs = flags.jobs(options)

    from shared.commands.limits.measure import measure_limits
    from shared.commands.limits.progress import LimitsProgress
    from shared.commands.limits.table import show_limits
    from shared.harness.console import Console
    from shared.harness.output import prepare, write_json

    path = options.out / "limits.json"
    prepare(path)
    problems, whole = options.problems, options.whole_problems
    with LimitsProgress(implementations, problems + whole, Console(stderr=True)) as progress:
        limits = measure_limits(implementations, problems, whole, jobs, progress)
    write_json(limits, path)
    show_limits(limits, Console())
    if limits["incomplete"]:
        return EXIT["incomplete"]
    entries = limits["false_alarms"] + limits["whole_problems"]
    return EXIT["mismatch" if any(entry["alarms"] for entry in entries) else "match"]


def run_optimizers(options: argparse.Namespace) -> int:
    """Measure where the frameworks' optimizers are equal; 1 where a claim does not hold."""
    jobs = flags.jobs(options)

    from shared.commands.optimizers.measure import measure
    from shared.commands.optimizers.progress import OptimizersProgress
    from shared.commands.optimizers.table import show_optimizers
    from shared.harness.console import Console
    from shared.harness.output import prepare, write_json

    path = options.out / "optimizers.json"
    prepare(path)
    with OptimizersProgress(Console(stderr=True)) as progress:
        results = measure(jobs, progress)
    write_json(results, path)
    show_optimizers(results, Console())
    if results["incomplete"]:
        return EXIT["incomplete"]
    return EXIT["match" if all(row["holds"] for row in results["rows"]) else "mismatch"]


def run_bench(options: argparse.Namespace) -> int:
    """Measure speed and memory; 3 where something could not be measured."""
    implementations = flags.implementations(options)
    data_seed = flags.data_seed(options)
    for flag, value, low in (("rounds", options.rounds, 1), ("updates", options.updates, 1), ("whole", options.whole, 0)):
        if not low <= value <= 10_000_000:
            raise UsageError(f"--{flag}: expected a number from {low} to 10,000,000, got {value}")

    from shared.commands.bench.measure import measure
    from shared.commands.bench.pictures import draw_bench
    from shared.commands.bench.progress import BenchProgress
    from shared.commands.bench.table import show_bench
    from shared.harness.console import Console
    from shared.harness.output import prepare, write_json

    dataset = _dataset(options.data, data_seed)
    path = options.out / "bench.json"
    prepare(path)
    data_flags = [f"--data={options.data}"] if options.data else ["--data-seed", str(data_seed)]
    work = options.updates, options.rounds, options.growth, options.whole
    with BenchProgress(Console(stderr=True)) as progress:
        results = measure(dataset, implementations, *work, data_flags, progress)
    write_json(results, path)
    draw_bench(results, path.with_suffix(".png"))
    console = Console()
    show_bench(results, console)
    console.print(f"written: {path}, {path.with_suffix('.png')}", style="dim", markup=False, soft_wrap=True)
    return EXIT["incomplete" if results["missing"] else "match"]


def run_study(options: argparse.Namespace) -> int:
    """Run a study; 1 where implementations differ, 3 where runs are missing or too few to tell."""
    from shared.commands.study.options import grid_of

    jobs = flags.jobs(options)
    grid = grid_of(options)
    margins = {"training_cost": options.margin_cost, "test_accuracy": options.margin_accuracy}
    for metric, margin in margins.items():
        if not 0 < margin < float("inf"):
            raise UsageError(f"--margin-{metric.split('_')[1]}: expected a number > 0, got {margin}")

    from shared.commands.study.progress import StudyProgress
    from shared.commands.study.results import WRITTEN, write_study
    from shared.commands.study.study import study
    from shared.commands.study.table import show_study
    from shared.harness.console import Console
    from shared.harness.output import prepare

    dataset = _dataset(options.data, 0) if options.data else None
    for name in WRITTEN:
        prepare(options.out / name)
    with StudyProgress(Console(stderr=True)) as progress:
        results, table = study(grid, dataset, margins, options.out, jobs, options.scheduler, progress)
    console = Console()
    try:
        paths = write_study(results, table, options.out)
    finally:
        show_study(results, console)
    console.print("written: " + ", ".join(map(str, paths)), style="dim", markup=False, soft_wrap=True)
    return EXIT[results["verdict"]]


def _dataset(path: str | None, seed: int) -> Any:
    from shared.data import load_dataset
    from shared.synthetic import make_dataset

    try:
        return load_dataset(path) if path is not None else make_dataset(seed)
    except DataError as error:
        raise DataError(f"--data: {error}") from error


def main(program: str = "compare.py") -> int:
    """Parse, run, and turn errors into one line and an exit code."""

    def interrupt(*_):
        raise KeyboardInterrupt

    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), interrupt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # an ASCII terminal shows a path's other characters as it can
    try:
        options = parse(sys.argv[1:], program)
        return options.command(options)
    except SamenetError as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return 130
    except Exception:  # a defect of this program says nothing of the networks: not the exit code 1 of a mismatch
        traceback.print_exc()
        return EXIT["incomplete"]


if __name__ == "__main__":
    sys.exit(main())
