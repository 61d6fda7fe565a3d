"""What a study runs: every combination of settings, each with a list of seeds."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from shared.config import VARIANTS, Hyperparameters
from shared.errors import UsageError

MAX_RUNS = 1_000_000
TOGETHER = 5
"""Runs that NumPy trains at once, bit for bit the same in 0.6 of the time; more at once gain nothing."""
TOGETHER_NUMBERS = 2**17
"""How many numbers an activation of all runs trained at once may hold; more do not fit the cache, and gain nothing."""


@dataclass(frozen=True)
class Setting:
    """What a run of a study depends on, except the seeds. lambd and keep_prob are None where the variant has none."""

    variant: str
    lambd: float | None
    keep_prob: float | None
    learning_rate: float
    hidden: tuple[int, int]

    def __str__(self) -> str:
        shown = [self.variant]
        shown += [f"lambd {self.lambd:g}"] if self.lambd is not None else []
        shown += [f"keep_prob {self.keep_prob:g}"] if self.keep_prob is not None else []
        return ", ".join([*shown, f"learning rate {self.learning_rate:g}", f"hidden {self.hidden[0]},{self.hidden[1]}"])


@dataclass(frozen=True)
class Seeds:
    """The luck of a run: its data, dev part, initial weights and masks; None where nothing is drawn."""

    data_seed: int | None
    split_seed: int | None
    init_seed: int
    seed: int | None


@dataclass(frozen=True)
class Run:
    """One run; all that its result depends on beside the data and the sources."""

    implementation: str
    setting: Setting
    seeds: Seeds
    num_iterations: int
    dtype: str
    dev_share: float | None

    def hyperparameters(self) -> Hyperparameters:
        """The hyperparameters of this run, as the implementations take them."""
        own = {name: value for name, value in asdict(self.setting).items() if name != "variant" and value is not None}
        seed = {} if self.seeds.seed is None else {"seed": self.seeds.seed}
        fixed = {"num_iterations": self.num_iterations, "dtype": self.dtype, "init_seed": self.seeds.init_seed}
        return Hyperparameters(**own | seed | fixed | {"hidden": self.setting.hidden})

    def flat(self) -> dict:
        """Everything by name, in one dict: a row of the table."""
        row = {"implementation": self.implementation, **asdict(self.setting), **asdict(self.seeds)}
        row |= {"num_iterations": self.num_iterations, "dtype": self.dtype, "dev_share": self.dev_share}
        return row | {"hidden": ",".join(map(str, self.setting.hidden))}


@dataclass(frozen=True)
class Scored:
    """What came of a run: completed or diverged, and its measures, as far as it has these parts of the data.

    Costs are cross-entropies without dropout and penalty; training_cost is the mean of the last that the training reported.
    """

    status: str
    seconds: float = 0.0
    version: str = ""
    training_cost: float | None = None
    train_cost: float | None = None
    dev_cost: float | None = None
    test_cost: float | None = None
    train_accuracy: float | None = None
    dev_accuracy: float | None = None
    test_accuracy: float | None = None

    @property
    def completed(self) -> bool:
        return self.status == "completed"

    def measure(self, metric: str) -> float | None:
        """The measure of that name; None where the run has none."""
        return getattr(self, metric)


@dataclass(frozen=True)
class Failed:
    """A run that did not end, and why."""

    reason: str


@dataclass(frozen=True)
class Grid:
    """The values of every axis. Seeds go side by side, or crossed: every combination of them."""

    implementations: Sequence[str]
    variants: Sequence[str]
    lambds: Sequence[float]
    keep_probs: Sequence[float]
    learning_rates: Sequence[float]
    hiddens: Sequence[tuple[int, int]]
    data_seeds: Sequence[int | None]
    split_seeds: Sequence[int | None]
    init_seeds: Sequence[int]
    seeds: Sequence[int]
    crossed: bool
    num_iterations: int
    dtype: str
    dev_share: float | None

    def settings(self) -> list[Setting]:
        """Every combination once; a variant is not repeated over what it does not have."""
        found = []
        for name in self.variants:
            variant = VARIANTS[name]
            lambds = self.lambds if variant.l2 else [None]
            keep_probs = self.keep_probs if variant.dropout else [None]
            for lambd, keep_prob, rate, hidden in itertools.product(lambds, keep_probs, self.learning_rates, self.hiddens):
                found.append(Setting(name, lambd, keep_prob, rate, hidden))
        return list(dict.fromkeys(found))

    def all_seeds(self) -> list[tuple[int | None, int | None, int, int]]:
        """The seeds of each repetition; UsageError where lists of different lengths should go side by side."""
        axes: dict[str, Sequence[Any]] = {"data-seeds": self.data_seeds, "split-seeds": self.split_seeds,
                "init-seeds": self.init_seeds, "seeds": self.seeds}  # fmt: skip
        if self.crossed:
            return list(itertools.product(self.data_seeds, self.split_seeds, self.init_seeds, self.seeds))
        longest = max(axes, key=lambda name: len(axes[name]))
        for name, values in axes.items():
            if len(values) not in (1, len(axes[longest])):
                raise UsageError(
                    f"--{name}: expected 1 or {len(axes[longest])} seeds, as --{longest} has, got {len(values)} "
                    "(--crossed: every combination)"
                )
        wide = [list(values) * (len(axes[longest]) if len(values) == 1 else 1) for values in axes.values()]
        return list(zip(*wide, strict=True))

    def unit(self, seeds: Seeds) -> Seeds | int | None:
        """What tells independent repetitions apart, among runs of one setting and implementation.

        Side by side, every repetition has its own seeds. Crossed, runs share data, dev part or initial weights: those that
        share the first of these that varies are one repetition, of which the mean counts.
        """
        if not self.crossed:
            return seeds
        for name in ("data_seed", "split_seed", "init_seed"):
            if len(getattr(self, f"{name}s")) > 1:
                return getattr(seeds, name)
        return seeds.seed

    def runs(self) -> list[Run]:
        """Every run once. UsageError where a value is out of range, or they are too many."""
        axes = (len(self.data_seeds), len(self.split_seeds), len(self.init_seeds), len(self.seeds))
        settings = math.prod(map(len, (self.variants, self.lambds, self.keep_probs, self.learning_rates, self.hiddens)))
        count = len(self.implementations) * settings * (math.prod(axes) if self.crossed else max(axes))
        if count > MAX_RUNS:  # before anything is listed
            raise UsageError(f"the grid: expected at most {MAX_RUNS:,} runs, got up to {count:,}")
        found: dict[Run, None] = {}
        for implementation, setting, (data_seed, split_seed, init_seed, seed) in itertools.product(
            self.implementations, self.settings(), self.all_seeds()
        ):
            drawn = seed if setting.keep_prob not in (None, 1.0) else None
            luck = Seeds(data_seed, split_seed, init_seed, drawn)
            run = Run(implementation, setting, luck, self.num_iterations, self.dtype, self.dev_share)
            run.hyperparameters()  # raises UsageError where one is out of range
            found[run] = None
        return list(found)


def groups(runs: Sequence[Run], m: int) -> Iterator[list[Run]]:
    """Runs that are trained together: of NumPy, some of the same setting; of the frameworks, each alone. m: examples."""
    for (implementation, setting), group in itertools.groupby(runs, key=lambda run: (run.implementation, run.setting)):
        same = list(group)
        size = max(1, min(TOGETHER, TOGETHER_NUMBERS // (sum(setting.hidden) * m))) if implementation == "numpy" else 1
        yield from (same[i : i + size] for i in range(0, len(same), size))
