"""The compiled step of torch_impl is the eager one: same masks, same numbers to rounding, nothing else touched."""

import shutil

import numpy as np
import pytest
import torch

from shared.config import VARIANTS, Hyperparameters
from torch_impl import compiling
from torch_impl.training import train_segments

needs_compiler = pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler, which torch.compile needs")


@pytest.fixture
def run(make_problem, monkeypatch):
    """A function that trains for two segments, compiled from segments of so many updates."""
    X, Y, parameters = make_problem()

    def train(variant, compile_from):
        monkeypatch.setattr(compiling, "COMPILE_FROM", compile_from)
        settings = Hyperparameters().of(VARIANTS[variant])
        return list(train_segments(X, Y, parameters, lengths=[6, 4], seed=5, frozen=VARIANTS[variant].frozen, **settings))

    return train


@needs_compiler
@pytest.mark.parametrize("variant", ["none", "l2", "dropout", "frozen-dropout"])
def test_compiled_training_is_eager_training(run, variant, caplog):
    state = torch.get_rng_state()
    compiled, eager = run(variant, 6), run(variant, 7)
    assert "uncompiled" not in caplog.text
    assert torch.equal(torch.get_rng_state(), state)
    for one, other in zip(compiled, eager, strict=True):
        np.testing.assert_allclose(one.costs, other.costs, rtol=1e-13, strict=True)
        for name, value in other.parameters.items():
            np.testing.assert_allclose(one.parameters[name], value, rtol=1e-12, atol=1e-15, strict=True)
        for D, same in zip(one.masks or (), other.masks or (), strict=True):
            np.testing.assert_array_equal(D, same, strict=True)
    assert compiled[0].costs[0] != compiled[1].costs[-1]  # it trains


@needs_compiler
def test_a_run_is_compiled_where_its_longest_segment_is_long_enough(run, monkeypatch):
    made = []

    def note(step, network, optimizer):
        made.append(network)
        return step

    monkeypatch.setattr("torch_impl.training.compile_step", note)
    run("none", 7)
    run("none", None)
    assert made == []
    run("none", 6)
    assert len(made) == 1


@needs_compiler
@pytest.mark.parametrize("variant", ["none", "dropout"])
def test_a_step_that_leaves_something_for_the_next_stays_eager(run, monkeypatch, caplog, variant):
    def with_momentum(network, learning_rate, lambd, m):
        return torch.optim.SGD(network.parameters(), lr=learning_rate, momentum=0.9)

    plain = run(variant, 7)
    monkeypatch.setattr("torch_impl.training.make_optimizer", with_momentum)
    eager, told = run(variant, 7), run(variant, 6)
    assert "training runs uncompiled: the compiled step goes elsewhere" in caplog.text
    for one, other, without in zip(told, eager, plain, strict=True):
        np.testing.assert_array_equal(one.costs, other.costs)
        assert one.costs[-1] != without.costs[-1]
        for name, value in other.parameters.items():
            np.testing.assert_array_equal(one.parameters[name], value)


@needs_compiler
def test_a_compiler_that_loses_the_learning_rate_is_not_used(run, monkeypatch, caplog):
    lost = lambda step, network: lambda: [parameter.add_(1) for parameter in network.requires_grad_(False).parameters()]  # noqa: E731
    monkeypatch.setattr(compiling, "_trace_and_compile", lost)
    for one, other in zip(run("none", 6), run("none", 7), strict=True):
        np.testing.assert_array_equal(one.costs, other.costs)
    assert "training runs uncompiled: the compiled step goes elsewhere" in caplog.text


@needs_compiler
def test_a_step_that_draws_the_same_masks_again_stays_eager(run, monkeypatch, caplog):
    drawn = torch.nn.Dropout.forward

    def the_same(layer, A):
        torch.manual_seed(1)
        return drawn(layer, A)

    monkeypatch.setattr(torch.nn.Dropout, "forward", the_same)
    eager, told = run("dropout", 7), run("dropout", 6)
    assert "training runs uncompiled" in caplog.text
    for one, other in zip(told, eager, strict=True):
        np.testing.assert_array_equal(one.costs, other.costs)


def test_without_a_compiler_training_runs_eagerly_and_the_log_says_so(run, monkeypatch, caplog):
    eager = run("dropout", 7)
    monkeypatch.setenv("CXX", "/nowhere/c++")
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("/nowhere/c++",))
    monkeypatch.setattr("torch._inductor.config.force_disable_caches", True)
    torch._dynamo.reset()
    fallen_back = run("dropout", 6)
    assert "training runs uncompiled" in caplog.text
    for one, other in zip(fallen_back, eager, strict=True):
        np.testing.assert_array_equal(one.costs, other.costs)
