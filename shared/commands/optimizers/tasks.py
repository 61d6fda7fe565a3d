"""What a process of `compare.py optimizers` does."""

from pathlib import Path

from shared.harness.child import Send
from shared.harness.inputs import read_problem
from shared.harness.records import save_arrays


def train_optimizers(task: dict, send: Send) -> None:
    """Every optimizer setting of one implementation, trained (see shared/commands/optimizers)."""
    from shared.commands.optimizers.runs import train_all

    X, Y, parameters, hyper = read_problem(task)
    implementation, rates = task["implementation"], (hyper.learning_rate, hyper.lambd)
    arrays = train_all(implementation, X, Y, parameters, *rates, lambda: send("progress"))
    save_arrays(Path(task["folder"]) / f"optimizers-{implementation}.npz", arrays)
    send("optimized")


TASKS = {"optimizers": train_optimizers}
