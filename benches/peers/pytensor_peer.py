"""PyTensor's programs of the models: one compiled function a minibatch, with shared variables and updates.

There is a form with each back end, C and Numba. Started by `cargo bench --bench speed`.
"""

import os
import sys

flags = [os.environ.get("PYTENSOR_FLAGS"), "floatX=float32", "base_compiledir=" + sys.prefix + "/pytensor"]
os.environ["PYTENSOR_FLAGS"] = ",".join(flag for flag in flags if flag)
import common

pytensor = common.start("pytensor")
import numpy as np
import pytensor.tensor as pt
from pytensor.compile.mode import Mode
from pytensor.gradient import disconnected_grad
from pytensor.tensor.random.utils import RandomStream


def number(value):
    return np.float32(value)


def nll(z, y, batch):
    return -pt.mean(pt.special.log_softmax(z, axis=1)[pt.arange(batch), y])


def free_energy(p, v):
    return pt.mean(-(v @ p[2]) - pt.sum(pt.softplus(v @ p[0] + p[1]), axis=1))


def program(model, batch, p, rest, x, y, stream):
    """The cost, and what is updated besides parameters."""

    def bernoulli(mean, shape=None):
        return stream.bernoulli(mean, size=shape).astype("float32")

    if model == "logistic_regression":
        return nll(x @ p[0] + p[1], y, batch), []
    if model == "mlp":
        z = pt.tanh(x @ p[0] + p[1]) @ p[2] + p[3]
        return nll(z, y, batch) + number(common.PENALTY) * ((p[0] ** 2).sum() + (p[2] ** 2).sum()), []
    if model == "sda_fine":
        for at in 0, 2, 4:
            x = pt.sigmoid(x @ p[at] + p[at + 1])
        return nll(x @ p[6] + p[7], y, batch), []
    if model == "rbm":
        h = rest[0]
        for _ in range(common.GIBBS_STEPS):
            v = bernoulli(pt.sigmoid(h @ p[0].T + p[2]))
            h = bernoulli(pt.sigmoid(v @ p[0] + p[1]))
        return free_energy(p, x) - free_energy(p, disconnected_grad(v)), [(rest[0], h)]
    width = p[0].get_value(borrow=True).shape[0]
    for weights, bias in zip(rest[::2], rest[1::2]):
        x = pt.sigmoid(x @ weights + bias)
    mask = bernoulli(number(1 - common.CORRUPTION[model]), (batch, width))
    z = pt.sigmoid((x * mask) @ p[0] + p[1]) @ p[0].T + p[2]
    return pt.mean(pt.sum(pt.softplus(z) - x * z, axis=1)), []


def build(model, batch, chunk, places):
    if model == "lenet":
        raise NotImplementedError("PyTensor 3 has no convolution over channels and no pooling")
    x_all, y_all = (pytensor.shared(array, borrow=True) for array in common.data())
    count = common.TRAINED.get(model, len(places))
    for form, mode in ("c", Mode("cvm", "fast_run")), ("numba", "NUMBA"):
        shared = [pytensor.shared(place.copy()) for place in places]
        p, rest = shared[:count], shared[count:]
        at = pt.iscalar("at")
        x, y = (whole[at * batch : (at + 1) * batch] for whole in (x_all, y_all))
        stream = RandomStream(7)
        cost, updates = program(model, batch, p, rest, x, y, stream)
        rate = number(common.rate(model))
        updates = updates + [(place, place - rate * grad) for place, grad in zip(p, pt.grad(cost, p))]
        updates += list(stream.updates())
        step = pytensor.function([at], cost, updates=updates, mode=mode, trust_input=True)
        # Compiles what is compiled at the first call, and then starts from where all start.
        step(np.array(0, np.int32))
        for variable, place in zip(shared, places):
            variable.set_value(place.copy())
        yield form, trainer(step, chunk)


def trainer(step, chunk):
    def train(first):
        return [step(np.array(at, np.int32)) for at in range(first, first + chunk)]

    return train


common.serve(f"pytensor {pytensor.__version__}", build)
