"""The figures of a training."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .._figures import save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class History:
    """The figures of each epoch.

    Attributes
    ----------
    history : dict of str to list of float
        Under `loss`, `accuracy`, `val_loss`, `val_accuracy`, `seconds`, and metrics such as `val_f1`: a list with an
        entry for each epoch. Epochs that run together, as nothing happens between them, share their seconds equally.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}

    def append(self, logs: dict[str, float]) -> None:
        """Add the figures of an epoch."""
        for name, value in logs.items():
            if name != "epoch":
                self.history.setdefault(name, []).append(value)

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw each figure over the epochs, together with that of the validation data, with matplotlib.

        Parameters
        ----------
        path : path-like, optional
            Where to save the picture.

        Returns
        -------
        matplotlib.figure.Figure
            A panel for each figure except the seconds. A star marks the best epoch, on validation data if there are
            any, of figures known to be better high or low. Losses that span two decades have a logarithmic scale.
        """
        from ..inspection.curves import plot_history  # not needed by training

        figure = plot_history(self.history)
        if path is not None:
            save_figure(figure, path)
        return figure

    def __repr__(self) -> str:
        epochs = max(map(len, self.history.values()), default=0)
        last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.history.items())
        return f"<History of {epochs} epoch{'s' * (epochs != 1)}{': ' * bool(last)}{last}>"

    def _repr_html_(self) -> str:
        from ..inspection.curves import history_html

        return history_html(self.history)
