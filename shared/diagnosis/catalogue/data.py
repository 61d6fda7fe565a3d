"""Mistakes in what goes in: layouts and dtypes."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shared.alignment.step import WEIGHTS, Effect, Step
from shared.diagnosis.mistake import Mistake, Plant
from shared.parameters import PARAMETER_NAMES, Parameters

TORCH_ROWS = "return torch.tensor(array.T)"
KERAS_ROWS = "return tf.constant(array.T)"


def _reshaped(W: NDArray) -> NDArray:
    """W read with its rows as columns' length: the shape of the transpose, the order of the original."""
    return W.reshape((*W.shape[:-2], W.shape[-1], W.shape[-2])).mT


def weights_reshaped(step: Step) -> Step:
    return replace(step, initial=lambda parameters: parameters | {name: _reshaped(parameters[name]) for name in WEIGHTS})


def inputs_reshaped(step: Step) -> Step:
    return replace(step, data=lambda X, Y: (_reshaped(X), Y))


def float32(step: Step) -> Step:
    """Everything in float32, where float64 was given."""
    return replace(
        step,
        data=lambda X, Y: (X.astype(np.float32), Y.astype(np.float32)),
        initial=lambda parameters: {name: value.astype(np.float32) for name, value in parameters.items()},
        strength=lambda lambd, m: np.float32(step.strength(lambd, m)),
    )


def rounded(*names: str) -> Effect:
    """These parameters rounded to float32 on their way in, and nothing else."""

    def initial(parameters: Parameters) -> Parameters:
        return parameters | {name: parameters[name].astype(np.float32).astype(parameters[name].dtype) for name in names}

    return lambda step: replace(step, initial=initial)


def rounded_inputs(step: Step) -> Step:
    """The inputs rounded to float32 on their way in, and nothing else."""
    return replace(step, data=lambda X, Y: (X.astype(np.float32).astype(X.dtype), Y))


def float32_labels(step: Step) -> Step:
    """Labels in float32: their values are exact, and the losses come back as float32."""

    def cross_entropy(Z3: NDArray, Y: NDArray) -> NDArray:
        losses = np.maximum(Z3, 0) - Z3 * Y.astype(Z3.dtype) + np.log1p(np.exp(-np.abs(Z3)))
        return np.mean(losses.astype(np.float32), axis=(-2, -1))

    return replace(
        step,
        data=lambda X, Y: (X, Y.astype(np.float32)),
        cross_entropy=cross_entropy,
        dZ3=lambda Z3, Y: step.dZ3(Z3, Y.astype(Z3.dtype)),
    )


def unsigned_labels(step: Step) -> Step:
    """-Y of unsigned bytes is 256 - Y."""

    def cross_entropy(Z3: NDArray, Y: NDArray) -> NDArray:
        A3 = 1 / (1 + np.exp(-Z3))
        minus_Y = 255 * (Y == 1)
        return np.mean(minus_Y * np.log(A3) - (1 - Y) * np.log(1 - A3), axis=(-2, -1))

    return replace(step, cross_entropy=cross_entropy)


