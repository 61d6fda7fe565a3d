"""What `train`, `trace` and `predict` of a port return: taken apart, or turned down in one clear line."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.alignment.tensors import STAGE_OF
from shared.parameters import PARAMETER_NAMES, Parameters

TRACED = (*STAGE_OF["forward"], *STAGE_OF["cost"], *(f"d{name}" for name in PARAMETER_NAMES))
"""What a trace may hold, and is compared."""


UPCAST = "float64 came back where float32 was given: compared after casting to float32"


ROUNDED = "rounding to float32"
"""What is said to differ where numbers of float32 come back in arrays of float64."""
SEVERAL = 20
"""So many numbers that all are of float32 are so by no chance: one of them has a chance of 2**-29."""


class Float32Answer(Exception):
    """Everything that came back is of float32 where float64 was given; says what. cast: in arrays of float64."""

    def __init__(self, what: str, cast: bool = False):
        super().__init__(f"{what}{' are rounded to float32, and cast' * cast}: ")
        self.cast = cast


def unpack_train(
    value: Any, parameters: Parameters, num_iterations: int, remarks: list[str] | None = None
) -> tuple[Parameters, NDArray]:
    """The final parameters and the costs (num_iterations,). ValueError, in one line, where it is something else.

    remarks: takes what is worth one. Float32Answer where the parameters are of float32 and should be of float64.
    """
    if not (isinstance(value, tuple | list) and len(value) == 2):
        raise ValueError(f"train returned {_kind(value)}; expected (parameters, costs)")
    ends, costs = value
    if not isinstance(ends, dict):
        raise ValueError(f"train returned {_kind(ends)} for the parameters; expected a dict of W1, b1, ..., b3")
    missing = [name for name in PARAMETER_NAMES if name not in ends]
    if missing:
        raise ValueError(f"train returned no {', '.join(missing)}")
    dtype, remarks = parameters["W1"].dtype, [] if remarks is None else remarks
    _refuse_float32("train's parameters", ends, dtype, cast=not _is_single([*parameters.values()]))
    values = {name: _in_dtype(ends[name], dtype, remarks) for name in PARAMETER_NAMES}
    for name, array in values.items():
        _expect(f"train's {name}", array, parameters[name].shape, dtype)
    costs = _in_dtype(_numbers(costs, dtype), dtype, remarks)
    _expect("train's costs", costs, (num_iterations,), dtype)
    return {name: np.array(array, subok=False) for name, array in values.items()}, np.array(costs, subok=False)


def _numbers(costs: Any, dtype: np.dtype) -> Any:
    """A list of numbers as an array; Python's numbers have no dtype of their own, and come in the one that is asked for."""
    if not isinstance(costs, list | tuple):
        return costs
    if costs and all(isinstance(cost, np.ndarray) and cost.size == 1 for cost in costs):
        return np.array([cost.reshape(()) for cost in costs])
    if costs and all(_is_tensor(cost) for cost in costs):
        return np.array([np.asarray(cost).reshape(()) for cost in costs])
    if all(isinstance(cost, int | float | np.floating) and not isinstance(cost, bool) for cost in costs):
        python = all(isinstance(cost, int | float) for cost in costs)
        return np.array(costs, dtype if python else None)
    return costs


def _is_tensor(cost: Any) -> bool:
    """A framework's tensor of one number."""
    if isinstance(cost, int | float | np.generic | str) or not hasattr(cost, "__array__"):
        return False
    try:
        return np.asarray(cost).size == 1 and np.asarray(cost).dtype.kind == "f"
    except Exception:  # such as a tensor that requires a gradient
        return False


def _in_dtype(value: Any, dtype: np.dtype, remarks: list[str]) -> Any:
    """The array in the dtype that was given, where it came back in float64; what else is off is reported elsewhere."""
    if isinstance(value, np.ndarray) and (value.dtype, dtype) == (np.float64, np.float32):
        remarks += [] if UPCAST in remarks else [UPCAST]
        return value.astype(dtype)
    return value


def _refuse_float32(what: str, answer: dict[str, Any], dtype: np.dtype, cast: bool = True) -> None:
    floats = [value for value in answer.values() if isinstance(value, np.ndarray) and value.dtype.kind == "f"]
    if dtype == np.float64 and floats and all(value.dtype == np.float32 for value in floats):
        raise Float32Answer(what)
    if dtype == np.float64 and cast and _is_single(floats):
        raise Float32Answer(what, cast=True)


def _is_single(values: list[NDArray]) -> bool:
    """Whether all numbers in the arrays are of float32, and enough of them of no lower precision, such as 0 and 1."""
    numbers = np.unique(np.concatenate([value.ravel() for value in values] or [np.zeros(0)]).astype(np.float64))
    with np.errstate(all="ignore"):
        precise = np.count_nonzero(numbers.astype(np.float16) != numbers)
        return bool(precise >= SEVERAL and np.array_equal(numbers.astype(np.float32), numbers))


def unpack_trace(value: Any, dtype: np.dtype, remarks: list[str] | None = None) -> tuple[dict[str, NDArray], list[str]]:
    """The tensors, masks as bool and numbers as arrays; and the names that are not known. See `unpack_train`."""
    if not isinstance(value, dict):
        raise ValueError(f"trace returned {_kind(value)}; expected a dict of tensors by name (Z1, A1, ..., dW1, ...)")
    _refuse_float32("trace's tensors", value, dtype)
    tensors, remarks = {}, [] if remarks is None else remarks
    for name in TRACED:
        if name in value:
            tensors[name] = _in_dtype(_plain(name, value[name], dtype), dtype, remarks)
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
        raise ValueError(f"{what}: expected dtype {dtype}, got {value.dtype}")


def _kind(value: Any) -> str:
    kind = type(value).__name__
    return f"{kind} of {len(value)}" if isinstance(value, tuple | list | dict) else kind
