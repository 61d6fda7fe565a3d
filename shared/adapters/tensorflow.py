"""Looking into tf_impl: the calls of its named layers, wrapped, tell what its own `update` computes.

Long runs are compiled by XLA, as its own `train` is. Short ones run as TensorFlow's graph, which is made in a tenth of the
time, draws other masks and rounds otherwise; `train` beside them is made a graph as well, so that the two can be compared.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.adapters.implementation import Adapter, Implementation, Place, columns, full_decay, is_compiled, moved, overheard
from shared.case import Problem
from shared.contract import Segment
from shared.parameters import Parameters

LOOP_FROM = 3000
"""Updates in segments of one length from which a loop of that length is compiled, beside the single update."""

PROGRAMS = 4
"""Compiled runs that are kept for the next run with the same settings."""


class KerasAdapter(Adapter):
    """tf_impl as the harness sees it."""

    compiled_masks_differ = True

    def __init__(self, package: str = "tf_impl"):
        import tensorflow as tf

        tf.config.set_visible_devices([], "GPU")  # TensorFlow takes one that it sees; the comparison is of the CPU
        super().__init__(package)
        self._programs: dict[tuple, _Program] = {}

    def trace(self, X, Y, parameters, *, lambd=0.0, keep_prob=1.0, seed=1) -> dict[str, NDArray]:
        """See Adapter. The step is the implementation's own `update`, uncompiled; its learning rate does not matter."""
        import tensorflow as tf

        network, optimizer, rows, labels = self._load(Problem(X, Y, 1.0, lambd, keep_prob), parameters, seed)
        seen = self._look(network)
        before, first = self.network.read_parameters(network), [each.numpy().copy() for each in network.trainable_variables]
        penalty = self.cost.l2_penalty(network, lambd, X.shape[-1])
        gradients: list[Any] = []

        def apply(grads: Sequence[Any], *args: Any, own: Callable = optimizer.apply) -> None:
            gradients.extend(grads)
            own(grads, *args)

        optimizer.apply = apply
        with overheard(self.training, "cross_entropy") as heard:
            cost = self.training.update(network, optimizer, rows, labels, lambd)
        tensors = {"cost": cost, "l2_penalty": penalty, "A3": tf.sigmoid(seen["Z3"]), **seen}
        if keep_prob < 1:
            tensors |= {"D1": seen["A1"] != 0, "D2": seen["A2"] != 0}
        if "cross_entropy" in heard:
            (_, tensors["Y"]), tensors["cross_entropy"] = heard["cross_entropy"]
        for i, (dK, db) in enumerate(zip(gradients[::2], gradients[1::2], strict=False), start=1):
            tensors |= {f"dW{i}": dK, f"db{i}": db[None]}  # the transposes of the course's, as all above
        arrays = {name: columns(tensor) for name, tensor in tensors.items()}
        for variable, value in zip(network.trainable_variables, first, strict=True):
            variable.assign(value)  # a new network would take ten times as long
        return before | arrays | self._decay(network, lambd, X.shape[-1])

    def train(self, X, Y, parameters, **settings):
        """See Adapter. Compiled where a segment of so many updates is: only then it draws the masks and rounds as there.

        In a short run without dropout one update is compiled all the same: a `train` that cannot be is seen.
        """
        if is_compiled([settings["num_iterations"]]):
            return super().train(X, Y, parameters, **settings)
        if settings.get("keep_prob", 1.0) == 1:
            super().train(X, Y, parameters, **settings | {"num_iterations": 1})
        with _uncompiled():
            return super().train(X, Y, parameters, **settings)

    def train_segments(self, problem, start, lengths, *, seed=1, frozen=False) -> Iterator[Segment]:
        """See Adapter. One single update is compiled, or one loop where a length comes often enough to pay for it."""
        lengths, compiled = list(lengths), is_compiled(lengths)
        X = problem.X
        settings = (problem.learning_rate, problem.lambd, problem.keep_prob, seed, compiled)
        key = (*settings, str(X.dtype), X.shape, *(value.shape for value in start.values()))
        program = self._programs.pop(key, None)
        if program is None:
            network, optimizer, *_ = self._load(problem, start, seed)
            program = _Program(self, network, optimizer, problem, compiled)
        self._programs[key] = program  # the latest last
        while len(self._programs) > PROGRAMS:
            del self._programs[next(iter(self._programs))]
        rows, labels = self.network.to_rows(X), self.network.to_rows(problem.Y)
        program.start(self.network.load(start, problem.keep_prob, seed), rows, labels)
        for length in lengths:
            loop = compiled and (program.has_loop(length, frozen) or length * lengths.count(length) >= LOOP_FROM)
            costs, *masks = (program.loop if loop else program.one_by_one)(length, frozen)
            yield Segment(costs, self.network.read_parameters(program.network), (masks[0], masks[1]) if masks else None)

    def _load(self, problem: Problem, start: Parameters, seed: int) -> tuple:
        """A new network, its optimizer, and the examples as rows."""
        network = self.network.load(start, problem.keep_prob, seed)
        optimizer = self.training.make_optimizer(network, problem.learning_rate, problem.lambd, problem.X.shape[-1])
        return network, optimizer, self.network.to_rows(problem.X), self.network.to_rows(problem.Y)

    def _look(self, network: Any) -> dict[str, Any]:
        """What its dense layers take in and give out, from now on; in a traced function, its symbols."""
        seen: dict[str, Any] = {}
        for dense, taken, given in zip(self.network.linears(network), ("X", "A1", "A2"), ("Z1", "Z2", "Z3"), strict=True):

            def look(inputs, *args, call=dense.call, taken=taken, given=given, **kwargs):
                seen[taken], seen[given] = inputs, call(inputs, *args, **kwargs)
                return seen[given]

            dense.call = look
        return seen

    def _decay(self, network, lambd, m) -> dict[str, NDArray]:
        """What the optimizer itself adds to each dW."""
        import tensorflow as tf

        learning_rate, scale = full_decay(lambd, m)
        optimizer = self.training.make_optimizer(network, learning_rate, lambd, m)
        before = self.network.read_parameters(network)
        optimizer.apply([tf.zeros_like(variable) for variable in network.trainable_variables])
        return moved(before, self.network.read_parameters(network), scale)


