"""The network in PyTorch."""

from .network import Network, load, predict, read_parameters
from .training import make_optimizer, train, update

__all__ = ["Network", "load", "make_optimizer", "predict", "read_parameters", "train", "update"]
