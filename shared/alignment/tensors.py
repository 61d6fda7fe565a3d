"""The tensors of one step: their names by stage, the reference's own, and the noise floor of each of their elements."""

import hashlib
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from shared.adapters.numpy import NumpyAdapter
from shared.alignment.floor import Perturbation, perturbed
from shared.alignment.replay import Masks, replay
from shared.case import Problem
from shared.parameters import PARAMETER_NAMES, Parameters

REFERENCE = NumpyAdapter()
"""Looks into numpy_impl as it is when this is imported, before anybody plants a mistake in it."""

MONTE_CARLO_REPLICATES = 16
"""Replicates in Monte Carlo arithmetic beside the reference."""

KEPT, KEPT_BYTES = 16, 2**22
"""The tensors and noise floors of at most so many states are kept for the next port, each of at most so many bytes."""

NEAR = {np.dtype(np.float64): 1e-6, np.dtype(np.float32): 1e-2}
"""What differs by more than this share of the largest element is no rounding, whatever the floor."""

Tensors = Mapping[str, NDArray]

Compute = Callable[[Problem, Parameters, Tensors], dict[str, NDArray]]
"""(problem, parameters, the port's tensors for their masks) -> every tensor of STAGE_OF."""


_kept: dict[str, tuple[Tensors, Tensors]] = {}


def after(name: str, update: int) -> str:
    """What the parameter after the first or the second update is called."""
    return f"{name} after update {update}"


MASK_NAMES = [f"D{layer}{when}" for when in ("", " of update 1", " of update 2") for layer in (1, 2)]

UPDATED = {after(name, update): (name, update) for update in (1, 2) for name in PARAMETER_NAMES}
"""Tensor -> the parameter, and the update after which it is."""

PROJECTIONS = ("decay of W", "decay of b")
"""What the first update shows of its weight decay (see `decay_estimates`): made of the updates, which are compared too."""

STAGE_OF = {
    "data": ("X", "Y"),
    "parameters": PARAMETER_NAMES,
    "forward": ("Z1", "D1", "A1", "Z2", "D2", "A2", "Z3", "A3"),
    "cost": ("cross_entropy", "l2_penalty", "cost"),
    "gradients": (
        *("dW3", "db3", "dW2", "db2", "dW1", "db1"),
        *("decay_W1", "decay_b1", "decay_W2", "decay_b2", "decay_W3", "decay_b3"),
    ),
    "update": (
        *UPDATED,
        *PROJECTIONS,
    ),
}
"""Stage -> its tensors, each in the order in which it is computed."""

EXACT = ("data", "parameters")
"""Stages where nothing is computed: equal bit for bit."""


def tensors_of(stage: str, dropout: bool) -> list[str]:
    """The tensors of a stage; masks only with dropout."""
    return [name for name in STAGE_OF[stage] if dropout or not name.startswith("D")]


