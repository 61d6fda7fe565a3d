"""What a process of `compare.py mistakes` does."""

import traceback

from shared.adapters import IMPLEMENTATIONS
from shared.harness.child import Send
from shared.harness.inputs import read_array, read_inputs, read_problem


def try_mistakes(task: dict, send: Send) -> None:
    """Plant some mistakes in one implementation, one after the other (see shared/commands/mistakes/trial.py)."""
    from shared.commands.mistakes.trial import TRIALS, correct_run, try_out

    _, Y, parameters, hyper = read_problem(task)
    data = read_inputs(task) | {"Y_train": Y, "Y_test": read_array(task, "Y_test")}
    port = IMPLEMENTATIONS[task["implementation"]].adapter()
    correct: dict[str, dict] = {}
    for number in task["trials"]:
        trial = TRIALS[number]
        send("begin", trial=number)
        if not trial.legal and trial.plant.variant not in correct:
            correct[trial.plant.variant] = correct_run(port, trial.plant.variant, hyper, data, parameters)
        try:
            result = try_out(trial, hyper, data, parameters, correct.get(trial.plant.variant))
        except Exception as error:  # the others may still be tried
            traceback.print_exc()
            send("tried", trial=number, reason=f"{type(error).__name__}: {error}")
        else:
            send("tried", trial=number, result=result)


TASKS = {"mistakes": try_mistakes}
