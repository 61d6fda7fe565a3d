"""Training in segments, as the harness does it, with the settings that `train` takes."""

from shared.case import Problem


def in_segments(adapter, X, Y, parameters, *, lengths, seed=1, frozen=False, **settings):
    """The segments of a run: settings as of `train`, learning_rate, lambd and keep_prob."""
    return adapter.train_segments(Problem(X, Y, **settings), parameters, lengths, seed=seed, frozen=frozen)
