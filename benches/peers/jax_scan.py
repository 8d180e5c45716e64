"""JAX's side of the bench: a jitted epoch, `lax.scan` over minibatches, on the same data.

Started by `cargo bench --bench speed`. Reads one line a request, `MODEL EPOCHS`, and answers with the seconds
that each epoch took and the last cost. What it needs is installed by the command that the bench prints.
"""

import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

X = jnp.asarray(np.fromfile(sys.argv[1], np.float32).reshape(-1, 784))
Y = jnp.asarray(np.fromfile(sys.argv[2], np.int32))


def nll(logits, y):
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1))


def logistic_regression(p, x, y):
    return nll(x @ p["W"] + p["b"], y)


def mlp(p, x, y):
    hidden = jnp.tanh(x @ p["W1"] + p["b1"])
    penalty = jnp.sum(p["W1"] ** 2) + jnp.sum(p["W2"] ** 2)
    return nll(hidden @ p["W2"] + p["b2"], y) + 1e-4 * penalty


def start(model):
    rng = np.random.RandomState(1234)
    bound = np.sqrt(6.0 / (784 + 500))
    if model == "logistic_regression":
        p = {"W": np.zeros((784, 10)), "b": np.zeros(10)}
        return logistic_regression, p, 600, 0.13
    p = {
        "W1": rng.uniform(-bound, bound, (784, 500)),
        "b1": np.zeros(500),
        "W2": np.zeros((500, 10)),
        "b2": np.zeros(10),
    }
    return mlp, p, 20, 0.01


def epoch_of(cost, batch, rate):
    def one(p, i):
        x = lax.dynamic_slice_in_dim(X, i * batch, batch)
        y = lax.dynamic_slice_in_dim(Y, i * batch, batch)
        c, g = jax.value_and_grad(cost)(p, x, y)
        return jax.tree.map(lambda w, d: w - rate * d, p, g), c

    return jax.jit(lambda p: lax.scan(one, p, jnp.arange(X.shape[0] // batch)), donate_argnums=0)


ready = {}
for line in sys.stdin:
    model, epochs = line.split()
    if model not in ready:
        cost, p, batch, rate = start(model)
        p = {k: jnp.asarray(v, jnp.float32) for k, v in p.items()}
        epoch = epoch_of(cost, batch, rate)
        began = time.perf_counter()
        p, _ = jax.block_until_ready(epoch(p))
        ready[model] = [epoch, p, batch]
        print("compiled", time.perf_counter() - began, flush=True)
    epoch, p, batch = ready[model]
    for _ in range(int(epochs)):
        began = time.perf_counter()
        p, costs = jax.block_until_ready(epoch(p))
        seconds = time.perf_counter() - began
        print("epoch", seconds / (X.shape[0] // batch) * 1e6, float(costs[-1]), flush=True)
    ready[model][1] = p
    print("done", flush=True)
