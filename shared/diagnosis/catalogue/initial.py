"""Mistakes in the parameters that training starts from, and in those that it hands over."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from shared.alignment.step import Step
from shared.alignment.tensors import Tensors
from shared.case import Problem
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


def normal(scale: Callable[[int, int], float]) -> Callable[[Parameters], bool]:
    """Normal weights with this deviation, of fan_in and fan_out, and zero biases."""

    def recognized(parameters: Parameters) -> bool:
        from scipy import stats

        if any(parameters[f"b{i}"].any() for i in (1, 2, 3)):
            return False
        shares = [(W := parameters[f"W{i}"]).ravel() / scale(W.shape[1], W.shape[0]) for i in (1, 2, 3)]
        each = [stats.chi2.cdf(np.sum(np.square(share)), share.size) for share in shares]
        alike = float(stats.kstest(np.concatenate(shares), "norm").pvalue) > 1e-2
        return alike and all(2e-3 < likely < 1 - 2e-3 for likely in each)

    return recognized


def others(start: Parameters, port: Tensors, problem: Problem) -> bool:
    """Other parameters than the given ones, whatever they are; the given ones rounded to float32 are not others."""
    names = ("W1", "W2", "W3")
    eps = np.finfo(np.float32).eps
    return all(name in port for name in names) and not all(
        np.allclose(port[name], start[name], rtol=eps, atol=0, equal_nan=True) for name in names
    )


def zero(parameters: Parameters) -> bool:
    """Whether the weights of each layer are all the same."""
    return all(np.ptp(parameters[f"W{i}"]) == 0 for i in (1, 2, 3))


def _uniform(parameters: Parameters, bounds: dict[str, float]) -> bool:
    shares = np.concatenate([parameters[name].ravel() / bound for name, bound in bounds.items()])
    inside = bool(np.abs(shares).max() <= 1 + 1e-6)
    from scipy import stats

    return inside and float(stats.kstest(shares, stats.uniform(-1, 2).cdf).pvalue) > 1e-3


HE = 'torch.tensor(np.random.RandomState(layer).randn(*(shape := parameters[f"W{layer}"].shape)) * np.sqrt(2 / shape[1]))'

MISTAKES = (
    Mistake(
        name="default-weights-torch",
        title="the network keeps PyTorch's own initial weights (uniform, biases too) instead of the given ones",
        written="the given weights are never copied in, or into a copy of the layer",
        stage="parameters",
        torch="network.load_state_dict(...), or with torch.no_grad(): linear.weight.copy_(...)",
        keras="dense.kernel.assign(W.T); dense.bias.assign(b[:, 0])",
        numpy="start from copies of the parameters that are given",
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
        numpy="start from copies of the parameters that are given",
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
        numpy="W.copy() of what is handed over, or W = W - learning_rate * dW, which makes a new array",
        source="PyTorch documentation of Tensor.numpy",
        plants=(
            Plant("torch", "none", (
                ("network.py", "np.array(linear.weight.detach().numpy())", "linear.weight.detach().numpy()"),
                ("network.py", "np.array(linear.bias.detach().numpy()[:, np.newaxis])",
                 "linear.bias.detach().numpy()[:, np.newaxis]"),
            )),
        ),
    ),
    *(
        Mistake(
            name=name,
            title=f"the network starts from weights of its own, {title}, instead of the given ones",
            written=written,
            stage="parameters",
            torch="network.load_state_dict(...), or with torch.no_grad(): linear.weight.copy_(...)",
            keras="dense.kernel.assign(W.T); dense.bias.assign(b[:, 0]), after the layer was built",
            numpy="start from copies of the parameters that are given",
            source=source,
            initial=recognized,
            plants=(Plant("torch", "none", tuple(
                ("network.py", f'torch.tensor(parameters[f"{kind}{{layer}}"]{ends}', wrong) for kind, ends, wrong in plant
            ), iterations=1000),),
        )
        for name, title, written, source, recognized, plant in (
            ("he-weights", "drawn as He draws them (standard deviation sqrt(2 / fan_in))",
             "np.random.randn(...) * np.sqrt(2 / n)", "szagoruyko/wide-residual-networks#41",
             normal(lambda n_in, n_out: (2 / n_in) ** 0.5),
             (("W", ")", HE), ("b", "[:, 0])", 'torch.zeros(len(parameters[f"b{layer}"])).double()'))),
            ("small-weights", "drawn small (0.01 * randn)",
             "np.random.randn(...) * 0.01", 'course, "Random initialization"', normal(lambda n_in, n_out: 0.01),
             (("W", ")", "torch.tensor(0.01 * np.random.RandomState(layer).randn(*parameters[f\"W{layer}\"].shape))"),
              ("b", "[:, 0])", 'torch.zeros(len(parameters[f"b{layer}"])).double()'))),
            ("equal-weights", "all the same in a layer: its units never become different",
             "np.zeros(...), np.ones(...)", 'course, "Initialization"', zero,
             (("W", ")", 'torch.zeros(parameters[f"W{layer}"].shape).double()'),)),
        )
    ),
    Mistake(
        name="other-weights",
        title="the network starts from other weights than the given ones",
        written="drawn anew, or loaded from elsewhere",
        stage="parameters",
        torch="network.load_state_dict(...), or with torch.no_grad(): linear.weight.copy_(...)",
        keras="dense.kernel.assign(W.T); dense.bias.assign(b[:, 0]), after the layer was built",
        numpy="start from copies of the parameters that are given",
        source="PyTorch documentation of nn.Module.load_state_dict",
        traced=others,
        plants=(Plant("torch", "none", (
            ("network.py", 'torch.tensor(parameters[f"W{layer}"])', '3 * torch.tensor(parameters[f"W{layer}"]) ** 2'),
        ), iterations=1000),),
    ),
)  # fmt: skip
