"""The network in JAX: LINEAR - RELU - [DROPOUT] - LINEAR - RELU - [DROPOUT] - LINEAR - SIGMOID, in pure functions.

For `python compare.py check tests/ports/jax_port.py`. NumPy arrays in the course's layout go in and come out: columns are
examples, X (n_x, m), Y (1, m), parameters W1 (20, n_x), b1 (20, 1), W2 (3, 20), b2 (3, 1), W3 (1, 3), b3 (1, 1).
"""

import jax
import jax.numpy as jnp
import numpy as np

# Without it JAX turns every float64 into a float32, silently. float32 stays float32.
jax.config.update("jax_enable_x64", True)


def draw_masks(key, iteration, parameters, m, keep_prob):
    """The masks D1 (20, m) and D2 (3, m) of one iteration, bool: True, kept, with probability keep_prob.

    They follow from the key and the iteration alone, so that nothing random has to be carried from step to step.
    """
    if keep_prob == 1:  # decided when compiling: without dropout nothing is drawn, and 1 / 1 is optimized away
        return 1, 1
    key1, key2 = jax.random.split(jax.random.fold_in(key, iteration))
    D1 = jax.random.bernoulli(key1, keep_prob, (len(parameters["b1"]), m))  # (20, m)
    D2 = jax.random.bernoulli(key2, keep_prob, (len(parameters["b2"]), m))  # (3, m)
    return D1, D2


def forward(parameters, X, masks=(1, 1), keep_prob=1.0):
    """Every tensor from Z1 (20, m) to the probabilities A3 (1, m); what the masks keep is divided by keep_prob."""
    W1, b1, W2, b2, W3, b3 = (parameters[name] for name in ("W1", "b1", "W2", "b2", "W3", "b3"))
    D1, D2 = masks

    Z1 = W1 @ X + b1  # (20, m)
    A1 = jax.nn.relu(Z1) * D1 / keep_prob  # (20, m); relu's derivative at 0 is 0, that of jnp.maximum(Z1, 0) would be 1/2
    Z2 = W2 @ A1 + b2  # (3, m)
    A2 = jax.nn.relu(Z2) * D2 / keep_prob  # (3, m)
    Z3 = W3 @ A2 + b3  # (1, m)
    A3 = jax.nn.sigmoid(Z3)  # (1, m)

    return {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2, "Z3": Z3, "A3": A3}


def cross_entropy(parameters, X, Y, masks, keep_prob):
    """Mean of max(Z3, 0) - Z3 Y + log(1 + exp(-|Z3|)), the cross-entropy of the logits; and the tensors behind it."""
    tensors = forward(parameters, X, masks, keep_prob)
    Z3 = tensors["Z3"]
    # Not maximum: at Z3 = 0 (b3 and all of A2 are 0) its derivative is 1/2 and that of |Z3| is 1, which add up to 0 - Y
    # instead of 1/2 - Y. jax.nn.log_sigmoid would be right there, but its derivative loses up to four bits elsewhere.
    losses = jnp.where(Z3 >= 0, Z3, 0) - Z3 * Y + jnp.log1p(jnp.exp(-jnp.abs(Z3)))  # (1, m)
    return jnp.mean(losses), tensors


def l2_penalty(parameters, lambd, m):
    """lambd / (2 m) * (sum(W1^2) + sum(W2^2) + sum(W3^2)); the biases carry no penalty."""
    return lambd / (2 * m) * sum(jnp.sum(jnp.square(parameters[W])) for W in ("W1", "W2", "W3"))


@jax.jit(static_argnames=("num_iterations", "keep_prob"))
def run(X, Y, parameters, learning_rate, lambd, key, *, num_iterations, keep_prob):
    """The whole run as one compiled loop: the last parameters and the costs (num_iterations,), each before its update."""
    m = X.shape[1]

    def update(parameters, iteration):
        masks = draw_masks(key, iteration, parameters, m, keep_prob)

        def cost(parameters):  # the penalty is part of what is differentiated: each dW gains lambd / m * W by itself
            return cross_entropy(parameters, X, Y, masks, keep_prob)[0] + l2_penalty(parameters, lambd, m)

        before, gradients = jax.value_and_grad(cost)(parameters)
        return jax.tree.map(lambda value, gradient: value - learning_rate * gradient, parameters, gradients), before

    return jax.lax.scan(update, parameters, jnp.arange(num_iterations))


@jax.jit(static_argnames="keep_prob")
def first_step(X, Y, parameters, lambd, key, *, keep_prob):
    """The tensors of the run's first step, with the masks that it has there, and the gradients without the penalty."""
    m = X.shape[1]
    D1, D2 = draw_masks(key, 0, parameters, m, keep_prob)
    (data, tensors), gradients = jax.value_and_grad(cross_entropy, has_aux=True)(parameters, X, Y, (D1, D2), keep_prob)
    penalty = l2_penalty(parameters, lambd, m)
    tensors |= {"D1": D1, "D2": D2} if keep_prob < 1 else {}
    tensors |= {"cross_entropy": data, "l2_penalty": penalty, "cost": data + penalty}
    return tensors | {"d" + name: gradient for name, gradient in gradients.items()}


def train(X, Y, parameters, *, learning_rate, num_iterations, lambd, keep_prob, seed):
    """Full-batch gradient descent. Returns the last parameters and the costs (num_iterations,), costs[i] before update i.

    The costs are those of training: masks applied, L2 penalty included. The dtype of the arrays, float64 or float32, is
    that of the result; the arguments are not changed.
    """
    trained, costs = run(X, Y, parameters, learning_rate, lambd, jax.random.key(seed),
                         num_iterations=num_iterations, keep_prob=keep_prob)  # fmt: skip
    return {name: np.array(trained[name]) for name in parameters}, np.array(costs)  # copies: JAX's own cannot be written to


def trace(X, Y, parameters, *, lambd, keep_prob, seed):
    """The first training step from inside: Z1, A1, D1, Z2, A2, D2, Z3, A3 (n, m), D bool and with dropout only; the numbers
    cross_entropy, l2_penalty and cost; and dW1, db1 ... dW3, db3 of the cross-entropy, each of its parameter's shape."""
    tensors = first_step(X, Y, parameters, lambd, jax.random.key(seed), keep_prob=keep_prob)
    return {name: np.array(tensor) for name, tensor in tensors.items()}


def predict(X, parameters):
    """Class of each example, int64 (1, m): 1 where the probability is > 0.5. No dropout."""
    return np.array(jax.jit(forward)(parameters, X)["A3"] > 0.5, dtype=np.int64)
