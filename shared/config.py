"""Hyperparameters and variants: their defaults, limits and help, in one place."""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, fields, replace

from shared.errors import UsageError

MAX_WEIGHTS = 10**8
"""The most weights between the hidden layers; in float64 so many take 0.8 GB, several times over while they train."""

DTYPES = ("float64", "float32")

IMPLEMENTATION_NAMES = ("numpy", "torch", "tensorflow")
"""The reference first. Each has an adapter of its name in shared/adapters, which is not imported where a name is enough."""

DEFAULT_DATA_SEED = 5
"""The seed of the built-in data whose accuracies lie nearest to the averages over the seeds (study/typical.py)."""


@dataclass(frozen=True)
class Variant:
    """One way to regularize: with the L2 penalty, with dropout, with dropout whose masks never change, or with both."""

    name: str
    l2: bool = False
    dropout: bool = False
    frozen: bool = False


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("none"),
        Variant("l2", l2=True),
        Variant("dropout", dropout=True),
        Variant("frozen-dropout", dropout=True, frozen=True),
        Variant("l2-dropout", l2=True, dropout=True),
    )
}
DEFAULT_VARIANTS = ("none", "l2", "dropout", "frozen-dropout")


def _option(default, help, low, high, *, low_included=True, **more):
    limits = {"low": low, "high": high, "low_included": low_included}
    return field(default=default, metadata={"help": help, **limits, **more})


@dataclass(frozen=True)
class Hyperparameters:
    """What is trained and how; the defaults are the course's. Raises UsageError on a value outside its range."""

    learning_rate: float = _option(0.3, "step size of gradient descent", 0.0, 1e12, low_included=False)
    num_iterations: int = _option(30_000, "updates per run", 1, 10_000_000, flag="iterations")
    lambd: float = _option(0.7, "strength of the L2 penalty, in the variants that have it", 0.0, 1e12)
    keep_prob: float = _option(
        0.86, "share of hidden units kept, in the variants with dropout", 0.0, 1.0, low_included=False
    )
    hidden: tuple[int, int] = _option((20, 3), "units of the two hidden layers", 1, 100_000)
    dtype: str = field(default="float64", metadata={"help": "precision of the whole run", "choices": DTYPES})
    seed: int = _option(1, "of the dropout masks", 0, 2**31 - 1)
    init_seed: int = _option(3, "of the initial weights (3: the course's)", 0, 2**31 - 1)

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            if "choices" in option.metadata:
                if value not in option.metadata["choices"]:
                    choices = " or ".join(option.metadata["choices"])
                    raise UsageError(f"{option.name}: expected {choices}, got {value!r}")
                continue
            for number in value if isinstance(value, tuple) else (value,):
                _check_range(option.metadata.get("flag", option.name), number, option.metadata)
        if 1 - self.keep_prob == 1:
            raise UsageError(f"keep_prob: expected at least 1.2e-16, so that 1 - keep_prob is not 1, got {self.keep_prob}")
        if math.prod(self.hidden) > MAX_WEIGHTS:
            raise UsageError(
                f"hidden: expected at most {MAX_WEIGHTS:,} weights between the hidden layers, got {self.hidden}"
            )
        if len(self.hidden) != 2:
            raise UsageError(f"hidden: expected the sizes of two hidden layers, got {len(self.hidden)}")

    def of(self, variant: Variant) -> dict:
        """The keyword arguments by which a port trains this variant."""
        return {
            "learning_rate": self.learning_rate,
            "lambd": self.lambd if variant.l2 else 0.0,
            "keep_prob": self.keep_prob if variant.dropout else 1.0,
        }

    def effective(self, variant: Variant) -> Variant:
        """The variant as it is trained: with keep_prob 1 no mask is ever drawn."""
        return variant if self.keep_prob < 1 else replace(variant, dropout=False, frozen=False)

    def layers_dims(self, n_x: int) -> list[int]:
        """[n_x, h1, h2, 1]."""
        return [n_x, *self.hidden, 1]


def _check_range(name: str, value: float, limits) -> None:
    low, high = limits["low"], limits["high"]
    above = value >= low if limits["low_included"] else value > low
    if not (math.isfinite(value) and above and value <= high):
        bound = f"{'>=' if limits['low_included'] else '>'} {low:g} and <= {high:g}"
        raise UsageError(f"{name}: expected a number {bound}, got {value}")


def choose(names: Iterable[str], known: Collection[str], what: str) -> list[str]:
    """The names in their given order; UsageError on an unknown or repeated one."""
    chosen = list(names)
    for name in chosen:
        if name not in known:
            raise UsageError(f"{what}: expected one of {', '.join(known)}, got {name!r}")
        if chosen.count(name) > 1:
            raise UsageError(f"{what}: {name} is given twice")
    return chosen
