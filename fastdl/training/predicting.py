"""The methods of a network that predict."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from numpy import ndarray

from .. import _core
from .._threads import get_num_threads
from .._types import Array, ArrayLike
from .._validation.values import as_int
from ..layers import Layer
from ..samples import as_batch
from .inference import predicted, predicted_of_batches
from .stream import Stream, are_batches_of_samples, check_unused, samples_in

if TYPE_CHECKING:
    from ..trees import Trees


class Predicting(Layer, abstract=True):
    """Predictions: the outputs of the last layer, without dropout and with running statistics."""

    def predict(
        self, x: ArrayLike | Iterable[Any], *, lengths: ArrayLike | None = None, trees: Trees | None = None
    ) -> Array:
        """Compute the output of the last layer: logits, unless the network ends in a softmax or sigmoid.

        Parameters
        ----------
        x : array_like, shape (N, *input_shape), or iterable
            At least one sample. Or an iterable of batches, each an array of samples, or a tuple as for `fit`, of which
            (x,) and (x, y) are read as x, and (x, y, lengths) or (x, y, trees) as x with these; y may be None.
        lengths : array_like of int, shape (N,), optional
            How many steps of each sequence (N, T, ...) count.
        trees : Trees, optional
            For a network with a `Recursive` layer; then x (M,) or (M, F) has a row for each node.

        Returns
        -------
        ndarray, shape (N, *output_shape), or (M, F) if the network gives all nodes
            One array for all batches of an iterable. Stateful layers continue from the last call, or the last batch,
            which must have had as many samples.

        Raises
        ------
        TypeError, ValueError
            If x has another shape, or holds anything but finite numbers. The states of stateful layers are then as they
            were.
        """
        if type(x) is not ndarray and are_batches_of_samples(self, x):
            check_unused(lengths=lengths, trees=trees)
            return predicted_of_batches(self, Stream(x, "x", partial(samples_in, self)))
        samples = as_batch(self, x, lengths, trees, may_wait=True)
        with self.turn.lock:
            plan = self.plan_for(samples.shape)
            return predicted(plan, samples, self.states_for(samples.count))

    def predictor(self, batch_size: int) -> Callable[..., Array]:
        """Make a function that predicts batches of one size within microseconds, for services and control loops.

        Parameters
        ----------
        batch_size : int
            N, the number of samples in each batch.

        Returns
        -------
        callable
            ``predict(x, out=None)`` returns what `Sequential.predict` returns for x (N, *input_shape), with the
            parameters of that moment. It writes into ``out``, a contiguous array (N, *output_shape) of the network's
            dtype that does not overlap x, and returns it; or else into an array of its own, which the next call
            overwrites. A contiguous x of that dtype is fastest, as it is read in place; anything else is converted.

        Raises
        ------
        ValueError
            If samples have no fixed shape: trees, or sequences of any length.

        Notes
        -----
        It cannot be copied or pickled. Stateful layers continue from the last call, as in `predict`. Several threads
        may call it, each with its own ``out``; they take turns with the network (`docs/threads.md`).
        """
        samples, reading = as_int(batch_size, "batch_size"), self.reading
        shape = self.input_shape
        if reading.arity is not None or None in shape:
            those = f"sequences of any length, {shape}: give its parameters to one of input_shape={(1, *shape[1:])}"
            if reading.arity is not None:
                those = "trees"
            raise ValueError(f"samples must be of one shape for a predictor; those of the network are {those}")

        def as_ready(x: Any) -> Array:
            batch = as_batch(self, x)
            if len(batch) != samples:
                raise ValueError(f"x must have the {samples} samples of the predictor; received {len(batch)}")
            return batch.x

        core = _core.load(self.dtype)
        with self.turn.lock:
            plan = core.Plan(self.graph_for(shape), *self.flat, self.turn)
        states = partial(self.states_for, samples) if reading.stateful else None
        predict: Callable[..., Array] = core.Predictor(
            plan, samples, as_ready, bool(reading.tokens), get_num_threads, states
        )
        return predict
