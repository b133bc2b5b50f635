"""Article 6: the long short-term memory, one step a call, on columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._types import Array
from ._checks import as_column
from ._gated import GatedLayer, as_last_input, go_back, hand_down, settle, take_step
from ._untouched import Steps
from .activators import IdentityActivator, SigmoidActivator, TanhActivator, check_activator, kernel_of, whole

__all__ = ["IdentityActivator", "LstmLayer", "SigmoidActivator", "TanhActivator"]

_GATES = ("f", "f"), ("i", "i"), ("o", "o"), ("c", "ct")  # the letter of weights and biases, and the name of the list


class LstmLayer(GatedLayer):
    """f, i, o = sigmoid(W h + W x + b), ct = tanh(...), c = f c + i ct, h = o tanh c (article 6, equations 1 to 6).

    Parameters
    ----------
    input_width, state_width : int
    learning_rate : float

    Attributes
    ----------
    Wfh, Wih, Woh, Wch : ndarray, shape (state_width, state_width)
    Wfx, Wix, Wox, Wcx : ndarray, shape (state_width, input_width)
    bf, bi, bo, bc : ndarray, shape (state_width, 1)
        With ``_grad`` after the name, their gradients after `backward`.
    gate_activator, output_activator : object
        The activators of f, i and o, and of ct and c; see `fastdl.compat.activators`.
    c_list, h_list, f_list, i_list, o_list, ct_list : list of ndarray, shape (state_width, 1)
        By time; the first is the start.
    delta_h_list, delta_f_list, delta_i_list, delta_o_list, delta_ct_list : list of ndarray
        The error's gradient with respect to h and to the weighted inputs of the gates, by time, after `backward`.
    x_list, delta_x_list : list of ndarray, shape (input_width, 1)
        The inputs and, by time, the gradients for the layer before.
    times : int
        Steps since the last `reset_state`.
    """

    _cell = "lstm"
    _letters, _drawn = "ifco", "fioc"
    _lists = ("i", "f", "ct", "o")
    _has_c = True
    f_list: list[Any]
    i_list: list[Any]
    o_list: list[Any]
    ct_list: list[Any]

    def __init__(self, input_width: int, state_width: int, learning_rate: float) -> None:
        self.gate_activator: Any = SigmoidActivator()
        self.output_activator: Any = TanhActivator()
        super().__init__(input_width, state_width, learning_rate)

    def _ready(self, steps: Steps) -> bool:
        """Return whether the core computes what these steps would."""
        return (
            steps.untouched(self)
            and kernel_of(self.gate_activator) == "sigmoid"
            and kernel_of(self.output_activator) == "tanh"
            and settle(self)
        )

    def forward(self, x: Any) -> None:
        """Take one step in time; every list grows by one.

        Parameters
        ----------
        x : array_like, shape (input_width, 1)
        """
        x = as_column(x, "x", self.input_width).copy()  # the caller may use its memory again
        if self._ready(_FORWARD):
            take_step(self, x)
            return
        self.times += 1
        self.x_list.append(x)
        for letter, name in _GATES:
            activator = self.output_activator if letter == "c" else self.gate_activator
            weights = (getattr(self, f"W{letter}x"), getattr(self, f"W{letter}h"), getattr(self, f"b{letter}"))
            getattr(self, f"{name}_list").append(self.calc_gate(x, *weights, activator))
        c = self.f_list[-1] * self.c_list[self.times - 1] + self.i_list[-1] * self.ct_list[-1]
        self.c_list.append(c)
        self.h_list.append(self.o_list[-1] * whole(self.output_activator.forward, c))

    def calc_gate(self, x: Array, Wx: Array, Wh: Array, b: Array, activator: Any) -> Array:
        """Return a gate (article 6, equations 1, 2, 4 and 5)."""
        h = self.h_list[self.times - 1]
        return whole(activator.forward, np.dot(Wh, h) + np.dot(Wx, x) + b)

    def backward(self, x: Any, delta_h: Any, activator: Any) -> None:
        """Go back through all times since the last `reset_state`, and fill the gradients.

        Parameters
        ----------
        x : array_like, shape (input_width, 1)
            The last input.
        delta_h : array_like, shape (state_width, 1)
            The error's gradient with respect to the last h.
        activator : object
            The activator of the layer before, whose outputs are the inputs: ``delta_x_list`` is the gradient with
            respect to its weighted input.
        """
        delta_h = as_last_input(self, x, delta_h, activator)
        if self._ready(_BACKWARD) and len(self.x_list) == self.times:
            go_back(self, delta_h, activator)
            return
        self.calc_delta(delta_h, activator)
        self.calc_gradient(x)

    def calc_delta(self, delta_h: Any, activator: Any) -> None:
        """Compute the error terms of all times, from that of the last h."""
        delta_h = as_column(delta_h, "delta_h", self.state_width)
        self.delta_h_list, self.delta_o_list, self.delta_i_list = (self.init_delta() for _ in range(3))
        self.delta_f_list, self.delta_ct_list = (self.init_delta() for _ in range(2))
        self.delta_h_list[-1] = delta_h
        for k in range(self.times, 0, -1):
            self.calc_delta_k(k)
        deltas = [(getattr(self, f"W{letter}x"), getattr(self, f"delta_{name}_list")) for letter, name in _GATES]
        back = [sum(np.dot(Wx.T, delta[k]) for Wx, delta in deltas) for k in range(1, self.times + 1)]
        hand_down(self, back, check_activator(activator))

    def init_delta(self) -> list[Array]:
        """Return zeros for all times."""
        return [np.zeros((self.state_width, 1)) for _ in range(self.times + 1)]

    def calc_delta_k(self, k: int) -> None:
        """Compute the gates' error terms at time k, and that of h at time k - 1."""
        if k == self.times:
            self._delta_c = np.zeros((self.state_width, 1))  # the gradient through c, which the listing leaves out
        i, o, f, ct, c = (getattr(self, f"{name}_list")[k] for name in ("i", "o", "f", "ct", "c"))
        gate, out, delta_h = self.gate_activator, self.output_activator, self.delta_h_list[k]
        shown = whole(out.forward, c)
        delta_c = self._delta_c + delta_h * o * whole(out.backward, shown)
        self.delta_o_list[k] = delta_h * shown * whole(gate.backward, o)
        self.delta_f_list[k] = delta_c * self.c_list[k - 1] * whole(gate.backward, f)
        self.delta_i_list[k] = delta_c * ct * whole(gate.backward, i)
        self.delta_ct_list[k] = delta_c * i * whole(out.backward, ct)
        self._delta_c = delta_c * f
        self.delta_h_list[k - 1] = sum(
            np.dot(getattr(self, f"W{letter}h").T, getattr(self, f"delta_{name}_list")[k]) for letter, name in _GATES
        )

    def calc_gradient(self, x: Any) -> None:
        """Add up the gradients of all times, ``x`` being the last input."""
        x = as_column(x, "x", self.input_width)
        for letter, _ in _GATES:
            names = f"W{letter}h_grad", f"W{letter}x_grad", f"b{letter}_grad"
            for name, gradient in zip(names, self.init_weight_gradient_mat(), strict=True):
                setattr(self, name, gradient)
        for t in range(self.times, 0, -1):
            gradients = iter(self.calc_gradient_t(t))
            for letter, _ in _GATES:
                for name in (f"W{letter}h_grad", f"b{letter}_grad"):
                    setattr(self, name, getattr(self, name) + next(gradients))
        inputs = [*self.x_list[:-1], x]
        for letter, name in _GATES:
            deltas = getattr(self, f"delta_{name}_list")[-len(inputs) :]
            setattr(self, f"W{letter}x_grad", np.dot(np.hstack(deltas), np.hstack(inputs).T))

    def init_weight_gradient_mat(self) -> tuple[Array, Array, Array]:
        """Return zeros for the gradients of a gate's weights of the state and of the input, and of its bias."""
        units, inputs = self.state_width, self.input_width
        return np.zeros((units, units)), np.zeros((units, inputs)), np.zeros((units, 1))

    def calc_gradient_t(self, t: int) -> tuple[Array, ...]:
        """Return the gradients at time t of Wfh, bf, Wih, bi, Woh, bo, Wch and bc."""
        before = self.h_list[t - 1].T
        deltas = [getattr(self, f"delta_{name}_list")[t] for _, name in _GATES]
        return tuple(gradient for delta in deltas for gradient in (np.dot(delta, before), delta))


_FORWARD = Steps(LstmLayer, "calc_gate")
_BACKWARD = Steps(
    LstmLayer, "calc_delta", "calc_delta_k", "init_delta", "calc_gradient", "calc_gradient_t",
    "init_weight_gradient_mat",
)  # fmt: skip
