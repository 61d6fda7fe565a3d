"""What a student's line does, in the course's words: other ways to write each function, and what they give."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from numpy_impl.network import relu, sigmoid
from shared.commands.check.rewrites import LAYERS, WrongForward, entropy, forward
from shared.commands.check.wrong_gradients import (
    Alternative,
    subsets,
    wrong_backward,
    wrong_decay,
    wrong_undrop,
)
from shared.errors import listed


def alternatives(name: str) -> Iterator[Alternative]:
    """Every known way to get the function wrong, the most frequent first."""
    if name.startswith("backward_propagation"):
        if name.endswith("regularization"):
            yield from wrong_decay()
        if name.endswith("dropout"):
            yield from wrong_undrop()
        yield from wrong_backward(name)
    elif name.startswith("forward_propagation"):
        if name.endswith("dropout"):
            yield from _wrong_drop()
        yield from _wrong_forward(name)
    elif name.startswith("compute_cost"):
        if name.endswith("regularization"):
            yield from _wrong_penalty()
        yield from _wrong_cost(name)
    elif name == "update_parameters":
        yield from _wrong_update()
    elif name.startswith("predict"):
        yield from _wrong_classes(name)


def _wrong_drop() -> Iterator[Alternative]:
    def of(wrong: WrongForward):
        return lambda X, p, k, masks=None: forward(X, p, k, masks, wrong)

    for what, words in (
        ("bare", "not divided by keep_prob"),
        ("undropped", "not multiplied by its mask"),
        ("twice", "divided by keep_prob twice"),
        ("multiplied", "multiplied by keep_prob; it should be divided by it"),
        ("turned", "multiplied by 1 - D: what should be kept is dropped"),
    ):
        for layers in subsets((1, 2)):
            said = f"{listed([f'A{i}' for i in layers])} {words}"
            yield what, said, of(replace(WrongForward(), **{what: layers}))  # type: ignore[arg-type]
    said = "A1 and A2 neither multiplied by their masks nor divided by keep_prob"
    yield "undropped", said, of(WrongForward(undropped=(1, 2), bare=(1, 2)))


def _wrong_forward(name: str) -> Iterator[Alternative]:
    def of(wrong: WrongForward):
        if name.endswith("dropout"):
            return lambda X, p, k, masks=None: forward(X, p, k, masks, wrong)
        return lambda X, p: forward(X, p, wrong=wrong)

    for word, function in (("nothing", lambda Z: Z), ("tanh", np.tanh), ("the sigmoid", sigmoid)):
        for layers in subsets((1, 2)):
            said = f"{listed([f'A{i}' for i in layers])} with {word} where relu(Z) should be"
            yield "activation", said, of(WrongForward(activation=dict.fromkeys(layers, function)))
    yield "activation", "A3 is Z3; it should be sigmoid(Z3)", of(WrongForward(last=lambda Z: Z))
    yield "activation", "A3 is relu(Z3); it should be sigmoid(Z3)", of(WrongForward(last=relu))
    for layers in subsets(LAYERS):
        yield "bias-lost", f"{listed([f'Z{i}' for i in layers])} without the bias b", of(WrongForward(without_bias=layers))


def _wrong_penalty() -> Iterator[Alternative]:
    def cost(factor, square=np.square, names=("W1", "W2", "W3"), of_entropy=1.0):
        def compute(A3, Y, parameters, lambd):
            m = Y.shape[1]
            penalty = lambd / (2 * m) * sum(np.sum(square(parameters[name])) for name in names)
            return {"cost": of_entropy * entropy(A3, Y) + factor(m) * penalty}

        return compute

    yield "penalty-lost", "the cost lacks the term lambd/(2m) * (sum(W1^2) + sum(W2^2) + sum(W3^2))", cost(lambda m: 0.0)
    yield "half-lost", "the penalty lacks the factor 1/2: it should be lambd/(2m), not lambd/m", cost(lambda m: 2.0)
    yield "mean-lost", "the penalty is not divided by m: it should be lambd/(2m), not lambd/2", cost(lambda m: float(m))
    yield "mean-lost", "the penalty has lambd alone: it should be lambd/(2m)", cost(lambda m: 2.0 * m)
    yield "halved", "the penalty is halved: it should be lambd/(2m)", cost(lambda m: 0.5)
    yield from _wrong_brackets()
    yield "sign", "the penalty is subtracted; it should be added", cost(lambda m: -1.0)
    yield "entropy-lost", "the cost is the penalty alone: the cross-entropy is missing", cost(lambda m: 1.0, of_entropy=0.0)
    yield "not-squared", "the penalty has sum(W), not sum(W^2)", cost(lambda m: 1.0, lambda W: W)
    yield "not-squared", "the penalty has sum(|W|), not sum(W^2)", cost(lambda m: 1.0, np.abs)
    for names in subsets(("W1", "W2", "W3")):
        if len(names) < 3:
            missing = listed([name for name in ("W1", "W2", "W3") if name not in names])
            yield "layer-lost", f"the penalty lacks {missing}", cost(lambda m: 1.0, names=names)
    yield "biases-decayed", "the penalty holds the biases too: it should hold W1, W2 and W3 alone", (
        cost(lambda m: 1.0, names=("W1", "W2", "W3", "b1", "b2", "b3")))  # fmt: skip


def _wrong_brackets() -> Iterator[Alternative]:
    """A sum over W + (a number) adds the number once for each element of W."""

    def late(first: tuple[str, ...], outer: str, inner: tuple[str, ...]):
        def compute(A3, Y, parameters, lambd):
            squares = {W: np.sum(np.square(parameters[W])) for W in ("W1", "W2", "W3")}
            total = sum(squares[W] for W in (*first, outer)) + parameters[outer].size * sum(squares[W] for W in inner)
            return {"cost": entropy(A3, Y) + lambd / (2 * Y.shape[1]) * total}

        return compute

    for first, outer, inner in (((), "W1", ("W2", "W3")), (("W1",), "W2", ("W3",)), (("W3",), "W1", ("W2",))):
        said = (
            f"the bracket of np.sum(np.square({outer}) is closed late: {listed(inner)} counted for each element of {outer}"
        )
        yield "bracket-late", said, late(first, outer, inner)


EPSILONS = (*(10.0**-k for k in range(3, 14)), float(np.finfo(np.float32).eps))


def _guarded_cost(epsilon: float) -> Callable:
    return lambda A, Y: -np.sum(Y * np.log(A + epsilon) + (1 - Y) * np.log(1 - A + epsilon)) / Y.shape[1]


def _wrong_cost(name: str) -> Iterator[Alternative]:
    def of(wrong):
        if name.endswith("regularization"):

            def compute(A3, Y, parameters, lambd):
                squares = sum(np.sum(np.square(parameters[W])) for W in ("W1", "W2", "W3"))
                return {"cost": wrong(A3, Y) + lambd / (2 * Y.shape[1]) * squares}

            return compute
        return lambda A3, Y: {"cost": wrong(A3, Y)}

    yield (
        "sum-for-mean",
        "the cross-entropy is a sum; it should be divided by m",
        of(lambda A, Y: Y.shape[1] * entropy(A, Y)),
    )
    yield "sign", "the cross-entropy has the wrong sign", of(lambda A, Y: -entropy(A, Y))
    yield "half-lost", "the cross-entropy lacks (1 - Y) * log(1 - A3)", of(lambda A, Y: -np.sum(Y * np.log(A)) / Y.shape[1])
    yield "half-lost", "the cross-entropy lacks Y * log(A3)", of(lambda A, Y: -np.sum((1 - Y) * np.log(1 - A)) / Y.shape[1])
    yield "turned", "Y and 1 - Y are exchanged in the cross-entropy", of(lambda A, Y: entropy(A, 1 - Y))
    for epsilon in EPSILONS:
        said = f"the logarithms are of A3 + {epsilon:.3g} and 1 - A3 + {epsilon:.3g}, so that the cost is off by about "
        said += f"{epsilon:.0e} and more; harmless unless a probability is 0 or 1"
        yield "logarithm-guarded", said, of(_guarded_cost(epsilon))


def _wrong_update() -> Iterator[Alternative]:
    def of(step, names=None):
        return lambda p, grads, rate: {
            n: v + step(rate, grads["d" + n]) if names is None or n in names else v for n, v in p.items()
        }

    yield "sign", "the gradient is added; it should be subtracted", of(lambda rate, g: rate * g)
    yield "rate-lost", "the step lacks the learning rate", of(lambda rate, g: -g)
    yield "biases-lost", "the biases are not updated", of(lambda rate, g: -rate * g, ("W1", "W2", "W3"))
    yield "nothing", "nothing is updated", of(lambda rate, g: 0 * g)
    for names in subsets(LAYERS):
        if len(names) < 3:
            missing = [i for i in LAYERS if i not in names]
            said = f"W{missing[0]} and b{missing[0]}" if len(missing) == 1 else f"layers {listed(map(str, missing))}"
            yield (
                "layer-lost",
                f"{said} not updated",
                of(lambda rate, g: -rate * g, {f"{k}{i}" for k in "Wb" for i in names}),
            )


def _wrong_classes(name: str) -> Iterator[Alternative]:
    def of(classes):
        def compute(*arguments):
            X, parameters = (arguments[1], arguments[0]) if name == "predict_dec" else (arguments[0], arguments[-1])
            out = forward(X, parameters)
            return {"classes": np.asarray(classes(out["Z3"], out["A3"])).astype(np.int64)}

        return compute

    yield "threshold-on-logits", "the class is 1 where Z3 > 0.5; it should be where A3 > 0.5", of(lambda Z3, A3: Z3 > 0.5)
    yield "turned", "the classes are exchanged", of(lambda Z3, A3: A3 <= 0.5)
    yield "constant", "the class is 0 for every example", of(lambda Z3, A3: A3 > 2)
