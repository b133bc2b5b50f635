"""Layer: the base of all layers, and how one runs forward and backward."""

from __future__ import annotations

from collections.abc import Iterable
from threading import get_ident
from typing import TYPE_CHECKING, Any

import numpy as np

from .._hints.attributes import hint_at, hint_instead, without_hints
from .._hints.known_attributes import OF_LAYERS, OPERATIONS_OF_LAYERS
from .._threads import get_num_threads
from .._types import Array, ArrayLike, Shape
from .._validation.values import as_flag
from ..samples import Samples, as_batch
from .building import Built
from .configuration import Configured, classes_of, from_config

if TYPE_CHECKING:
    from ..trees import Trees


# What `forward` keeps for `backward`: its plan, its samples, whether it was in training, what it drew for that, its
# thread, and the turn's count of changes, to detect any in between.
_Held = tuple[Any, Samples, bool, int, int, int]


class Layer(Built, abstract=True):
    """A differentiable function of one batch, with parameters.

    A subclass defines the operations of the core that it consists of (`operations`), the shapes of its parameters
    (`parameter_shapes`) and their initial values (`initialize`); `docs/adding-a-layer.md` writes one. It keeps the
    arguments of its constructor as attributes of the same names, so that it can be saved, and loaded wherever the class
    has been imported. Arguments cannot be changed after construction, and unknown attributes cannot be set.

    Everything that a subclass may override is in `layers/definition.py`: `operations`, `parameter_shapes`,
    `initialize`, `shown`, `buffer_names` and `sublayers`. The bases of this class are its configuration, from which it
    is saved and made again (`layers/configuration.py`), its lowering to operations of a graph (`layers/lowering.py`),
    its settings for training (`layers/trainable.py`), and its parameters and plans (`layers/building.py`).

    Attributes
    ----------
    input_shape, output_shape : tuple of int
        The shape of one sample, (F,), (T, F) or (C, H, W), with None for a T that may differ from call to call; known
        once built.
    parameter_count : int
        The number of its parameters; known once built.
    params, grads : mapping of str to ndarray
        Live views into the flat vectors. ``layer.params["weight"] = w`` copies an array of the same shape into place.
    buffers : mapping of str to ndarray
        Arrays that are saved with the parameters but changed by no optimizer, such as running statistics.
    trainable : bool
        Whether training changes its parameters; True at first.
    lr_scale, decay_scale : float
        Factors of the optimizer's learning rate and weight decay for its parameters; 1 at first.
    """

    def __dir__(self) -> Iterable[str]:
        return without_hints(super().__dir__(), self)

    def forward(
        self, x: ArrayLike, *, training: bool = False, lengths: ArrayLike | None = None, trees: Trees | None = None
    ) -> Array:
        """Compute the output for a batch, and keep what `backward` needs.

        Parameters
        ----------
        x : array_like, shape (N, *input_shape)
        training : bool
            Whether to behave as in training: with dropout and other randomness, and with the batch's own statistics.
        lengths : array_like of int, shape (N,), optional
            How many steps of each sequence (N, T, ...) count.
        trees : Trees, optional
            If a layer is recursive; then x (M,) or (M, F) and the output have a row for each node.

        Returns
        -------
        ndarray, shape (N, *output_shape)
            Images lie in memory like those of x: channels first, or last if x is a view of such memory. Stateful
            layers continue from the last call, which must have had as many samples.
        """
        samples = as_batch(self, x, lengths, trees, as_it_lies=True)
        with self.turn.lock:
            return self.run_forward(samples, training, self.states_for(samples.count))

    def run_forward(
        self, samples: Samples, training: bool = False, states: Array | None = None, all_states: bool = False
    ) -> Array:
        """Run `forward` on checked samples, in a thread that holds the turn's lock."""
        training, attributes, plan = as_flag(training, "training"), vars(self), self.plan_for(samples.shape)
        draw = self.draw() if training else 0
        attributes["_held"] = None  # in case this forward fails
        y: Array = plan.forward(
            samples.x, samples.count, get_num_threads(), training, draw, samples.channels_last, samples.lengths,
            states, all_states, samples.core_trees(),
        )  # fmt: skip
        attributes["_held"] = plan, samples, training, draw, get_ident(), self.turn.changes
        return samples.outputs(y, plan.output_shape)

    def backward(self, dy: ArrayLike, *, accumulate: bool = False) -> Array:
        """Compute the gradient with respect to the input of the last `forward`, and fill `grads`.

        Parameters
        ----------
        dy : array_like, shape (N, *output_shape)
            The gradient of the loss with respect to the output.
        accumulate : bool
            Whether to add to `grads` instead of replacing them.

        Returns
        -------
        ndarray, shape (N, *input_shape)

        Raises
        ------
        RuntimeError
            If no `forward` of this thread came last, or if parameters have been trained or set since. What a program
            writes into the arrays themselves, as in ``net.parameters[...] = values``, is not noticed.
        """
        with self.turn.lock:
            return self.run_backward(dy, accumulate=accumulate)

    def held_forward(self) -> tuple[Any, Samples, bool, int]:
        """Return the last `forward`'s plan and samples, whether it was in training and what it drew for that.

        It must have been in this thread, and what it has kept must still be valid.
        """
        held: _Held | None = self._held
        if held is None:
            self.check_built()
            raise RuntimeError("backward must follow forward")
        plan, samples, training, draw, thread, changes = held
        if changes != self.turn.changes:
            raise RuntimeError("backward must follow forward, before parameters are trained or set")
        if thread != get_ident():
            raise RuntimeError("backward must follow a forward of its own thread; the last one was another thread's")
        return plan, samples, training, draw

    def run_backward(self, dy: ArrayLike, state_gradients: Array | None = None, accumulate: bool = False) -> Array:
        """Run `backward`, in a thread that holds the turn's lock."""
        plan, samples, training, draw = self.held_forward()
        gradient, last = samples.gradients(dy, plan.output_shape)
        before = plan.gradients.copy() if as_flag(accumulate, "accumulate") else None
        try:
            dx: Array = plan.backward(
                gradient, samples.count, get_num_threads(), training, draw, last, samples.lengths, state_gradients,
                samples.core_trees(),
            )  # fmt: skip
        except BaseException:
            if before is not None:
                plan.gradients[...] = before
            raise
        if before is not None:
            np.add(plan.gradients, before, out=plan.gradients)
        return samples.inputs(dx, last)

    def __reduce__(self) -> tuple[Any, ...]:
        made: tuple[Any, ...] = (classes_of(self), self.get_config())
        with self.turn.lock:
            if hasattr(self, "dtype"):
                values = {name: values.copy() for name, values in {**self.params, **self.buffers}.items()}
                made = *made, self.input_shape, self.dtype, values, self.generator.bit_generator.state
            kept = {} if self._states is None else {"_states": self._states.copy()}
            return _made, made, {**self.own_attributes(), **kept}


def _made(
    _: list[type[Configured]],
    config: dict[str, Any],
    shape: Shape = (),
    dtype: str = "",
    values: dict[str, Array] | None = None,
    generator: Any = None,
) -> Layer:
    """Rebuild a pickled or copied layer, as one that is used alone."""
    layer = from_config(config)
    if values is not None:
        layer.allocate(shape, dtype=dtype)
        layer.generator.bit_generator.state = generator
        for name, array in values.items():
            (layer.params if name in layer.params else layer.buffers)[name][...] = array
    return layer


hint_at(Layer, OF_LAYERS)
hint_instead(Layer, OPERATIONS_OF_LAYERS)
