"""One known mistake: an entry of the catalogue. CONTRIBUTING.md says how to add one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from numpy.typing import NDArray

from shared.alignment.step import Effect, Step
from shared.alignment.tensors import Tensors
from shared.case import Problem
from shared.diagnosis.hypothesis import Evidence
from shared.diagnosis.remedies import CAFFE, PADDLE
from shared.parameters import Parameters

Fitted = Callable[[Evidence, Step], Iterator[tuple[str, Effect]]]
"""(what a port computed, the step as far as it is explained) -> what is wrong, with measured numbers, and its effect."""


@dataclass(frozen=True)
class Plant:
    """The mistake written into one of this project's implementations, the way people write it.

    changes: file, the line as it is right, and what is written instead. iterations: at most so many are trained, where the
    mistake makes training slow.
    """

    implementation: str
    variant: str
    changes: tuple[tuple[str, str, str], ...]
    iterations: int | None = None


@dataclass(frozen=True)
class Mistake:
    """What is known of one mistake.

    name: as it is reported. title: what is wrong, in the course's letters. written: what people write, and why.
    effects: what it makes of the reference's step, in each form it comes in; it must reproduce the port's tensors.
    fitted: the same with constants that are measured. random_effects: the same where it draws numbers: it can be
    recognized, not reproduced. initial(parameters): recognizes it in the initial parameters. masks(D1, D2, keep_prob): in
    the masks (n, h, m) of n iterations. traced(start, port, problem): in the tensors of a step. of_fresh: a mistake only
    where the masks must be drawn anew. stage: where it first shows. torch, keras, numpy, jax: how to write it right
    (for Paddle and Caffe see remedies.py). source: where it is documented.
    """

    name: str
    title: str
    written: str
    stage: str
    torch: str
    keras: str
    source: str
    plants: tuple[Plant, ...]
    effects: tuple[Effect, ...] = ()
    fitted: tuple[Fitted, ...] = ()
    random_effects: tuple[Effect, ...] = ()
    initial: Callable[[Parameters], bool] | None = None
    masks: Callable[[NDArray, NDArray, float], bool] | None = None
    traced: Callable[[Parameters, Tensors, Problem], bool] | None = None
    of_fresh: bool = False
    numpy: str = ""
    jax: str = ""

    def remedy(self, *frameworks: str) -> str:
        """How to write it right in these frameworks, by the names of their packages.

        NumPy counts where there is no other, and for JAX where nothing is said of it; else PyTorch, Keras and JAX do.
        """
        keras = ("Keras", self.keras)
        paddle, caffe = ("PaddlePaddle", PADDLE.get(self.name, "")), ("Caffe", CAFFE.get(self.name, ""))
        said = {"torch": ("PyTorch", self.torch), "tensorflow": keras, "keras": keras}
        said |= {"jax": ("JAX", self.jax or self.numpy), "paddle": paddle, "caffe": caffe}
        wanted = {title: text for name, (title, text) in said.items() if name in frameworks and text}
        if not wanted and "numpy" in frameworks and self.numpy:
            return self.numpy
        if not wanted:
            wanted = {title: text for title, text in (said["torch"], keras, ("JAX", self.jax)) if text}
        alike = len(set(wanted.values())) == 1
        return next(iter(wanted.values())) if alike else ". ".join(f"{title}: {text}" for title, text in wanted.items())
