"""What the processes of `compare.py bench` do."""

from shared.harness.child import Send
from shared.harness.inputs import read_problem


def run_race(task: dict, send: Send) -> None:
    """The speed of everything, side by side (see shared/commands/bench/)."""
    from shared.commands.bench.race import race

    X, Y, parameters, hyper = read_problem(task)
    names, updates, rounds = task["names"], task["updates"], task["rounds"]
    send("raced", **race(X, Y, parameters, hyper, names, updates, rounds, lambda: send("progress")))


def run_growth(task: dict, send: Send) -> None:
    """How time and memory of one implementation grow with one size."""
    from shared.commands.bench.growth import grow

    send("grown", result=grow(task["name"], task["grows"], lambda: send("progress")))


TASKS = {"race": run_race, "grow": run_growth}
