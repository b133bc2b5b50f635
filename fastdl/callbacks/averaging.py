"""Means of the parameters over a training, with which the network is validated and ends."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, ClassVar
from zlib import crc32

import numpy as np

from .._limits import MOST_STEPS
from .._types import Array
from .._validation.values import as_int, as_number
from .base import Callback
from .checks import as_parameters

if TYPE_CHECKING:
    from ..sequential import Sequential


class Averaging(Callback):
    """The base of both: between epochs the network has the mean, in training its own parameters.

    Attributes
    ----------
    values : ndarray, shape (P,)
        The mean, or the network's own parameters while the network has the mean.
    is_swapped : bool
        Whether the network has the mean.
    """

    place: ClassVar[int] = -1  # others see the validated parameters at the end of an epoch

    def __init__(self) -> None:
        self.values: Array = np.zeros(0)
        self.is_swapped = False
        self._exchange: tuple[Array, Array, dict[str, Array]] | None = None  # one that has begun
        self._params: list[Array] = []  # the network's, without buffers
        self._left: int | None = None  # the checksum of those with which it left the network at the end

    def on_fit_begin(self, net: Sequential, epochs: int, samples: int) -> None:
        """Forget an earlier training."""
        if others := [one for one in net.training_state.watchers if isinstance(one, Averaging) and one is not self]:
            raise ValueError(f"callbacks must hold one of EMA and SWA at the most; received {self!r} and {others[0]!r}")
        self.values, self.is_swapped, self._exchange = net.parameters.copy(), False, None
        self._params, self._left = [*net.params.values()], None

    def on_epoch_begin(self, net: Sequential, epoch: int) -> None:
        """Give the network its own parameters back."""
        if self.is_swapped:
            self.swap(net)

    def on_fit_end(self, net: Sequential) -> None:
        """Give the network the mean, if there is one, unless it has it already."""
        self._complete(net)
        if not self.is_swapped and self.has_mean(net):
            self.swap(net)
        self._left = self._checksum()  # before other callbacks put back those of an earlier epoch

    def has_mean(self, net: Sequential) -> bool:
        """Return whether there is a mean."""
        raise NotImplementedError

    def swap(self, net: Sequential) -> None:
        """Exchange the network's parameters with `values`, except buffers."""
        with net.turn.lock:
            buffers = {name: values.copy() for name, values in net.buffers.items()}
            self._exchange = self.given(net), net.parameters.copy(), buffers
            self._complete(net)

    def given(self, net: Sequential) -> Array:
        """Return what an exchange gives the network: the mean, or its own parameters."""
        return self.values.copy()

    def _complete(self, net: Sequential) -> None:
        """Complete an exchange that has begun, and that Ctrl-C may have interrupted anywhere."""
        if self._exchange is None:
            return
        net.parameters[...], self.values[...], buffers = self._exchange
        for name, values in buffers.items():
            net.buffers[name][...] = values
        self._exchange, self.is_swapped = None, not self.is_swapped
        net.turn.count_change()

    def get_state(self) -> dict[str, Any]:  # noqa: D102
        beside = self._checksum() if self._left is None else self._left
        return {"parameters": self.values, "is_swapped": self.is_swapped, "beside": beside}

    def set_state(self, net: Sequential, state: dict[str, Any]) -> None:  # noqa: D102
        values = as_parameters(net, state["parameters"])
        if state["beside"] != self._checksum():
            return  # the network holds others by now, assigned or put back by `EarlyStopping`: a new mean begins
        self.values[...], self.is_swapped = values, bool(state["is_swapped"])
        self.go_on(net, state)

    def _checksum(self) -> int:
        """Return that of the network's parameters, which tells whether they are still those that a state was beside."""
        total = 0
        for values in self._params:
            total = crc32(values.tobytes(), total)
        return total

    def go_on(self, net: Sequential, state: dict[str, Any]) -> None:
        """Take what else there is from a state."""
        raise NotImplementedError


