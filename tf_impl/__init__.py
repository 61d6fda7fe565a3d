"""The network in TensorFlow/Keras."""

import os

from shared.errors import UsageError

# Keras would run on another framework, without a word, if the environment said so.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings and worse

import keras

if keras.backend.backend() != "tensorflow":
    raise UsageError(
        f"tf_impl needs Keras on TensorFlow, but Keras was already imported with the backend "
        f"{keras.backend.backend()!r}: import tf_impl first, or set KERAS_BACKEND=tensorflow"
    )

from .network import Network, load, predict, read_parameters
from .training import make_optimizer, train, update

__all__ = ["Network", "load", "make_optimizer", "predict", "read_parameters", "train", "update"]
