"""Article 6: the long short-term memory, one step a call, on columns."""

from __future__ import annotations

from .._validation import Array
from ._live import Live
from ._recurrent import GatedLayer
from .activators import IdentityActivator, SigmoidActivator, TanhActivator

__all__ = ["IdentityActivator", "LstmLayer", "SigmoidActivator", "TanhActivator"]


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
        Live; with ``_grad`` after the name, their gradients after `backward`.
    c_list, h_list, f_list, i_list, o_list, ct_list : list of ndarray, shape (state_width, 1)
        By time; the first is the start.
    delta_h_list, delta_f_list, delta_i_list, delta_o_list, delta_ct_list : list of ndarray
        The error"s gradient with respect to h and to the weighted inputs of the gates, by time, after `backward`.
    x_list, delta_x_list : list of ndarray, shape (input_width, 1)
        Inputs and, by time, what goes on to the layer before.
    times : int
        Steps since the last `reset_state`.
    """

    _cell = "lstm"
    _letters = "ifco"
    _lists = ("i", "f", "ct", "o")
    _has_c = True

    Wfh, Wfx, bf = Live(), Live(), Live()
    Wih, Wix, bi = Live(), Live(), Live()
    Woh, Wox, bo = Live(), Live(), Live()
    Wch, Wcx, bc = Live(), Live(), Live()
    Wfh_grad, Wfx_grad, bf_grad = Live(), Live(), Live()
    Wih_grad, Wix_grad, bi_grad = Live(), Live(), Live()
    Woh_grad, Wox_grad, bo_grad = Live(), Live(), Live()
    Wch_grad, Wcx_grad, bc_grad = Live(), Live(), Live()
    i_list: list[Array]
    delta_i_list: list[Array]
    f_list: list[Array]
    delta_f_list: list[Array]
    ct_list: list[Array]
    delta_ct_list: list[Array]
    o_list: list[Array]
    delta_o_list: list[Array]
