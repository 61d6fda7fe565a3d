"""Paddle's nn.Dropout rounds p through float32 in a float64 network, and so divides what it keeps by another number.

With p = 0.14 a kept 1 must become 1 / 0.86. Seen with PaddlePaddle 3.3.1: a relative 1.7e-8 less. nn.Dropout(p, axis=[0, 1])
is exact.
"""

import paddle

kept = paddle.nn.Dropout(0.14)(paddle.ones([100, 10], dtype="float64"))

print(f"versions: PaddlePaddle {paddle.__version__}")
print("expected:", [1 / 0.86])
print("seen:", [float(kept.max())])
