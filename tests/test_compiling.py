"""The step that torch_impl's adapter compiles is the eager one: same masks, same numbers to rounding, no more."""

import shutil

import numpy as np
import pytest

from shared.adapters import implementation
from shared.adapters.torch import TorchAdapter
from shared.config import VARIANTS, Hyperparameters
from tests.helpers.training import in_segments

torch = pytest.importorskip("torch")
compiling = pytest.importorskip("shared.adapters.compiling")

pytestmark = pytest.mark.full  # the compiler itself takes seconds to import; a step that it spoils runs uncompiled
needs_compiler = pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler, which torch.compile needs")


def same(one, other):
    """Bit for bit the same segments."""
    for segment, its in zip(one, other, strict=True):
        np.testing.assert_array_equal(segment.costs, its.costs)
        for name, value in segment.parameters.items():
            np.testing.assert_array_equal(value, its.parameters[name])


@pytest.fixture
def run(make_problem, monkeypatch):
    """A function that trains for two segments, compiled from segments of so many updates."""
    X, Y, parameters = make_problem()

    def train(variant, compile_from):
        monkeypatch.setattr(implementation, "COMPILE_FROM", compile_from)
        settings = Hyperparameters().of(VARIANTS[variant]) | {"frozen": VARIANTS[variant].frozen}
        return list(in_segments(TorchAdapter(), X, Y, parameters, lengths=[6, 4], seed=5, **settings))

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

    def note(make):
        made.append(make)
        return make()

    monkeypatch.setattr(compiling, "make_compiled", note)
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
    same(told, eager)
    assert eager[-1].costs[-1] != plain[-1].costs[-1]


@needs_compiler
@pytest.mark.parametrize("what", ["parameters", "costs", "masks"])
def test_a_compiled_step_that_goes_elsewhere_is_not_used(run, monkeypatch, caplog, what):
    compile_right = compiling._trace_and_compile

    def compile_wrong(step, network):
        compiled = compile_right(step, network)

        def wrong():
            cost, A1, A2 = compiled()
            if what == "parameters":
                network.linear3.bias.add_(1e-6)
            return cost * (1 + 1e-6 * (what == "costs")), A1, A2 * (what != "masks")

        return wrong

    monkeypatch.setattr(compiling, "_trace_and_compile", compile_wrong)
    same(run("dropout", 6), run("dropout", 7))
    assert "training runs uncompiled: the compiled step goes elsewhere" in caplog.text


@needs_compiler
@pytest.mark.parametrize("rate", [1e200, 1e308])
def test_what_diverges_at_once_diverges_compiled_too(make_problem, monkeypatch, caplog, rate):
    X, Y, parameters = make_problem()
    ends = []
    for compile_from in (6, None):
        monkeypatch.setattr(implementation, "COMPILE_FROM", compile_from)
        (segment,) = in_segments(TorchAdapter(), X, Y, parameters, learning_rate=rate, lengths=[6])
        ends.append(segment.parameters)
    for name, value in ends[0].items():
        assert not np.isfinite(value).all() or name.startswith("b")
        np.testing.assert_array_equal(np.isfinite(value), np.isfinite(ends[1][name]))
    assert "uncompiled" not in caplog.text


@needs_compiler
def test_what_a_step_keeps_in_python_starts_afresh_where_it_is_not_compiled(run, monkeypatch, caplog):
    from torch_impl.training import make_optimizer

    def with_schedule(*settings):
        optimizer = make_optimizer(*settings)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        optimizer.register_step_post_hook(lambda *_: schedule.step())
        return optimizer

    monkeypatch.setattr("torch_impl.training.make_optimizer", with_schedule)
    same(run("none", 6), run("none", 7))
    assert "training runs uncompiled" in caplog.text


def test_what_cannot_be_traced_runs_eagerly(run, monkeypatch, caplog):
    monkeypatch.setattr("torch_impl.training.make_optimizer",
                        lambda network, rate, lambd, m: torch.optim.Adagrad(network.parameters(), rate))  # fmt: skip
    same(run("none", 6), run("none", 7))
    assert "training runs uncompiled" in caplog.text


@needs_compiler
def test_buffers_of_a_network_are_no_hindrance(run, monkeypatch, caplog):
    from torch_impl.network import load

    def counted(*settings):
        network = load(*settings)
        network.register_buffer("count", torch.zeros(1))
        return network

    eager = run("none", 7)
    monkeypatch.setattr("torch_impl.network.load", counted)
    for one, other in zip(run("none", 6), eager, strict=True):
        np.testing.assert_allclose(one.costs, other.costs, rtol=1e-13)
    assert "uncompiled" not in caplog.text


@needs_compiler
def test_a_step_that_draws_the_same_masks_again_stays_eager(run, monkeypatch, caplog):
    drawn = torch.nn.Dropout.forward

    def the_same(layer, A):
        torch.manual_seed(1)
        return drawn(layer, A)

    monkeypatch.setattr(torch.nn.Dropout, "forward", the_same)
    eager, told = run("dropout", 7), run("dropout", 6)
    assert "training runs uncompiled" in caplog.text
    same(told, eager)


def test_without_a_compiler_training_runs_eagerly_and_the_log_says_so(run, monkeypatch, caplog):
    eager = run("dropout", 7)
    monkeypatch.setenv("CXX", "/nowhere/c++")
    torch._dynamo.reset()
    with torch._inductor.config.patch({"cpp.cxx": ("/nowhere/c++",), "force_disable_caches": True}):
        fallen_back = run("dropout", 6)
    assert "training runs uncompiled" in caplog.text
    same(fallen_back, eager)
