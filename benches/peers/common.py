"""What the peers' programs share: the models' constants, and the bench's protocol.

A script is started with the folder of the data and a number of threads, and answers one line a request. Each answer
ends with a line `done`.

    build MODEL BATCH CHUNK FOLDER   compiles; FOLDER has the parameters to start from. `form NAME SECONDS` each
    run MODEL FORM FIRST             trains for CHUNK minibatches from number FIRST on, answers
                                     `MICROSECONDS FIGURE`: of a minibatch, and the mean cost
"""

import os
import sys
import time

FOLDER, THREADS = sys.argv[1], int(sys.argv[2])
RATES = {"logistic_regression": 0.13, "mlp": 0.01, "rbm": 0.1, "sda_1": 0.001, "sda_2": 0.001, "sda_3": 0.001}
CORRUPTION = {"da": 0.3, "sda_1": 0.1, "sda_2": 0.2, "sda_3": 0.3}
# How many of the places are trained; the others are read, or are the chains.
TRAINED = {"da": 3, "sda_1": 3, "sda_2": 3, "sda_3": 3, "rbm": 3}
GIBBS_STEPS = 15
PENALTY = 1e-4


def rate(model):
    return RATES.get(model, 0.1)


def is_random(model):
    return model in CORRUPTION or model == "rbm"


def limit_threads():
    """Threads that a library starts for itself find no more cores than this."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])


def data():
    import numpy as np

    x = np.fromfile(os.path.join(FOLDER, "x"), np.float32).reshape(-1, 784)
    path = os.path.join(FOLDER, "y")
    return x, np.fromfile(path, np.int32) if os.path.exists(path) else np.zeros(len(x), np.int32)


def places(folder):
    """The parameters, in the order of the bench's rows."""
    import numpy as np

    with open(os.path.join(folder, "shapes")) as file:
        shapes = [tuple(int(extent) for extent in line.split()) for line in file]
    return [np.fromfile(os.path.join(folder, str(at)), np.float32).reshape(s) for at, s in enumerate(shapes)]


def tell(*words):
    print(*words, file=OUT, flush=True)


def serve(name, build):
    """`build(model, batch, chunk, places)` gives pairs of a form and a function of the first minibatch, which
    trains for a chunk, waits for its end and gives the costs. It is a generator, and compiling is its time."""
    tell("ready", name)
    tell("done")
    forms = {}
    for line in sys.stdin:
        words = line.split()
        try:
            if words[0] == "build":
                model, batch, chunk = words[1], int(words[2]), int(words[3])
                forms = {key: form for key, form in forms.items() if key[0] == model}
                began = time.perf_counter()
                for form, train in build(model, batch, chunk, places(words[4])):
                    forms[model, form] = train, chunk
                    tell("form", form, time.perf_counter() - began)
                    began = time.perf_counter()
            else:
                train, chunk = forms[words[1], words[2]]
                began = time.perf_counter()
                costs = train(int(words[3]))
                seconds = time.perf_counter() - began
                tell(seconds / chunk * 1e6, float(sum(float(c) for c in costs) / chunk))
        except Exception as error:
            tell(type(error).__name__, " ".join(str(error).split())[:200])
        tell("done")


# What a library prints must not come between the answers.
OUT = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
limit_threads()


def start(module):
    """Loads a library, or says that it is not there."""
    try:
        return __import__(module)
    except ImportError as error:
        tell(f"{error}")
        tell("done")
        sys.exit()
