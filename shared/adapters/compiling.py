"""One training step as one compiled call: forward pass, autograd's backward pass and the optimizer's update, fused."""

import logging
from copy import deepcopy

import torch
from torch.fx.experimental.proxy_tensor import make_fx

OPTIONS = {
    "cpp_wrapper": True,  # the calls in C++ as well as the loops
    "cpp_cache_precompile_headers": False,  # seconds for every process, and nothing gained: what is compiled is kept
    "pattern_matcher": False,  # with it, 2.13 loses the learning rate: it turns W - learning_rate * dW into W + dW
    "fallback_random": True,  # PyTorch's own draws: the masks that the same step draws uncompiled
    "guard_filter_fn": torch.compiler.skip_all_guards_unsafe,  # safe: nothing is passed in that could change
}

logger = logging.getLogger(__name__)


def make_compiled(make):
    """make(), with the step compiled; as it is, with a warning in the log, where that fails or goes elsewhere.

    make(): a new network and its step(), one update that returns tensors. torch.compile does not take an optimizer's step
    into the graph of a backward pass, so the step is traced first: PyTorch records every operation that its autograd and
    optimizer call. What a step leaves for the next beside the parameters (momentum) no trace of one step can hold, so that
    two steps are tried. What shows later is not seen.
    """
    tried = _two_steps(*make())
    try:
        network, step = make()
        start = deepcopy(network.state_dict())
        compiled = _trace_and_compile(step, network)
        network.load_state_dict(start)  # tracing and trying are updates, too
        if _alike(tried, _two_steps(network, compiled)):
            network.load_state_dict(start)
            return network, compiled
        reason = "the compiled step goes elsewhere; a step may leave something for the next, as momentum does"
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
    logger.warning("training runs uncompiled: %s", reason)
    return make()


def _two_steps(network, step):
    """What two steps move each parameter by, and what the second one returns."""
    start = [parameter.detach().clone() for parameter in network.parameters()]
    with torch.random.fork_rng(devices=[]):
        step()
        returned = step()
    moves = [parameter.detach() - before for parameter, before in zip(network.parameters(), start, strict=True)]
    return start, moves, [tensor.detach() for tensor in returned]


def _trace_and_compile(step, network):
    with torch.random.fork_rng(devices=[]):
        graph = make_fx(step)()
    for node in reversed(graph.graph.nodes):
        if "record_function" in str(node.target):  # the profiler's marks around the optimizer's step
            graph.graph.erase_node(node)
    graph.recompile()
    network.requires_grad_(False)  # the graph computes the gradients itself: autograd has nothing to record
    return torch.compile(graph.forward, fullgraph=True, options=OPTIONS)


def _alike(eager, compiled):
    """Whether moves and returned values agree in half of their digits, moves in those of the longest one."""
    (start, moves, returned), (_, its_moves, its_returned) = eager, compiled
    eps = torch.finfo(start[0].dtype).eps
    longest = max(_size(move) for move in moves)
    allowed = [eps**0.5 * longest + 16 * eps * _size(parameter) for parameter in start]
    allowed += [eps**0.5 * _size(value) for value in returned]
    pairs = zip(moves + returned, its_moves + its_returned, allowed, strict=True)
    return all(torch.allclose(its, right, rtol=0, atol=atol, equal_nan=True) for right, its, atol in pairs)


def _size(tensor):
    return float(tensor.nan_to_num(0, 0, 0).abs().max())
