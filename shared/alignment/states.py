"""The states from which the single-step stages are run: each shows what the others hide."""

import numpy as np
from numpy.typing import NDArray

from numpy_impl.network import forward_propagation
from shared.parameters import Parameters

STATES = ("initial", "biases", "saturated", "late")
"""As initialized (zero biases, which hide what is done to biases); with non-zero biases; with logits of many tens on both
sides, where probabilities round to 0 and 1; and late in the port's own training."""

EARLY = STATES[:3]
"""Those that need no training."""


def make_states(X: NDArray, parameters: Parameters, late: Parameters, seed: int = 0) -> dict[str, Parameters]:
    """The parameters of each state, in the dtype of `parameters`. X (n_x, m). Biases are standard normal over 2 (seeded)."""
    rng = np.random.RandomState(seed)
    biases = {
        name: value if name.startswith("W") else (rng.standard_normal(value.shape) / 2).astype(value.dtype)
        for name, value in parameters.items()
    }
    saturated = {name: value * value.dtype.type(8) if name.startswith("W") else value for name, value in biases.items()}
    Z3 = forward_propagation(X, saturated)[1][-4]
    saturated["b3"] = saturated["b3"] - np.median(Z3, axis=-1, keepdims=True)
    return {"initial": parameters, "biases": biases, "saturated": saturated, "late": late}
