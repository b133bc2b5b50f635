"""``python -m bench.tabular``: train networks and trees on seventeen small tables, and write tabular.json.

It needs scikit-learn; skorch and PyTorch take part if they are installed. Synthetic tables differ for each seed; those
that scikit-learn ships have one fixed split. With ``--validation``, for choosing a recipe, a part of the training data
is measured instead of the test data, and synthetic tables have seeds from 1000 on. The test data is for the report
alone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from time import perf_counter, sleep
from typing import Any, NamedTuple

import numpy as np

HIDDEN, BATCH = (64, 64), 32  # of the dense layers, fastdl's and skorch's: the estimators' own
REST = 0.05  # seconds between two trainings, for the last one's threads to go to sleep


class Table(NamedTuple):
    """Samples, targets, the columns of categories with their numbers of categories, and whether targets are numbers."""

    x: np.ndarray
    y: np.ndarray
    categories: dict[int, int]
    regression: bool


def mixed(samples: int, seed: int, *, regression: bool) -> Table:
    """Make numbers of unusual distributions, and categories on which their effect depends."""
    rng = np.random.default_rng(seed)
    numbers = [
        rng.lognormal(10, 0.6, samples), rng.uniform(18, 80, samples), rng.standard_t(3, samples),
        rng.standard_normal(samples),
    ]  # fmt: skip
    counts = (3, 12, 40)
    kinds = [rng.choice(n, samples, p=rng.dirichlet(np.full(n, 2.0))) for n in counts]
    effects = [rng.standard_normal(n) for n in counts]
    score = sum(effect[kind] for effect, kind in zip(effects, kinds, strict=True))
    score += 2 * (np.log(numbers[0]) - 10) - ((numbers[1] - 50) / 20) ** 2 + np.sin(2 * numbers[2].clip(-3, 3))
    score += numbers[3] * effects[1][kinds[1]] + 0.5 * rng.standard_normal(samples)
    y = score if regression else (score > np.median(score)).astype(int)
    return Table(np.column_stack([*numbers, *kinds]), y, dict(zip((4, 5, 6), counts, strict=True)), regression)


def tables() -> dict[str, Callable[[int], Table]]:
    """Return the tables that scikit-learn ships, or makes from a seed."""
    from sklearn import datasets as d

    return {
        "breast_cancer": lambda seed: Table(*d.load_breast_cancer(return_X_y=True), {}, False),
        "wine": lambda seed: Table(*d.load_wine(return_X_y=True), {}, False),
        "digits": lambda seed: Table(*d.load_digits(return_X_y=True), {}, False),
        "iris": lambda seed: Table(*d.load_iris(return_X_y=True), {}, False),
        "moons": lambda seed: Table(*d.make_moons(2000, noise=0.25, random_state=seed), {}, False),
        "circles": lambda seed: Table(*d.make_circles(2000, noise=0.15, factor=0.6, random_state=seed), {}, False),
        "gaussian_quantiles": lambda seed: Table(
            *d.make_gaussian_quantiles(n_samples=3000, n_features=6, n_classes=3, random_state=seed), {}, False
        ),
        "classification": lambda seed: Table(
            *d.make_classification(
                4000, 20, n_informative=8, n_redundant=4, n_classes=4, n_clusters_per_class=3, flip_y=0.02,
                random_state=seed,
            ),
            {},
            False,
        ),
        "classification_noisy": lambda seed: Table(
            *d.make_classification(
                2000, 30, n_informative=6, n_redundant=2, n_clusters_per_class=4, flip_y=0.1, random_state=seed
            ),
            {},
            False,
        ),
        "hastie": lambda seed: Table(*d.make_hastie_10_2(8000, random_state=seed), {}, False),
        "mixed": lambda seed: mixed(5000, seed, regression=False),
        "diabetes": lambda seed: Table(*d.load_diabetes(return_X_y=True), {}, True),
        "friedman1": lambda seed: Table(*d.make_friedman1(2000, noise=1, random_state=seed), {}, True),
        "friedman2": lambda seed: Table(*d.make_friedman2(2000, noise=50, random_state=seed), {}, True),
        "friedman3": lambda seed: Table(*d.make_friedman3(2000, noise=0.1, random_state=seed), {}, True),
        "swiss_roll": lambda seed: Table(*d.make_swiss_roll(2000, noise=0.3, random_state=seed), {}, True),
        "mixed_regression": lambda seed: mixed(5000, seed, regression=True),
    }  # fmt: skip


def parted(table: Table, validation: bool) -> tuple[np.ndarray, ...]:
    """Return the samples to train on and to measure, then their targets: of unit variance, or classes from 0 on."""
    from sklearn.model_selection import train_test_split

    x, y = table.x, table.y
    if not table.regression:
        y = np.unique(y, return_inverse=True)[1]
    for _ in range(2 if validation else 1):
        x_train, x_test, y_train, y_test = train_test_split(
            x, y, test_size=0.25, random_state=0, stratify=None if table.regression else y
        )
        x, y = x_train, y_train
    if table.regression:
        middle, scale = y_train.mean(), y_train.std()
        y_train, y_test = (y_train - middle) / scale, (y_test - middle) / scale
    return x_train, x_test, y_train, y_test


def _prepared(table: Table, last: Any) -> Any:
    """Put an estimator behind the preprocessing for networks: numbers of unit variance, one-hot categories."""
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [k for k in range(table.x.shape[1]) if k not in table.categories]
    known = [np.arange(count, dtype=float) for count in table.categories.values()]
    return make_pipeline(
        make_column_transformer(
            (StandardScaler(), numbers),
            (OneHotEncoder(categories=known, sparse_output=False), list(table.categories)),
        ),
        last,
    )


def of_fastdl(table: Table, seed: int, samples: int) -> Any:
    """Dense layers of `HIDDEN` units, trained with the estimators' defaults."""
    from fastdl.estimators import NetClassifier, NetRegressor

    kind = NetRegressor if table.regression else NetClassifier
    return _prepared(table, kind(hidden=HIDDEN, batch_size=BATCH, random_state=seed))


