"""Article 5: the recurrent layer, one step a call, on columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._validation import Array, as_int, as_number
from ._checks import as_column
from ._live import Live, uniform
from ._recurrent import Recurrence
from .activators import (
    IdentityActivator,
    ReluActivator,
    SigmoidActivator,
    TanhActivator,
    apply,
    check_activator,
    kernel_of,
)
from .cnn import element_wise_op

__all__ = [
    "IdentityActivator",
    "RecurrentLayer",
    "ReluActivator",
    "SigmoidActivator",
    "TanhActivator",
    "element_wise_op",
]


class RecurrentLayer:
    """s' = f(U x + W s) (article 5, equation 2).

    Parameters
    ----------
    input_width, state_width : int
    activator : object
        With ``forward`` and ``backward``, see `fastdl.compat.activators`.
    learning_rate : float

    Attributes
    ----------
    U, gradient_U : ndarray, shape (state_width, input_width)
    W, gradient : ndarray, shape (state_width, state_width)
        Live.
    state_list, delta_list : list of ndarray, shape (state_width, 1)
        States by time, the first being the start, and after `backward` the error's gradients with respect to the
        weighted inputs.
    x_list : list of ndarray, shape (input_width, 1)
    times : int
        Steps since the last `reset_state`.
    """

    U, W, gradient_U, gradient = Live(), Live(), Live(), Live()

    def __init__(self, input_width: int, state_width: int, activator: Any, learning_rate: float) -> None:
        self.input_width = as_int(input_width, "input_width")
        self.state_width = as_int(state_width, "state_width")
        self.activator = check_activator(activator)
        self.learning_rate = as_number(learning_rate, "learning_rate")
        self._recurrence = Recurrence("rnn", input_width, state_width, kernel_of(activator) or "identity")
        self._views: dict[str, Array] = {}
        self._views["W"], self._views["U"], _ = self._recurrence.gate(self._recurrence.parameters, 0)
        self._views["gradient"], self._views["gradient_U"], _ = self._recurrence.gate(self._recurrence.gradients, 0)
        self.U = uniform(1e-4, self.U.shape)
        self.W = uniform(1e-4, self.W.shape)
        self.reset_state()

    def reset_state(self) -> None:
        """Forget all states, and go back to time 0."""
        self.times = 0
        self.x_list: list[Array] = []
        self.state_list = [np.zeros((self.state_width, 1))]
        self.delta_list: list[Array] = []

    def forward(self, input_array: Any) -> None:
        """Take one step in time: a state is added.

        Parameters
        ----------
        input_array : array_like, shape (input_width, 1)
        """
        x = as_column(input_array, "input_array", self.input_width).copy()  # the caller may use its memory again
        before = as_column(self.state_list[-1], "state_list[-1]", self.state_width)
        _, state, _ = self._recurrence.step(x, before)
        if kernel_of(self.activator) is None:
            state = apply(self.activator.forward, state)
        self.times += 1
        self.x_list.append(x)
        self.state_list.append(state)

    def backward(self, sensitivity_array: Any, activator: Any) -> None:
        """Go back through all times since the last `reset_state` (article 5, equation 3), and fill the gradients.

        Parameters
        ----------
        sensitivity_array : array_like, shape (state_width, 1)
            The error's gradient with respect to the last weighted input.
        activator : object
            The layer's own, whose derivative leads from each state to the weighted input before it.
        """
        activator = check_activator(activator)
        sensitivity = as_column(sensitivity_array, "sensitivity_array", self.state_width)
        if self.times == 0:
            raise RuntimeError("backward must follow forward")
        slopes = [apply(activator.backward, state) for state in self.state_list[1:-1]]
        (deltas,), _, _ = self._recurrence.backward(
            self.x_list, self.state_list, None, [self.state_list[1:]], [*slopes, np.ones_like(sensitivity)], sensitivity
        )
        self.delta_list = [np.zeros_like(sensitivity), *deltas]

    def update(self) -> None:
        """Go down the gradient."""
        self.U -= self.learning_rate * self.gradient_U
        self.W -= self.learning_rate * self.gradient
