"""The search for a sentence's best tree."""

import numpy as np

from .activations import activate


def tree_vectors(vectors, w, activation="tanh"):
    """Return the function that gives the vector of a tree: a number, of a word, or a pair of trees."""
    known = {}

    def y(tree):
        if isinstance(tree, int):
            return vectors[tree]
        if tree not in known:
            known[tree] = activate(w["weight"] @ np.concatenate([y(tree[0]), y(tree[1])]) + w["bias"], activation)
        return known[tree]

    return y


def parse(vectors, w, u, bias, gold=None, penalty=0.0, beam=1, activation="tanh"):
    """Return the best state of every step, (total, trees that cover the sentence), by a beam search over merges.

    With ``gold``, a set of spans, the penalty is added to the score of a node that is not in the gold tree.
    """
    y, known = tree_vectors(vectors, w, activation), {}

    def score(tree):
        if tree not in known:
            wrong = gold is not None and not is_right(tree, gold)
            known[tree] = float(u @ y(tree) + bias) + penalty * wrong
        return known[tree]

    states = [(0.0, tuple(range(len(vectors))))]
    best = []
    while len(states[0][1]) > 1:
        candidates = [
            (total + score(row[i : i + 2]), (*row[:i], row[i : i + 2], *row[i + 2 :]))
            for total, row in states
            for i in range(len(row) - 1)
        ]
        states = []
        for state in sorted(candidates, key=lambda candidate: -candidate[0]):
            if len(states) < beam and state[1] not in [row for _, row in states]:
                states.append(state)
        best.append(states[0])
    return best


def span(tree):
    return (tree, tree + 1) if isinstance(tree, int) else (span(tree[0])[0], span(tree[1])[1])


def is_right(tree, gold):
    return isinstance(tree, int) or (is_right(tree[0], gold) and is_right(tree[1], gold) and span(tree) in gold)
