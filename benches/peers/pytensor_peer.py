"""PyTensor's programs of the models: one compiled function a minibatch, with shared variables and updates.

There is a form with each back end, C and Numba. Started by `cargo bench --bench speed`.
"""

import os
import sys

OWN = os.path.join(sys.prefix, "pytensor")


def blas():
    """PyTensor's C code wants a BLAS by its plain names, and has slow loops without one. SciPy brings OpenBLAS with
    a prefix to each name: a library of jumps from one to the other."""
    import glob
    import platform
    import subprocess
    import scipy

    names = [kind + name for kind in "sd" for name in ("gemm", "gemv", "ger", "dot", "axpy", "scal", "copy", "nrm2")]
    found = glob.glob(os.path.dirname(scipy.__file__) + ".libs/libscipy_openblas-*.so")
    jump = {"x86_64": "jmp", "aarch64": "b"}.get(platform.machine())
    if not found or not jump:
        return None
    os.makedirs(OWN, exist_ok=True)
    source, library = os.path.join(OWN, "jumps.s"), os.path.join(OWN, "libjumps.so")
    with open(source, "w") as file:
        for name in names:
            file.write(f".globl {name}_\n.type {name}_, @function\n{name}_: {jump} scipy_{name}_@PLT\n")
    link = ["gcc", "-shared", "-o", library, source, found[0], "-Wl,-rpath," + os.path.dirname(found[0])]
    done = subprocess.run(link, capture_output=True)
    return f"-L{OWN} -ljumps" if done.returncode == 0 else None


flags = ["floatX=float32", "base_compiledir=" + OWN]
try:
    flags += ["blas__ldflags=" + found for found in [blas()] if found]
except (ImportError, OSError):
    pass
os.environ["PYTENSOR_FLAGS"] = ",".join(flags)
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

    def bernoulli(mean, shape):
        return (stream.uniform(size=shape) < mean).astype("float32")

    if model == "logistic_regression":
        return nll(x @ p[0] + p[1], y, batch), []
    if model == "mlp":
        z = pt.tanh(x @ p[0] + p[1]) @ p[2] + p[3]
        return nll(z, y, batch) + number(common.PENALTY) * ((p[0] ** 2).sum() + (p[2] ** 2).sum()), []
    if model == "sda_fine":
        for at in 0, 2, 4:
            x = pt.sigmoid(x @ p[at] + p[at + 1])
        return nll(x @ p[6] + p[7], y, batch), []
    width, hidden = p[0].get_value(borrow=True).shape
    if model == "rbm":
        h = rest[0]
        for _ in range(common.GIBBS_STEPS):
            v = bernoulli(pt.sigmoid(h @ p[0].T + p[2]), (batch, width))
            h = bernoulli(pt.sigmoid(v @ p[0] + p[1]), (batch, hidden))
        return free_energy(p, x) - free_energy(p, disconnected_grad(v)), [(rest[0], h)]
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
