"""JAX's programs of the models: a chunk of minibatches is one jitted `lax.scan`, with donated parameters.

Where there are random numbers there is a form with each generator. Started by `cargo bench --bench speed`.
"""

import os

os.environ["JAX_PLATFORMS"] = "cpu"
import common

jax = common.start("jax")
import jax.numpy as jnp
from jax import lax

sigmoid, softplus = jax.nn.sigmoid, jax.nn.softplus


def nll(z, y):
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1))


def logistic_regression(p, x, y, key):
    return nll(x @ p[0] + p[1], y)


def mlp(p, x, y, key):
    hidden = jnp.tanh(x @ p[0] + p[1])
    return nll(hidden @ p[2] + p[3], y) + common.PENALTY * (jnp.sum(p[0] ** 2) + jnp.sum(p[2] ** 2))


def lenet(p, x, y, key):
    maps = x.reshape(-1, 1, 28, 28)
    for filters, bias in (p[0], p[1]), (p[2], p[3]):
        layout = ("NCHW", "OIHW", "NCHW")
        maps = lax.conv_general_dilated(maps, filters, (1, 1), "VALID", dimension_numbers=layout)
        maps = lax.reduce_window(maps, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        maps = jnp.tanh(maps + bias[:, None, None])
    hidden = jnp.tanh(maps.reshape(len(x), -1) @ p[4] + p[5])
    return nll(hidden @ p[6] + p[7], y)


def autoencoder(model, below):
    kept = 1 - common.CORRUPTION[model]

    def cost(p, x, y, key):
        for weights, bias in below:
            x = sigmoid(x @ weights + bias)
        mask = jax.random.bernoulli(key, kept, x.shape).astype(x.dtype)
        z = sigmoid((x * mask) @ p[0] + p[1]) @ p[0].T + p[2]
        return jnp.mean(jnp.sum(softplus(z) - x * z, axis=1))

    return cost


def sda_fine(p, x, y, key):
    for at in 0, 2, 4:
        x = sigmoid(x @ p[at] + p[at + 1])
    return nll(x @ p[6] + p[7], y)


def free_energy(p, v):
    return jnp.mean(-(v @ p[2]) - jnp.sum(softplus(v @ p[0] + p[1]), axis=1))


def rbm_step(p, chain, x, key):
    weights, hidden_bias, visible_bias = p

    def gibbs(carry, key):
        h, _ = carry
        visible, hidden = jax.random.split(key)
        v = jax.random.bernoulli(visible, sigmoid(h @ weights.T + visible_bias)).astype(x.dtype)
        h = jax.random.bernoulli(hidden, sigmoid(v @ weights + hidden_bias)).astype(x.dtype)
        return (h, v), None

    (h, v), _ = lax.scan(gibbs, (chain, x), jax.random.split(key, common.GIBBS_STEPS))
    cost, grads = jax.value_and_grad(lambda p: free_energy(p, x) - free_energy(p, v))(p)
    return cost, grads, h


def chunk_of(model, batch, chunk, rate, cost):
    """A jitted function: the state after a chunk, and the costs."""

    def one(state, at, x, y):
        p, chain, key = state
        rows = lax.dynamic_slice_in_dim(x, at * batch, batch)
        labels = lax.dynamic_slice_in_dim(y, at * batch, batch)
        use = key
        if common.is_random(model):
            key, use = jax.random.split(key)
        if model == "rbm":
            c, grads, chain = rbm_step(p, chain, rows, use)
        else:
            c, grads = jax.value_and_grad(cost)(p, rows, labels, use)
        return ([w - rate * g for w, g in zip(p, grads)], chain, key), c

    def whole(state, first, x, y):
        return lax.scan(lambda s, at: one(s, at, x, y), state, first + jnp.arange(chunk))

    return jax.jit(whole, donate_argnums=0)


def build(model, batch, chunk, places):
    x, y = (jnp.asarray(array) for array in common.data())
    if model == "lenet":
        # Ours turns filters, JAX's does not.
        places[0], places[2] = places[0][:, :, ::-1, ::-1], places[2][:, :, ::-1, ::-1]
    count = common.TRAINED.get(model, len(places))
    rest = [jnp.asarray(place) for place in places[count:]]
    if model in common.CORRUPTION:
        cost = autoencoder(model, list(zip(rest[::2], rest[1::2])))
    else:
        cost = globals().get(model)
    for generator in ("threefry2x32", "unsafe_rbg") if common.is_random(model) else ("",):
        chain = rest[0].copy() if model == "rbm" else jnp.zeros(())
        key = jax.random.key(7, impl=generator or None)
        state = [jnp.array(place) for place in places[:count]], chain, key
        run = chunk_of(model, batch, chunk, common.rate(model), cost)
        yield "scan-" + generator if generator else "scan", trainer(run.lower(state, 0, x, y).compile(), state, x, y)


def trainer(run, state, x, y):
    held = [state]

    def train(first):
        held[0], costs = jax.block_until_ready(run(held[0], first, x, y))
        return costs.tolist()

    return train


common.serve(f"jax {jax.__version__}", build)
