"""The runs of a study, in a worker: train, score on all parts of the data, time."""

import hashlib
import importlib
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.adapters import IMPLEMENTATIONS
from shared.adapters.numpy import NumpyAdapter, Replayed
from shared.case import Problem
from shared.commands.study.grid import Failed, Run, Scored
from shared.config import VARIANTS
from shared.contract import join, segment_lengths
from shared.harness.environment import describe, digest_of_sources
from shared.metrics import accuracy
from shared.parameters import Parameters, initialize_parameters
from shared.synthetic import make_dataset

ONE_AT_A_TIME = threading.Lock()
"""A process has one generator of PyTorch: a worker of several threads would mix the runs' masks."""

SOURCES = tuple(
    f"shared/{name}.py"
    for name in (
        *("case", "config", "contract", "data", "matlab", "metrics", "parameters", "readers", "synthetic"),
        *("commands/study/grid", "commands/study/runs"),
    )
)
"""What decides a run's result, beside the implementation."""

LAST = 1000
"""Updates at the end of a run over whose training costs the mean is taken: with dropout, a single one is mostly chance."""

Part = tuple[NDArray, NDArray]


@dataclass(frozen=True)
class Source:
    """The data of a study: the arrays of a file, or None for the built-in data, made in the worker by its seed."""

    train: Part | None
    test: Part | None

    def parts(self, run: Run) -> dict[str, Part]:
        """train, test and, where one is split off the training examples, dev: X (n_x, m), Y (1, m), in the run's dtype."""
        if self.train is None or self.test is None:
            seed = run.seeds.data_seed
            made = make_dataset() if seed is None else make_dataset(seed)
            train, test = (made.X_train, made.Y_train), (made.X_test, made.Y_test)
        else:
            train, test = self.train, self.test
        parts = {"train": train, "test": test}
        if run.dev_share is not None:
            parts |= split(*train, run.dev_share, run.seeds.split_seed or 0)
        return {name: (X.astype(run.dtype), Y.astype(run.dtype)) for name, (X, Y) in parts.items()}


def split(X: NDArray, Y: NDArray, share: float, seed: int) -> dict[str, Part]:
    """Split the dev part off the training examples, at random, with the same share of each class, and both in both parts.

    round(share * m) examples in all, so that the parts of all seeds have one size; two of each class are needed.
    """
    rng = np.random.default_rng(seed)
    own = [rng.permutation(np.flatnonzero(Y[0] == label)) for label in (0, 1)]
    of_1 = min(len(own[1]) - 1, max(1, round(share * len(own[1]))))
    of_0 = min(len(own[0]) - 1, max(1, round(share * Y.shape[-1]) - of_1))
    dev = np.zeros(Y.shape[-1], dtype=bool)
    dev[np.concatenate([own[0][:of_0], own[1][:of_1]])] = True
    return {"train": (X[:, ~dev], Y[:, ~dev]), "dev": (X[:, dev], Y[:, dev])}


def version_of(implementation: str) -> str:
    """A digest of the sources and the packages that a run's result depends on."""
    versions = describe(1)
    requires = ("numpy", *IMPLEMENTATIONS[implementation].requires)
    folders = sorted({IMPLEMENTATIONS[implementation].package, IMPLEMENTATIONS["numpy"].package, "shared/adapters"})
    depends = [{name: versions[name] for name in requires}, digest_of_sources([*folders, *SOURCES])]
    return hashlib.sha256(json.dumps(depends).encode()).hexdigest()[:16]


