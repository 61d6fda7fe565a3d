"""Where equality ends: what `weight_decay` and its neighbours mean in PyTorch's and in Keras's optimizers, measured."""