MISTAKES = (
    Mistake(
        name="weights-reshaped",
        title="the weights are reshaped where they must be transposed",
        written="W.reshape(n_in, n_out) for a Dense kernel: the right shape, the numbers in other places",
        effects=(weights_reshaped,
                 lambda step: replace(weights_reshaped(step), snapshots=lambda after: [
                     p | {name: _reshaped(p[name].mT).mT for name in WEIGHTS} for p in step.snapshots(after)])),
        stage="parameters",
        torch="linear.weight.copy_(torch.from_numpy(W)): nn.Linear has the course's layout",
        keras="dense.kernel.assign(W.T)",
        numpy="W.T where the transpose is meant, never W.reshape(...)",
        source="Keras documentation of Dense, PyTorch documentation of nn.Linear",
        plants=(
            Plant("tensorflow", "none", (
                ("network.py", 'dense.kernel.assign(parameters[f"W{layer}"].T)',
                 'dense.kernel.assign(parameters[f"W{layer}"].reshape(dense.kernel.shape))'),
            )),
        ),
    ),
    Mistake(
        name="inputs-reshaped",
        title="the inputs are reshaped where they must be transposed",
        written="X.reshape(m, n_x) instead of X.T: the features of different examples are mixed",
        effects=(inputs_reshaped,),
        stage="data",
        torch="torch.tensor(X.T)",
        keras="tf.constant(X.T)",
        numpy="X.T where the transpose is meant, never X.reshape(...)",
        source="NumPy documentation of reshape",
        plants=(
            Plant("torch", "none", (
                ("network.py", TORCH_ROWS, "return torch.tensor(array.reshape(array.shape[1], array.shape[0]))"),
            )),
            Plant("tensorflow", "none", (
                ("network.py", KERAS_ROWS, "return tf.constant(array.reshape(array.shape[1], array.shape[0]))"),
            )),
        ),
    ),
    Mistake(
        name="float32",
        title="everything is computed in float32, where float64 was given",
        written="torch.Tensor(...), nn.Linear and Keras layers are float32 unless told otherwise",
        effects=(float32,),
        stage="data",
        torch="torch.tensor(X) keeps the dtype; nn.Linear(..., dtype=torch.float64)",
        keras="layers with dtype='float64', or keras.config.set_floatx('float64') before any layer is made",
        numpy="no astype(np.float32); np.zeros and np.empty with dtype=X.dtype",
        source="PyTorch documentation of torch.get_default_dtype, Keras documentation of floatx",
        plants=(
            Plant("torch", "none", (
                ("network.py", "torch.tensor(", "torch.Tensor("),
            )),
            Plant("tensorflow", "none", (
                ("network.py", KERAS_ROWS, 'return tf.constant(array.T, "float32")'),
                ("network.py", ', dtype=str(parameters["W1"].dtype))', ")"),
            )),
        ),
    ),
    Mistake(
        name="float32-parameters",
        title="the initial weights are rounded to float32 on their way in",
        written="weights saved or passed on as float32",
        effects=(rounded(*WEIGHTS), rounded(*PARAMETER_NAMES)),
        stage="parameters",
        torch="linear.weight.copy_(torch.from_numpy(W)) with W in float64",
        keras="dense.kernel.assign(W.T) with W in float64",
        numpy="copies of the given weights in their own dtype: W.copy()",
        source="PyTorch documentation of torch.Tensor.copy_",
        plants=(
            Plant("torch", "none", (
                ("network.py", 'torch.tensor(parameters[f"W{layer}"])', 'torch.Tensor(parameters[f"W{layer}"]).double()'),
            )),
        ),
    ),
    Mistake(
        name="float32-inputs",
        title="the inputs are rounded to float32 on their way in",
        written="X.astype(np.float32) out of habit, or torch.Tensor(X), and what comes after is float64",
        effects=(rounded_inputs,),
        stage="data",
        torch="torch.tensor(X.T), which keeps the dtype",
        keras="tf.constant(X.T), which keeps the dtype",
        numpy="X in its own dtype",
        source="PyTorch documentation of torch.Tensor",
        plants=(
            Plant("torch", "none", (("network.py", TORCH_ROWS, "return torch.Tensor(array.T).to(torch.float64)"),)),
            Plant("tensorflow", "l2", (
                ("network.py", KERAS_ROWS, 'return tf.cast(tf.constant(array.T, "float32"), "float64")'),
            )),
        ),
    ),
    Mistake(
        name="float32-labels",
        title="the labels are float32 beside float64 logits: the cost comes back as float32",
        written="labels converted with .float(), as F.binary_cross_entropy_with_logits asks for floats",
        effects=(float32_labels,),
        stage="data",
        torch="labels in the dtype of the logits: torch.tensor(Y.T)",
        keras="labels in the dtype of the logits: tf.constant(Y.T)",
        numpy="Y.astype(X.dtype)",
        source="PyTorch documentation of F.binary_cross_entropy_with_logits",
        plants=(
            Plant("torch", "none", (
                ("training.py", "cross_entropy(network(X), Y)", "cross_entropy(network(X), Y.float())"),
            )),
        ),
    ),
    Mistake(
        name="unsigned-labels",
        title="the labels are unsigned bytes: -Y is 255 where it should be -1",
        written="-Y * log(A3) with the labels as they come from the file (uint8)",
        effects=(unsigned_labels,),
        stage="cost",
        torch="Y.astype(np.float64) before anything is computed",
        keras="Y.astype(np.float64) before anything is computed",
        numpy="Y.astype(np.float64) before anything is computed",
        source="numpy/numpy#20545",
        plants=(
            Plant("numpy", "none", (
                ("cost.py", "losses = np.maximum(Z3, 0) - Z3 * Y + np.log1p(np.exp(-np.abs(Z3)))",
                 "Y = Y.astype(np.uint8)\n    A3 = 1 / (1 + np.exp(-Z3))\n"
                 "    losses = -Y * np.log(A3) - (1 - Y) * np.log(1 - A3)"),
            )),
        ),
    ),
)  # fmt: skip
