"""Article 3's layers of arrays while they are unchanged: the core trains their weights, in one block.

The attributes that a step sets in a layer are made when they are read, as a gradient is as large as the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from .. import _core
from .._types import Array
from ._memory import held_once, holders
from ._online import by_layer
from ._untouched import Steps
from .activators import is_plain_sigmoid

WHEN_ASKED = frozenset(("W", "b", "input", "output", "delta", "W_grad", "b_grad"))


class Lent:
    """The parameters of a network's layers in one block of memory, and the results of its last step.

    Parameters
    ----------
    layers : sequence of FullConnectedLayer
        A chain of layers. Nothing else refers to their W and b, which become views of this memory.
    sizes : sequence of int
        The number of nodes of each layer, the inputs first.

    Attributes
    ----------
    parameters : ndarray
        The parameters of each layer, (inputs + 1, outputs), the bias last.
    """

    def __init__(self, layers: Sequence[Any], sizes: Sequence[int]) -> None:
        core = _core.load("float64")
        self.sizes, self._layers = tuple(sizes), list(layers)
        self.parameters = core.aligned_zeros(sum((n + 1) * m for n, m in pairwise(sizes)))
        self._core = core.SigmoidLayers(self.sizes, self.parameters)
        self._own = [(both[:-1].T, both[-1][:, None]) for both in by_layer(self.parameters, sizes)]
        ends = list(accumulate(sizes[1:]))
        self._outputs = [(slice(end - n, end), None) for end, n in zip(ends, sizes[1:], strict=True)]
        self._taken: tuple[Array, Array, float, bool] | None = None
        self._counted = [self.parameters.base, *(array for own in self._own for array in own)]
        self._take_over()
        self._alone = holders(self._counted)  # any further references were taken from a layer
        self._shown = False  # whether the program may have taken some since they were last counted

    def _take_over(self) -> None:
        for layer, (W, b) in zip(self._layers, self._own, strict=True):
            W[...], b[...] = layer.W, layer.b
            del layer.W, layer.b
            layer.lent_to = self

    def _others(self) -> list[int]:
        """Count the references to the memory and to each of its arrays, besides those of the layers."""
        now, shown = holders(self._counted), [False]
        for layer, (W, b) in zip(self._layers, self._own, strict=True):
            shown += [layer.__dict__.get("W") is W, layer.__dict__.get("b") is b]
        return [n - alone - there for n, alone, there in zip(now, self._alone, shown, strict=True)]

    def _forget(self) -> None:
        for layer in self._layers:
            there = layer.__dict__
            if not WHEN_ASKED.isdisjoint(there):
                for name in WHEN_ASKED & there.keys():
                    del there[name]

    def holds(self, layers: Sequence[Any], steps: Steps) -> bool:
        """Return whether these are the layers, with unchanged methods and with parameters in this memory.

        Arrays that a program has assigned are copied in, unless it still refers to them or to the former ones.
        """
        if list(layers) != self._layers:  # by identity, as they are
            return False
        assigned = False
        for layer, own in zip(self._layers, self._own, strict=True):
            there = layer.__dict__
            if not (steps.hides_none(layer) and is_plain_sigmoid(there.get("activator")) and layer.lent_to is self):
                return False
            assigned |= there.get("W", own[0]) is not own[0] or there.get("b", own[1]) is not own[1]
        return not assigned or self._take_assigned()

    def _take_assigned(self) -> bool:
        """Copy the arrays that a program has assigned; tell whether all could be copied."""
        self.show()  # the last step's results need the weights that it left
        of_memory, *others = self._others()
        for k, (layer, (W, b)) in enumerate(zip(self._layers, self._own, strict=True)):
            there = layer.__dict__
            for name, own, former in (("W", W, others[2 * k]), ("b", b, others[2 * k + 1])):
                if there.get(name, own) is not own:
                    if of_memory or former or not held_once(there, name) or there[name].shape != own.shape:
                        return False
                    own[...] = there[name]
                    there[name] = own
        return True

    def give_back(self) -> None:
        """Give the layers separate arrays, unless the program refers to those in this memory."""
        self.show()
        held = any(self._others())
        for layer, (W, b) in zip(self._layers, self._own, strict=True):
            there = layer.__dict__
            if there.get("lent_to") is self:
                del there["lent_to"]
                for name, own in (("W", W), ("b", b)):
                    if there.get(name) is own and not held:
                        there[name] = own.copy()

    def predict(self, sample: Array) -> Array:
        """Compute the output for a column, and fill ``input`` and ``output`` of each layer."""
        numbers = self._core.forward(sample)
        for layer, place in zip(self._layers, self._outputs, strict=True):
            there = layer.__dict__
            there["input"] = sample
            there["output"] = sample = numbers[place]
        return sample

    def learn(self, sample: Array, label: Array, rate: float) -> None:
        """Take a step on a column."""
        self._forget()
        self._shown = self._shown and holders(self._counted) != self._alone
        self._taken = self._core.learn(sample, label, rate, self._shown), sample, rate, not self._shown

    def show(self) -> None:
        """Set the attributes of the last step that the layers lack, and their parameters."""
        if self._taken is not None:
            (numbers, sample, rate, alone), self._taken = self._taken, None
            ends = list(accumulate((*self.sizes, *self.sizes[1:])))
            columns = [part[:, None] for part in np.split(numbers, ends)]
            count = len(self.sizes)
            seen, errors = columns[:count], columns[count:-1]
            if alone:  # the weights cannot have been changed since: subtracting the step gives the former ones
                x, error = seen[0], errors[0]
                below = np.dot(self._own[0][0].T, error) - rate * x * np.dot(error.T, error)
                first = x * (1.0 - x) * below
            else:
                first = columns[-1][: self.sizes[0]]
            inputs, deltas = (sample, *seen[1:]), (first, *errors)
            for k, layer in enumerate(self._layers):
                gradient = np.dot(seen[k], errors[k].T).T
                left = inputs[k], seen[k + 1], deltas[k], gradient, errors[k]
                self._add(layer, ("input", "output", "delta", "W_grad", "b_grad"), left)
        self._shown = True
        for layer, own in zip(self._layers, self._own, strict=True):
            self._add(layer, ("W", "b"), own)

    def _add(self, layer: Any, names: Sequence[str], values: Sequence[Array]) -> None:
        there = layer.__dict__
        if there.get("lent_to") is self:
            for name, value in zip(names, values, strict=True):
                there.setdefault(name, value)
