"""NetClassifier: a network that predicts labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import ClassifierMixin

from .._types import Array, ArrayLike
from ..callbacks import Callback
from ..losses import Loss
from ..losses.choice import AnyLoss
from ..metrics.choice import AnyMetric
from ..optimizers import Optimizer
from ..recipes.tables import TABULAR_LOSS
from .available import available_if
from .base import NetEstimator, partial_fit_is_meant
from .data import Data
from .labels import ERRORS, Labels, SeveralLabels, YesOrNo, as_labels, learned, named
from .networks import AnyNetwork, is_tabular
from .weights import times_class_weights

if TYPE_CHECKING:
    from typing_extensions import Self


def _gives_probabilities(estimator: NetClassifier) -> bool:
    """Return whether it predicts probabilities: not with a loss of errors."""
    if hasattr(estimator, "network_"):
        return not isinstance(estimator.task_.targets.loss, ERRORS)
    return not isinstance(estimator.loss, ERRORS) and estimator.loss not in [kind.name for kind in ERRORS]


class NetClassifier(ClassifierMixin, NetEstimator):
    """A network that predicts labels.

    Parameters
    ----------
    network : Sequential, function or "tabular", optional
        The network, a copy of which is trained; one that has been built starts from its parameters. Or a function that
        takes the number of features (or the shape of a sample, where it has more axes) and the number of outputs, and
        gives a Sequential: best without ``input_shape``, so that `dtype` and `random_state` apply to it. Or
        ``"tabular"``: the network for tables of `recipes.tabular`, trained as it says. By default dense layers.
    hidden : sequence of int, or int
        The sizes of the dense hidden layers; there may be none. For ``"tabular"`` all sizes must be the same: the first
        layer's and the residual blocks'.
    activation : str
        The activation of the hidden layers. `hidden` and `activation` are errors where `network` does not use them.
    loss : str, Loss or function, optional
        As in `Sequential.fit`.
    optimizer : Optimizer, optional
        By default AdamW with a weight decay of 0.5, except for biases, and a learning rate that falls along a cosine
        from 0.01 to 0; with your own network, Adam.
    lr : float or callable, optional
        The learning rate, or a function of the step, instead of the optimizer's own. Without an optimizer and without
        your own network, the rate from which the cosine falls.
    epochs, batch_size : int, optional
        The number of epochs, and of samples in a step. By default 20 epochs, or more until there are 100 steps, and 32
        samples; with your own network 100 epochs.
    early_stopping : bool
        Whether to hold samples out and measure their loss after each epoch: training stops when it no longer falls,
        and restores the parameters of the best epoch.
    validation_fraction : float
        The share of samples held out, with the same share of every class, or of small and large targets.
    patience : int
        Training stops after this many epochs without a new best one.
    warm_start : bool
        Whether `fit` continues with the network of the last call, its loss and the optimizer's moments. A rate that
        falls starts anew, with new moments. `loss`, `dtype` and the settings of the network must stay as they were.
    random_state : int, RandomState or None
        The seed of the initial parameters, the samples held out, the shuffling and the random layers.
    categorical_features : sequence of str or int, optional
        Columns that hold categories, besides the columns of a data frame that are not numeric. Dense layers and
        ``"tabular"`` learn a vector for each category; another network is given codes, where 0 stands for unknown
        categories.
    missing : {"error", "embed"}
        Whether missing values are an error. With ``"embed"`` a missing category is one more category; a missing number
        becomes its column's median, and a further column tells which values were missing.
    metrics : sequence of str or callable
        Measured on the samples held out; `history_` has them.
    callbacks : sequence of Callback
        As in `Sequential.fit`.
    verbose : {0, 1, "bar"}
        As in `Sequential.fit`.
    dtype : {"float32", "float64"}
        The type of the parameters and of the computation.
    class_weight : dict, "balanced" or list of dict, optional
        A weight for each label, which multiplies the weights of its samples; ``"balanced"`` gives all classes the same
        total weight. With several columns of labels, a dict for each; the weights of a sample's labels are multiplied.

    Attributes
    ----------
    classes_ : ndarray, or list of ndarray
        The labels, sorted. With several columns of labels, a list with those of each; where any number of labels may
        hold (rows of 0 and 1), the numbers of the columns.
    network_ : Sequential
        The trained network.
    loss_curve_ : list of float
        The loss of each epoch.
    n_iter_ : int
        The number of epochs.
    history_ : History
        The figures of each epoch of the last call.
    n_features_in_ : int
        The number of features, where samples are rows of numbers.
    feature_names_in_ : ndarray of str
        The names of the columns of a data frame.

    Notes
    -----
    Two classes have one output and binary cross-entropy; more classes have an output each and cross-entropy. Where any
    number of labels may hold (rows of 0 and 1), each has an output and binary cross-entropy; where each sample has
    several labels, each has a row of outputs and cross-entropy. Losses of errors compare outputs with 1 for the label
    and 0 for the others, and give no probabilities. A loss function of your own is given integers from 0 on, the places
    of the labels in `classes_`, or rows of 0 and 1; the network's outputs are probabilities if it ends in a sigmoid or
    softmax, otherwise logits.
    """

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
        class_weight: Any = None,
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
        super().__init__(
            network, hidden=hidden, activation=activation, loss=loss, optimizer=optimizer, lr=lr, epochs=epochs,
            batch_size=batch_size, early_stopping=early_stopping, validation_fraction=validation_fraction,
            patience=patience, warm_start=warm_start, random_state=random_state,
            categorical_features=categorical_features, missing=missing, metrics=metrics, callbacks=callbacks,
            verbose=verbose, dtype=dtype,
        )  # fmt: skip
        self.class_weight = class_weight

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags

    @property
    def classes_(self) -> Any:
        """The labels, sorted; those of each column where there are several, the columns' numbers of 0 and 1."""
        labels = self.task_.targets
        if isinstance(labels, YesOrNo):
            return np.arange(len(labels.classes))
        return labels.classes if isinstance(labels, SeveralLabels) else labels.classes[0]

    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> Self:
        """Learn.

        Parameters
        ----------
        X : array_like, data frame or sparse, shape (N, F), or array_like, shape (N, ...)
            Rows of numbers, or images or sequences as the network takes them.
        y : array_like, shape (N,) or (N, K)
            Labels of any type; rows of 0 and 1 where any number of labels may hold; or several labels a sample.
        sample_weight : array_like, shape (N,), optional
            The weight of each sample; the mean of all makes no difference.
        lengths : array_like of int, shape (N,), optional
            How many steps of each sequence count.

        Returns
        -------
        NetClassifier
            Itself.
        """
        return self.learn(X, y, sample_weight, lengths)

    @available_if(partial_fit_is_meant)
    def partial_fit(
        self,
        X: Any,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
    ) -> Self:
        """Continue the training with one pass over these samples; none are held out.

        Parameters
        ----------
        X, y, lengths
            As for `fit`.
        classes : array_like, optional
            All labels that will ever come, needed in the first call; with several columns of y, a list of those of
            each.
        sample_weight : array_like, shape (N,), optional
            Used as given, so that the weights of one call are comparable to those of another.

        Returns
        -------
        NetClassifier
            Itself.
        """
        if classes is None:
            if not hasattr(self, "network_"):
                raise ValueError("classes must be given in the first call of partial_fit; received None")
            return self.learn_on(X, y, sample_weight, lengths)
        labels = named(y, classes)
        if hasattr(self, "network_"):
            known = self.task_.targets.classes
            if len(known) != len(labels.classes) or not all(map(np.array_equal, known, labels.classes)):
                raise ValueError(f"classes must be those of the first call, {self.classes_}; received {classes}")
            return self.learn_on(X, y, sample_weight, lengths)
        labels.train_by(self._loss_for(labels))
        return self.learn_on(X, y, sample_weight, lengths, labels)

    def predict(self, X: Any, lengths: ArrayLike | None = None) -> Array:
        """Predict labels.

        Parameters
        ----------
        X, lengths
            As for `fit`.

        Returns
        -------
        ndarray, shape (N,) or (N, K)
        """
        outputs = self.outputs_of(X, lengths)
        told: Array = self.task_.targets.told(outputs)
        return told

    def decision_function(self, X: Any, lengths: ArrayLike | None = None) -> Any:
        """Compute the logits from which labels are predicted.

        Parameters
        ----------
        X, lengths
            As for `fit`.

        Returns
        -------
        ndarray, shape (N,), (N, C) or (N, K), or a list
            With two classes (N,), the logit of the second, which is predicted where it is above 0. With C classes
            (N, C), a logit for each. With K labels that may hold at once (N, K), a logit for each, limited to -20 and
            20, beyond which probabilities would all be 1. With several columns of labels, a list of (N, C) for each.
        """
        outputs = self.outputs_of(X, lengths)
        return self.task_.targets.decisions(outputs)

    @available_if(_gives_probabilities)
    def predict_proba(self, X: Any, lengths: ArrayLike | None = None) -> Any:
        """Compute probabilities. The loss must be a cross-entropy or a function of your own.

        Parameters
        ----------
        X, lengths
            As for `fit`.

        Returns
        -------
        ndarray of float64, shape (N, C) or (N, K), or a list
            The probability of each of C classes, or of each of K labels that may hold at once; with several columns of
            labels, a list of (N, C) for each.
        """
        # In float32 outputs beyond 17 would have the same probability.
        outputs = self.outputs_of(X, lengths).astype(np.float64)
        return self.task_.targets.probabilities(outputs)

    def score(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> float:
        """Compute the accuracy: the share of samples whose labels are all predicted.

        Parameters
        ----------
        X, y, lengths
            As for `fit`.
        sample_weight : array_like, shape (N,), optional

        Returns
        -------
        float
        """
        return float(self.task_.targets.score(y, self.predict(X, lengths), sample_weight))

    def checked(self, y: Any, lengths: Any) -> Array:  # noqa: D102
        return as_labels(y)

    def targets_for(self, y: Array) -> Labels:  # noqa: D102
        labels = learned(y)
        labels.train_by(self._loss_for(labels))
        return labels

    def _loss_for(self, labels: Labels) -> Loss | None:
        loss = self.chosen_loss()
        return TABULAR_LOSS if loss is None and is_tabular(self) and not isinstance(labels, YesOrNo) else loss

    def weights_for(self, data: Data, targets: Labels) -> Array | None:  # noqa: D102
        return times_class_weights(data.weights, self.class_weight, data.y, targets)
