"""Groups of Paddle's optimizers: None does not switch the decay off, and a group drops a parameter's own regularizer.

Learning rate 1, decay 0.5, a gradient of 0, a weight of 1. First, a group with "weight_decay": None under an optimizer that
has one: the weight must stay 1. Second, ParamAttr(regularizer=L2Decay(0.5)), which Paddle's documentation puts before the
optimizer's own, in a group that says nothing of decay: 0.5 must be left. Seen with PaddlePaddle 3.3.1: 0.5, and 1.
"""

import paddle

DECAY = paddle.regularizer.L2Decay(0.5)


def updated(weight, **settings):
    """What one update leaves of the weight."""
    optimizer = paddle.optimizer.SGD(1.0, **settings)
    (0 * weight).sum().backward()
    optimizer.step()
    return weight.item()


def one(attributes=None):
    return paddle.create_parameter([1], "float64", attr=attributes, default_initializer=paddle.nn.initializer.Constant(1.0))


plain, own = one(), one(paddle.ParamAttr(regularizer=DECAY))
seen = [
    updated(plain, parameters=[{"params": [plain], "weight_decay": None}], weight_decay=0.5),
    updated(own, parameters=[{"params": [own]}]),
]

print(f"versions: PaddlePaddle {paddle.__version__}")
print("expected: [1.0, 0.5]")
print("seen:", seen)
