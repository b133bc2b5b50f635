"""What training went through."""

from __future__ import annotations

from typing import Any

from .._extras import missing
from .._files import save_figure


class History:
    """The figures of each epoch.

    Attributes
    ----------
    history : dict of str to list of float
        A list with an entry for each epoch under `loss`, `accuracy`, `val_loss`, `val_accuracy`, `seconds`, and metrics
        such as `val_f1`.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}

    def append(self, logs: dict[str, float]) -> None:
        """Add the figures of an epoch."""
        for name, value in logs.items():
            if name != "epoch":
                self.history.setdefault(name, []).append(value)

    def plot(self, path: str | None = None) -> Any:
        """Draw the loss, the accuracy and all other figures over epochs, but for the seconds, with matplotlib.

        Parameters
        ----------
        path : str, optional
            Where to save the picture.

        Returns
        -------
        matplotlib.figure.Figure
        """
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise missing("History.plot", "matplotlib", "plot") from None
        measures = list(dict.fromkeys(name.removeprefix("val_") for name in self.history if name != "seconds"))
        if not measures:
            raise ValueError("the history must hold an epoch at least to be drawn; it holds none")
        figure = Figure(figsize=(4.5 * len(measures), 3.2), layout="constrained")
        for axes, measure in zip(figure.subplots(1, len(measures), squeeze=False)[0], measures, strict=True):
            for name, label in ((measure, "training"), (f"val_{measure}", "validation")):
                if name in self.history:
                    values = self.history[name]
                    axes.plot(range(1, len(values) + 1), values, marker="o", label=label)
            axes.set(xlabel="epoch", ylabel=measure)
            axes.legend()
        if path is not None:
            save_figure(figure, path)
        return figure
