"""What a process of `compare.py check` does."""

from pathlib import Path

from shared.harness.child import Send
from shared.harness.inputs import read_array, read_inputs, read_problem


def check(task: dict, send: Send) -> None:
    """Check someone's port (see shared/commands/check/)."""
    from shared.commands.check.work import Given, check_port

    X, Y, parameters, hyper = read_problem(task)
    labels = {"train": Y, "test": read_array(task, "Y_test")}
    check_port(Path(task["path"]), Given(X, Y, read_inputs(task), labels, parameters, hyper), task, send)


TASKS = {"check": check}
