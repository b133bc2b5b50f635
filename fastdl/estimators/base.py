"""What all estimators share: how they are made, how they read samples, and how they learn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from .._types import Array
from .._validation.values import as_dtype, as_flag, as_int, check_is
from ..callbacks import Callback, EarlyStopping
from ..losses import Loss
from ..losses.choice import AnyLoss, as_loss
from ..metrics.choice import AnyMetric
from ..optimizers import Adam, Optimizer
from ..recipes import tabular_training
from ..samples import as_batch
from ..sequential import Sequential
from ..training.running import predicted
from .data import Data, held_out
from .labels import Labels
from .networks import AnyNetwork, network_of
from .numbers import Numbers
from .tables import TableEncoder, holds_categories
from .weights import as_weights

if TYPE_CHECKING:
    from typing_extensions import Self

_SEEDS = 1 << 31
_EPOCHS, _BATCH_SIZE = 100, 64  # where neither they nor a network with a recipe of its own are given


class NetEstimator(BaseEstimator):
    """A network that learns as scikit-learn's estimators do."""

    network_: Sequential
    loss_curve_: list[float]
    n_iter_: int
    targets_: Labels | Numbers
    _table: TableEncoder | None = None

    def __init__(
        self,
        network: AnyNetwork = None,
        *,
        hidden: Sequence[int] | int = (64, 64),
        activation: str = "relu",
        loss: AnyLoss | None = None,
        optimizer: Optimizer | None = None,
        lr: float | Callable[[int], float] | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        warm_start: bool = False,
        random_state: Any = None,
        metrics: Iterable[AnyMetric] = (),
        callbacks: Iterable[Callback] = (),
        verbose: int | str = 0,
        dtype: str = "float32",
        categorical_features: Iterable[Any] | None = None,
        missing: str = "error",
    ) -> None:
        self.network = network
        self.hidden = hidden
        self.activation = activation
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.epochs = epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.warm_start = warm_start
        self.random_state = random_state
        self.metrics = metrics
        self.callbacks = callbacks
        self.verbose = verbose
        self.dtype = dtype
        self.categorical_features = categorical_features
        self.missing = missing

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self._reads_arrays()
        tags.input_tags.allow_nan = self.missing == "embed"
        tags.input_tags.three_d_array = True
        return tags

    def targets_for(self, y: Any, x: Array, rows: Any) -> Labels | Numbers:
        """Learn what targets are, of these rows."""
        raise NotImplementedError

    def weights_for(self, data: Data, targets: Any) -> Array | None:
        """Give the weights of samples, with those of their classes."""
        return data.weights

    def learn(self, X: Any, y: Any, sample_weight: Any, lengths: Any) -> Self:
        """Do what `fit` does."""
        going_on = as_flag(self.warm_start, "warm_start") and hasattr(self, "network_")
        data, targets = self._read(X, y, sample_weight, lengths, self.targets_ if going_on else None, not going_on)
        if len(data) <= self._training(len(data), going_on)["batch_size"]:
            data = data.distinct()
        net, seed = self._network(data, targets, going_on)
        data = data.weighted(self.weights_for(data, targets)).normalized()
        held = None
        if as_flag(self.early_stopping, "early_stopping"):
            rows, others = held_out(len(data), self.validation_fraction, targets.strata(data.y), seed)
            data, held = data.taken(rows), data.taken(others)
        elif self.metrics:
            raise ValueError(f"metrics must come with early_stopping, which holds data out; received {self.metrics}")
        self._train(net, targets, data, held, going_on, **self._training(len(data), going_on))
        return self

    def learn_on(self, X: Any, y: Any, sample_weight: Any, lengths: Any, known: Any = None) -> Self:
        """Do what `partial_fit` does; it is known what targets are, or to be learned."""
        going_on = hasattr(self, "network_")
        data, targets = self._read(X, y, sample_weight, lengths, self.targets_ if going_on else known, not going_on)
        net, _ = self._network(data, targets, going_on)
        data = data.weighted(self.weights_for(data, targets))
        self._train(net, targets, data, None, going_on, **{**self._training(len(data), True), "epochs": 1})
        return self

    def _read(
        self, X: Any, y: Any, sample_weight: Any, lengths: Any, known: Any, reset: bool
    ) -> tuple[Data, Labels | Numbers]:
        """Check what is to be learned; leave out what has the weight 0."""
        x = self.read_samples(X, as_dtype(self.dtype), reset=reset)
        y = self.wanted(y, x)
        weights = as_weights(sample_weight, len(x))
        lengths = None if lengths is None else np.asarray(lengths)
        check_consistent_length(x, y, lengths)
        rows = ... if weights is None or weights.all() else np.flatnonzero(weights)
        targets = known or self.targets_for(y, x, rows)
        parts = (None if part is None else part[rows] for part in (weights, lengths))
        return Data(x[rows], targets.read(y, rows), *parts), targets

    def wanted(self, y: Any, x: Array) -> Any:
        """Give what outputs are to be."""
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        return y

    def read_samples(self, X: Any, dtype: str, reset: bool) -> Array:
        """Give checked samples: rows of numbers of this dtype, or images and sequences of any."""
        if reset:
            self._table = self._new_table(X)
        if self._table is not None:
            validate_data(self, X, reset=reset, skip_check_array=True)
            encoded = self._table.fit_transform(X) if reset else self._table.transform(X)
            return encoded.astype(dtype, copy=False)
        rows = len((X if hasattr(X, "shape") else np.asarray(X)).shape) <= 2
        if reset and not rows and hasattr(self, "n_features_in_"):  # features of rows are counted, not those of images
            del self.n_features_in_
        x = validate_data(
            self, X, reset=reset, accept_sparse="csr", dtype=np.dtype(dtype) if rows else "numeric", ensure_2d=rows,
            allow_nd=True,
        )  # fmt: skip
        samples: Array = x.toarray() if issparse(x) else x
        return samples

    def _new_table(self, X: Any) -> TableEncoder | None:
        """Give what encodes tables that are not all numbers, or are not to be read as all estimators do."""
        if self._reads_arrays() and not holds_categories(X):
            return None
        return TableEncoder(categorical_features=self.categorical_features, missing=self.missing)

    def _reads_arrays(self) -> bool:
        """Tell whether arrays are read as all estimators do."""
        return self.categorical_features is None and self.missing == "error"

    def _network(self, data: Data, targets: Labels | Numbers, going_on: bool) -> tuple[Sequential, int]:
        """Give the network to train, and a seed of what else is drawn."""
        seed = int(check_random_state(self.random_state).randint(_SEEDS))
        if going_on:
            return self.network_, seed
        targets.settle(data.y, data.weights)
        net = network_of(
            self.network, data.x.shape[1:], targets.outputs, targets.columns, hidden=self.hidden,
            activation=self.activation, dtype=self.dtype, seed=seed,
            categories={} if self._table is None else self._table.cardinalities,
        )  # fmt: skip
        if not self.has_own_scale():
            net.adapt(data.x, lengths=data.lengths)
        targets.fit_to(net.output_shape[-1])
        return net, seed

    def chosen_loss(self) -> Loss | None:  # noqa: D102
        return None if self.loss is None else as_loss(self.loss)

    def has_own_scale(self) -> bool:
        """Tell whether the network has learned before, so that its outputs have a scale."""
        return isinstance(self.network, Sequential) and hasattr(self.network, "dtype")

    def _training(self, samples: int, going_on: bool) -> dict[str, Any]:
        """Give the epochs, the size of batches and the optimizer: those asked for, or what suits the network."""
        sizes = {"epochs": self.epochs, "batch_size": self.batch_size}
        given = {name: as_int(size, name, most=np.inf) for name, size in sizes.items() if size is not None}
        training: dict[str, Any] = {"epochs": _EPOCHS, "batch_size": _BATCH_SIZE, "optimizer": Adam(), **given}
        if isinstance(self.network, str) and not going_on:  # a rate that falls to nothing is of one training
            training = {**tabular_training(samples, **given), **given}
        optimizer = training["optimizer"] if self.optimizer is None else self.optimizer
        check_is(optimizer, "optimizer", Optimizer)
        # A copy, as a rate that changes while it trains is none of the estimator's settings.
        training["optimizer"] = replace(optimizer, lr=optimizer.lr if self.lr is None else self.lr)
        return training

    def _train(
        self, net: Sequential, targets: Any, data: Data, held: Data | None, going_on: bool, **training: Any
    ) -> None:
        """Train, and keep what has come of it, whatever ends the training once it has begun."""
        before = net.history
        stopping = [] if held is None else [EarlyStopping(patience=self.patience)]
        validation = None if held is None else (held.x, targets.targets(held.y), held.lengths, held.weights)
        try:
            net.fit(
                data.x, targets.targets(data.y), sample_weight=data.weights, lengths=data.lengths,
                validation_data=validation, loss=targets.loss, metrics=self.metrics if held else (),
                callbacks=[*self.callbacks, *stopping], verbose=self.verbose, **training,
            )  # fmt: skip
        finally:
            if net.history is not None and net.history is not before:
                self.network_, self.targets_, self.history_ = net, targets, net.history
                earlier = self.loss_curve_ if going_on else []
                self.loss_curve_ = [*earlier, *net.history.history.get("loss", [])]
                self.n_iter_ = len(self.loss_curve_)

    def outputs_of(self, X: Any, lengths: Any) -> Array:
        """Give the network's outputs, without a last activation that its loss has in it."""
        check_is_fitted(self)
        net = self.network_
        samples = as_batch(net, self.read_samples(X, net.dtype, reset=False), lengths, may_wait=True)
        with net.turn.lock:
            plan = net.plan_for(samples.shape)
            return predicted(plan, samples, net.states_for(len(samples)), self.targets_.loss.leaves_out)