def work(number: int, runs: Sequence[Run], source: Source) -> tuple[int, list[Scored | Failed]]:
    """Train the runs, which differ in their seeds alone: the number, and what came of each."""
    # Read by the frameworks when they are imported.
    for name in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    ):
        os.environ[name] = "1"
    with ONE_AT_A_TIME, _quiet():
        try:
            return number, [*_scored(runs, source)]
        except ImportError as error:
            reason = f"Python package {error.name} is not installed"
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
    return number, [Failed(reason) for _ in runs]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without standard error: whatever a framework has to say of processors and of retracing, it says for every run."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _scored(runs: Sequence[Run], source: Source) -> Iterator[Scored]:
    started = time.perf_counter()
    parts = [source.parts(run) for run in runs]
    sizes = {each["train"][0].shape for each in parts}
    if runs[0].implementation == "numpy" and len(sizes) == 1:
        trained = train_together(runs, [each["train"] for each in parts])
    else:
        trained = [_train(run, *each["train"]) for run, each in zip(runs, parts, strict=True)]
    seconds = (time.perf_counter() - started) / len(runs)
    version = version_of(runs[0].implementation)
    for (parameters, cost), each in zip(trained, parts, strict=True):
        measures = _score(parameters, each) | {"training_cost": cost}
        finite = all(np.isfinite(value).all() for value in parameters.values()) and np.isfinite([*measures.values()]).all()
        yield Scored("completed" if finite else "diverged", seconds, version, **measures)


def _train(run: Run, X: NDArray, Y: NDArray) -> tuple[Parameters, float]:
    if run.implementation == "torch":
        importlib.import_module("torch").set_num_threads(1)
    hyper, variant = run.hyperparameters(), VARIANTS[run.setting.variant]
    effective = hyper.effective(variant)
    lengths = segment_lengths(run.num_iterations, sum(hyper.hidden) * X.shape[1] if effective.dropout else 0)
    parameters, costs = join(
        IMPLEMENTATIONS[run.implementation]
        .adapter()
        .train_segments(
            Problem(X, Y, **hyper.of(variant)), _initial(run, X), lengths, seed=hyper.seed, frozen=effective.frozen
        )
    )
    return parameters, float(np.mean(costs[-LAST:]))


def _initial(run: Run, X: NDArray) -> Parameters:
    return initialize_parameters([X.shape[0], *run.setting.hidden, 1], run.seeds.init_seed, run.dtype)


def train_together(runs: Sequence[Run], parts: Sequence[Part]) -> list[tuple[Parameters, float]]:
    """What numpy_impl's adapter computes for each run, bit for bit, with a leading axis of replicates.

    Each run has its own examples, initial parameters and masks. Returns parameters and the mean of the last costs.
    """
    adapter = NumpyAdapter()
    hyper, variant = runs[0].hyperparameters(), VARIANTS[runs[0].setting.variant]
    effective, settings = hyper.effective(variant), hyper.of(variant)
    X, Y = (np.stack(arrays) for arrays in zip(*parts, strict=True))
    each = [_initial(run, part[0]) for run, part in zip(runs, parts, strict=True)]
    parameters = {name: np.stack([own[name] for own in each]) for name in each[0]}
    generator = np.random.RandomState if effective.frozen else np.random.default_rng
    generators = [generator(run.hyperparameters().seed) for run in runs]

    rng, costs = None, []
    for iteration in range(runs[0].num_iterations):
        if effective.dropout and (iteration == 0 or not effective.frozen):
            # As each run would draw them: D1, then D2, from its own generator.
            drawn = [[own.random((h, X.shape[-1])) for h in hyper.hidden] for own in generators]
            rng = Replayed(*(np.stack(layer) < hyper.keep_prob for layer in zip(*drawn, strict=True)))
        grads, cache = adapter.gradients.propagate(X, Y, parameters, settings["lambd"], settings["keep_prob"], rng)
        if iteration >= runs[0].num_iterations - LAST:
            costs.append(adapter.costs([cache.Z3], Y, [parameters], settings["lambd"])[0])
        parameters = adapter.training.update_parameters(parameters, grads, settings["learning_rate"])
    means = np.stack(costs, axis=-1).mean(axis=-1)  # (R,)
    return [({name: value[r] for name, value in parameters.items()}, float(means[r])) for r in range(len(runs))]


def _score(parameters: Parameters, parts: dict[str, Part]) -> dict[str, float]:
    """Cost (cross-entropy, without dropout and penalty) and accuracy on each part, by numpy_impl for all alike."""
    from numpy_impl.cost import cross_entropy
    from numpy_impl.network import forward_propagation, predict

    measures = {}
    for name, (X, Y) in parts.items():
        cache = forward_propagation(X, parameters)[1]
        measures[f"{name}_cost"] = float(cross_entropy(cache[-4], Y))
        measures[f"{name}_accuracy"] = accuracy(predict(X, parameters), Y)
    return measures
