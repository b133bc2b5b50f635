"""LeNet-5 and the MLP on MNIST, trained and predicting."""

import torch
from torch import nn
from torch.nn import functional as F

from bench import digits
from bench.contestants import Task


def _load(net, start):
    with torch.no_grad():
        weighted = [layer for layer in net if hasattr(layer, "weight")]
        for layer, (weight, bias) in zip(weighted, start, strict=True):
            layer.weight.copy_(torch.from_numpy(weight))
            layer.bias.copy_(torch.from_numpy(bias))
    return net


def _lenet():
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    return _load(net, digits.lenet_start()).to(memory_format=torch.channels_last)


def _mlp():
    return _load(nn.Sequential(nn.Linear(784, 300), nn.Sigmoid(), nn.Linear(300, 10), nn.Sigmoid()), digits.mlp_start())


def _half_squares(y, target):
    return 0.5 * F.mse_loss(y, target, reduction="sum") / len(y)


def _training(make, x, y, recipe, loss, samples, threads):
    batch = recipe.batch

    def fit(net, optimizer, samples):
        for i in range(0, samples, batch):
            optimizer.zero_grad()
            loss(net(x[i : i + batch]), y[i : i + batch]).backward()
            optimizer.step()

    def new():
        net = make()
        return net, torch.optim.SGD(net.parameters(), recipe.rate, momentum=recipe.momentum)

    torch.set_num_threads(threads)
    net, optimizer = new()
    fit(net, optimizer, digits.CHECKED_STEPS * batch)
    check = net(x[:64]).detach().numpy()
    net, optimizer = new()

    def run():
        torch.set_num_threads(threads)
        fit(net, optimizer, samples)

    return Task(check, run, samples / 60_000, lambda: net(x[: digits.LEARNED]).detach().numpy())


def _mnist():
    x, y = map(torch.from_numpy, digits.mnist())
    return x.contiguous(memory_format=torch.channels_last), y


def lenet_64(threads):
    return _training(_lenet, *_mnist(), digits.LENET_64, F.cross_entropy, 12_800, threads)


def lenet_100(threads):
    return _training(_lenet, *_mnist(), digits.LENET_100, F.cross_entropy, 12_800, threads)


def lenet_1(threads):
    return _training(_lenet, *_mnist(), digits.LENET_1, F.cross_entropy, 3000, threads)


def _mlp_data():
    return torch.from_numpy(digits.mnist()[0].reshape(-1, 784)), torch.from_numpy(digits.mlp_targets())


def mlp_128(threads):
    return _training(_mlp, *_mlp_data(), digits.MLP_128, _half_squares, 60_000, threads)


def mlp_1(threads):
    return _training(_mlp, *_mlp_data(), digits.MLP_1, _half_squares, 3000, threads)


def _predict(samples):
    def prepare(threads):
        net, x = _lenet().eval(), _mnist()[0][:samples].clone(memory_format=torch.channels_last)
        calls = max(5, 2000 // samples)

        @torch.inference_mode()
        def run():
            torch.set_num_threads(threads)
            for _ in range(calls):
                net(x)

        with torch.inference_mode():
            return Task(net(x).numpy(), run, calls)

    return prepare


WORKS = {
    "lenet_64": lenet_64,
    "lenet_100": lenet_100,
    "lenet_1": lenet_1,
    "mlp_128": mlp_128,
    "mlp_1": mlp_1,
    **{f"predict_{samples}": _predict(samples) for samples in (1, 64, 1000)},
    "predictor_1": _predict(1),
}