class EMA(Averaging):
    """An exponential moving average of the parameters; the network is validated with it, and ends with it.

    After each step the average becomes decay average + (1 - decay) parameters (Polyak and Juditsky 1992), starting with
    the parameters after the first step, as in PyTorch's `swa_utils` and Keras's optimizers. At the end of an epoch the
    network has the average, for its validation and for all other callbacks, such as `EarlyStopping` and
    `ModelCheckpoint`; during the steps it has its own parameters, and after training the average.

    Parameters
    ----------
    decay : float
        How much of the average is kept at each step. It covers about the last 1 / (1 - decay) steps; training should
        have several times as many.

    Attributes
    ----------
    since : int
        The number of steps before it began.

    Notes
    -----
    A training that continues (``initial_epoch``) does so from what the network holds. If that is the mean with which
    the last call of `fit` ended, the network gets its own parameters back, and the mean goes on. If it is anything
    else, such as the mean of an earlier epoch that `EarlyStopping` has put back, or parameters that you have assigned,
    or trained in a loop of your own, training goes on from these, and a new mean begins.

    The running statistics of `BatchNorm` are those of the training; to get those of the mean's own activations, call
    ``net.forward(x, training=True)`` on samples.
    """

    def __init__(self, decay: float = 0.999) -> None:
        super().__init__()
        self.decay: float = as_number(decay, "decay", high=1.0)
        if self.decay == 1:
            raise ValueError(f"decay must be below 1; received {decay!r}")
        self.since = self._begin = 0  # the steps before the mean, and before the epoch

    def on_fit_begin(self, net: Sequential, epochs: int, samples: int) -> None:
        """Let the core add to the mean from now on."""
        super().on_fit_begin(net, epochs, samples)
        self.since = self._begin = net.training_state.steps
        net.training_state.average = self

    def on_epoch_begin(self, net: Sequential, epoch: int) -> None:
        """Give the network its own parameters back."""
        super().on_epoch_begin(net, epoch)
        self._begin = net.training_state.steps

    def on_epoch_trained(self, net: Sequential, epoch: int) -> None:
        """Give the network the mean."""
        self.swap(net)

    def given(self, net: Sequential) -> Array:  # noqa: D102
        given, steps = super().given(net), net.training_state.steps - self._begin
        if steps > 0 and not self.is_swapped and net.last_plan is not None:
            kept = self.decay**steps
            for operation in net.last_plan.operations:
                if operation.get("frozen"):  # the core, which has left it alone, has not added it to the mean
                    place = operation["offset"]
                    part = slice(place, place + sum(map(prod, operation["parameters"])))
                    own = net.parameters[part]
                    given[part] = own + kept * (given[part] - own)
        return given

    def on_fit_end(self, net: Sequential) -> None:
        """Let the core add no more to the mean, and give it to the network."""
        net.training_state.average = None
        super().on_fit_end(net)

    def has_mean(self, net: Sequential) -> bool:  # noqa: D102
        return net.training_state.steps > self.since

    def get_state(self) -> dict[str, Any]:  # noqa: D102
        return {**super().get_state(), "since": self.since}

    def go_on(self, net: Sequential, state: dict[str, Any]) -> None:  # noqa: D102
        self.since = as_int(state["since"], "since", least=-1, most=MOST_STEPS)
        if self.is_swapped:  # there is a mean, even if another optimizer counts its steps from 0
            self.since = min(self.since, net.training_state.steps - 1)


class SWA(Averaging):
    """The mean of the parameters at the ends of epochs; the network is validated with it, and ends with it.

    This is stochastic weight averaging (Izmailov et al. 2018), as in PyTorch's `swa_utils`. It needs a learning rate
    that is not low in these epochs, set by `LearningRateSchedule` for instance. The network has the mean whenever it
    would have the average of `EMA`, whose notes hold here too.

    Parameters
    ----------
    start_from_epoch : int
        The first epoch that counts, counted from 1; up to it, the network has its own parameters.
    """

    def __init__(self, start_from_epoch: int) -> None:
        super().__init__()
        self.start_from_epoch: int = as_int(start_from_epoch, "start_from_epoch")
        self.count = 0

    def on_fit_begin(self, net: Sequential, epochs: int, samples: int) -> None:
        """Forget an earlier training."""
        super().on_fit_begin(net, epochs, samples)
        self.count = 0

    def on_epoch_trained(self, net: Sequential, epoch: int) -> None:
        """Add to the mean, and give it to the network."""
        if epoch >= self.start_from_epoch:
            mean, share = self.values if self.count else net.parameters, 1 / (self.count + 1)
            self.values[...] = mean + share * (net.parameters - mean)  # exact where they are equal
            self.count += 1  # once there is a mean, which Ctrl-C may come before
            self.swap(net)

    def has_mean(self, net: Sequential) -> bool:  # noqa: D102
        return self.count > 0

    def get_state(self) -> dict[str, Any]:  # noqa: D102
        return {**super().get_state(), "count": self.count}

    def go_on(self, net: Sequential, state: dict[str, Any]) -> None:  # noqa: D102
        self.count = as_int(state["count"], "count", least=0)
