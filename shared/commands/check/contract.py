"""What `train`, `trace` and `predict` of a port return: taken apart, or turned down in one clear line."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.alignment.tensors import STAGE_OF
from shared.parameters import PARAMETER_NAMES, Parameters

TRACED = (*STAGE_OF["forward"], *STAGE_OF["cost"], *(f"d{name}" for name in PARAMETER_NAMES))
"""What a trace may hold, and is compared."""


class Float32Answer(ValueError):
    """A tensor of float32 where float64 was given; says which."""


def unpack_train(value: Any, parameters: Parameters, num_iterations: int) -> tuple[Parameters, NDArray]:
    """The final parameters and the costs (num_iterations,). ValueError, in one line, where it is something else."""
    if not (isinstance(value, tuple | list) and len(value) == 2):
        raise ValueError(f"train returned {_kind(value)}; expected (parameters, costs)")
    ends, costs = value
    if not isinstance(ends, dict):
        raise ValueError(f"train returned {_kind(ends)} for the parameters; expected a dict of W1, b1, ..., b3")
    missing = [name for name in PARAMETER_NAMES if name not in ends]
    if missing:
        raise ValueError(f"train returned no {', '.join(missing)}")
    for name in PARAMETER_NAMES:
        _expect(f"train's {name}", ends[name], parameters[name].shape, parameters[name].dtype)
    if isinstance(costs, list) and all(isinstance(cost, float | np.floating) for cost in costs):
        costs = np.array(costs)
    dtype = parameters["W1"].dtype
    _expect("train's costs", costs, (num_iterations,), dtype)
    return {name: np.array(ends[name], subok=False) for name in PARAMETER_NAMES}, np.array(costs, subok=False)


def unpack_trace(value: Any, dtype: np.dtype) -> tuple[dict[str, NDArray], list[str]]:
    """The tensors, masks as bool and numbers as arrays; and the names that are not known."""
    if not isinstance(value, dict):
        raise ValueError(f"trace returned {_kind(value)}; expected a dict of tensors by name (Z1, A1, ..., dW1, ...)")
    tensors = {}
    for name in TRACED:
        if name in value:
            tensors[name] = _plain(name, value[name], dtype)
    if not tensors:
        raise ValueError(f"trace returned none of the tensors that can be compared ({', '.join(TRACED)})")
    return tensors, [str(name) for name in value if name not in TRACED]


def unpack_predict(value: Any, m: int) -> NDArray:
    """The classes, int64 (1, m)."""
    if not isinstance(value, np.ndarray):
        raise ValueError(f"predict returned {_kind(value)}; expected a NumPy array of 0 and 1, shape (1, {m})")
    if value.shape != (1, m):
        raise ValueError(f"predict returned shape {value.shape}; expected (1, {m})")
    plain = np.array(value, subok=False)
    if plain.dtype.kind not in "biuf" or not np.isin(plain, (0, 1)).all():
        raise ValueError(f"predict returned other values than 0 and 1 (dtype {plain.dtype})")
    return plain.astype(np.int64)


def _plain(name: str, value: Any, dtype: np.dtype) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return np.asarray(value, dtype)  # a Python number has no dtype of its own
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if not isinstance(value, np.ndarray):
        raise ValueError(f"trace's {name}: expected a NumPy array, got {_kind(value)}")
    if value.dtype.kind not in "biuf":
        raise ValueError(f"trace's {name}: expected real numbers, got dtype {value.dtype}")
    plain = np.array(value, subok=False)  # a subclass may compare as it likes
    return plain.astype(bool) if name.startswith("D") and np.isin(plain, (0, 1)).all() else plain


def _expect(what: str, value: Any, shape: tuple, dtype: np.dtype) -> None:
    if not isinstance(value, np.ndarray):
        raise ValueError(f"{what}: expected a NumPy array, got {_kind(value)}")
    if value.shape != shape:
        raise ValueError(f"{what}: expected shape {shape}, got {value.shape}")
    if value.dtype != dtype:
        if (value.dtype, dtype) == (np.float32, np.float64):
            raise Float32Answer(f"{what}: ")
        raise ValueError(f"{what}: expected dtype {dtype}, got {value.dtype}")


def _kind(value: Any) -> str:
    kind = type(value).__name__
    return f"{kind} of {len(value)}" if isinstance(value, tuple | list | dict) else kind
