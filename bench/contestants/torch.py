"""PyTorch: data in memory, images channels last, which is faster here; torch.compile is not, at these sizes."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from bench import convolution, dense, digits, sequences
from bench import trees as sentiment
from bench.contestants import Task
from bench.contestants.torch_many import WORKS as MANY
from bench.contestants.torch_networks import WORKS
from bench.row import digest

VERSION = torch.__version__


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


predict_1, predict_64, predict_1000 = map(_predict, (1, 64, 1000))


def _layer(layer, data, threads, calls=5):
    x, weight, dy = map(torch.from_numpy, data)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.zero_()
    if x.ndim == 4:
        layer = layer.to(memory_format=torch.channels_last)
        x, dy = (a.contiguous(memory_format=torch.channels_last) for a in (x, dy))
    x.requires_grad_()

    def once():
        torch.set_num_threads(threads)
        x.grad = layer.weight.grad = layer.bias.grad = None
        y = layer(x)
        y.backward(dy)
        return y.detach().numpy(), x.grad.numpy(), layer.weight.grad.numpy()

    def run():
        for _ in range(calls):
            once()

    return Task(digest(*once()), run, calls)


def convolution_64(threads):
    return _layer(nn.Conv2d(64, 64, 3, padding=1), convolution.data(), threads)


def _dense(name):
    _, inputs, outputs, _ = dense.CASES[name]
    return lambda threads: _layer(nn.Linear(inputs, outputs), dense.data(name), threads, dense.calls(name))


globals().update({name: _dense(name) for name in dense.CASES})


def _assign(module, weights):
    with torch.no_grad():
        for name, values in weights.items():
            getattr(module, name).copy_(torch.from_numpy(values))


def _recurrent(cell, batch, inputs, units):
    def prepare(threads):
        torch.set_num_threads(threads)
        x, dy, weights = sequences.data(cell, batch, inputs, units)
        layer = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell](inputs, units, batch_first=True)
        _assign(layer, {f"{name}_l0": values for name, values in weights.items()})
        x, dy = torch.from_numpy(x).requires_grad_(), torch.from_numpy(dy)
        calls = 10

        def once():
            x.grad = None
            layer.zero_grad()
            y, _ = layer(x)
            y.backward(dy)
            return y

        def run():
            torch.set_num_threads(threads)
            for _ in range(calls):
                once()

        y = once().detach().numpy()
        gradients = {name: getattr(layer, f"{name}_l0").grad.numpy() for name in weights}
        return Task(sequences.digest(y, x.grad.numpy(), gradients), run, calls)

    return prepare


globals().update({name: _recurrent(*case) for name, case in sequences.CASES.items()})


class _LanguageModel(nn.Module):
    def __init__(self, dropout):
        super().__init__()
        tokens, start = len(sequences.vocabulary()), sequences.language_start()
        self.embedding = nn.Embedding(tokens, sequences.DIM)
        self.lstm = nn.LSTM(sequences.DIM, sequences.UNITS, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(sequences.UNITS, tokens)
        _assign(self.embedding, {"weight": start["embedding"]})
        _assign(self.lstm, {f"{n}_l0": start[n] for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")})
        _assign(self.dense, {n: start[n] for n in ("weight", "bias")})

    def forward(self, x, state):
        h, state = self.lstm(self.embedding(x), state)
        return self.dense(self.dropout(h)), state


def language(threads):
    torch.set_num_threads(threads)
    x, y = (torch.from_numpy(a).reshape(-1, sequences.STREAMS, sequences.WINDOW) for a in sequences.windows())

    def fit(net, optimizer, steps):
        state = None
        for i in range(steps):
            optimizer.zero_grad()
            logits, state = net(x[i], state)
            state = tuple(s.detach() for s in state)
            F.cross_entropy(logits.flatten(0, 1), y[i].flatten()).backward()
            nn.utils.clip_grad_norm_(net.parameters(), sequences.CLIP)
            optimizer.step()

    net = _LanguageModel(0.0)
    fit(net, torch.optim.SGD(net.parameters(), sequences.CHECKED_RATE), sequences.CHECKED_STEPS)
    check = net(x[0, :4], None)[0].detach().numpy()
    net = _LanguageModel(sequences.DROPOUT)
    optimizer = torch.optim.Adam(net.parameters(), sequences.RATE, fused=True)

    def run():
        torch.set_num_threads(threads)
        fit(net, optimizer, sequences.TIMED_STEPS)

    return Task(check, run, sequences.TIMED_STEPS * sequences.STREAMS * sequences.WINDOW)


class _Levels(torch.autograd.Function):
    """All nodes' vectors, a product for each height; autograd's own way back takes nearly twice as long."""

    @staticmethod
    def forward(ctx, leaves, weight, bias, counts, below):
        inner = sum(counts)
        h, x = leaves.new_empty(len(leaves) + inner, sentiment.UNITS), leaves.new_empty(inner, 2 * sentiment.UNITS)
        h[: len(leaves)] = leaves
        parts = zip(below, x.split(counts), h[len(leaves) :].split(counts), strict=True)
        for rows, x_part, h_part in parts:
            torch.index_select(h, 0, rows, out=x_part.view(-1, sentiment.UNITS))
            torch.addmm(bias, x_part, weight.T, out=h_part).tanh_()
        ctx.save_for_backward(h, x, weight)
        ctx.counts, ctx.below = counts, below
        return h

    @staticmethod
    def backward(ctx, dh):
        h, x, weight = ctx.saved_tensors
        leaves, dh = len(h) - len(x), dh.clone()
        inner = dh[leaves:]
        parts = zip(ctx.below[::-1], inner.split(ctx.counts)[::-1], h[leaves:].split(ctx.counts)[::-1], strict=True)
        for rows, d, y in parts:
            torch.ops.aten.tanh_backward.grad_input(d, y, grad_input=d)
            dh.index_add_(0, rows, (d @ weight).view(-1, sentiment.UNITS))
        return dh[:leaves], inner.T @ x, inner.sum(0), None, None


class _Recursive(nn.Module):
    def __init__(self):
        super().__init__()
        start = sentiment.start()
        self.embedding = nn.Embedding(len(start["embedding"]), sentiment.UNITS)
        self.composition = nn.Linear(2 * sentiment.UNITS, sentiment.UNITS)
        self.dense = nn.Linear(sentiment.UNITS, sentiment.CLASSES)
        _assign(self.embedding, {"weight": start["embedding"]})
        _assign(self.composition, {n: start[n] for n in ("weight", "bias")})
        _assign(self.dense, {n: start[f"dense_{n}"] for n in ("weight", "bias")})


class _ByLevel(_Recursive):
    def forward(self, tokens, counts, below):
        h = _Levels.apply(self.embedding(tokens), self.composition.weight, self.composition.bias, counts, below)
        return self.dense(h)


class _ByNode(_Recursive):
    def forward(self, tokens, children):
        h = list(self.embedding(tokens))
        for left, right in children:
            h.append(torch.tanh(self.composition(torch.cat([h[left], h[right]]))))
        return self.dense(torch.stack(h))


def _by_level(batch):
    below = [torch.from_numpy(children.ravel()) for children in batch.children]
    return torch.from_numpy(batch.tokens), [len(children) for children in batch.children], below


def _by_node(batch):
    return torch.from_numpy(batch.tokens), np.concatenate(batch.children).tolist()


def _trees(model, arguments, count, share, threads):
    batches = [(arguments(batch), torch.from_numpy(batch.labels)) for batch in sentiment.batches()[:count]]

    def fit(net, optimizer, batches):
        for given, labels in batches:
            optimizer.zero_grad()
            F.cross_entropy(net(*given), labels).backward()
            optimizer.step()

    torch.set_num_threads(threads)
    net = model()
    fit(net, torch.optim.SGD(net.parameters(), sentiment.CHECKED_RATE), batches[: sentiment.CHECKED_STEPS])
    checked = sentiment.layered(0, sentiment.CHECKED_TREES)
    check = net(*arguments(checked)).detach().numpy()[checked.rows]
    net = model()
    optimizer = torch.optim.Adam(net.parameters(), sentiment.RATE, fused=True)

    def run():
        torch.set_num_threads(threads)
        fit(net, optimizer, batches)

    return Task(check, run, share)


def trees(threads):
    return _trees(_ByLevel, _by_level, None, 1, threads)


def trees_by_node(threads):
    return _trees(_ByNode, _by_node, sentiment.FEW, sentiment.few_share(), threads)


globals().update(WORKS | MANY)
