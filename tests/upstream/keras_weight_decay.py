"""Keras on TensorFlow rounds a weight_decay that is a Python float through float32, in a float64 model too.

One update with a gradient of 0, learning rate 1 and weight_decay 0.1 must leave 0.9 of a weight of 1. Seen with Keras 3.15.1
on TensorFlow 2.21.0: 0.8999999985098839. np.float64(0.1) gives 0.9.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf

weight = keras.Variable(np.ones(1), dtype="float64")
optimizer = keras.optimizers.SGD(1.0, weight_decay=0.1)
optimizer.apply([tf.zeros(1, "float64")], [weight])

print(f"versions: Keras {keras.__version__}, TensorFlow {tf.__version__}")
print("expected: [0.9]")
print("seen:", weight.numpy().tolist())
