"""Curves that grow in a notebook."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

from .._extras import missing
from .base import Callback

if TYPE_CHECKING:
    from ..sequential import Sequential

_BETWEEN = 0.5  # least seconds from one drawing to the next
_SHARE = 0.05  # the most of the time that drawing takes


class LiveCurves(Callback):
    """Shows the growing curves of a training in a notebook, updated twice a second.

    With very many epochs it updates less often: drawing takes at most a twentieth of the time.

    Raises
    ------
    ImportError
        If IPython is not installed, as it is wherever there are notebooks.
    """

    writes: ClassVar[bool] = True

    def __init__(self) -> None:
        self._handle: Any = None
        self._shown, self._next = 0, 0.0  # the last epoch that is drawn, and the time of the next drawing
        _display()

    def on_fit_begin(self, net: Sequential, epochs: int, samples: int) -> None:
        """Take a place in the notebook, above the bars."""
        self._handle = _display()(net.history, display_id=True)  # None outside a notebook
        self._shown, self._next = 0, 0.0

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> None:
        """Draw the curves, unless they were drawn just now."""
        start = perf_counter()
        if start >= self._next:
            self._draw(net)
            end = perf_counter()
            self._next = end + max(_BETWEEN, (end - start) / _SHARE)

    def on_fit_end(self, net: Sequential) -> None:
        """Draw the whole curves."""
        self._draw(net)
        self._handle = None

    def _draw(self, net: Sequential) -> None:
        if self._handle is not None and self._shown < net.training_state.epochs:
            self._handle.update(net.history)
            self._shown = net.training_state.epochs


def _display() -> Any:
    try:
        from IPython.display import display
    except ImportError:
        raise missing("LiveCurves", "IPython", "notebook") from None
    return display
