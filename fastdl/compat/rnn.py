"""Article 5: the recurrent layer, one step a call, on columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._types import Array
from .._validation.shapes import check_size
from .._validation.values import as_int, as_number
from ._checks import as_column
from ._descent import descended
from ._draw import uniform
from .activators import IdentityActivator, ReluActivator, SigmoidActivator, TanhActivator, check_activator
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
    state_list, delta_list : list of ndarray, shape (state_width, 1)
        States by time, the first being the start, and after `backward` the error's gradients with respect to the
        weighted inputs.
    gradient_list : list of ndarray, shape (state_width, state_width)
        The contribution of each time to ``gradient``.
    x_list : list of ndarray, shape (input_width, 1)
    times : int
        Steps since the last `reset_state`.
    """

    def __init__(self, input_width: int, state_width: int, activator: Any, learning_rate: float) -> None:
        self.input_width = as_int(input_width, "input_width")
        self.state_width = as_int(state_width, "state_width")
        self.activator = check_activator(activator)
        self.learning_rate = as_number(learning_rate, "learning_rate")
        check_size((state_width, input_width + state_width), "input_width and state_width")
        self.U = uniform(1e-4, (state_width, input_width))
        self.W = uniform(1e-4, (state_width, state_width))
        self.gradient_U: Array | None = None
        self.reset_state()

    def reset_state(self) -> None:
        """Forget all states, and go back to time 0."""
        self.times = 0
        self.x_list: list[Array] = []
        self.state_list: list[Array] = [np.zeros((self.state_width, 1))]

    def forward(self, input_array: Any) -> None:
        """Take one step in time: a state is added.

        Parameters
        ----------
        input_array : array_like, shape (input_width, 1)
        """
        x = as_column(input_array, "input_array", self.input_width).copy()  # the caller may use its memory again
        before = as_column(self.state_list[-1], "state_list[-1]", self.state_width)
        state = np.dot(self.U, x) + np.dot(self.W, before)
        element_wise_op(state, self.activator.forward)
        self.times += 1
        self.x_list.append(x)
        self.state_list.append(state)

    def backward(self, sensitivity_array: Any, activator: Any) -> None:
        """Propagate back through all times since the last `reset_state`, and fill the gradients.

        Parameters
        ----------
        sensitivity_array : array_like, shape (state_width, 1)
            The error's gradient with respect to the last weighted input.
        activator : object
            The layer's own, whose derivative leads from each state to the weighted input before it.
        """
        check_activator(activator)
        as_column(sensitivity_array, "sensitivity_array", self.state_width)
        if self.times == 0:
            raise RuntimeError("backward must follow forward")
        self.gradient_U = None
        self.calc_delta(sensitivity_array, activator)
        self.calc_gradient()

    def calc_delta(self, sensitivity_array: Any, activator: Any) -> None:
        """Compute ``delta_list``, from that of the last time."""
        last = as_column(sensitivity_array, "sensitivity_array", self.state_width)
        self.delta_list = [*(np.zeros((self.state_width, 1)) for _ in range(self.times)), last]
        for k in range(self.times - 1, 0, -1):
            self.calc_delta_k(k, activator)

    def calc_delta_k(self, k: int, activator: Any) -> None:
        """Compute the error term at time k from that at time k + 1 (article 5, equation 3)."""
        derivative = self.state_list[k].copy()
        element_wise_op(derivative, activator.backward)
        self.delta_list[k] = np.dot(self.W.T, self.delta_list[k + 1]) * derivative

    def calc_gradient(self) -> None:
        """Add up the gradients of W and U over all times."""
        self.gradient_list = [np.zeros((self.state_width, self.state_width)) for _ in range(self.times + 1)]
        for t in range(self.times, 0, -1):
            self.calc_gradient_t(t)
        self.gradient = sum(self.gradient_list[1:], self.gradient_list[0])
        if 0 < len(self.x_list) == self.times:  # a program's own `forward` need not know of it
            self.gradient_U = np.dot(np.hstack(self.delta_list[1:]), np.hstack(self.x_list).T)

    def calc_gradient_t(self, t: int) -> None:
        """Compute the gradient of W at time t."""
        self.gradient_list[t] = np.dot(self.delta_list[t], self.state_list[t - 1].T)

    def update(self) -> None:
        """Take a step down the gradient."""
        self.W = descended(self.W, self.gradient, self.learning_rate)
        if self.gradient_U is not None:  # a program's own `calc_gradient` trains W alone, as the listing does
            self.U = descended(self.U, self.gradient_U, self.learning_rate)
