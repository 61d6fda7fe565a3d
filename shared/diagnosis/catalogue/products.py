"""Matrix products whose operands are rounded to fewer bits than their dtype has: what fast hardware does, told or not."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shared.alignment.floor import Perturbed, perturbed
from shared.alignment.step import Effect, Step
from shared.diagnosis.mistake import Mistake, Plant

TF32, BFLOAT16 = 11, 8
"""Bits of the significand, with the one that is not stored; float32 has 24. TF32 keeps 10 of its 23 stored ones."""


def _rounded(values: NDArray, bits: int, rounding: Callable[[NDArray], NDArray]) -> NDArray:
    """Values with a significand of so many bits; in Monte Carlo arithmetic, too, where only operations are perturbed."""
    fraction, exponent = np.frexp(np.asarray(values))
    with np.errstate(over="ignore"):  # the largest numbers round to infinity
        kept = np.ldexp(rounding(np.ldexp(fraction, bits)), exponent - bits)
    return perturbed(kept, values.perturb) if isinstance(values, Perturbed) else kept


def operands_rounded(bits: int, rounding: Callable = np.rint, averaged: bool = True) -> Effect:
    """The operands of every product rounded, its sums not; to nearest, or cut off (np.trunc).

    averaged: 1/m is in dZ before it is rounded, as autograd has it; else it comes after the product, as in the course.
    """

    def low(values: NDArray) -> NDArray:
        return _rounded(values, bits, rounding)

    def low_dZ(dZ: NDArray) -> NDArray:
        scale = dZ.shape[-1] if averaged else 1  # a step's dZ is m times the gradient
        return low(dZ / scale) * scale

    def effect(step: Step) -> Step:
        return replace(
            step,
            linear=lambda W, A, b: low(W) @ low(A) + b,
            dA=lambda W, dZ: low(W).mT @ low_dZ(dZ),
            dW=lambda dZ, A: low_dZ(dZ) @ low(A).mT,
        )

    return effect


TORCH_PRODUCT = """from torch import nn


def low(x, bits={bits}):
    fraction, exponent = torch.frexp(x)
    return torch.round(fraction * 2.0**bits) * torch.exp2((exponent - bits).to(x.dtype))


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, X, W):
        ctx.save_for_backward(X, W)
        return low(X) @ low(W).T

    @staticmethod
    def backward(ctx, dZ):
        X, W = ctx.saved_tensors
        return low(dZ) @ low(W), low(dZ).T @ low(X)


class Linear(nn.Linear):
    def forward(self, X):
        return Product.apply(X, self.weight) + self.bias
"""
KERAS_PRODUCT = """import tensorflow as tf


def low(x, bits={bits}):
    cut = (53 if x.dtype == tf.float64 else 24) - bits
    number = tf.bitcast(x, tf.int64 if x.dtype == tf.float64 else tf.int32)
    one = tf.ones_like(number)
    even = tf.bitwise.bitwise_and(tf.bitwise.right_shift(number, cut * one), one)
    up = number + (tf.bitwise.left_shift(one, (cut - 1) * one) - 1) + even
    return tf.bitcast(tf.bitwise.left_shift(tf.bitwise.right_shift(up, cut * one), cut * one), x.dtype)


@tf.custom_gradient
def low_product(X, K):
    def gradient(dZ):
        return low(dZ) @ tf.transpose(low(K)), tf.transpose(low(X)) @ low(dZ)

    return low(X) @ low(K), gradient


class Dense(keras.layers.Dense):
    def call(self, X):
        return low_product(X, tf.convert_to_tensor(self.kernel)) + self.bias
"""
NATIVE = {
    "torch": ("nn.Linear", "Linear", "from torch import nn\n", TORCH_PRODUCT),
    "tensorflow": ("keras.layers.Dense", "Dense", "import tensorflow as tf\n", KERAS_PRODUCT),
}
"""Its layer, what is put in its place, the line of its network.py after which that is defined, and that line with it."""


def _plant(implementation: str, variant: str, bits: int) -> Plant:
    layer, own, line, product = NATIVE[implementation]
    changes = ((layer, own), (line, product.format(bits=bits)))
    return Plant(implementation, variant, tuple(("network.py", *change) for change in changes))


FULL_TORCH = 'torch.set_float32_matmul_precision("highest")'
FULL_JAX = 'jax.config.update("jax_default_matmul_precision", "highest")'
FULL_KERAS = "tf.config.experimental.enable_tensor_float_32_execution(False)"

# It is the hardware that rounds, so the plants calculate what it does; what people write is a setting, or nothing.
MISTAKES = (
    Mistake(
        name="tf32-products",
        title="the operands of the matrix products are rounded to TF32: 10 of the 23 stored bits of float32",
        written="nothing: TensorFlow and JAX do so on a GPU that can; set_float32_matmul_precision('high') in PyTorch",
        effects=(
            operands_rounded(TF32),
            operands_rounded(TF32, np.trunc),
            operands_rounded(TF32, averaged=False),
        ),
        stage="forward",
        torch=FULL_TORCH,
        keras=FULL_KERAS,
        jax=FULL_JAX,
        numpy="W @ X, which NumPy computes in the dtype of its operands",
        source="TensorFlow documentation of enable_tensor_float_32_execution, tensorflow/tensorflow#127346",
        plants=(_plant("torch", "none", TF32), _plant("tensorflow", "none", TF32)),
    ),
    Mistake(
        name="bfloat16-products",
        title="the operands of the matrix products are rounded to bfloat16: 7 of the 23 stored bits of float32",
        written="nothing: TensorFlow and JAX do so on a TPU; set_float32_matmul_precision('medium') on some CPUs",
        effects=(operands_rounded(BFLOAT16), operands_rounded(BFLOAT16, averaged=False)),
        stage="forward",
        torch=FULL_TORCH,
        keras=FULL_KERAS,
        jax=FULL_JAX,
        numpy="W @ X, which NumPy computes in the dtype of its operands",
        source="TensorFlow documentation of enable_tensor_float_32_execution, jax-ml/jax#1856",
        plants=(_plant("torch", "dropout", BFLOAT16),),
    ),
)
