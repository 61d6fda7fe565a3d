"""The gradient of Paddle's F.binary_cross_entropy_with_logits is wrong where a logit is exactly 0.

It must be sigmoid(0) - label: 0.5 for the label 0, -0.5 for 1. Seen with PaddlePaddle 3.3.1: -0.5 and -1.5 (since
PaddlePaddle/Paddle#64253). -(Y * F.log_sigmoid(Z) + (1 - Y) * F.log_sigmoid(-Z)) is right.
"""

import paddle
import paddle.nn.functional as F

logits = paddle.zeros([2], dtype="float64")
logits.stop_gradient = False
F.binary_cross_entropy_with_logits(logits, paddle.to_tensor([0.0, 1.0], dtype="float64"), reduction="sum").backward()

print(f"versions: PaddlePaddle {paddle.__version__}")
print("expected: [0.5, -0.5]")
print("seen:", logits.grad.numpy().tolist())
