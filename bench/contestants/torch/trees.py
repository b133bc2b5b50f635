"""A recursive network, level by level and node by node."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from bench import trees as sentiment
from bench.contestants import Task

from .weights import assign


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
        assign(self.embedding, {"weight": start["embedding"]})
        assign(self.composition, {n: start[n] for n in ("weight", "bias")})
        assign(self.dense, {n: start[f"dense_{n}"] for n in ("weight", "bias")})


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


WORKS = {"trees": trees, "trees_by_node": trees_by_node}
