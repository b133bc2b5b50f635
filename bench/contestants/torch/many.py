"""Many networks at once in PyTorch: one program over stacked parameters, by `torch.func`."""

import copy
from itertools import pairwise

import torch
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional as F

from bench import many
from bench.contestants import Task


def _stacked(name):
    """Return a function of one network's parameters, and the parameters of all."""
    sizes, modules = many.CASES[name].sizes, []
    for inputs, outputs in pairwise(sizes):
        modules += [nn.Linear(inputs, outputs), nn.ReLU()]
    net = nn.Sequential(*modules[:-1])
    nets = [copy.deepcopy(net) for _ in range(many.NETWORKS)]
    parameters, _ = stack_module_state(nets)
    for values, given in zip(parameters.values(), many.start(name), strict=True):
        values.data.copy_(torch.from_numpy(given))
    return lambda parameters, x: functional_call(net, parameters, (x,)), parameters


def _training(name):
    def prepare(threads):
        torch.set_num_threads(threads)
        case = many.CASES[name]
        x, y = (torch.from_numpy(array) for array in many.data(name))
        outputs, parameters = _stacked(name)

        def loss(parameters, x, y):
            y_hat = outputs(parameters, x)
            if case.labelled:
                return F.cross_entropy(y_hat, y)
            return 0.5 * F.mse_loss(y_hat, y, reduction="sum") / len(y)

        gradient = vmap(grad(loss), in_dims=(0, None, None))  # of all networks, on the same batch

        def fit(parameters, optimizer, x, y, batch):
            for i in range(0, len(x), batch):
                found = gradient(parameters, x[i : i + batch], y[i : i + batch])
                for name, values in parameters.items():
                    values.grad = found[name]
                optimizer.step()

        few = slice(many.CHECKED_BATCH)
        descent = torch.optim.SGD(parameters.values(), many.CHECKED_RATE)
        for _ in range(many.CHECKED_STEPS):
            fit(parameters, descent, x[few], y[few], many.CHECKED_BATCH)
        with torch.no_grad():
            check = vmap(outputs, in_dims=(0, None))(parameters, x[few]).numpy()
        _, parameters = _stacked(name)
        optimizer = torch.optim.Adam(parameters.values(), many.ADAM_RATE, fused=True)  # faster than foreach
        fit(parameters, optimizer, x, y, case.batch)

        def run():
            torch.set_num_threads(threads)
            for _ in range(case.epochs):
                fit(parameters, optimizer, x, y, case.batch)

        return Task(check, run, case.steps)

    return prepare


WORKS = {name: _training(name) for name in many.CASES}
