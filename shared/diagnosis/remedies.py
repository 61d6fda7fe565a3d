"""How mistakes are written right in PaddlePaddle and Caffe, where that is not what PyTorch or Keras would have."""

_PADDLE_GROUPS = (
    'SGD(learning_rate, parameters=[{"params": weights, "weight_decay": L2Decay(lambd / m)}, '
    '{"params": biases, "weight_decay": 0.0}]): every group with a number, since None takes the one for all'
)
_CAFFE_PARAM = "param { lr_mult: 1 decay_mult: 1 } param { lr_mult: 1 decay_mult: 0 }, for weight and bias of each layer"
_CAFFE_DECAY = 'weight_decay: lambd / m in the solver, regularization_type: "L2", the default'
_PADDLE_LOSS = "-paddle.mean(Y * F.log_sigmoid(Z3) + (1 - Y) * F.log_sigmoid(-Z3))"
_CAFFE_LOSS = "SigmoidCrossEntropyLoss on Z3, without a Sigmoid layer before it"

PADDLE: dict[str, str] = {
    "weights-reshaped": "linear.weight.set_value(W.T): Paddle's kernels are (n_in, n_out)",
    "inputs-reshaped": "paddle.to_tensor(X.T)",
    "float32": 'paddle.set_default_dtype("float64") before any layer is made, or Network().to(dtype="float64")',
    "float32-parameters": "linear.weight.set_value(W.T) with W in float64, into a layer of float64",
    "float32-labels": "paddle.to_tensor(Y.T), which keeps the dtype",
    "default-weights-torch": "linear.weight.set_value(W.T); linear.bias.set_value(b[:, 0])",
    "default-weights-keras": "linear.weight.set_value(W.T); linear.bias.set_value(b[:, 0])",
    "aliased-snapshots": "np.array(linear.weight.numpy())",
    "keep-prob-as-rate": "nn.Dropout(p=1 - keep_prob, axis=[0, 1]); without axis, p is rounded through float32",
    "dropout-unscaled": 'nn.Dropout(p=1 - keep_prob, axis=[0, 1]) with mode="upscale_in_train", the default; '
    '"downscale_in_infer" scales at evaluation instead',
    "dropout-scaled-twice": "nn.Dropout(p=1 - keep_prob, axis=[0, 1]) alone",
    "masks-frozen": "paddle.seed once, before training",
    "same-masks": "paddle.seed once, before training: all layers draw from one generator",
    "sigmoid-twice": _PADDLE_LOSS + ", without a sigmoid before it",
    "probabilities-clipped": _PADDLE_LOSS,
    "logarithms-clamped": _PADDLE_LOSS,
    "gradient-at-zero": _PADDLE_LOSS + "; with pos_weight the loss of Paddle is right at 0, but loses small gradients",
    "biases-decayed": _PADDLE_GROUPS,
    "decay-lost": _PADDLE_GROUPS + "; a group replaces the regularizer of a ParamAttr",
    "decay-doubled": "L2Decay(lambd / m), which adds lambd / m * W to the gradient",
    "decay-twice": "L2Decay(lambd / m) in the optimizer, and no penalty in the loss",
    "decay-halved": "L2Decay(lambd / m): its half is in the penalty, not in what it adds to the gradient",
    "decay-undivided": "L2Decay(lambd / m)",
    "decay-per-batch": "L2Decay(lambd / m)",
    "python-float": "SGD, which adds L2Decay(lambd / m) in the dtype of W; with Momentum and AdamW, the penalty in the loss",
    "momentum": "paddle.optimizer.SGD",
    "adam-torch": "paddle.optimizer.SGD",
    "adam-keras": "paddle.optimizer.SGD",
    "biases-twice-as-fast": 'no "learning_rate" in the group of the biases: in Paddle it is a factor of the optimizer\'s',
    "gradients-accumulate": "optimizer.clear_grad() after each step()",
}
"""Name of the mistake -> how it is written right in PaddlePaddle."""

CAFFE: dict[str, str] = {
    "weights-reshaped": "net.params[name][0].data[...] = W: InnerProduct has the course's layout",
    "inputs-reshaped": 'net.blobs["X"].data[...] = X.T',
    "keep-prob-as-rate": "dropout_param { dropout_ratio: 1 - keep_prob }",
    "dropout-unscaled": "a layer of type Dropout, which divides by 1 - dropout_ratio in training",
    "dropout-off": "the net in phase TRAIN",
    "masks-frozen": "random_seed in the solver, once",
    "sigmoid-twice": _CAFFE_LOSS,
    "sum-for-mean": "loss_param { normalization: VALID }, the default",
    "biases-decayed": f"{_CAFFE_PARAM}: a bias decays unless its decay_mult is 0",
    "decay-lost": f"{_CAFFE_DECAY}; {_CAFFE_PARAM}",
    "decay-halved": _CAFFE_DECAY,
    "decay-doubled": _CAFFE_DECAY,
    "decay-undivided": _CAFFE_DECAY,
    "decay-per-batch": _CAFFE_DECAY,
    "momentum": 'momentum: 0 in the solver, type: "SGD"',
    "biases-twice-as-fast": f"{_CAFFE_PARAM}; model files usually have lr_mult: 2 for a bias",
    "gradients-accumulate": "net.clear_param_diffs() before net.backward(), or solver.step(1), which does so",
}
"""Name of the mistake -> how it is written right in Caffe."""
