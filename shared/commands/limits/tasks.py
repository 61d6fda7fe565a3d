"""What the processes of `compare.py limits` do: count false alarms, and find the smallest faults that are seen."""

from shared.case import Problem
from shared.config import VARIANTS
from shared.harness.child import Send
from shared.harness.inputs import read_problem


def count_alarms(task: dict, send: Send) -> None:
    """False alarms of one implementation on random problems (see false_alarms.py)."""
    from shared.commands.limits.false_alarms import false_alarms

    found = false_alarms(task["implementation"], task["problems"], task["dtype"], lambda: send("progress"))
    send("counted", **found)


def count_whole_alarms(task: dict, send: Send) -> None:
    """The same on whole problems, trained and verified (see whole.py)."""
    from shared.commands.limits.whole import whole_alarms

    found = whole_alarms(task["implementation"], task["problems"], task["dtype"], lambda: send("progress"))
    send("counted", **found)


def find_limits(task: dict, send: Send) -> None:
    """The detection limits in one dtype."""
    from shared.commands.limits.detection import summary

    X, Y, _, hyper = read_problem(task)
    problem = Problem(X, Y, **hyper.of(VARIANTS["l2-dropout"]))
    send("found", **summary(hyper.dtype, problem, lambda: send("progress")))


TASKS = {"alarms": count_alarms, "whole alarms": count_whole_alarms, "limits": find_limits}
