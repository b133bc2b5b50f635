"""``python -m bench.estimators``: the overhead of `fastdl.estimators`, alone and in a search on two workers.

It prints the share of `NetClassifier.fit` that is the network's own, beside scikit-learn's `MLPClassifier` of the same
sizes, batches and epochs; and how long a search takes on one worker with all threads, and on two with a thread each.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier

from fastdl import Sequential
from fastdl.estimators import NetClassifier

_EPOCHS, _TURNS = 50, 7


def seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def least(*functions: Callable[[], Any]) -> list[float]:
    """Return the least seconds of each; they take turns."""
    turns = [[seconds(function) for function in functions] for _ in range(_TURNS)]
    return [min(times) for times in zip(*turns, strict=True)]


def share_of_the_network(model: NetClassifier, x: Any, y: Any) -> float:
    """How much of the fastest call of `fit` is spent within `Sequential.fit`."""
    inner, fit = [], Sequential.fit

    def timed(*arguments: Any, **settings: Any) -> Any:
        start = time.perf_counter()
        history = fit(*arguments, **settings)
        inner.append(time.perf_counter() - start)
        return history

    Sequential.fit = timed  # type: ignore[method-assign, assignment]
    try:
        whole = [seconds(lambda: model.fit(x, y)) for _ in range(_TURNS)]
    finally:
        Sequential.fit = fit  # type: ignore[method-assign]
    fastest = min(range(_TURNS), key=whole.__getitem__)
    return inner[fastest] / whole[fastest]


def main() -> None:
    warnings.simplefilter("ignore", ConvergenceWarning)
    x, y = make_classification(1000, 20, n_informative=10, n_classes=3, random_state=0)
    ours = NetClassifier(epochs=_EPOCHS, random_state=0)
    theirs = MLPClassifier((64, 64), batch_size=64, max_iter=_EPOCHS, n_iter_no_change=_EPOCHS, random_state=0)
    mine, others = least(lambda: ours.fit(x, y), lambda: theirs.fit(x, y))
    qualities = [cross_val_score(model, x, y, cv=3).mean() for model in (ours, theirs)]
    print(f"1,000 x 20, {_EPOCHS} epochs: {mine * 1e3:.0f} ms, accuracy {qualities[0]:.3f}")
    print(f"scikit-learn's: {others * 1e3:.0f} ms, {others / mine:.1f} times as long, accuracy {qualities[1]:.3f}")
    print(f"within Sequential.fit: {share_of_the_network(ours, x, y):.1%}")
    rates = {"lr": [1e-3, 3e-3, 1e-2, 3e-2], "hidden": [(32,), (64, 64)]}
    searches = [GridSearchCV(ours, rates, cv=3, n_jobs=jobs, refit=False) for jobs in (1, 2)]
    searches[1].fit(x, y)  # starts the workers
    one, two = least(*(lambda search=search: search.fit(x, y) for search in searches))
    print(f"a search of {8 * 3} fits: n_jobs=1 {one:.2f} s, n_jobs=2 {two:.2f} s, {two / one:.2f} of it")


if __name__ == "__main__":
    main()
