"""How a run is set up: the optimizer, how the weights are decayed, and where epsilon stands."""

from dataclasses import astuple, dataclass

UPDATES = (1, 2, 1000)
"""The parameters are compared after these."""

MOMENTUM, BETA_1, BETA_2 = 0.9, 0.9, 0.999
ADAM_LEARNING_RATE = 0.01
"""The learning rate of Adam and AdamW; the other optimizers use the course's."""

EPSILON = 1e-7
"""Given to Adam and AdamW in both frameworks, where nothing else is said."""

DEFAULT_EPSILON = {"torch": 1e-8, "tensorflow": 1e-7}


@dataclass(frozen=True)
class Setting:
    """One way to train the network, l2 variant: decay lambd / m on the weights, none on the biases.

    optimizer: SGD, momentum, Nesterov, Adam or AdamW.
    decay: weight_decay (the optimizer's own), penalty (in the loss), regularizer (Keras: the penalty by
    keras.regularizers.L2), by hand (PyTorch: W <- W - learning_rate * lambd / m * W before the optimizer's step).
    epsilon: None leaves it at the framework's default.
    swapped: True writes epsilon so that it stands where the other framework has it.
    plain_float: the hyperparameter that Keras gets as a Python float; all others are np.float64.
    """

    optimizer: str
    decay: str = "weight_decay"
    epsilon: float | None = EPSILON
    swapped: bool = False
    plain_float: str = ""

    @property
    def adaptive(self) -> bool:
        """Whether there is an epsilon at all."""
        return self.optimizer in ("Adam", "AdamW")

    @property
    def momentum(self) -> float:
        return MOMENTUM if self.optimizer in ("momentum", "Nesterov") else 0.0

    @property
    def key(self) -> str:
        """A name for files."""
        return " ".join(map(str, astuple(self)))

    def epsilon_in(self, implementation: str) -> float:
        """The epsilon that a framework trains with."""
        return DEFAULT_EPSILON[implementation] if self.epsilon is None else self.epsilon

    def learning_rate(self, plain: float) -> float:
        """plain: of the optimizers that are not adaptive."""
        return ADAM_LEARNING_RATE if self.adaptive else plain
