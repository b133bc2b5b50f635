"""Article 6: the gated recurrent unit, one step a call, on columns."""

from __future__ import annotations

from .._validation import Array
from ._live import Live
from ._recurrent import GatedLayer
from .activators import IdentityActivator, SigmoidActivator, TanhActivator

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
        Live; with ``_grad`` after the name, their gradients after `backward`. The article has no biases: they start at
        zero.
    h_list, z_list, r_list, ct_list : list of ndarray, shape (state_width, 1)
        By time; the first is the start.
    delta_h_list, delta_z_list, delta_r_list, delta_ct_list : list of ndarray
        The error"s gradient with respect to h and to the weighted inputs of the gates, by time, after `backward`.
    x_list, delta_x_list : list of ndarray, shape (input_width, 1)
        Inputs and, by time, what goes on to the layer before.
    times : int
        Steps since the last `reset_state`.
    """

    _cell = "gru_before"
    _letters = "rzc"
    _lists = ("r", "z", "ct")
    _has_c = False

    Wzh, Wzx, bz = Live(), Live(), Live()
    Wrh, Wrx, br = Live(), Live(), Live()
    Wch, Wcx, bc = Live(), Live(), Live()
    Wzh_grad, Wzx_grad, bz_grad = Live(), Live(), Live()
    Wrh_grad, Wrx_grad, br_grad = Live(), Live(), Live()
    Wch_grad, Wcx_grad, bc_grad = Live(), Live(), Live()
    r_list: list[Array]
    delta_r_list: list[Array]
    z_list: list[Array]
    delta_z_list: list[Array]
    ct_list: list[Array]
    delta_ct_list: list[Array]
