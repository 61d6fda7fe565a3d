"""What is not a mistake: other correct ways to write the network, which must never be flagged."""

from dataclasses import dataclass

from shared.diagnosis.catalogue.cost import TORCH_COST
from shared.diagnosis.catalogue.decay import KERAS_EXCLUSION, KERAS_OPTIMIZER, KERAS_UNDECAYED, regularizer
from shared.diagnosis.mistake import Plant


@dataclass(frozen=True)
class Legal:
    """name, title, and the implementation written that way. small_logits: correct only where no |Z3| comes near 16."""

    name: str
    title: str
    plant: Plant
    small_logits: bool = False


NOT_MISTAKES = (
    Legal("shuffled-full-batch", "all examples in another order at every update, without dropout", Plant("torch", "none", (
        ("training.py", "costs.append(update(network, optimizer, rows, labels, lambd))",
         "order = torch.randperm(X.shape[1])\n"
         "            costs.append(update(network, optimizer, rows[order], labels[order], lambd))"),
    ))),
    Legal("mask-left-out-backward", "no * D backward, where A > 0 is the dropped A's", Plant("numpy", "dropout", (
        ("gradients.py", "lambda dA1: dA1 * D1 / keep_prob, lambda dA2: dA2 * D2 / keep_prob",
         "lambda dA1: dA1 / keep_prob, lambda dA2: dA2 / keep_prob"),
    ))),
    Legal("weight-decay-of-keras", "Keras weight_decay for PyTorch's, under plain SGD", Plant("tensorflow", "l2", ())),
    Legal("penalty-in-the-loss", "the penalty as a term of the loss instead of weight_decay", Plant("tensorflow", "l2", (
        *regularizer("lambda W: np.float64(lambd / (2 * m)) * tf.reduce_sum(tf.square(W))", in_the_loss=True),
        ("training.py", KERAS_OPTIMIZER, KERAS_UNDECAYED),
        ("training.py", KERAS_EXCLUSION, "pass"),
    ))),
    Legal("cost-of-probabilities", "cross-entropy of probabilities while no logit is near 16", Plant("torch", "none", (
        ("cost.py", TORCH_COST, "return F.binary_cross_entropy(torch.sigmoid(Z3), Y)"),
    )), small_logits=True),
    Legal("another-order-of-summation", "sums over examples and units from the other end", Plant("torch", "l2", (
        ("network.py", "class Network(nn.Module):", "class Backwards(nn.Linear):\n    def forward(self, A):\n"
         "        return nn.functional.linear(A.flip(1), self.weight.flip(1), self.bias)\n\n\nclass Network(nn.Module):"),
        ("network.py", "self.linear2 = nn.Linear", "self.linear2 = Backwards"),
        ("cost.py", "(Z3, Y)\n\n\ndef", "(Z3.flip(0), Y.flip(0))\n\n\ndef"),
    ))),
)  # fmt: skip
