"""The network in PyTorch."""

from torch_impl.network import Network, predict
from torch_impl.training import train

__all__ = ["Network", "predict", "train"]
