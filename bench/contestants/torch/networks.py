"""Networks of current kinds in PyTorch: images channels last, which is faster; attention is its own fused one."""

import torch
from torch import nn
from torch.nn import functional as F

from bench import networks
from bench.contestants import Task


class _Add(nn.Module):
    def __init__(self, through, around):
        super().__init__()
        self.through, self.around = through, around

    def forward(self, x):
        return self.through(x) + self.around(x)


class _Attention(nn.Module):
    def __init__(self, features, heads):
        super().__init__()
        self.heads, self.into, self.out = heads, nn.Linear(features, 3 * features), nn.Linear(features, features)

    def forward(self, x):
        n, steps, features = x.shape
        parts = (p.view(n, steps, self.heads, -1).transpose(1, 2) for p in self.into(x).chunk(3, -1))
        seen = F.scaled_dot_product_attention(*parts, is_causal=True)
        return self.out(seen.transpose(1, 2).reshape(n, steps, features))


class _Places(nn.Module):
    def __init__(self, steps, features):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(steps, features))

    def forward(self, x):
        return x + self.weight


class _Mean(nn.Module):
    def forward(self, x):
        return x.mean((2, 3) if x.ndim == 4 else 2)


def _module(part, shape):
    kind, *settings = part
    channels = shape[0] if len(shape) == 3 else shape[-1]
    if kind == "conv":
        filters, size, stride, groups = settings
        make = nn.Conv2d if len(shape) == 3 else nn.Conv1d
        return make(channels, filters, size, stride, size // 2, groups=groups)
    if kind == "add":
        return _Add(*(_chain(way, shape) for way in settings))
    return {
        "norm": lambda: nn.BatchNorm2d(channels),
        "layer_norm": lambda: nn.LayerNorm(channels),
        "attention": lambda heads: _Attention(channels, heads),
        "tokens": nn.Embedding,
        "places": _Places,
        "dense": lambda units: nn.Linear(channels, units),
        "relu": nn.ReLU,
        "gelu": nn.GELU,
        "mean": _Mean,
    }[kind](*settings)


def _chain(parts, shape):
    made = []
    for part in parts:
        made.append(_module(part, shape))
        shape = networks.given(part, shape)
    return nn.Sequential(*made)


def _network(name):
    case = networks.CASES[name]
    net = _chain(case.parts, case.shape)
    with torch.no_grad():
        for values, given in zip(net.parameters(), networks.start(name), strict=True):
            values.copy_(torch.from_numpy(given))
    return net.to(memory_format=torch.channels_last) if len(case.shape) == 3 else net


def _data(name):
    x, y = map(torch.from_numpy, networks.data(name))
    if x.ndim == 3:
        return x.transpose(1, 2).contiguous(), y
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x, y


def _loss(case, outputs, y):
    if case.labelled:
        return F.cross_entropy(outputs.flatten(0, -2), y.flatten())
    return 0.5 * F.mse_loss(outputs, y, reduction="sum") / len(y)


def _training(name):
    def prepare(threads):
        torch.set_num_threads(threads)
        case, (x, y) = networks.CASES[name], _data(name)

        def fit(net, optimizer, x, y):
            for i in range(0, len(x), case.batch):
                optimizer.zero_grad()
                _loss(case, net(x[i : i + case.batch]), y[i : i + case.batch]).backward()
                optimizer.step()

        net, few = _network(name), slice(networks.CHECKED_BATCH)
        descent = torch.optim.SGD(net.parameters(), networks.CHECKED_RATE)
        for _ in range(networks.CHECKED_STEPS):
            fit(net, descent, x[few], y[few])
        check = net.eval()(x[few]).detach().numpy()
        net = _network(name)
        optimizer = (
            torch.optim.Adam(net.parameters(), networks.ADAM_RATE, fused=True)
            if case.adam
            else torch.optim.SGD(net.parameters(), networks.RATE, networks.MOMENTUM)
        )

        def run():
            torch.set_num_threads(threads)
            fit(net, optimizer, x, y)

        return Task(check, run, len(x))

    return prepare


def _predict(name):
    def prepare(threads):
        torch.set_num_threads(threads)
        net, x = _network(name).eval(), _data(name)[0][:1].clone()

        @torch.inference_mode()
        def once():
            return net(x)

        return Task.of_calls(once().numpy(), once, networks.CALLS[name])

    return prepare


WORKS = {
    **{f"{name}_training": _training(name) for name in networks.CASES},
    **{f"{name}_predict": _predict(name) for name in networks.CASES},
}
