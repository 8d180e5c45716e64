"""PyTorch's programs of the models: forward, gradients and update of a minibatch in one compiled graph.

Started by `cargo bench --bench speed`.
"""

import os
import sys

os.environ["TORCHINDUCTOR_CACHE_DIR"] = os.path.join(sys.prefix, "torch")
import common

torch = common.start("torch")
import torch.nn.functional as F

torch.set_num_threads(common.THREADS)
torch.manual_seed(7)


def logistic_regression(p, x, y):
    return F.cross_entropy(torch.addmm(p[1], x, p[0]), y)


def mlp(p, x, y):
    hidden = torch.tanh(torch.addmm(p[1], x, p[0]))
    penalty = (p[0] ** 2).sum() + (p[2] ** 2).sum()
    return F.cross_entropy(torch.addmm(p[3], hidden, p[2]), y) + common.PENALTY * penalty


def lenet(p, x, y):
    maps = x.view(-1, 1, 28, 28)
    for filters, bias in (p[0], p[1]), (p[2], p[3]):
        maps = torch.tanh(F.max_pool2d(F.conv2d(maps, filters), 2) + bias[:, None, None])
    hidden = torch.tanh(torch.addmm(p[5], maps.flatten(1), p[4]))
    return F.cross_entropy(torch.addmm(p[7], hidden, p[6]), y)


def autoencoder(model, below):
    kept = 1 - common.CORRUPTION[model]

    def cost(p, x, y):
        for weights, bias in below:
            x = torch.sigmoid(torch.addmm(bias, x, weights))
        mask = (torch.rand_like(x) < kept).to(x.dtype)
        hidden = torch.sigmoid(torch.addmm(p[1], x * mask, p[0]))
        z = torch.addmm(p[2], hidden, p[0].t())
        return F.binary_cross_entropy_with_logits(z, x, reduction="sum") / len(x)

    return cost


def sda_fine(p, x, y):
    for at in 0, 2, 4:
        x = torch.sigmoid(torch.addmm(p[at + 1], x, p[at]))
    return F.cross_entropy(torch.addmm(p[7], x, p[6]), y)


def free_energy(p, v):
    return (-(v @ p[2]) - F.softplus(torch.addmm(p[1], v, p[0])).sum(1)).mean()


def contrast(p, x, v):
    return free_energy(p, x) - free_energy(p, v)


def sample(bias, values, weights):
    mean = torch.sigmoid(torch.addmm(bias, values, weights))
    return (torch.rand_like(mean) < mean).to(mean.dtype)


def descend(cost, p, x, other, rate):
    grads, value = torch.func.grad_and_value(cost)(p, x, other)
    for place, grad in zip(p, grads):
        place.sub_(rate * grad)
    return value


def build(model, batch, chunk, places):
    x, y = (torch.from_numpy(array) for array in common.data())
    y = y.long()
    places = [torch.from_numpy(place) for place in places]
    if model == "lenet":
        # Ours turns filters, PyTorch's does not.
        places[0], places[2] = (places[at].flip(2, 3).contiguous() for at in (0, 2))
    count = common.TRAINED.get(model, len(places))
    p, rest, rate = places[:count], places[count:], common.rate(model)
    if model in common.CORRUPTION:
        cost = autoencoder(model, list(zip(rest[::2], rest[1::2])))
    else:
        cost = globals().get(model)

    @torch.compile(fullgraph=True, dynamic=False)
    def step(x, y):
        return descend(cost, p, x, y, rate)

    @torch.compile(fullgraph=True, dynamic=False)
    def step_of_chains(x, h):
        for _ in range(common.GIBBS_STEPS):
            v = sample(p[2], h, p[0].t())
            h = sample(p[1], v, p[0])
        return descend(contrast, p, x, v, rate), h

    held = rest[:1]

    def train(first, chunk=chunk):
        costs = []
        for at in range(first * batch, (first + chunk) * batch, batch):
            if model == "rbm":
                value, held[0] = step_of_chains(x[at : at + batch], held[0])
            else:
                value = step(x[at : at + batch], y[at : at + batch])
            costs.append(value)
        return torch.stack(costs).tolist()

    # Compiles, and then starts from where all start.
    kept = [place.clone() for place in places]
    train(0, 2)
    for place, value in zip(places, kept):
        place.copy_(value)
    held[:] = rest[:1]
    yield "compile", train


common.serve(f"torch {torch.__version__}", build)
