"""Looking into torch_impl: hooks on its linear layers tell what its own `update` computes; long runs are compiled."""

from collections.abc import Callable, Iterator
from typing import Any

from numpy.typing import NDArray

from shared.adapters.implementation import Adapter, Implementation, Place, columns, full_decay, is_compiled, moved, overheard
from shared.case import Problem
from shared.contract import Segment
from shared.parameters import Parameters


class TorchAdapter(Adapter):
    """torch_impl as the harness sees it."""

    def __init__(self, package: str = "torch_impl"):
        super().__init__(package)

    def trace(self, X, Y, parameters, *, lambd=0.0, keep_prob=1.0, seed=1) -> dict[str, NDArray]:
        """See Adapter. The step is the implementation's own `update`; its learning rate does not matter."""
        import torch

        network, step, seen = self._make(Problem(X, Y, 1.0, lambd, keep_prob), parameters)
        before = {name: value.copy() for name, value in self.network.read_parameters(network).items()}
        penalty = torch.as_tensor(self.cost.l2_penalty(network, lambd, X.shape[-1]))
        gradients: dict[Any, Any] = {}

        def keep(parameter: Any) -> None:
            gradients.setdefault(parameter, parameter.grad.clone())

        for parameter in network.parameters():  # of the first backward pass, before anybody changes them
            parameter.register_post_accumulate_grad_hook(keep)
        with torch.random.fork_rng(devices=[]), overheard(self.training, "cross_entropy") as heard:
            torch.manual_seed(seed)
            tensors = {"cost": step(), "l2_penalty": penalty, **seen}
        tensors["A3"] = torch.sigmoid(seen["Z3"])
        if keep_prob < 1:
            tensors |= {"D1": seen["A1"] != 0, "D2": seen["A2"] != 0}
        if "cross_entropy" in heard:
            (_, tensors["Y"]), tensors["cross_entropy"] = heard["cross_entropy"]
        for i, linear in enumerate(self.network.linears(network), start=1):
            tensors |= {f"dW{i}": gradients[linear.weight].T, f"db{i}": gradients[linear.bias][None]}
        arrays = {name: columns(tensor.detach()) for name, tensor in tensors.items()}
        return before | arrays | self._decay(parameters, lambd, X.shape[-1])

    def train_segments(self, problem, start, lengths, *, seed=1, frozen=False) -> Iterator[Segment]:
        """See Adapter. Between segments the caller's generator is as it was."""
        import torch

        dropout = problem.keep_prob < 1

        def make() -> tuple[Any, Callable]:  # makes a new network at each call: compiling runs the step and so changes it
            network, step, seen = self._make(problem, start)
            if not dropout:
                return network, lambda: (step(),)
            return network, lambda: (step(), seen["A1"], seen["A2"])

        if is_compiled(lengths):
            from shared.adapters.compiling import make_compiled  # imports PyTorch's compiler

            network, step = make_compiled(make)
        else:
            network, step = make()
        dropout_state = torch.Generator().manual_seed(seed).get_state()
        for length in lengths:
            costs, D1s, D2s = [], [], []
            with torch.random.fork_rng(devices=[]):
                torch.set_rng_state(dropout_state)
                for _ in range(length):
                    if frozen:
                        torch.default_generator.manual_seed(seed)  # torch.manual_seed would visit other devices, slowly
                    cost, *dropped = step()
                    costs.append(cost)
                    if dropout:
                        # A unit that was 0 before the layer reads as dropped; kept or dropped, it passes on the same 0.
                        D1s.append(dropped[0].bool())  # != 0, and three times as fast
                        D2s.append(dropped[1].bool())
                dropout_state = torch.get_rng_state()
            masks = (torch.stack(D1s).mT.numpy(), torch.stack(D2s).mT.numpy()) if dropout else None
            yield Segment(torch.stack(costs).numpy(), self.network.read_parameters(network), masks)

    def _make(self, problem: Problem, start: Parameters) -> tuple[Any, Callable, dict]:
        """A new network; one update of it; and what its linear layers take in and give out, the first time in each."""
        network = self.network.load(start, problem.keep_prob)
        optimizer = self.training.make_optimizer(network, problem.learning_rate, problem.lambd, problem.X.shape[-1])
        rows, labels = self.network.to_rows(problem.X), self.network.to_rows(problem.Y)
        seen: dict[str, Any] = {}
        for linear, taken, given in zip(self.network.linears(network), ("X", "A1", "A2"), ("Z1", "Z2", "Z3"), strict=True):

            def look(layer, inputs, output, taken=taken, given=given):
                seen.setdefault(taken, inputs[0])
                seen.setdefault(given, output)

            linear.register_forward_hook(look)

        def step():
            seen.clear()
            return self.training.update(network, optimizer, rows, labels, problem.lambd)

        return network, step, seen

    def _decay(self, parameters, lambd, m) -> dict[str, NDArray]:
        """What the optimizer itself adds to each dW."""
        import torch

        learning_rate, scale = full_decay(lambd, m)
        network = self.network.load(parameters)
        optimizer = self.training.make_optimizer(network, learning_rate, lambd, m)
        before = self.network.read_parameters(network)
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        return moved(before, self.network.read_parameters(network), scale)


IMPLEMENTATION = Implementation(
    name="torch",
    package="torch_impl",
    requires=("torch",),
    colour="#d55e00",
    line="--",
    adapter=TorchAdapter,
    places={
        "Data": Place("network.py", ("to_rows",), "return"),
        "Initial parameters": Place("network.py", ("load",), r"torch\.tensor\("),
        "Forward pass": Place("network.py", ("Network.forward",), r"\b{name} = |# {name}"),
        "Dropout": Place("network.py", ("Network.__init__", "Network.forward"), r"dropout{layer}\("),
        "Cost": Place("cost.py", ("cross_entropy",), "return"),
        "L2 penalty": Place("cost.py", ("l2_penalty",), "return"),
        "Reported cost": Place("training.py", ("update",), "l2_penalty"),
        "Weight decay": Place("training.py", ("make_optimizer",), 'weight_decay"'),
        "Gradients": Place("training.py", ("update",), r"\.backward\("),
        "Update": Place("training.py", ("make_optimizer", "update"), r"optimizer\.step"),
        "Training loop": Place("training.py", ("train",), "(?!)"),
        "Prediction": Place("network.py", ("predict",), "0.5"),
    },
)