def of_recipe(table: Table, seed: int, samples: int) -> Any:
    """The network for tables, trained as its recipe says."""
    return _Recipe(table, seed)


class _Recipe:
    def __init__(self, table: Table, seed: int) -> None:
        self.table, self.seed = table, seed

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        from fastdl import recipes

        outputs, x = 1 if self.table.regression else int(y.max()) + 1, x.astype(np.float32)
        self.net, arguments = recipes.tabular(
            *x.shape, outputs, categories=self.table.categories, regression=self.table.regression, seed=self.seed
        )
        self.net.adapt(x).fit(x, y[:, None] if self.table.regression else y, verbose=0, **arguments)

    def predict(self, x: np.ndarray) -> np.ndarray:
        outputs = self.net.predict(x.astype(np.float32))
        return outputs[:, 0] if self.table.regression else outputs.argmax(axis=1)


def of_scikit_learn(table: Table, seed: int, samples: int) -> Any:
    """scikit-learn's network of the same layers."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    kind = MLPRegressor if table.regression else MLPClassifier
    return _prepared(table, kind(hidden_layer_sizes=HIDDEN, random_state=seed))


def of_boosting(table: Table, seed: int, samples: int) -> Any:
    """scikit-learn's gradient boosting of trees on histograms."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if table.regression else HistGradientBoostingClassifier
    return kind(categorical_features=list(table.categories) or None, random_state=seed)


