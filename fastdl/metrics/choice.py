"""The metrics that a user chooses, by name, as objects or as functions; whether a figure is to be low or high."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from .._hints.attributes import is_function
from .._hints.names import hint_of_value
from .._validation.values import as_list
from .base import Metric

AnyMetric = str | Callable[[Any, Any], float]
Metrics = dict[str, Callable[[Any, Any], Any]]  # under the names of their figures

_TOP = re.compile(r"top_([1-9][0-9]*)")
# Of forecasts: some programs have them low where forecasts are good, others high.
_RULES = {"brier_score", "crps_score", "energy_score", "interval_score", "log_score", "winkler_score"}


@cache
def _by_name() -> dict[str, Metric]:
    """Return fastdl's metrics without settings, loaded only when needed."""
    from .classes import AUC, F1, Accuracy, BalancedAccuracy
    from .numbers import R2, MeanAbsoluteError

    classes: tuple[type[Any], ...] = (Accuracy, BalancedAccuracy, F1, AUC, R2, MeanAbsoluteError)
    return {kind.name: kind() for kind in classes}


def _named(name: str) -> Metric | None:
    """Return fastdl's metric of this name, if there is one."""
    if top := _TOP.fullmatch(name):
        from .classes import TopK

        return TopK(int(top[1]))
    return _by_name().get(name)


def as_metrics(metrics: Any) -> Metrics:
    """Return the chosen metrics."""
    found: Metrics = {}
    for given in as_list(metrics, "metrics", "metrics"):
        metric = _named(given) if isinstance(given, str) else given
        if metric is None or not is_function(metric) or isinstance(metric, type):
            hint = ", a class: make one of it" if isinstance(metric, type) else hint_of_value(given, _by_name())
            raise ValueError(
                f"metrics must be {', '.join(_by_name())}, top_5 or the like, or functions of targets and outputs; "
                f"received {given!r}{hint}"
            )
        name = name_of(metric)
        if name in found:
            raise ValueError(f"metrics must have different names; received {name} twice")
        if name in ("epoch", "loss", "seconds") or (name == "accuracy" and not _is_accuracy(metric)):
            raise ValueError(f"metrics must not have another figure's name; received {name}")
        found[name] = metric
    return found


def _is_accuracy(metric: Any) -> bool:
    from .classes import Accuracy

    return isinstance(metric, Accuracy)


def without_arguments(metric: Any) -> Any:
    """Return the function of a `functools.partial`."""
    while isinstance(metric, partial):
        metric = metric.func
    return metric


def name_of(metric: Any) -> str:
    """Return the name of a metric's figure."""
    metric = without_arguments(metric)
    name = getattr(metric, "name", None) or getattr(metric, "__name__", None) or type(metric).__name__
    return str(name)


def known_figures() -> list[str]:
    """Return the names of the figures that fit may have without a user's own metrics."""
    return [f"{prefix}{name}" for prefix in ("", "val_") for name in ("loss", *_by_name())]


def mode_of(figure: str) -> str | None:
    """Return whether a figure is to be low, "min", or high, "max", if its name says so.

    As in scikit-learn, names that end in score are to be high, and those in error, loss or deviance low, except
    "neg_..." and the scoring rules of forecasts, such as Brier's.
    """
    name = figure.removeprefix("val_")
    if metric := _named(name):
        return "max" if metric.higher_is_better else "min"
    if name.startswith("neg_") or name in _RULES:
        return None
    if name == "loss" or name.endswith(("_error", "_loss", "_deviance")):
        return "min"
    return "max" if name.endswith("_score") else None
