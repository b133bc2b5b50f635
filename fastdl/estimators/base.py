"""The base of all estimators: their settings, how they read samples, and how they are trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted

from .._hints.arguments import ArgumentHints
from .._types import Array
from .._validation.values import as_dtype, as_flag, as_int, as_list
from ..callbacks import Callback, EarlyStopping
from ..losses import Loss
from ..losses.choice import AnyLoss, as_loss
from ..metrics.choice import AnyMetric, as_metrics
from ..optimizers import Optimizer
from ..samples import as_batch
from ..sequential import Sequential
from ..training.divergence import DivergenceError
from ..training.history import History
from ..training.inference import predicted
from ..training.state import TrainingState
from .data import Data, held_out
from .inputs import Inputs, as_before
from .labels import Labels
from .networks import BATCH, AnyNetwork, Wanted, network_for, rate_falls, training_for
from .numbers import Numbers
from .weights import as_weights

if TYPE_CHECKING:
    from typing_extensions import Self

_SEEDS = 1 << 31
_OF_THE_NETWORK = ("network", "hidden", "activation", "loss", "dtype", "categorical_features", "missing")


class Task(NamedTuple):
    """The task of a network: how its samples are read, and what its targets are."""

    inputs: Inputs
    targets: Any  # Labels or Numbers
    settings: dict[str, Any]  # those that must not change when training continues


class NetEstimator(ArgumentHints, BaseEstimator):
    """A network with the interface of scikit-learn's estimators."""

    network_: Sequential
    history_: History
    loss_curve_: list[float]
    n_iter_: int
    task_: Task

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
        categorical_features: Iterable[Any] | None = None,
        missing: str = "error",
        metrics: Iterable[AnyMetric] = (),
        callbacks: Iterable[Callback] = (),
        verbose: int | str = 0,
        dtype: str = "float32",
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
        self.categorical_features = categorical_features
        self.missing = missing
        self.metrics = metrics
        self.callbacks = callbacks
        self.verbose = verbose
        self.dtype = dtype

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.missing == "embed"
        return tags

    def targets_for(self, y: Array) -> Labels | Numbers:
        """Return the kind of these checked targets."""
        raise NotImplementedError

    def weights_for(self, data: Data, targets: Any) -> Array | None:
        """Return the weights of samples, multiplied by those of their classes."""
        return data.weights

    def wanted(self, y: Any, x: Array, inputs: Inputs) -> Any:
        """Return the targets."""
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        return y

    def checked(self, y: Any, lengths: Any) -> Array:
        """Return the targets as a checked array."""
        raise NotImplementedError

    def learn(self, X: Any, y: Any, sample_weight: Any, lengths: Any) -> Self:
        """Do what `fit` does."""
        going_on = as_flag(self.warm_start, "warm_start") and hasattr(self, "network_")
        with as_before(self, "task_"):
            task, data = self._read(X, y, sample_weight, lengths, going_on)
            batch = as_int(BATCH if self.batch_size is None else self.batch_size, "batch_size", most=np.inf)
            stopping, in_one_batch = as_flag(self.early_stopping, "early_stopping"), len(data) <= batch
            if in_one_batch:
                data = data.repeated(batch) if stopping else data.distinct()
            data = data.weighted(self.weights_for(data, task.targets)).normalized()
            seed, held = self._seed(), None
            if stopping:
                rows, others = held_out(len(data), self.validation_fraction, task.targets.strata(data.y), seed)
                data, held = data.taken(rows), data.taken(others)
                if in_one_batch:
                    data = data.distinct().normalized()
            elif self.metrics:
                raise ValueError(
                    f"metrics must come with early_stopping, which holds data out; received {self.metrics}"
                )
            net = self.network_ if going_on else self.begin(task, data, seed)
            if going_on and rate_falls(self):
                net.training_state = TrainingState()  # the rate starts again from its highest
            self._train(net, training_for(self, len(data)), task, data, held, going_on)
        return self

    def learn_on(self, X: Any, y: Any, sample_weight: Any, lengths: Any, targets: Any = None) -> Self:
        """Do what `partial_fit` does; the caller may know all labels that will come."""
        going_on = hasattr(self, "network_")
        with as_before(self, "task_"):
            task, data = self._read(X, y, sample_weight, lengths, going_on, targets)
            data = data.weighted(self.weights_for(data, task.targets))
            net = self.network_ if going_on else self.begin(task, data, self._seed())
            how = {**training_for(self, len(data)), "epochs": 1}
            if rate_falls(self):  # its schedule ends with the last epoch, which is not known here
                how["optimizer"] = replace(how["optimizer"], lr=how["optimizer"].lr.lr)
            self._train(net, how, task, data, None, going_on)
        return self

    def _read(
        self, X: Any, y: Any, sample_weight: Any, lengths: Any, going_on: bool, targets: Any = None
    ) -> tuple[Task, Data]:
        """Check samples and targets, and leave out those with a weight of 0."""
        settings = {name: _kept(getattr(self, name)) for name in _OF_THE_NETWORK}
        if going_on:
            _check_unchanged(self.task_.settings, settings)
        inputs = self.task_.inputs if going_on else Inputs(self, X)
        x = inputs.read(self, X, lengths, as_dtype(self.dtype), first=not going_on)
        y = self.checked(self.wanted(y, x, inputs), lengths)
        weights = as_weights(sample_weight, len(x))
        lengths = None if lengths is None else np.asarray(lengths)
        check_consistent_length(x, y, lengths)
        rows = ... if weights is None or weights.all() else np.flatnonzero(weights)
        targets = self.task_.targets if going_on else targets or self.targets_for(y[rows])
        parts = (None if part is None else part[rows] for part in (weights, lengths))
        return Task(inputs, targets, settings), Data(x[rows], targets.read(y[rows]), *parts)

    def _seed(self) -> int:
        """Return the seed. An integer is used as it is: RandomState would take 0.1 ms to draw one from it."""
        if isinstance(self.random_state, Integral):
            return as_int(self.random_state, "random_state", least=0, most=(1 << 32) - 1)
        return int(check_random_state(self.random_state).randint(_SEEDS))

    def chosen_loss(self) -> Loss | None:
        """Return the loss, if one was chosen."""
        return None if self.loss is None else as_loss(self.loss)

    def has_own_scale(self) -> bool:
        """Return whether the network has been built before: its outputs then have a scale of their own."""
        return isinstance(self.network, Sequential) and hasattr(self.network, "dtype")

    def begin(self, task: Task, data: Data, seed: int) -> Sequential:
        """Return a new network."""
        targets = task.targets
        net = network_for(
            self, Wanted(data.x.shape[1:], targets.outputs, targets.columns, task.inputs.categories), seed
        )
        targets.fit_to(net, data)
        return net if self.has_own_scale() else net.adapt(data.x, lengths=data.lengths)

    def _train(
        self, net: Sequential, how: dict[str, Any], task: Task, data: Data, held: Data | None, going_on: bool
    ) -> None:
        """Train, and keep the result however training ends once it has begun, unless it diverges."""
        before, targets = net.history, task.targets
        stopping = [] if held is None else [EarlyStopping(patience=self.patience)]
        validation = None if held is None else (held.x, targets.targets(held.y), held.lengths, held.weights)
        callbacks = [*as_list(self.callbacks, "callbacks", "callbacks"), *stopping]
        metrics = targets.measured_by(as_metrics(self.metrics)) if held else ()
        diverged = False
        try:
            net.fit(
                data.x, targets.targets(data.y), sample_weight=data.weights, lengths=data.lengths,
                validation_data=validation, metrics=metrics, callbacks=callbacks, verbose=self.verbose,
                **{**how, "loss": targets.loss},
            )  # fmt: skip
        except DivergenceError:
            diverged = True
            raise
        finally:
            if net.history is not None and net.history is not before and not diverged:
                earlier = self.loss_curve_ if going_on else []
                self.network_, self.task_, self.history_ = net, task, net.history
                self.loss_curve_ = [*earlier, *net.history.history.get("loss", [])]
                self.n_iter_ = len(self.loss_curve_)

    def read_samples(self, X: Any, lengths: Any) -> Array:
        """Return samples, checked against those of `fit`."""
        check_is_fitted(self)
        return self.task_.inputs.read(self, X, lengths, self.network_.dtype, first=False)

    def outputs_of(self, X: Any, lengths: Any) -> Array:
        """Return the network's outputs, without a last activation that is part of the loss."""
        x, net = self.read_samples(X, lengths), self.network_
        samples = as_batch(net, x, lengths, may_wait=True)
        with net.turn.lock:
            plan = net.plan_for(samples.shape)
            return predicted(plan, samples, net.states_for(len(samples)), self.task_.targets.leaves_out)


def partial_fit_is_meant(estimator: NetEstimator) -> bool:
    """Check that no metrics are set: `partial_fit` holds no samples out to measure them on."""
    if estimator.early_stopping or estimator.metrics:
        raise AttributeError("partial_fit holds nothing out: early_stopping must be False, and metrics empty")
    return True


def _kept(setting: Any) -> Any:
    """Copy a setting: its owner may change a list later."""
    return list(setting) if isinstance(setting, list) else setting


def _check_unchanged(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Check that the settings of the network are those it was made with."""
    for name, value in now.items():
        old = before[name]
        if value is not old and (isinstance(value, Sequential) or repr(value) != repr(old)):
            raise ValueError(
                f"{name} must stay as it was while a network is trained further, {old!r}; received {value!r}: "
                "with warm_start=False fit begins anew"
            )