@contextmanager
def _uncompiled() -> Iterator[None]:
    """While this lasts, TensorFlow makes graphs of functions that ask for XLA."""
    import tensorflow as tf

    own = tf.function
    tf.function = lambda *functions, jit_compile=None, **options: own(*functions, **options)
    try:
        yield
    finally:
        tf.function = own


class _Program:
    """The update with certain settings and shapes, made once; its variables are set back for every run."""

    def __init__(self, adapter: KerasAdapter, network: Any, optimizer: Any, problem: Problem, compiled: bool):
        self.network, self._optimizer, self._compiled, dropout = network, optimizer, compiled, problem.keep_prob < 1
        self._first = [variable.numpy().copy() for variable in optimizer.variables]
        seen = adapter._look(network)

        def step(rows: Any, labels: Any) -> Sequence[Any]:
            cost = adapter.training.update(network, optimizer, rows, labels, problem.lambd)
            # A unit that was 0 before the layer reads as dropped; kept or dropped, it passes on the same 0.
            return (cost, seen["A1"] != 0, seen["A2"] != 0) if dropout else (cost,)

        self._update, self._dropout = step, dropout
        self._step: Callable | None = None
        self._loops: dict[tuple[int, bool], Callable] = {}

    def start(self, network: Any, rows: Any, labels: Any) -> None:
        """Everything as in the beginning, with the variables of a new network."""
        for variable, value in zip(self.network.variables, network.variables, strict=True):
            variable.assign(value)
        for variable, value in zip(self._optimizer.variables, self._first, strict=True):
            variable.assign(value)
        self._generators = [(variable, variable.numpy().copy()) for variable in self.network.non_trainable_variables]
        self._rows, self._labels = rows, labels

    def one_by_one(self, length: int, frozen: bool) -> tuple[NDArray, ...]:
        """Make `length` updates and return their costs and masks."""
        import tensorflow as tf

        if self._step is None:
            self._step = tf.function(self._update, jit_compile=self._compiled)
        given = []
        for _ in range(length):
            if frozen:
                self._set_back()
            given.append([tensor.numpy() for tensor in self._step(self._rows, self._labels)])
        costs, *masks = (np.stack(tensors) for tensors in zip(*given, strict=True))
        return costs, *(D.mT for D in masks)

    def has_loop(self, length: int, frozen: bool) -> bool:
        """Whether a loop of this length is compiled already."""
        return (length, frozen) in self._loops

    def loop(self, length: int, frozen: bool) -> tuple[NDArray, ...]:
        """The same as one program."""
        import tensorflow as tf

        if (length, frozen) not in self._loops:

            @tf.function(jit_compile=True)
            def run(rows, labels):  # length, a Python int: a static trip count makes XLA's loop several times faster
                dtypes = [rows.dtype, *([tf.bool, tf.bool] if self._dropout else [])]
                arrays = [tf.TensorArray(dtype, length) for dtype in dtypes]
                for i in tf.range(length):
                    if frozen:
                        self._set_back()
                    given = self._update(rows, labels)
                    arrays = [array.write(i, tensor) for array, tensor in zip(arrays, given)]  # noqa: B905
                return [array.stack() for array in arrays]

            self._loops[length, frozen] = run
        costs, *masks = (tensor.numpy() for tensor in self._loops[length, frozen](self._rows, self._labels))
        return costs, *(D.mT for D in masks)

    def _set_back(self) -> None:
        for variable, value in self._generators:
            variable.assign(value)


IMPLEMENTATION = Implementation(
    name="tensorflow",
    package="tf_impl",
    requires=("tensorflow", "keras"),
    colour="#009e73",
    line=":",
    adapter=KerasAdapter,
    places={
        "Data": Place("network.py", ("to_rows",), "return"),
        "Initial parameters": Place("network.py", ("load",), r"assign\("),
        "Forward pass": Place("network.py", ("Network",), r"\b{name} = "),
        "Dropout": Place("network.py", ("Network",), 'name="A{layer}"'),
        "Cost": Place("cost.py", ("cross_entropy",), "return"),
        "L2 penalty": Place("cost.py", ("l2_penalty",), "return"),
        "Reported cost": Place("training.py", ("update",), "l2_penalty"),
        "Weight decay": Place("training.py", ("make_optimizer",), "weight_decay="),
        "Gradients": Place("training.py", ("update",), r"\.gradient\("),
        "Update": Place("training.py", ("make_optimizer", "update"), r"optimizer\.apply"),
        "Training loop": Place("training.py", ("train",), "(?!)"),
        "Prediction": Place("network.py", ("predict",), "0.5"),
    },
)
