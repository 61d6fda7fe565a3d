"""The grid of a study, from the flags of its command."""

import argparse
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from shared.config import DEFAULT_DATA_SEED
from shared.errors import UsageError

if TYPE_CHECKING:
    from shared.commands.study.command import StudyOptions
    from shared.commands.study.grid import Grid


def grid_of(options: "StudyOptions") -> "Grid":
    """The grid of a study; UsageError where it makes no sense."""
    from shared.commands.study.grid import Grid  # not for --help

    def listed(given: list[list[int]] | None, default: list[int]) -> list[int]:
        return list(dict.fromkeys(seed for part in given for seed in part)) if given else default

    axes = (options.init_seeds, options.seeds, options.data_seeds, options.split_seeds)
    many = max((len(listed(axis, [])) for axis in axes if axis), default=0)
    unless_given = list(range(1, (many if many > 1 else 30) + 1))  # as many as the longest list that is given
    if options.data is not None and options.data_seeds is not None:
        raise UsageError("--data-seeds are of the built-in data: expected them without --data")
    grid = Grid(
        implementations=options.implementations,
        variants=options.variants,
        lambds=list(dict.fromkeys(value + 0.0 for value in options.lambd)),  # -0.0 is 0.0
        keep_probs=list(dict.fromkeys(options.keep_prob)),
        learning_rates=list(dict.fromkeys(options.learning_rate)),
        hiddens=list(dict.fromkeys(options.hidden)),
        data_seeds=[None] if options.data is not None else listed(options.data_seeds, [DEFAULT_DATA_SEED]),
        split_seeds=[None],
        init_seeds=listed(options.init_seeds, unless_given),
        seeds=listed(options.seeds, unless_given),
        crossed=options.crossed,
        num_iterations=options.iterations,
        dtype=options.dtype,
        dev_share=options.dev_share,
    )
    chosen_from = max(Counter(setting.variant for setting in grid.settings()).values())
    share = options.dev_share if options.dev_share is not None else 0.2 if chosen_from > 1 else None
    if share is None and options.split_seeds:
        raise UsageError("--split-seeds are of the dev part, and nothing is chosen here: give --dev-share too")
    if share is not None:
        if not 0 < share < 1:
            raise UsageError(f"--dev-share: expected a share > 0 and < 1, got {share}")
        grid = replace(
            grid, dev_share=share, split_seeds=listed(options.split_seeds, [0] if options.crossed else unless_given)
        )
    grid.runs()  # complains where a value is out of range
    return grid


def seeds(text: str) -> list[int]:
    """For argparse's `type`: a seed, or a range of them such as 1-30, both ends included."""
    ends = text.split("-") if "-" in text[1:] else [text, text]
    try:
        first, last = map(int, ends)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a seed or a range such as 1-30, got {text!r}") from None
    if not 0 <= first <= last < 2**31 or last - first >= 1_000_000:
        raise argparse.ArgumentTypeError(f"expected seeds >= 0 and < 2**31, lowest first, at most a million, got {text!r}")
    return list(range(first, last + 1))


def sizes(text: str) -> tuple[int, int]:
    """For argparse's `type`: the units of the two hidden layers, such as 20,3."""
    try:
        first, second = map(int, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected the units of two hidden layers such as 20,3, got {text!r}") from None
    return first, second
