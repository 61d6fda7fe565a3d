"""Mistakes in the parameters that training starts from, and in those that it hands over."""

from dataclasses import replace

import numpy as np

from shared.alignment.step import Step
from shared.diagnosis.mistake import Mistake, Plant
from shared.parameters import Parameters, layers_dims_of


def aliased(step: Step) -> Step:
    """Snapshots that share memory with what goes on training all show its end."""
    return replace(step, snapshots=lambda after: [after[-1]] * len(after))


def torch_default(parameters: Parameters) -> bool:
    """Uniform within 1 / sqrt(fan_in), weights and biases alike."""
    bounds = {f"{kind}{i}": parameters[f"W{i}"].shape[1] ** -0.5 for i in (1, 2, 3) for kind in "Wb"}
    return all(parameters[f"b{i}"].any() for i in (1, 2, 3)) and _uniform(parameters, bounds)


def glorot(parameters: Parameters) -> bool:
    """Uniform within sqrt(6 / (fan_in + fan_out)), zero biases."""
    dims = layers_dims_of(parameters)
    bounds = {f"W{i}": (6 / (dims[i - 1] + dims[i])) ** 0.5 for i in (1, 2, 3)}
    return not any(parameters[f"b{i}"].any() for i in (1, 2, 3)) and _uniform(parameters, bounds)


def _uniform(parameters: Parameters, bounds: dict[str, float]) -> bool:
    shares = np.concatenate([parameters[name].ravel() / bound for name, bound in bounds.items()])
    inside = bool(np.abs(shares).max() <= 1 + 1e-6)
    from scipy import stats

    return inside and float(stats.kstest(shares, stats.uniform(-1, 2).cdf).pvalue) > 1e-3


MISTAKES = (
    Mistake(
        name="default-weights-torch",
        title="the network keeps PyTorch's own initial weights (uniform, biases too) instead of the given ones",
        written="the given weights are never copied in, or into a copy of the layer",
        stage="parameters",
        torch="network.load_state_dict(...), or with torch.no_grad(): linear.weight.copy_(...)",
        keras="dense.kernel.assign(W.T); dense.bias.assign(b[:, 0])",
        source="PyTorch documentation of nn.Linear",
        initial=torch_default,
        plants=(
            Plant("torch", "none", (
                ("network.py", 'with torch.device("meta"):', 'torch.manual_seed(1)\n    with torch.device("cpu"):'),
                ("network.py", "network.load_state_dict(state, assign=True)", "network.double()"),
            )),
        ),
    ),
    Mistake(
        name="default-weights-keras",
        title="the network keeps Keras's own initial weights (glorot uniform, zero biases) instead of the given ones",
        written="the given weights are never assigned, or the layer is built again afterwards",
        stage="parameters",
        torch="network.load_state_dict(...), or with torch.no_grad(): linear.weight.copy_(...)",
        keras="dense.kernel.assign(W.T); dense.bias.assign(b[:, 0]), after the layer was built",
        source="Keras documentation of Dense",
        initial=glorot,
        plants=(
            Plant("tensorflow", "none", (
                *(("network.py", f'dense({units}, name="Z{i}")',
                   f'dense({units}, name="Z{i}", kernel_initializer=keras.initializers.GlorotUniform(seed + {i}))')
                  for i, units in enumerate(("h1", "h2", "n_y"), start=1)),
                ("network.py", 'dense.kernel.assign(parameters[f"W{layer}"].T)', "pass"),
                ("network.py", 'dense.bias.assign(parameters[f"b{layer}"][:, 0])', "pass"),
            )),
        ),
    ),
    Mistake(
        name="aliased-snapshots",
        title="the parameters that are handed over share memory with what goes on training: all of them show its end",
        written=".detach().numpy() without a copy",
        effects=(aliased,),
        stage="repeat",
        torch="np.array(linear.weight.detach().numpy())",
        keras="np.array(dense.kernel.numpy())",
        source="PyTorch documentation of Tensor.numpy",
        plants=(
            Plant("torch", "none", (
                ("network.py", "np.array(linear.weight.detach().numpy())", "linear.weight.detach().numpy()"),
                ("network.py", "np.array(linear.bias.detach().numpy()[:, np.newaxis])",
                 "linear.bias.detach().numpy()[:, np.newaxis]"),
            )),
        ),
    ),
)  # fmt: skip
