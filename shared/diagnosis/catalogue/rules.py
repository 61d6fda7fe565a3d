"""Mistakes in the update rule: other rates, parameters left behind, averages, schedules, clipping, and late costs."""

from dataclasses import replace

import numpy as np

from shared.alignment.step import Effect, Step, added
from shared.diagnosis.estimates import constant
from shared.diagnosis.mistake import Mistake, Plant
from shared.diagnosis.moves import other_rates

TORCH_SGD = "torch.optim.SGD(groups, lr=learning_rate)"
TORCH_RULE, KERAS_RULE = "torch.optim.SGD(groups, lr=learning_rate), alone", "keras.optimizers.SGD(learning_rate), alone"
NUMPY_RULE = "parameters[name] - learning_rate * gradients[name]"
NUMPY_UPDATE = 'return {name: value - learning_rate * grads["d" + name] for name, value in parameters.items()}'
STEPPED = "    optimizer.step()\n"


def velocity(factor: float, of_new: float = 1.0, nesterov: bool = False, whole: bool = False) -> Effect:
    """v = factor * v + of_new * g, the first time of_new * g, or the whole g; with Nesterov's look ahead."""

    def effect(step: Step) -> Step:
        def update(parameters, gradients, decay, velocity, rate):
            total = added(gradients, decay)
            old = velocity or {name: 0 * g for name, g in total.items()}
            share = 1.0 if whole and velocity is None else of_new
            now = {name: factor * old[name] + share * g for name, g in total.items()}
            moved = {name: g + factor * now[name] for name, g in total.items()} if nesterov else now
            return {name: value - rate * moved[name] for name, value in parameters.items()}, now

        return replace(step, update=update)

    return effect


def clipped_by_norm(largest: float, small: float = 1e-6, each: bool = False) -> Effect:
    """Gradients scaled down where their norm, of all or of each parameter, is above the largest."""

    def effect(step: Step) -> Step:
        def update(parameters, gradients, decay, memory, rate):
            total = added(gradients, decay) if step.in_loss else gradients
            norms = {name: np.sqrt(np.sum(np.square(g))) for name, g in total.items()}
            whole = np.sqrt(sum(np.square(norm) for norm in norms.values()))
            total = {n: g * np.minimum(1, largest / ((norms[n] if each else whole) + small)) for n, g in total.items()}
            return step.update(parameters, total, {} if step.in_loss else decay, memory, rate)

        return replace(step, update=update)

    return effect


def clipped_by_value(largest: float) -> Effect:
    def effect(step: Step) -> Step:
        def update(parameters, gradients, decay, memory, rate):
            total = {name: np.clip(g, -largest, largest) for name, g in gradients.items()}
            return step.update(parameters, total, decay, memory, rate)

        return replace(step, update=update)

    return effect


def decaying(factor: float) -> Effect:
    return lambda step: replace(step, schedule=lambda update: factor ** (update - 1))


def late(step: Step) -> Step:
    return replace(step, reported=lambda start, after, problem: after[0])


def late_beside(step: Step) -> Step:
    """The same beside the cross-entropy of the step; a trace may make its update with a learning rate of 1."""

    def moved(start, after, problem):
        return {name: value - (value - after[0][name]) / problem.learning_rate for name, value in start.items()}

    return replace(step, reported=moved, beside=True)


def in_loss(effect: Effect) -> Effect:
    """The same with the penalty in the loss."""
    return lambda step: effect(replace(step, in_loss=True, in_optimizer=False))


def _says(words: str):
    return lambda value, said, evidence: words.format(said)


CLIPPED = "the gradients are scaled down where their norm is above {}"
AVERAGE = "v = {0} * v + (1 - {0}) * dW, and W moves by v"
MOVES = "v = {} * v + dW, and W moves by v"


def _averaged(value: float, said: str, evidence) -> str:
    return f"{AVERAGE.format(said)}: the first update is {1 - value:.9g} of what it should be"


