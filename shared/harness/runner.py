"""The run of any command: output prepared, progress shown, results written and shown, and one rule for the exit code."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from shared.errors import UsageError
from shared.harness.command import EXIT, Command, Made, S
from shared.harness.console import Console
from shared.harness.measured import Measured
from shared.harness.output import as_text, plain, prepare, write_json, write_whole
from shared.harness.progress import Progress


def run(command: Command[S], options: S) -> int:
    """Run a command and show what came of it; the exit code. UsageError where it cannot run, write or show."""
    made = compute(command, options)
    console = Console()
    try:
        paths = write(command, made, options.out)
    except BaseException:  # what has taken minutes is shown, whatever becomes of the files
        with suppress(UsageError):
            _show(command, options, made.results, console)
        raise
    _show(command, options, made.results, console, paths)
    return EXIT[made.results.verdict]


def compute(command: Command[S], options: S) -> Made:
    """Do the work; nothing is computed where the results could not be written.

    The results are as they would be read from the JSON, so that nothing is shown that is not written.
    """
    options.load()
    for name in (*command.kept, *command.written):
        if "*" not in name:
            prepare(options.out / name)
    with Progress(Console(stderr=True, quiet=options.quiet)) as progress:
        made = command.work(options, progress)
    return Made(made.results.from_json(plain(made.results.as_json())), made.files)


def write(command: Command, made: Made, folder: Path) -> list[Path]:
    """Write everything that shows the results; the paths. UsageError where something cannot be written.

    What shows an earlier run goes first: whatever ends this, no page or picture of another run lies beside the JSON.
    """
    json = command.written[0]
    names = [*command.kept, json]
    try:
        for old in (path for name in command.written[1:] for path in folder.glob(name)):
            old.unlink()
        write_json(made.results.as_json(), folder / json)
        for name, content in made.files.items():
            write_whole(folder / name, content)
        for name, make in command.draw(made.results):
            if name not in made.files:
                write_whole(folder / name, make())
            names.append(name)
        names += [name for name in made.files if name not in names]
    except OSError as error:
        said = f"--out: cannot write into {str(folder)!r}: {error.strerror}"
        raise UsageError(f"{said}; fix that and give the same command again: what is finished is kept") from error
    return [folder / name for name in names]


def _show(command: Command[S], options: S, results: Measured, console: Console, paths: Iterable[Path] = ()) -> None:
    """Print the results and the paths written; UsageError where standard output cannot be written (a full disk)."""
    try:
        if options.json:
            console.print(as_text(results.as_json()), end="", markup=False, highlight=False, soft_wrap=True)
        else:
            if not options.quiet:
                command.show(results, console)
            if paths and not options.quiet:
                console.print("written: " + ", ".join(map(str, paths)), style="dim", markup=False, soft_wrap=True)
            console.print(command.answer(results), highlight=False, soft_wrap=options.quiet)
        console.file.flush()
    except OSError as error:
        console.on_broken_pipe()
        raise UsageError(f"standard output cannot be written: {error.strerror}") from error
