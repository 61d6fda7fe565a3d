"""Training as a film: the pictures are what the recorded parameters decide."""

import base64
import io

import matplotlib.image
import numpy as np

from shared.commands.compare import film
from shared.contract import Segment
from shared.harness.records import Record


def unpacked(strip):
    """The pixels (height, width, 4) of a strip."""
    return matplotlib.image.imread(io.BytesIO(base64.b64decode(strip)))


def test_the_film_has_the_parameters_decision_at_every_recorded_state(everything):
    """The last picture of the strip is the decision that the run itself predicts over the grid, point by point."""
    for run in everything.results["runs"]:
        assert [updates for updates, *_ in run["accuracies"]] == [0, 50]
        assert run["accuracies"][-1][1:] == [run["train_accuracy"], run["test_accuracy"]]
        shades = unpacked(run["film"])
        assert shades.shape == (2 * 50, 50, 4)
        orange = shades[50:, :, 0] > shades[50:, :, 2]
        decided = np.array([[int(cell) for cell in row] for row in run["grid"]])[::2, ::2][::-1]
        assert np.mean(orange == decided) > 0.998  # a probability of nearly a half is either


def test_at_most_a_hundred_states_are_shown_and_a_state_that_is_not_finite_is_undecided(tmp_path, make_problem):
    problem = make_problem((2, 5, 4, 1))
    lost = {name: np.full_like(value, np.nan) for name, value in problem.parameters.items()}
    segments = [Segment(np.zeros(1), problem.parameters, None)] * 249 + [Segment(np.zeros(1), lost, None)]
    record = Record(tmp_path / "run").write(problem.parameters, [1] * 250, segments)
    shown = [updates for updates, _ in film.shown_states(record)]
    assert len(shown) == film.MOST == 100
    assert (shown[0], shown[-1]) == (0, 250)
    strip = unpacked(film.film(record, [np.linspace(-1, 1, 100)] * 2))
    assert strip.shape == (100 * 50, 50, 4)
    assert len(np.unique(strip[-50:].reshape(-1, 4), axis=0)) == 1
