"""The methods of a network that give derivatives with respect to its input."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._threads import get_num_threads
from .._types import Array, ArrayLike, Shape
from .._validation.samples import as_samples
from ..layers import Layer
from ..samples import Samples, as_batch

# Taylor propagation is loaded on first use: most programs only train and predict.
if TYPE_CHECKING:
    from ..trees import Trees
    from .propagation import Propagation
    from .taylor import Taylor

_FEW_OUTPUTS = 32  # up to which the rows of a Jacobian are faster than propagation forward
_NUMBERS = 1 << 22  # of Jacobians, or of jets, that are computed together


class Differentiable(Layer, abstract=True):
    """Derivatives of inference: without dropout, with running statistics.

    They do not change the network's gradients, states and random numbers, and a `backward` may still follow the last
    `forward`. Steps of sequences that do not count have zeros.
    """

    _derivatives: Any = None  # the plan for the shape of the last samples
    _propagation: Propagation | None = None

    def vjp(self, x: ArrayLike, v: ArrayLike, *, lengths: ArrayLike | None = None, trees: Trees | None = None) -> Array:
        """Compute v^T J for each sample, where J is the Jacobian of its outputs: the gradient that `backward` gives.

        Parameters
        ----------
        x : array_like, shape (N, *input_shape)
        v : array_like, shape (N, *output_shape)
        lengths : array_like of int, shape (N,), optional
            How many steps of each sequence (N, T, ...) count.
        trees : Trees, optional
            For a network with a `Recursive` layer; then x (M, F) has a row for each node, and v one for each row of the
            outputs.

        Returns
        -------
        ndarray, shape (N, *input_shape)
            (M, F) for trees.

        Raises
        ------
        ValueError
            If samples are token ids, which have no derivatives. If an `Embedding` reads only some of the features, the
            derivatives of these are zeros.

        Notes
        -----
        Stateful layers start from the network's state, and do not change it.
        """
        samples = self._differentiable(x, lengths, trees)
        with self.turn.lock:
            plan = self._plan_of_derivatives(samples.shape)
            gradient, last = samples.gradients(v, plan.output_shape, "v", "x")
            if last:
                gradient = np.ascontiguousarray(gradient.transpose(0, 3, 1, 2))
            return self._rows(plan, samples, gradient.reshape(-1)).reshape(samples.x.shape)

    def jacobian(self, x: ArrayLike, *, lengths: ArrayLike | None = None) -> Array:
        """Compute the Jacobian of each sample: the derivatives of its outputs with respect to its inputs.

        Parameters
        ----------
        x : array_like, shape (N, *input_shape)
        lengths : array_like of int, shape (N,), optional
            As for `vjp`.

        Returns
        -------
        ndarray, shape (N, *output_shape, *input_shape)
            (N, outputs, inputs) for vectors.

        Raises
        ------
        ValueError
            If samples are token ids, as for `vjp`, or trees, which differ in their numbers of inputs.

        Notes
        -----
        This takes one forward pass, and one backward pass for each output, without gradients of weights.
        """
        samples = self._of_one_shape(x, lengths)
        with self.turn.lock:
            plan = self._plan_of_derivatives(samples.shape)
            rows = self._rows(plan, samples, None)
            return rows.reshape(len(samples), *plan.output_shape, *samples.shape)

    def jvp(self, x: ArrayLike, v: ArrayLike, *, lengths: ArrayLike | None = None) -> Array:
        """Compute J v for each sample, where J is its Jacobian: the derivative of the outputs along v.

        Parameters
        ----------
        x, v : array_like, shape (N, *input_shape)
        lengths : array_like of int, shape (N,), optional
            As for `vjp`.

        Returns
        -------
        ndarray, shape (N, *output_shape)

        Raises
        ------
        ValueError
            As for `jacobian`.

        Notes
        -----
        It takes as long as `jacobian`, for some samples at a time. With more than 32 outputs, and only layers that
        `hessian` supports, with any activations, derivatives are propagated forward instead, in about two passes.
        """
        samples = self._of_one_shape(x, lengths)
        directions = samples.directions(v, "v")
        with self.turn.lock:
            if prod(self._plan_of_derivatives(samples.shape).output_shape) > _FEW_OUTPUTS and self._jets().goes:
                return self._along(samples.x, directions)
            return self._product_of_rows(samples, directions)

    def hessian(self, x: ArrayLike) -> Array:
        """Compute the second derivatives of each sample's outputs with respect to its inputs.

        Parameters
        ----------
        x : array_like, shape (N, inputs)

        Returns
        -------
        ndarray, shape (N, outputs, inputs, inputs)

        Raises
        ------
        ValueError
            If samples are not vectors; if a layer is not `Dense`, `LayerNorm`, `BatchNorm` or one that passes on,
            selects, adds or multiplies features; or if an activation is not identity, sigmoid, tanh, softplus, elu with
            alpha 1, silu, gelu or softmax.

        Notes
        -----
        Derivatives along each input are propagated forward, and gradients of each output back. Every nonlinear layer
        adds a product of these.
        """
        from .jets import Tape

        jets = self._smooth_jets()
        samples = as_samples(x, "x", self.input_shape, self.dtype)
        inputs, outputs = self.input_shape[0], self.output_shape[0]
        given = np.empty((len(samples), outputs, inputs, inputs), self.dtype)
        size = max(1, _NUMBERS // ((1 + inputs) * (1 + outputs) * max(inputs, jets.widest)))
        with self.turn.lock:
            for first in range(0, len(samples), size):
                part = samples[first : first + size]
                tape = Tape(inputs, second=False)
                y = jets(tape, tape.start(part, np.eye(inputs, dtype=self.dtype)), *self.flat)
                given[first : first + len(part)] = tape.hessians(y)
        return given

    def taylor(self, x: ArrayLike, directions: ArrayLike | None = None) -> Taylor:
        """Compute outputs and their first and second derivatives along directions, with a backward pass from these.

        Parameters
        ----------
        x : array_like, shape (N, inputs)
        directions : array_like, shape (K, inputs), optional
            Directions of the input, the same for all samples; by default along each input.

        Returns
        -------
        Taylor

        Raises
        ------
        ValueError
            As for `hessian`.

        Examples
        --------
        A step of training for a network u that is to solve u'' = -u::

            t = u.taylor(x)
            residual = t.second[0] + t.values
            t.backward(dvalues=residual, dsecond=[residual])
            u.step(optimizers.Adam(1e-3))
        """
        from .taylor import Taylor

        jets = self._smooth_jets()
        samples = as_samples(x, "x", self.input_shape, self.dtype)
        along = np.eye(samples.shape[1], dtype=self.dtype)
        if directions is not None:
            along = as_samples(directions, "directions", self.input_shape, self.dtype)
        return Taylor(self, jets, samples, along)

    def _jets(self) -> Propagation:
        if self._propagation is None:
            from .propagation import Propagation

            self._propagation = Propagation(self)
        return self._propagation

    def _smooth_jets(self) -> Propagation:
        self.check_built()
        self._jets().check_smooth()
        return self._jets()

    def _along(self, x: Array, directions: Array) -> Array:
        """Propagate derivatives forward."""
        from .jets import Tape

        tape = Tape(1, second=False)
        derivative: Array = self._jets()(tape, tape.start(x, directions[None]), *self.flat).values[1]
        return derivative

    def _product_of_rows(self, samples: Samples, directions: Array) -> Array:
        plan = self._plan_of_derivatives(samples.shape)
        inputs, outputs = prod(samples.shape), prod(plan.output_shape)
        size = len(samples) if self.reading.stateful else max(1, _NUMBERS // (inputs * outputs))
        products = []
        for first in range(0, len(samples), size):
            part = samples.part(first, min(first + size, len(samples)))
            jacobians = self._rows(plan, part, None).reshape(len(part), outputs, inputs)
            products.append(jacobians @ directions[first : first + len(part)].reshape(len(part), inputs, 1))
        return np.concatenate(products).reshape(len(samples), *plan.output_shape)

    def _of_one_shape(self, x: ArrayLike, lengths: ArrayLike | None) -> Samples:
        if self.arity is not None:
            raise ValueError("samples must have one shape for a Jacobian; those of the network are trees: use vjp")
        return self._differentiable(x, lengths)

    def _differentiable(self, x: ArrayLike, lengths: ArrayLike | None = None, trees: Trees | None = None) -> Samples:
        if any(places is None for places, _ in self.reading.tokens):
            raise ValueError("samples must be numbers for derivatives; those of the network are token ids")
        return as_batch(self, x, lengths, trees)

    def _plan_of_derivatives(self, shape: Shape) -> Any:
        plan = self._derivatives
        if plan is None or plan.input_shape != shape:
            core = _core.load(self.dtype)
            self._derivatives = plan = core.Derivatives(self.graph_for(shape), *self.flat, self.turn)
        return plan

    def _rows(self, plan: Any, samples: Samples, v: Array | None) -> Array:
        states = None if self.flat_states is None else self.states_for(len(samples))
        rows: Array = plan.rows(
            samples.x.reshape(-1), v, len(samples), get_num_threads(), samples.lengths, states, samples.core_trees()
        )
        return rows
