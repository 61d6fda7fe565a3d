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


def compile_step(step, network, optimizer):
    """`step` compiled; `step` itself, with a warning in the log, where that cannot be done or does something else.

    step(): one update of the network, returning tensors. torch.compile does not take an optimizer's step into the graph of
    a backward pass, so the step is traced first: PyTorch records every operation that its autograd and optimizer call.
    What one step leaves for the next beside the parameters, as momentum does, no trace of a single step can hold.
    """
    start = deepcopy((network.state_dict(), optimizer.state_dict()))

    def reset():  # tracing and trying are updates, too
        network.load_state_dict(start[0])
        optimizer.load_state_dict(start[1])
        optimizer.zero_grad()

    def twice(run):
        reset()
        with torch.random.fork_rng(devices=[]):
            run(), run()
        return [parameter.detach().clone() for parameter in network.parameters()]

    eager = twice(step)
    try:
        reset()
        compiled = _trace_and_compile(step, network)
        if _same_moves(eager, twice(compiled), start[0].values()):
            return compiled
        reason = "the compiled step goes elsewhere; a step may leave something for the next, as momentum does"
    except BackendCompilerFailed as error:
        reason = " ".join(str(error).split())[:200]
    finally:
        reset()
    logger.warning("training runs uncompiled: %s", reason)
    network.requires_grad_(True)
    return step


def _trace_and_compile(step, network):
    with torch.random.fork_rng(devices=[]):
        graph = make_fx(step)()
    for node in reversed(graph.graph.nodes):
        if "record_function" in str(node.target):  # the profiler's marks around the optimizer's step
            graph.graph.erase_node(node)
    graph.recompile()
    network.requires_grad_(False)  # the gradients are in the graph: nothing is left to autograd
    return torch.compile(graph.forward, fullgraph=True, options=OPTIONS)


def _same_moves(eager, compiled, start):
    """Whether both went to the same place: half the digits of the way, and the last bits of the parameters, are rounding."""
    eps = torch.finfo(eager[0].dtype).eps
    return all(
        torch.allclose(there, here, rtol=16 * eps, atol=eps**0.5 * float((here - before).abs().max()))
        for here, there, before in zip(eager, compiled, start, strict=True)
    )
