"""Random problems: of every size that a user may meet."""

import numpy as np

from shared.alignment.states import STATES, make_states
from shared.case import Problem
from shared.parameters import Parameters, initialize_parameters


def random_problem(rng: np.random.Generator, dtype: str) -> tuple[Problem, Parameters]:
    """Shapes, data, labels and hyperparameters of every size that a user may meet, and a state of random parameters."""
    n_x, h1, h2 = int(rng.integers(1, 11)), int(rng.integers(1, 41)), int(rng.integers(1, 11))
    m = int(2 ** rng.uniform(1, 11))
    X = (rng.standard_normal((n_x, m)) * 10 ** rng.uniform(-2, 1)).astype(dtype)
    Y = (rng.random((1, m)) < 0.5).astype(dtype)
    Y[0, :2] = 0, 1
    lambd = float(rng.choice([0.0, 10 ** rng.uniform(-3, 1)]))
    keep_prob = float(rng.choice([1.0, rng.uniform(0.2, 0.99)]))
    problem = Problem(X, Y, float(10 ** rng.uniform(-3, 0.5)), lambd, keep_prob)
    parameters = initialize_parameters([n_x, h1, h2, 1], int(rng.integers(2**31)), dtype)
    late = {name: value + (rng.standard_normal(value.shape) / 3).astype(dtype) for name, value in parameters.items()}
    state = str(rng.choice(STATES))
    return problem, make_states(X, parameters, late, int(rng.integers(2**31)))[state]