def of_skorch(table: Table, seed: int, samples: int) -> Any:
    """The same dense layers, and the same training, by PyTorch."""
    import torch
    from sklearn.preprocessing import FunctionTransformer
    from skorch import NeuralNetClassifier, NeuralNetRegressor
    from skorch.callbacks import LRScheduler

    torch.manual_seed(seed)
    torch.set_num_threads(1)  # faster than two for so little work
    outputs = 1 if table.regression else len(np.unique(table.y))
    numbers = table.x.shape[1] - len(table.categories)
    sizes = [numbers + sum(table.categories.values()), *HIDDEN]
    layers: list[Any] = []
    for before, after in pairwise(sizes):
        layers += [torch.nn.Linear(before, after), torch.nn.ReLU()]
    kind = NeuralNetRegressor if table.regression else NeuralNetClassifier
    batches = -(-samples // BATCH)
    epochs = max(20, -(-100 // batches))  # as the estimators have it
    falling = LRScheduler("CosineAnnealingLR", T_max=epochs * batches, step_every="batch")
    net = kind(
        torch.nn.Sequential(*layers, torch.nn.Linear(HIDDEN[-1], outputs)), optimizer=torch.optim.AdamW, lr=1e-2,
        optimizer__weight_decay=0.5, callbacks=[("falling", falling)], max_epochs=epochs, batch_size=BATCH,
        iterator_train__shuffle=True, train_split=None, verbose=0,
        criterion=torch.nn.MSELoss if table.regression else torch.nn.CrossEntropyLoss,
    )  # fmt: skip
    pipeline = _prepared(table, net)
    pipeline.steps.insert(1, ("float32", FunctionTransformer(lambda x: x.astype(np.float32))))
    return pipeline


CONTESTANTS = {
    "fastdl": of_fastdl,
    "fastdl, tabular": of_recipe,
    "scikit-learn's MLP": of_scikit_learn,
    "histogram gradient boosting": of_boosting,
    "skorch": of_skorch,
}
PACKAGES = {"skorch": "skorch"}  # that a contestant needs besides scikit-learn


def quality(table: Table, found: np.ndarray, wanted: np.ndarray) -> float:
    """Return the accuracy, or the coefficient of determination."""
    if not table.regression:
        return float((found == wanted).mean())
    found = found.reshape(-1)
    return float(1 - ((found - wanted) ** 2).sum() / ((wanted - wanted.mean()) ** 2).sum())


def run(make: Callable[[int], Table], names: list[str], seeds: int, validation: bool) -> dict[str, Any]:
    """Train every contestant with each seed, in turns; the first turn's times do not count."""
    qualities: dict[str, list[float]] = {name: [] for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for seed in (0, *range(seeds)):
        table = make(seed + 1000 * validation)
        x_train, x_test, y_train, y_test = parted(table, validation)
        for name in names:
            wanted = y_train
            if table.regression and name == "skorch":
                wanted = y_train.astype(np.float32)[:, None]
            estimator = CONTESTANTS[name](table, seed, len(x_train))
            sleep(REST)
            begin = perf_counter()
            estimator.fit(x_train, wanted)
            seconds[name].append(perf_counter() - begin)
            qualities[name].append(quality(table, estimator.predict(x_test), y_test))
    return {
        "samples": len(table.x),
        "features": table.x.shape[1],
        "regression": table.regression,
        "quality": {name: values[1:] for name, values in qualities.items()},
        "seconds": {name: values[1:] for name, values in seconds.items()},
    }


def main() -> None:
    """Train, print and write; nothing is written of some tables, or in validation."""
    parser = argparse.ArgumentParser(prog="python -m bench.tabular", description=__doc__)
    parser.add_argument("--validation", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", help="these tables")
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS)
    options = parser.parse_args()
    names = options.contestants or [n for n in CONTESTANTS if n not in PACKAGES or find_spec(PACKAGES[n])]
    rows = {}
    for name, make in tables().items():
        if options.only and name not in options.only:
            continue
        rows[name] = run(make, names, options.seeds, options.validation)
        figures = (
            f"{n} {mean(rows[name]['quality'][n]):.4f} in {1e3 * median(rows[name]['seconds'][n]):.0f} ms"
            for n in names
        )
        print(f"{name}:", "; ".join(figures), flush=True)
    if not (options.validation or options.only or options.contestants):
        from .__main__ import machine

        versions = {package: version(package) for package in ("scikit-learn", "skorch", "torch") if find_spec(
            {"scikit-learn": "sklearn"}.get(package, package)
        )}  # fmt: skip
        results = {"machine": machine(), "versions": versions, "rows": rows}
        Path(__file__).with_name("tabular.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")  # scikit-learn's networks warn that they have not converged
    main()
