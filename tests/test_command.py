"""What a command is: one description, from which help, run, files and exit code are made, for all of them alike."""

import io
import json
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import compare
from shared.commands import commands
from shared.errors import UsageError
from shared.harness import flags
from shared.harness.command import Command, Made, Options
from shared.harness.measured import Measured
from shared.harness.progress import Progress
from shared.harness.runner import run

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Own(Options):
    """The settings of a command of this test."""

    file: str = flags.flag("", "what is read", positional=True, metavar="FILE")
    size: int = flags.flag(3, "how large", then=flags.between(1, 9), metavar="N")
    shares: tuple[float, float] = flags.flag((0.5, 0.5), "how much", type=flags.number)
    picture: bool = flags.flag(True, "leave the picture out", flag="no_picture")
    data: flags.DataFlags = flags.group(flags.DataFlags, flags.DATA)
    quiet: bool = flags.flag(False, "the verdict alone", alone="shown")
    json: bool = flags.flag(False, "say it in JSON", alone="shown")
    out: Path = flags.out("own.json and own.png")


@dataclass
class Sized(Measured):
    """What it measures."""

    size: int
    end: str
    odd: float | None = float("nan")

    @property
    def verdict(self):
        return self.end


def own(verdict="match", draw=lambda results: [("own.png", lambda: b"new")]):
    """A command that does nothing but what its verdict says."""
    return Command(
        name="own",
        summary="is tested",
        about="About it.",
        options=Own,
        work=lambda options, progress: Made(Sized(options.size, verdict)),
        show=lambda results, console: console.print(f"shown: {results.size}"),
        answer=lambda results: results.verdict,
        examples=(("own here --size 4", "does it four times"),),
        written=("own.json", "own.png"),
        draw=draw,
    )


def test_a_field_is_a_flag_with_its_default_and_its_range():
    command = own()
    settings = command.parse(["here", "--no-picture", "--shares", "0.1", "0.9", "--data-seed", "4"], "own")
    assert settings == Own(file="here", shares=(0.1, 0.9), picture=False, data=flags.DataFlags(data_seed=4))
    assert command.usage == "own FILE"
    for wrong, said in (
        ("", "the following arguments are required: FILE"),
        ("here --size 10", "--size: expected a number from 1 to 9, got 10"),
        ("here --size x", "expected a whole number, got 'x'"),
        ("here --shares 1", "--shares"),
        ("here --quiet --json", "not allowed with argument"),
        ("here --data a.csv --data-seed 1", "--data-seed is of the built-in data"),
    ):
        with pytest.raises(UsageError) as raised:
            command.parse(wrong.split(), "own")
        assert said in str(raised.value)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's file that is always full")
@pytest.mark.parametrize("json", [False, True])
def test_results_that_nobody_could_read_are_said_in_one_line(tmp_path, monkeypatch, json):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(UsageError, match=r"^standard output cannot be written: No space left on device$"):
            run(own(), Own("here", out=tmp_path, json=json))
    assert (tmp_path / "own.json").exists()


@pytest.mark.parametrize(("verdict", "code"), [("match", 0), ("mismatch", 1), ("incomplete", 3)])
def test_the_verdict_decides_the_exit_code_and_everything_is_written_and_said(tmp_path, capsys, verdict, code):
    (tmp_path / "own.png").write_text("old")
    assert run(own(verdict), Own("here", out=tmp_path)) == code
    content = {"schema": 1, "verdict": verdict, "size": 3, "end": verdict, "odd": None}
    assert json.loads((tmp_path / "own.json").read_text()) == content
    assert (tmp_path / "own.png").read_bytes() == b"new"
    shown, written, answer = capsys.readouterr().out.splitlines()
    assert (shown, answer) == ("shown: 3", verdict)  # the answer last
    assert written == f"written: {tmp_path / 'own.json'}, {tmp_path / 'own.png'}"

    run(own(verdict), Own("here", out=tmp_path, quiet=True))
    assert capsys.readouterr().out == f"{verdict}\n"
    run(own(verdict), Own("here", out=tmp_path, json=True))
    assert json.loads(capsys.readouterr().out)["verdict"] == verdict


