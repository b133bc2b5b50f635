"""Ends unpromising trials of Optuna."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..metrics.choice import mode_of
from .base import Callback

if TYPE_CHECKING:
    from ..sequential import Sequential


class OptunaPruning(Callback):
    """Reports a figure of each epoch to a trial of Optuna, and ends the training if the study's pruner decides so.

    All callbacks see the last epoch and the end, and best parameters are restored; then `fit` raises
    ``optuna.TrialPruned``, which the study expects from its objective.

    Parameters
    ----------
    trial : optuna.Trial
        A trial of a study with one objective, whose direction says whether lower or higher is better.
    monitor : str
        The name of a figure, such as val_loss; it may be one that an earlier callback adds.

    Raises
    ------
    ValueError
        If the figure is better in the other direction: the best trials would be pruned.
    """

    def __init__(self, trial: Any, monitor: str = "val_loss") -> None:
        for method in ("report", "should_prune"):
            if not callable(getattr(trial, method, None)):
                raise TypeError(f"trial must be one of Optuna's; received {trial!r}")
        if not isinstance(monitor, str):
            raise TypeError(f"monitor must be the name of a figure; received {monitor!r}")
        directions = [one.name for one in getattr(getattr(trial, "study", None), "directions", [])]
        wanted = {"min": "MINIMIZE", "max": "MAXIMIZE"}.get(mode_of(monitor) or "")
        if wanted is not None and len(directions) == 1 and directions[0] not in (wanted, "NOT_SET"):
            raise ValueError(
                f"monitor must be a figure that is better as the study's objective is, to {directions[0].lower()}; "
                f"received {monitor!r}"
            )
        self.trial, self.monitor = trial, monitor
        self._pruned_at = 0

    def reads(self) -> dict[str, str]:  # noqa: D102
        return {self.monitor: "monitor"}

    def on_fit_begin(self, net: Sequential, epochs: int, samples: int) -> None:
        """Forget an earlier training."""
        self._pruned_at = 0

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> bool:
        """Report the figure, and ask whether to end."""
        if self.monitor not in logs:
            raise ValueError(f"monitor must be one of {', '.join(logs)}; received {self.monitor!r}")
        self.trial.report(float(logs[self.monitor]), epoch)
        self._pruned_at = epoch if self.trial.should_prune() else 0
        return self._pruned_at > 0

    def on_fit_end(self, net: Sequential) -> None:
        """Raise the study's error, unless another error ended the training."""
        if self._pruned_at and net.training_state.error is None:
            from optuna import TrialPruned

            raise TrialPruned(f"pruned at epoch {self._pruned_at}")