def reference_tensors(
    problem: Problem, parameters: Parameters, port: Tensors, step: Compute | None = None
) -> tuple[Tensors, Tensors]:
    """The reference's tensors with the port's masks, and the noise floor of each of their elements.

    step: another computation than the reference's, for example of a known mistake (see shared/alignment/step.py). The
    reference's are kept for the next port with the same masks, or without any.
    """
    if step:
        return _measured(problem, parameters, port, step)
    digest = hashlib.sha256(str(problem.step).encode())
    masks = {name: D for name in MASK_NAMES if problem.keep_prob < 1 and isinstance(D := port.get(name), np.ndarray)}
    for name, value in ({"X": problem.X, "Y": problem.Y} | parameters | masks).items():
        digest.update(f"{name}{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    key = digest.hexdigest()
    if key in _kept:
        return _kept[key]
    measured = _measured(problem, parameters, port, one_step)
    if sum(value.nbytes for tensors in measured for value in tensors.values()) <= KEPT_BYTES:
        while len(_kept) >= KEPT:
            del _kept[next(iter(_kept))]
        _kept[key] = measured = (_locked(measured[0]), _locked(measured[1]))
    return measured


def _locked(tensors: Tensors) -> Tensors:
    """Copies that nobody can write to: X and the parameters are the caller's own arrays, which may change."""
    copies = {name: np.array(value) for name, value in tensors.items()}
    for copy in copies.values():
        copy.flags.writeable = False
    return copies


def _measured(problem: Problem, parameters: Parameters, port: Tensors, step: Compute) -> tuple[Tensors, Tensors]:
    """The tensors of a computation and their noise floors, by Monte Carlo arithmetic."""

    def compute(wrap: Callable[[NDArray], NDArray]) -> dict[str, NDArray]:
        perturbed_problem = Problem(wrap(problem.X), problem.Y, **problem.step)
        tensors = step(perturbed_problem, {name: wrap(value) for name, value in parameters.items()}, port)
        return {name: np.asarray(value) for name, value in tensors.items()}

    perturb = Perturbation()
    with np.errstate(all="ignore"):  # a state that is not finite is reported by the comparison
        reference = compute(lambda values: values)
        floors = {name: np.zeros(value.shape) for name, value in reference.items()}
        for _ in range(MONTE_CARLO_REPLICATES):
            replicate = compute(lambda values: perturbed(perturb(values), perturb))
            for name, value in replicate.items():
                distance = np.abs(value.astype(np.float64) - reference[name].astype(np.float64))
                floors[name] = np.maximum(floors[name], distance)
    return reference, floors


def with_decay(port: Tensors, problem: Problem, parameters: Parameters, reference: Tensors) -> dict[str, NDArray]:
    """The port's tensors and what its first update shows of its weight decay (see `decay_estimates`), where it has one."""
    if any(not alike(port.get(after(name, 1)), parameters[name]) for name in PARAMETER_NAMES):
        return dict(port)
    with np.errstate(all="ignore"):
        return {**port, **decay_estimates(port, problem.learning_rate, parameters, reference)}


def one_step(problem: Problem, parameters: Parameters, port: Tensors) -> dict[str, NDArray]:
    """The reference's tensors of one step and two updates: numpy_impl's, with the port's masks where it has usable ones."""
    m = problem.X.shape[-1]
    tensors = REFERENCE.trace(
        problem.X, problem.Y, parameters, **problem.regularization, masks=usable_masks(port, parameters, m, "D1", "D2")
    )
    if problem.keep_prob < 1:
        tensors |= {"D1": tensors["A1"] != 0, "D2": tensors["A2"] != 0}

    def masks(step: int) -> Masks:
        found = usable_masks(port, parameters, m, f"D1 of update {step + 1}", f"D2 of update {step + 1}")
        return found or (tensors["D1"], tensors["D2"])

    dropout = problem.keep_prob < 1
    run = replay(problem, parameters, range(2), masks if dropout else None)
    for update, (_, ends) in enumerate(run, start=1):
        tensors |= {after(name, update): value for name, value in ends.items()}
    first = (
        REFERENCE.trace(problem.X, problem.Y, parameters, **problem.regularization, masks=masks(0)) if dropout else tensors
    )
    tensors |= {f"d{name} of update 1": first["d" + name] for name in PARAMETER_NAMES}
    return tensors | decay_estimates(tensors, problem.learning_rate, parameters, tensors)


def decay_estimates(
    tensors: Tensors, learning_rate: float, parameters: Parameters, reference: Tensors
) -> dict[str, NDArray]:
    """The decay coefficient that the first update used, estimated over all weights, and over all biases.

    -<W1 - (W0 - learning_rate * dW), W0> / (learning_rate * <W0, W0>) is lambd / m for the weights and 0 for the biases.
    The projection averages the rounding of single elements away, and sees what they hide.
    """
    estimates = {}
    for kind, projection in zip("Wb", PROJECTIONS, strict=True):
        along, square = np.float64(0), np.float64(0)
        for name in (f"{kind}1", f"{kind}2", f"{kind}3"):
            before = np.asarray(parameters[name], np.float64)
            step = before - learning_rate * np.asarray(reference[f"d{name} of update 1"], np.float64)
            along += np.sum((step - np.asarray(tensors[after(name, 1)], np.float64)) * before)
            square += np.sum(before * before)
        estimates[projection] = np.asarray(along / (learning_rate * square) if square else square)
    return estimates


def usable_masks(port: Tensors, parameters: Parameters, m: int, *names: str) -> Masks | None:
    """The port's masks of both layers, if they can be used; what is wrong with them shows where they are compared."""
    D1, D2 = (port.get(name) for name in names)
    usable = all(
        isinstance(D, np.ndarray) and D.dtype == bool and D.shape == (len(b), m)
        for D, b in ((D1, parameters["b1"]), (D2, parameters["b2"]))
    )
    return (D1, D2) if usable and D1 is not None and D2 is not None else None


def alike(port: object, reference: NDArray) -> bool:
    """An array of the reference's shape and dtype."""
    return isinstance(port, np.ndarray) and (port.shape, port.dtype) == (reference.shape, reference.dtype)


def coarsest(port: Tensors, names: Iterable[tuple[str, str]]) -> float:
    """The coarsest relative rounding of the port's tensors (stage, name): what is computed from one has it too."""
    return max((np.finfo(v.dtype).eps for _, n in names if (v := np.asarray(port.get(n))).dtype.kind == "f"), default=0)


def comes_near(
    tensors: Tensors,
    port: Tensors,
    names: Iterable[tuple[str, str]],
    sizes: Mapping[str, float] | None = None,
    epsilon: float | None = None,
) -> bool:
    """Whether the port's tensors (stage, name) are worth the noise floor they would be judged with: nearly these.

    sizes: how far apart the largest elements may be; without, a share of the largest element. epsilon: see `coarsest`.
    """
    sizes = sizes or {}
    names = list(names)
    epsilon = coarsest(port, names) if epsilon is None else epsilon
    for _, name in names:
        if name.startswith("D") or name in PROJECTIONS or name not in port:
            continue
        mine, its = np.asarray(tensors[name]), np.asarray(port[name])
        if (mine.shape, mine.dtype) != (its.shape, its.dtype):
            return False
        finite = np.isfinite(mine)
        if not np.array_equal(finite, np.isfinite(its)):
            return False
        largest = np.abs(mine[finite]).max(initial=0)
        # Sizes may be of a tensor that is zero where this one is not, or that was never rounded to float32.
        near = min(NEAR.get(mine.dtype, 0) * largest, sizes.get(name, np.inf) + 16 * epsilon * largest)
        if not np.abs(mine - its)[finite].max(initial=0) <= near:
            return False
    return True
