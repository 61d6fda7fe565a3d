"""The command line: pick the command, run it, exit. What a command is, stands in its folder in shared/commands."""

import io
import signal
import sys
from typing import TYPE_CHECKING, Any

from shared.commands import MAIN, commands
from shared.errors import SamenetError, UsageError, did_you_mean
from shared.harness.command import EXIT, Command, Options, spelled

if TYPE_CHECKING:
    from shared.commands.compare.notebook import Comparison

EXIT_CODES = """exit codes:
  0  everything planned was compared and matches
  1  something differs
  2  wrong usage or bad input
  3  incomplete: an implementation is missing, crashed or was killed"""


def parse(arguments: list[str], program: str = "compare.py") -> tuple[Command, Options]:
    """The command and its options; UsageError where the command line is wrong. program: what it calls itself."""
    found = commands()
    main = found.pop(MAIN)
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:2], "--help"]
    first = arguments[0] if arguments else ""
    if first in found:
        command = found[first]
        return command, command.parse(arguments[1:], f"{program} {command.name}", program)
    if first and not first.startswith("-"):
        meant = did_you_mean(first, found)
        if first.endswith((".py", ".ipynb")):
            meant = f"; to check a port of your own: {program} check {first}"
        raise UsageError(f"unknown command {first!r}{meant} (see {program} --help)")
    width = max(len(command.usage) for command in found.values()) + 1
    listed = "\n".join(f"  {command.usage:<{width}} {command.summary}" for command in found.values())
    epilog = f"\nother commands (each has its own --help):\n{listed}\n\n{EXIT_CODES}"
    return main, main.parse(arguments, program, program, epilog)


def comparison(**settings: Any) -> "Comparison":
    """The comparison for notebooks and scripts: a Comparison, which a notebook shows as the page.

    settings: the flags of `compare.py` by their names, with _ for -, such as variants=["none", "l2"], iterations=2000;
    a list where several values follow. UsageError and DataError say what is wrong with them.
    """
    from shared.commands.compare.notebook import Comparison
    from shared.harness.runner import compute, write

    command, given = parse(spelled(settings))
    write(command, compute(command, given), given.out)
    return Comparison(given.out)


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
        command, options = parse(sys.argv[1:], program)
        from shared.harness.runner import run  # only now: --help and a wrong flag answer at once

        return run(command, options)
    except SamenetError as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return 130
    except Exception:  # a defect of this program says nothing of the networks: not the exit code 1 of a mismatch
        import traceback

        traceback.print_exc()
        return EXIT["incomplete"]


if __name__ == "__main__":
    sys.exit(main())
