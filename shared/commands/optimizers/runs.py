"""What one process does: train every setting of one framework; or, in NumPy, every rule by hand."""

import importlib
from collections.abc import Callable

from numpy.typing import NDArray

from shared.adapters import IMPLEMENTATIONS
from shared.commands.optimizers.rows import settings_of
from shared.commands.optimizers.settings import Setting
from shared.parameters import Parameters

FRAMEWORKS = {"torch": "in_torch", "tensorflow": "in_keras"}


def name_of(implementation: str, setting: Setting, array: str) -> str:
    """The name of an array of one run, among the arrays of all runs of a process."""
    return f"{implementation}: {setting.key}: {array}"


def train_all(
    implementation: str,
    X: NDArray,
    Y: NDArray,
    parameters: Parameters,
    learning_rate: float,
    lambd: float,
    report: Callable[[], None],
) -> dict[str, NDArray]:
    """The arrays of all runs, under `name_of`. numpy replays every run of both frameworks by hand, with the noise floors."""
    importlib.import_module(IMPLEMENTATIONS[implementation].package)  # first: tf_impl sets Keras up
    arrays: dict[str, NDArray] = {}
    if implementation == "numpy":
        from shared.commands.optimizers.by_hand import rule_of, train

        done: dict[str, dict[str, NDArray]] = {}
        for framework in FRAMEWORKS:
            for setting in settings_of(framework):
                rule = rule_of(framework, setting, learning_rate, lambd / X.shape[-1])
                same = repr(rule)
                if same not in done:
                    done[same] = train(rule, X, Y, parameters)
                report()
                arrays |= {name_of(framework, setting, array): value for array, value in done[same].items()}
        return arrays
    module = importlib.import_module(f"shared.commands.optimizers.{FRAMEWORKS[implementation]}")
    for setting in settings_of(implementation):
        run = module.train(setting, X, Y, parameters, setting.learning_rate(learning_rate), lambd)
        arrays |= {name_of(implementation, setting, array): value for array, value in run.items()}
        report()
    return arrays
