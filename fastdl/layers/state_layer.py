"""Layers that process sequences step by step, and have a state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._core.reading import States
from .._types import Array, ArrayLike
from ..samples import as_batch
from .base import Layer
from .states import State, rows_of, state_of

if TYPE_CHECKING:
    from ..trees import Trees


class StateLayer(Layer, abstract=True):
    """The base of recurrent layers of one or two directions: each is a single recurrent operation.

    Attributes
    ----------
    state : ndarray or tuple
        After `forward`, the final state of each sequence. A stateful layer continues from a state that is assigned.
    state_gradient : ndarray or tuple
        After `backward`, the gradient with respect to the initial state.
    """

    stateful = False  # whether a batch continues where the last one ended

    def __init__(self) -> None:
        super().__init__()
        self.reset_state()

    @property
    def _form(self) -> States:
        return self.reading.states[0]

    def own_attributes(self) -> dict[str, Any]:  # noqa: D102
        return {**super().own_attributes(), "_state": self._state, "_state_gradient": self._state_gradient}

    def reset_state(self) -> None:  # noqa: D102
        self._state: State = None
        self._state_gradient: State = None

    @property
    def state(self) -> State:  # noqa: D102
        return self._state

    @state.setter
    def state(self, state: State) -> None:
        if self.in_network:
            raise AttributeError(f"state of {self!r} in a network cannot be set: the network has a state for all")
        if not self.stateful:
            raise AttributeError(f"state of {self!r} cannot be set, as it is not stateful: give forward initial_state")
        self._state = state

    @property
    def state_gradient(self) -> State:  # noqa: D102
        return self._state_gradient

    def forward(
        self,
        x: ArrayLike,
        *,
        training: bool = False,
        lengths: ArrayLike | None = None,
        trees: Trees | None = None,
        initial_state: State = None,
    ) -> Array:
        """Compute the output for a batch of sequences, and keep what `backward` needs.

        Parameters
        ----------
        x : array_like, shape (N, T, F)
        training : bool
            Makes no difference here.
        lengths : array_like of int, shape (N,), optional
            How many steps of each sequence count. At the others, outputs are zero and the state does not change; a
            second direction starts at the last step that counts.
        initial_state : array_like, shape (N, units), or a pair, optional
            The initial state: for an LSTM a pair (h, c), for a `Bidirectional` the pair of its directions' states. By
            default zeros; a stateful layer continues from the `state` of the last call.

        Returns
        -------
        ndarray, shape (N, *output_shape)
            `state` is the state after the last step.
        """
        samples = as_batch(self, x, lengths, trees)
        name = "initial_state"
        with self.turn.lock:
            if initial_state is None and self.stateful:
                initial_state, name = self.state, "the state of the last call, which reset_state() forgets,"
            states = rows_of(self._form, initial_state, name, len(samples), self.dtype)
            y = self.run_forward(samples, training, states, all_states=True)
            self._state = state_of(self._form, states)
            return y

    def backward(self, dy: ArrayLike, *, state_gradient: State = None, accumulate: bool = False) -> Array:
        """Compute the gradient with respect to the input of the last `forward`, back through time, and fill `grads`.

        Parameters
        ----------
        dy : array_like, of the shape that `forward` gave
        state_gradient : as `state`, optional
            The gradient of the loss with respect to the final state, in addition to that through the output.
        accumulate : bool
            Whether to add to `grads` instead of replacing them.

        Returns
        -------
        ndarray, shape (N, T, F)
            `state_gradient` is the gradient with respect to the initial state.

        Raises
        ------
        RuntimeError
            If it is called twice for one `forward`, whose values the first call has overwritten.
        """
        with self.turn.lock:
            _, samples, *_ = self.held_forward()
            gradients = rows_of(self._form, state_gradient, "state_gradient", len(samples), self.dtype)
            dx = self.run_backward(dy, gradients, accumulate)
            self._state_gradient = state_of(self._form, gradients)
            return dx
