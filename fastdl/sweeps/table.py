"""A sweep as a table: best settings first, with seeds averaged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..metrics.choice import mode_of
from .trials import Trial, key_of, said, varying


def table(trials: Sequence[Trial], monitor: str = "val_accuracy", figures: Sequence[str] = ("seconds",)) -> str:
    """Return a table of the settings, the best first, with their figures.

    Parameters
    ----------
    trials : sequence of Trial
    monitor : str
        The figure that decides which settings are best. For settings that differ in ``seed`` alone its mean decides;
        its least and largest value stand beside it.
    figures : sequence of str
        Further figures, whose means are shown.
    """
    names = [name for name in varying(trials) if name != "seed"]
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(key_of({name: trial.settings.get(name) for name in names}), []).append(trial)
    sign = -1 if mode_of(monitor) == "max" else 1
    rows = []
    for group in groups.values():
        through = [trial.figures for trial in group if trial.figures is not None]
        values = [one[monitor] for one in through if monitor in one]
        cells = [said(group[0].settings.get(name)) for name in names]
        if values:
            spread = f" ({min(values):.4f} to {max(values):.4f})" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.4f}{spread}")
            others = [[one[name] for one in through if name in one] for name in figures]
            cells += [said(float(np.mean(found))) if found else "" for found in others]
        else:
            cells += ["failed", *[""] * len(figures)]
        rows.append((sign * float(np.mean(values)) if values else np.inf, cells))
    rows.sort(key=lambda row: np.inf if np.isnan(row[0]) else row[0])
    lines = [[*names, monitor, *figures], *(cells for _, cells in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.rjust, cells, widths)).rstrip() for cells in lines)