def test_what_was_computed_is_shown_even_where_it_cannot_be_written(tmp_path, capsys):
    def full(results):
        raise OSError(28, "No space left on device")

    with pytest.raises(UsageError, match=r"--out: cannot write into .*: No space left on device"):
        run(own(draw=full), Own("here", out=tmp_path))
    assert capsys.readouterr().out == "shown: 3\nmatch\n"
    assert [path.name for path in tmp_path.iterdir()] == ["own.json"]


def test_every_folder_is_a_command_and_the_help_lists_it(capsys):
    found = commands()
    folders = {path.parent.name for path in (ROOT / "shared" / "commands").glob("*/command.py")}
    assert found.keys() == folders == {"compare", "check", "mistakes", "limits", "optimizers", "bench", "study", "page"}
    assert {command.name for command in found.values()} == folders
    with pytest.raises(SystemExit, match="0"):
        compare.parse(["--help"], "samenet")
    listed = capsys.readouterr().out
    for name in folders - {"compare"}:
        assert f"  {found[name].usage} " in listed
        assert found[name].summary in listed
    assert len({command.written[0] for command in found.values()}) == 6  # compare, check and page: all results.json


@pytest.mark.parametrize("asked", ["--help", "help", "help study", "study --help"])
def test_help_has_headings_and_examples_that_parse(capsys, asked):
    with pytest.raises(SystemExit, match="0"):
        compare.parse(asked.split(), "samenet")
    shown = capsys.readouterr().out
    command = commands()["study" if "study" in asked else "compare"]
    assert all(f"\n{heading}:\n" in shown for heading in (flags.DATA, flags.COMPARED, flags.TRAINING, flags.OUTPUT))
    assert "\noptions:\n  -h, --help" in shown
    for given, what in command.examples:
        assert f"  samenet {given}\n      {what}\n" in shown


def test_every_command_has_examples_that_parse():
    for command in commands().values():
        assert command.examples
        for given, _ in command.examples:
            assert compare.parse(shlex.split(given))[0].name == command.name


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("mistake", "unknown command 'mistake'; did you mean mistakes?"),
        ("help studdy", "unknown command 'studdy'; did you mean study?"),
        ("my_port.py", "unknown command 'my_port.py'; to check a port of your own: samenet check my_port.py"),
        ("frobnicate", "unknown command 'frobnicate' (see samenet --help)"),
        ("--lambda 0.1", "unrecognized arguments: --lambda 0.1; did you mean --lambd? (see samenet --help)"),
        ("check port.py --varants l2", "--varants l2; did you mean --variants? (see samenet check --help)"),
        ("--xyz", "unrecognized arguments: --xyz (see samenet --help)"),
    ],
)
def test_what_is_mistyped_is_named_and_what_was_meant(typed, said):
    with pytest.raises(UsageError) as raised:
        compare.parse(typed.split(), "samenet")
    assert said in str(raised.value)


def test_progress_says_a_line_now_and_then_where_there_is_no_terminal(monkeypatch):
    from rich.console import Console

    from shared.harness import progress as module

    output = io.StringIO()
    with Progress(Console(file=output, width=80)) as progress:
        progress.add("training", 100, done=20)
        progress.add("checking", doing="[red]reading\x1b")
        progress.update("training", 5, "l2")
        assert output.getvalue() == ""  # it is not long since it began
        monkeypatch.setattr(module, "NOW_AND_THEN", 0.0)
        progress.update("training", 5, "l2\x07")
        progress.update("training", 5)
    assert output.getvalue().splitlines()[0] == "training 30 %: l2\\x07; checking: [red]reading\\x1b"
    Progress().add("silent")
