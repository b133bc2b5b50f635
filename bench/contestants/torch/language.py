"""A language model."""

import torch
from torch import nn
from torch.nn import functional as F

from bench import sequences
from bench.contestants import Task

from .weights import assign


class _LanguageModel(nn.Module):
    def __init__(self, dropout):
        super().__init__()
        tokens, start = len(sequences.vocabulary()), sequences.language_start()
        self.embedding = nn.Embedding(tokens, sequences.DIM)
        self.lstm = nn.LSTM(sequences.DIM, sequences.UNITS, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(sequences.UNITS, tokens)
        assign(self.embedding, {"weight": start["embedding"]})
        assign(self.lstm, {f"{n}_l0": start[n] for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")})
        assign(self.dense, {n: start[n] for n in ("weight", "bias")})

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


WORKS = {"language": language}
