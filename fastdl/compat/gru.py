"""Article 6: the gated recurrent unit, one step a call, on columns."""

from __future__ import annotations

from typing import Any

from ._checks import as_column
from ._gated import GatedLayer, as_last_input, go_back, hand_over, take_step
from .activators import IdentityActivator, SigmoidActivator, TanhActivator, kernel_of

__all__ = ["GruLayer", "IdentityActivator", "SigmoidActivator", "TanhActivator"]


class GruLayer(GatedLayer):
    """z, r = sigmoid(W h + W x + b), ct = tanh(Wch (r h) + Wcx x + bc), h = (1 - z) h + z ct (article 6).

    Parameters
    ----------
    input_width, state_width : int
    learning_rate : float

    Attributes
    ----------
    Wzh, Wrh, Wch : ndarray, shape (state_width, state_width)
    Wzx, Wrx, Wcx : ndarray, shape (state_width, input_width)
    bz, br, bc : ndarray, shape (state_width, 1)
        With ``_grad`` after the name, their gradients after `backward`. The article has no biases: they start at zero.
    h_list, z_list, r_list, ct_list : list of ndarray, shape (state_width, 1)
        By time; the first is the start.
    delta_h_list, delta_z_list, delta_r_list, delta_ct_list : list of ndarray
        The error's gradient with respect to h and to the weighted inputs of the gates, by time, after `backward`.
    x_list, delta_x_list : list of ndarray, shape (input_width, 1)
        The inputs and, by time, the gradients for the layer before.
    times : int
        Steps since the last `reset_state`.
    gate_activator, output_activator : object
        A `SigmoidActivator` and a `TanhActivator`, and no others: the core computes the gates.
    """

    gate_activator: Any = SigmoidActivator()
    output_activator: Any = TanhActivator()

    _cell = "gru_before"
    _letters = _drawn = "rzc"
    _lists = ("r", "z", "ct")
    _has_c = False

    def forward(self, x: Any) -> None:
        """Take one step in time; every list grows by one.

        Parameters
        ----------
        x : array_like, shape (input_width, 1)
        """
        x = as_column(x, "x", self.input_width).copy()  # the caller may use its memory again
        _check_activators(self)
        hand_over(self)
        take_step(self, x)

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
        _check_activators(self)
        hand_over(self)
        go_back(self, delta_h, activator)


def _check_activators(layer: GruLayer) -> None:
    for name, kernel in (("gate_activator", "sigmoid"), ("output_activator", "tanh")):
        activator = getattr(layer, name)
        if kernel_of(activator) != kernel:
            raise ValueError(
                f"{name} must be a {kernel.capitalize()}Activator as it is, as the core computes a GruLayer's gates; "
                f"received {activator!r}"
            )
