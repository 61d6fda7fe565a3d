"""What comes back from one of the course's functions, as it is compared, and the noise floor of each element."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.alignment.floor import Perturbation, Perturbed, perturbed
from shared.alignment.tensors import MONTE_CARLO_REPLICATES
from shared.commands.check.contract import UPCAST
from shared.commands.check.functions import Outputs


def with_floors(compute: Callable[[tuple], Outputs], arguments: tuple) -> tuple[Outputs, dict[str, Any]]:
    """What a function gives, and how far rounding inside it moves each element (Monte Carlo arithmetic)."""
    perturb = Perturbation()
    with np.errstate(all="ignore"):
        reference = compute(arguments)
        floors: dict[str, Any] = {name: np.zeros(value.shape) for name, value in reference.items()}
        for _ in range(MONTE_CARLO_REPLICATES):
            for name, value in compute(_perturbed(arguments, perturb)).items():
                plain = np.asarray(value).view(np.ndarray)
                floors[name] = np.maximum(floors[name], np.abs(plain.astype(float) - reference[name].astype(float)))
    return reference, floors


def _perturbed(value: Any, perturb: Perturbation) -> Any:
    if isinstance(value, dict):
        return {key: _perturbed(item, perturb) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_perturbed(item, perturb) for item in value)
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and not isinstance(value, Perturbed):
        return perturbed(value, perturb)
    return value


def usable_mask(D: Any, own: NDArray) -> NDArray:
    right = isinstance(D, np.ndarray) and D.shape == own.shape and D.dtype.kind in "biuf" and np.isin(D, (0, 1)).all()
    return D.astype(bool) if right else own


def alike(value: Any, reference: NDArray, remarks: list[str]) -> Any:
    """Python numbers as arrays of the reference's dtype; masks and classes of 0 and 1 in any numeric type; plain arrays."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biuf":
            return f"an array of {value.dtype}"  # not compared: reported as what it is not
        value = np.array(value, subok=False)
    if reference.ndim == 0 and isinstance(value, int | float | np.generic) and not isinstance(value, bool):
        value = np.asarray(value, reference.dtype if isinstance(value, int | float) else None)
    if isinstance(value, np.ndarray) and (value.dtype, reference.dtype) == (np.float64, np.float32):
        remarks.append(UPCAST)
        return value.astype(np.float32)
    counts = reference.dtype.kind in "biu"
    if counts and isinstance(value, np.ndarray) and value.dtype.kind in "biuf" and np.isin(value, (0, 1)).all():
        return value.astype(reference.dtype)
    return value


def hide_what_is_off(outputs: Outputs, reference: Outputs, arguments: tuple) -> list[str]:
    """dA of a unit that is off is multiplied by 0 afterwards: whatever it holds there is no mistake.

    Returns the names of those that hold something where the reference's mask leaves nothing.
    """
    if "dA1" not in reference:
        return []
    cache, unmasked = arguments[2], []
    places = {"dA1": 2, "dA2": 7} if len(cache) == 14 else {"dA1": 1, "dA2": 5}
    for name, place in places.items():
        value = outputs.get(name)
        if isinstance(value, np.ndarray) and value.shape == reference[name].shape:
            if len(cache) == 14 and value.dtype.kind == "f" and np.any(value[np.asarray(cache[place - 1]) == 0]):
                unmasked.append(name)
            outputs[name] = np.where(cache[place] > 0, value, reference[name])
    return unmasked