MISTAKES = (
    Mistake(
        name="parameters-still",
        title="some parameters do not move",
        written="layers in a Python list, which PyTorch does not register; an optimizer of another network",
        fitted=(other_rates(still=True),),
        stage="update",
        torch="nn.ModuleList for a list of layers; the optimizer made of the parameters of the network that is trained",
        keras="tape.gradient(loss, model.trainable_variables), all of them",
        numpy="every W and b in the loop of the update",
        source="pytorch/pytorch#666",
        plants=(
            Plant("torch", "none", (("training.py", "biases = [linear.bias for linear in linears(network)]",
                                     "biases = [linear.bias for linear in linears(network)[1:]]"),), iterations=1000),
            Plant("numpy", "l2", (("training.py", NUMPY_UPDATE,
                                   NUMPY_UPDATE.replace("learning_rate *", '("W" in name) * learning_rate *')),),
                  iterations=1000),
        ),
    ),
    Mistake(
        name="other-rates",
        title="some parameters move at another rate than the others",
        written="parameter groups with rates of their own, or lr_mult in Caffe, taken over from fine-tuning",
        fitted=(other_rates(still=False),),
        stage="update",
        torch="one lr for all groups", keras="one learning_rate for all variables", numpy=NUMPY_RULE,
        source="BVLC/caffe#4831",
        plants=(Plant("torch", "l2", (("training.py", '"weight_decay": 0.0}',
                                       '"weight_decay": 0.0, "lr": 0.1 * learning_rate}'),),
                      iterations=1000),),
    ),
    Mistake(
        name="nesterov",
        title="the optimizer has Nesterov's momentum",
        written="nesterov=True, taken over from a training script",
        fitted=(constant(_says("W moves by dW + {0} * v, with v = {0} * v + dW: Nesterov's momentum"),
                         lambda f: velocity(f, nesterov=True), (0.9, 0.5)),),
        stage="update",
        torch=TORCH_RULE, keras=KERAS_RULE, numpy=NUMPY_RULE,
        source="PyTorch documentation of torch.optim.SGD",
        plants=(Plant("torch", "none", (("training.py", TORCH_SGD, TORCH_SGD[:-1] + ", momentum=0.9, nesterov=True)"),),
                      iterations=1000),),
    ),
    Mistake(
        name="gradients-averaged",
        title="the update takes a moving average of the gradients",
        written="v = 0.9 * v + 0.1 * dW, as the course writes momentum; dampening=0.9",
        fitted=(
            constant(_averaged, lambda f: velocity(f, 1 - f), (0.9, 0.5)),
            constant(_says(f"{AVERAGE}, from the second update on"), lambda f: velocity(f, 1 - f, whole=True), (0.9, 0.5)),
        ),
        stage="update",
        torch=TORCH_RULE, keras=KERAS_RULE, numpy=NUMPY_RULE,
        source='course, "Gradient descent with momentum"',
        plants=(Plant("torch", "none", (("training.py", TORCH_SGD, TORCH_SGD[:-1] + ", momentum=0.9, dampening=0.9)"),),
                      iterations=1000),),
    ),
    Mistake(
        name="other-momentum",
        title="the optimizer has a momentum",
        written="momentum=0.5",
        fitted=(constant(_says(f"the optimizer has a momentum: {MOVES}"), velocity, (0.9, 0.5)),),
        stage="update",
        torch="torch.optim.SGD(..., momentum=0), the default", keras="keras.optimizers.SGD(..., momentum=0.0), the default",
        numpy=NUMPY_RULE,
        source="PyTorch documentation of torch.optim.SGD",
        plants=(Plant("torch", "l2", (("training.py", TORCH_SGD, TORCH_SGD[:-1] + ", momentum=0.5)"),), iterations=1000),),
    ),
    Mistake(
        name="gradients-clipped",
        title="the gradients are clipped",
        written="clip_grad_norm_ of a training template, clipnorm or clipvalue of a Keras optimizer",
        fitted=(
            *(constant(_says(CLIPPED + of), form(lambda c, s=small, e=each: clipped_by_norm(c, s, e)), (1.0, 0.9))
              for each, small, of in ((False, 1e-6, ""), (False, 0.0, ""), (True, 0.0, ", each by itself"))
              for form in (lambda e: e, lambda e: lambda c: in_loss(e(c)))),
            constant(_says("the gradients are cut off at {}"), clipped_by_value, (1.0, 0.9)),
            constant(_says("the gradients are cut off at {}"), clipped_by_value, (0.1, 0.09)),
        ),
        stage="update",
        torch="no clip_grad_norm_, no clip_grad_value_", keras="no clipnorm, no clipvalue", numpy=NUMPY_RULE,
        source="tensorflow/tensorflow#29108",
        plants=(Plant("torch", "none", (
            ("training.py", STEPPED, "    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)\n" + STEPPED),
        ), iterations=1000),),
    ),
    Mistake(
        name="learning-rate-decays",
        title="the learning rate changes from update to update",
        written="ExponentialLR, ExponentialDecay, 1 / (1 + decay * epoch)",
        fitted=(constant(_says("the learning rate changes: at the second update it is {} times that of the first"),
                         decaying, (0.99, 0.9)),),
        stage="update",
        torch="no scheduler", keras="a learning_rate that is a number", numpy=NUMPY_RULE,
        source="PyTorch documentation of torch.optim.lr_scheduler",
        plants=(Plant("torch", "none", (
            ("training.py", STEPPED, STEPPED + '    for group in optimizer.param_groups:\n        group["lr"] *= 0.99\n'),
        ), iterations=1000),),
    ),
    Mistake(
        name="cost-after-update",
        title="costs[i] is the cost after update i, not before it: all costs come one update late; the updates are right",
        written="the cost computed at the end of the loop, from the parameters that have moved",
        effects=(late, lambda step: replace(late(step), beside=True), late_beside),
        stage="cost",
        torch="the loss that backward() was called on", keras="the loss inside the tape",
        numpy="the cost of the A3 from which the gradients are computed",
        source="intel/ipex-llm#2709",
        plants=(Plant("torch", "none", (
            ("training.py", STEPPED, STEPPED + "    reported = cross_entropy(network(X), Y).detach()\n"),
        ), iterations=1000),),
    ),
)  # fmt: skip
