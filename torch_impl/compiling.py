"""One training step as one compiled call: forward pass, autograd's backward pass and the optimizer's update, fused."""

import logging
from copy import deepcopy

import torch
from torch._dynamo.exc import BackendCompilerFailed
from torch.fx.experimental.proxy_tensor import make_fx

COMPILE_FROM = 1000
"""Updates in a segment from which a run is compiled; None: never. Compiling takes seconds: few updates do not earn them."""

OPTIONS = {
    "cpp_wrapper": True,  # the calls in C++ as well as the loops
    "pattern_matcher": False,  # with it, 2.13 loses the learning rate: it turns W - learning_rate * dW into W + dW
    "fallback_random": True,  # PyTorch's own draws: the masks that the same step draws uncompiled
    "guard_filter_fn": torch.compiler.skip_all_guards_unsafe,  # safe: nothing is passed in that could change
}

logger = logging.getLogger(__name__)


def is_compiled(lengths):
    """Whether a run in segments of these lengths is compiled; the same for a run and for any of its longest segments."""
    return COMPILE_FROM is not None and max(lengths, default=0) >= COMPILE_FROM


def compile_step(step, network):
    """`step` compiled; `step` itself, with a warning in the log, where there is no C++ compiler.

    step(): one update of the network, returning tensors. torch.compile does not take an optimizer's step into the graph of
    a backward pass, so the step is traced first: PyTorch records every operation that its autograd and optimizer call.
    """
    before = deepcopy(network.state_dict())
    with torch.random.fork_rng(devices=[]):
        try:
            graph = make_fx(step)()
            for node in reversed(graph.graph.nodes):
                if "record_function" in str(node.target):  # the profiler's marks around the optimizer's step
                    graph.graph.erase_node(node)
            graph.recompile()
            network.requires_grad_(False)  # the gradients are in the graph: nothing is left to autograd
            compiled = torch.compile(graph.forward, fullgraph=True, options=OPTIONS)
            compiled()
        except BackendCompilerFailed as error:
            logger.warning("training runs uncompiled: %s", " ".join(str(error).split())[:200])
            network.requires_grad_(True)
            compiled = step
        finally:
            network.load_state_dict(before)  # tracing and the first call were updates, too
    return compiled
