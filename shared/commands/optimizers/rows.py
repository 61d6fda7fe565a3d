"""The table's rows: what is written in PyTorch and in Keras, what is claimed of it, and what to write instead."""

from dataclasses import dataclass

from shared.commands.optimizers.settings import Setting

EQUAL, DIFFERS = "equal", "differs"
ALWAYS = (EQUAL, EQUAL, EQUAL)
FROM_SECOND = (EQUAL, DIFFERS, DIFFERS)
NEVER = (DIFFERS, DIFFERS, DIFFERS)

REMEDIES = {
    "penalty in Keras's loss": "cost = cross_entropy(Z3, Y) + np.float64(lambd / (2 * m)) * tf.add_n("
    "[tf.reduce_sum(tf.square(W)) for W in kernels])",
    "penalty in PyTorch's loss": "cost = cross_entropy(Z3, Y) + lambd / (2 * m) * sum(W.square().sum() for W in weights)",
    "decay by hand in PyTorch": "W.mul_(1 - lr * lambd / m) for each weight, under torch.no_grad(), "
    "between cost.backward() and optimizer.step()",
    "epsilon by hand in PyTorch": 'group["eps"] = epsilon / sqrt(1 - beta_2**t) for each of optimizer.param_groups, '
    "before step t = 1, 2, ...",
    "AdamAsInTorch in Keras": "a subclass of keras.optimizers.Adam whose epsilon is epsilon * sqrt(1 - beta_2**t): "
    "shared/commands/optimizers/in_keras.py",
    "epsilon 1e-30 in both": "eps=1e-30 in PyTorch, epsilon=np.float64(1e-30) in Keras: as good as none at all",
    "float64": 'keras.config.set_floatx("float64") before the optimizer is made',
    "np.float64": "weight_decay=np.float64(lambd / m), momentum=np.float64(0.9), beta_1=np.float64(0.9), ...",
}


@dataclass(frozen=True)
class Row:
    """A comparison of two runs. claim: equal or differs, after each of UPDATES.

    kind: use (what one would write), remedy (what makes them equal), float (Keras is given a Python float).
    says: what differs, in a sentence; remedies: what to write instead, of REMEDIES, in a remedy what is written.
    """

    kind: str
    title: str
    torch: Setting
    keras: Setting
    claim: tuple[str, str, str]
    says: str = ""
    remedies: tuple[str, ...] = ()


def _remedy(torch: Setting, keras: Setting, *remedies: str) -> Row:
    return Row("remedy", "; ".join(remedies), torch, keras, ALWAYS, remedies=remedies)


def _float(name: str, torch: Setting, keras: Setting, claim: tuple[str, str, str], says: str, *remedies: str) -> Row:
    return Row("float", name, torch, keras, claim, says, remedies)


def _with_velocity(optimizer: str, claim: tuple[str, str, str]) -> tuple[Row, ...]:
    own, penalty, by_hand = Setting(optimizer), Setting(optimizer, "penalty"), Setting(optimizer, "by hand")
    says = "PyTorch's decay goes through the velocity, Keras's past it."
    return (
        Row("use", f"{optimizer}: weight_decay in both", own, own, claim, says),
        _remedy(own, penalty, "penalty in Keras's loss"),
        _remedy(penalty, penalty, "penalty in PyTorch's loss", "penalty in Keras's loss"),
        _remedy(by_hand, own, "decay by hand in PyTorch"),
    )


SGD, ADAM, ADAMW = Setting("SGD"), Setting("Adam"), Setting("AdamW")
PENALIZED = Setting("Adam", "penalty")
SWAPPED = Setting("AdamW", swapped=True)
TINY = 1e-30

ROWS = (
    Row("use", "SGD: weight_decay in both", SGD, SGD, ALWAYS, "W <- (1 - lr * lambd / m) W - lr * dW in both."),
    _remedy(SGD, Setting("SGD", "penalty"), "penalty in Keras's loss"),
    *_with_velocity("momentum", FROM_SECOND),
    *_with_velocity("Nesterov", NEVER),
    Row("use", "Adam: weight_decay in both", ADAM, ADAM, NEVER,
        "PyTorch's Adam adds the decay to the gradient; Keras's does not: it is AdamW."),
    Row("use", "Adam: weight_decay in PyTorch, penalty in Keras's loss", ADAM, PENALIZED, NEVER,
        "The same decay. Keras adds epsilon before the bias correction, PyTorch after it."),
    _remedy(Setting("Adam", swapped=True), PENALIZED, "penalty in Keras's loss", "epsilon by hand in PyTorch"),
    _remedy(ADAM, Setting("Adam", "penalty", swapped=True), "penalty in Keras's loss", "AdamAsInTorch in Keras"),
    _remedy(Setting("Adam", epsilon=TINY), Setting("Adam", "penalty", TINY),
            "penalty in Keras's loss", "epsilon 1e-30 in both"),
    Row("use", "AdamW: weight_decay in both", Setting("AdamW", epsilon=None), Setting("AdamW", epsilon=None), NEVER,
        "The same decay. Epsilon is 1e-8 in PyTorch and 1e-7 in Keras unless given, and in another place."),
    Row("use", "AdamW: weight_decay and epsilon=1e-7 in both", ADAMW, ADAMW, NEVER, "The place of epsilon alone."),
    _remedy(SWAPPED, ADAMW, "epsilon by hand in PyTorch"),
    _remedy(ADAMW, SWAPPED, "AdamAsInTorch in Keras"),
    _remedy(Setting("AdamW", epsilon=TINY), Setting("AdamW", epsilon=TINY), "epsilon 1e-30 in both"),
    Row("use", "AdamW in PyTorch, Adam(weight_decay=...) in Keras", ADAMW, ADAM, NEVER,
        "The place of epsilon alone: Keras's Adam with weight_decay is its AdamW."),
    _remedy(SWAPPED, ADAM, "epsilon by hand in PyTorch"),
    _float("learning_rate, SGD", SGD, Setting("SGD", plain_float="learning_rate"), NEVER,
           "Kept in keras.config.floatx(), float32 unless set, even as np.float64.", "float64"),
    _float("weight_decay, SGD", SGD, Setting("SGD", plain_float="weight_decay"), NEVER, "", "np.float64"),
    _float("momentum", Setting("momentum"), Setting("momentum", "penalty", plain_float="momentum"), FROM_SECOND, "",
           "np.float64"),
    _float("beta_1, AdamW", SWAPPED, Setting("AdamW", plain_float="beta_1"), NEVER,
           "Rounded in the bias correction only.", "np.float64"),
    _float("beta_2, AdamW", SWAPPED, Setting("AdamW", plain_float="beta_2"), NEVER,
           "Rounded in the bias correction only, where 1 - beta_2 is off by 1e-5.", "np.float64"),
    _float("epsilon, AdamW", SWAPPED, Setting("AdamW", plain_float="epsilon"), ALWAYS, "Not rounded."),
    _float("keras.regularizers.L2(np.float64(lambd / (2 * m))), SGD", SGD, Setting("SGD", "regularizer"), NEVER,
           "It makes a Python float of np.float64.", "penalty in Keras's loss"),
)  # fmt: skip


def settings_of(implementation: str) -> list[Setting]:
    """Every setting that a framework trains, once."""
    return list(dict.fromkeys(row.torch if implementation == "torch" else row.keras for row in ROWS))
