"""One known mistake: an entry of the catalogue. CONTRIBUTING.md says how to add one."""

from collections.abc import Callable
from dataclasses import dataclass

from numpy.typing import NDArray

from shared.alignment.step import Effect
from shared.parameters import Parameters


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
    random_effects: the same where it draws numbers: it can be recognized, not reproduced.
    initial(parameters): recognizes it in the initial parameters. masks(D1, D2, keep_prob): in the masks (n, h, m) of n
    iterations. of_fresh: a mistake only where the masks must be drawn anew. stage: where it first shows. torch, keras, jax:
    how to write it right. source: where it is documented.
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
    random_effects: tuple[Effect, ...] = ()
    initial: Callable[[Parameters], bool] | None = None
    masks: Callable[[NDArray, NDArray, float], bool] | None = None
    of_fresh: bool = False
    jax: str = ""

    def remedy(self, implementation: str) -> str:
        """How to write it right: in that framework, or in all for a port in another one."""
        if implementation == "torch":
            return self.torch
        if implementation == "tensorflow":
            return self.keras
        others = f". JAX: {self.jax}" if self.jax else ""
        return self.torch if self.torch == self.keras else f"PyTorch: {self.torch}. Keras: {self.keras}{others}"
