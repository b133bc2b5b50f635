"""Typed sentences, shown as trees whose nodes are coloured by a network's labels."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..datasets.expressions import expression_words
from ..functional import softmax
from ..sequential import Sequential
from ..text.vocabulary import Vocabulary
from ..text.words import words_of
from ..trees import Trees
from ..trees.drawing import SIGNS, places_of, shade_of
from ..trees.parsing import parse, right_branching
from .requests import characters_in, fields_of

_WORDS = 100  # the longest sentence


class Sentences:
    """A network that labels the nodes of trees, or a parser."""

    takes: ClassVar[str] = "application/json"
    most: ClassVar[int] = 1 << 14

    def __init__(self, net: Sequential, parser: Sequential | None = None, name: str = "net") -> None:
        labels = net.notes.get("labels")
        if labels is None and parser is None:
            net, parser = parser, net  # type: ignore[assignment]
        self.net, self.parser, self.labels = net, parser, labels
        try:
            if labels is not None and (
                self.net.output_shape != (None, len(labels)) or not all(isinstance(label, str) for label in labels)
            ):
                raise ValueError
            self._vocabulary, self._parser_vocabulary = (
                None if of is None else Vocabulary(of.notes["vocabulary"], True) for of in (net, parser)
            )
            self._tree(["a", "b"])
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"{name} must be what train sentiment --save or train parser --save wrote") from None

    def about(self) -> dict[str, Any]:
        """Return the labels, if any, and whether sentences are Python's."""
        return {
            "kind": "sentences",
            "labels": self.labels,
            "python": self._reads_python,
            "most": characters_in(self.most),
        }

    @property
    def _reads_python(self) -> bool:
        return self.parser is not None and bool(self.parser.notes.get("python"))

    def answer(self, asked: bytes) -> dict[str, Any]:
        """Return the position, the word and the network's answer for each node of a sentence's tree."""
        text = fields_of(asked, text=str)["text"]
        words = expression_words(text) if self._reads_python else words_of(text)
        if len(words) > _WORDS:
            raise ValueError(f"a sentence must have {_WORDS} words at the most; received {len(words)}")
        if not words:
            return {}
        tree = self._tree(words)
        vocabulary = self._vocabulary or self._parser_vocabulary
        assert vocabulary is not None
        found: dict[str, Any] = {"unknown": sorted({word for word in words if word not in vocabulary})}
        shares = None
        if self.net is not None and self._vocabulary is not None:
            shares = softmax(self.net.predict(tree.encode(self._vocabulary), trees=tree))
            tree = tree.with_labels(shares.argmax(axis=1), self.labels)
        x, y = places_of(tree)
        found["nodes"] = [
            {
                "x": float(x[node]), "y": float(-y[node]), "parent": int(tree.parents[node]), "word": tree.words[node],
                **({} if shares is None else self._label(tree, node, shares)),
            }
            for node in range(len(tree.words))
        ]  # fmt: skip
        return found

    def _label(self, tree: Trees, node: int, shares: np.ndarray) -> dict[str, Any]:
        shade, label = shade_of(tree, node), int(tree.labels[node])
        sign = tree.names[label] if shade is None else SIGNS[len(tree.names)][label]
        return {"label": tree.names[label], "sign": sign, "shade": shade, "probabilities": shares[node].tolist()}

    def _tree(self, words: list[str]) -> Trees:
        if self.parser is None or self._parser_vocabulary is None:
            return right_branching([words])
        return parse(self.parser, self._parser_vocabulary, [words])
