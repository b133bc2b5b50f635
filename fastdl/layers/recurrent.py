"""The recurrent layers of articles 5 and 6."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .._core.graph import Tensor
from .._core.kinds import GATES, OF_CELLS
from .._types import Array, Shape
from .._validation.values import as_flag, as_int, as_number
from ..initializers import Initializer
from .activation import Activation, as_activation, name_and_setting
from .initial_values import check_initializer, drawn, is_pytorch
from .sample_shapes import sequence_shape
from .state_layer import StateLayer


class Recurrent(StateLayer, abstract=True):
    """The base of recurrent layers of one direction; a subclass defines its cell by `_cell`."""

    def __init__(
        self,
        units: int,
        return_sequences: bool = False,
        stateful: bool = False,
        initializer: Initializer = "glorot_uniform",
        recurrent_initializer: Initializer = "orthogonal",
    ) -> None:
        super().__init__()
        self.units: int = as_int(units, "units")
        self.return_sequences, self.stateful = (
            as_flag(return_sequences, "return_sequences"),
            as_flag(stateful, "stateful"),
        )
        self.initializer: Initializer = check_initializer(initializer)
        self.recurrent_initializer: Initializer = check_initializer(recurrent_initializer, "recurrent_initializer")

    def _cell(self) -> tuple[str, str | Activation]:
        """Return the core's names of the cell and of its activation."""
        raise NotImplementedError

    @property
    def _gates(self) -> int:
        return GATES[self._cell()[0]]

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        return self.in_directions(x, 1)

    def in_directions(self, x: Tensor, directions: int, *, adds: bool = False) -> Tensor:
        """Add the layer, or two with the second from the last step backwards, concatenated or summed."""
        sequence_shape(self, x.shape)
        cell, activation = self._cell()
        name, setting = name_and_setting(activation)
        return x.then(
            "recurrent",
            cell=cell,
            cell_activation=name,
            setting=setting,
            units=self.units,
            directions=directions,
            sequences=self.return_sequences,
            adds=adds,
            stateful=self.stateful,
        )

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:  # noqa: D102
        columns = self._gates * self.units
        return {
            "weight_ih": (shape[1], columns),
            "weight_hh": (self.units, columns),
            "bias_ih": (columns,),
            "bias_hh": (columns,),
        }

    def initialize(self, rng: np.random.Generator) -> None:  # noqa: D102
        self.start_direction(self.params, "", rng)

    def start_direction(self, params: Mapping[str, Array], suffix: str, rng: np.random.Generator) -> None:
        """Draw the weights of a direction, gate by gate."""
        for kind, initializer in (("ih", self.initializer), ("hh", self.recurrent_initializer)):
            weight, bias = params[f"weight_{kind}{suffix}"], params[f"bias_{kind}{suffix}"]
            of_pytorch = is_pytorch(initializer)
            fan_in = self.units if of_pytorch else weight.shape[1]
            for gate in np.split(weight, self._gates):
                gate[...] = drawn(initializer, gate.shape, fan_in, self.units, rng)
            bias[...] = drawn(initializer, bias.shape, fan_in, self.units, rng) if of_pytorch else 0


class RNN(Recurrent):
    """h' = f(x W_ih^T + b_ih + h W_hh^T + b_hh), the recurrent layer of article 5 (equation 2).

    Parameters
    ----------
    units : int
    activation : str or Activation
        f: tanh, relu, identity, sigmoid, leaky_relu, elu, selu, softplus, hard_sigmoid, hard_tanh or relu6.
    return_sequences : bool
        Whether to give h at every step, or only at the last.
    stateful : bool
        Whether a batch starts with the states at the end of the batch before: truncated back-propagation through time.
    initializer, recurrent_initializer : str, (str, float) or callable
        For the weights: names from `fastdl.initializers`, pairs of such a name and a gain, or functions.

    Notes
    -----
    x (N, T, F), y (N, T, units) or (N, units); ``params["weight_ih"]`` (units, F), ``params["weight_hh"]`` (units,
    units), ``params["bias_ih"]`` and ``params["bias_hh"]`` (units,).
    """

    def __init__(
        self,
        units: int,
        activation: str | Activation = "tanh",
        *,
        return_sequences: bool = False,
        stateful: bool = False,
        initializer: Initializer = "glorot_uniform",
        recurrent_initializer: Initializer = "orthogonal",
    ) -> None:
        super().__init__(units, return_sequences, stateful, initializer, recurrent_initializer)
        self.activation: str | Activation = as_activation(activation, known=OF_CELLS)

    def _cell(self) -> tuple[str, str | Activation]:
        return "rnn", self.activation


class LSTM(Recurrent):
    """Long short-term memory with a forget gate (article 6; Gers, Schmidhuber and Cummins 2000).

    i, f, o = sigmoid, g = tanh of x W_ih^T + b_ih + h W_hh^T + b_hh;  c' = f c + i g;  h' = o tanh c'.

    Parameters
    ----------
    units : int
    return_sequences, stateful, initializer, recurrent_initializer
        As for `RNN`.
    forget_bias : float
        Added to the initial bias of the forget gate: with 1 the cell remembers at first (Jozefowicz et al. 2015).

    Notes
    -----
    Parameters as for `RNN`, with the gates i, f, g, o in this order one below the other: ``params["weight_ih"]``
    (4 units, F) and so on. The state is a pair (h, c).
    """

    def __init__(
        self,
        units: int,
        *,
        return_sequences: bool = False,
        stateful: bool = False,
        initializer: Initializer = "glorot_uniform",
        recurrent_initializer: Initializer = "orthogonal",
        forget_bias: float = 1.0,
    ) -> None:
        super().__init__(units, return_sequences, stateful, initializer, recurrent_initializer)
        self.forget_bias: float = as_number(forget_bias, "forget_bias", low=-np.inf)

    def _cell(self) -> tuple[str, str | Activation]:
        return "lstm", "tanh"

    def start_direction(self, params: Mapping[str, Array], suffix: str, rng: np.random.Generator) -> None:  # noqa: D102
        super().start_direction(params, suffix, rng)
        params[f"bias_ih{suffix}"][self.units : 2 * self.units] += self.forget_bias


class GRU(Recurrent):
    """The gated recurrent unit (Cho et al. 2014).

    Parameters
    ----------
    units : int
    reset_after : bool
        Whether r multiplies the product of the state and its weights (PyTorch, cuDNN), n = tanh(x W^T + b + r (h V^T +
        d)) and h' = n + z (h - n); or the state before it, as in article 6, n = tanh(x W^T + b + (r h) V^T + d) and
        h' = h + z (n - h).
    return_sequences, stateful, initializer, recurrent_initializer
        As for `RNN`.

    Notes
    -----
    Parameters as for `RNN`, with the gates r, z, n in this order one below the other: ``params["weight_ih"]``
    (3 units, F) and so on.
    """

    def __init__(
        self,
        units: int,
        *,
        reset_after: bool = True,
        return_sequences: bool = False,
        stateful: bool = False,
        initializer: Initializer = "glorot_uniform",
        recurrent_initializer: Initializer = "orthogonal",
    ) -> None:
        super().__init__(units, return_sequences, stateful, initializer, recurrent_initializer)
        self.reset_after: bool = as_flag(reset_after, "reset_after")

    def _cell(self) -> tuple[str, str | Activation]:
        return "gru_after" if self.reset_after else "gru_before", "tanh"
