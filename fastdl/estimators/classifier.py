"""NetClassifier: a network that tells labels."""

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
from ..recipes import TABULAR_LOSS
from .available import available_if
from .base import NetEstimator, partial_fit_is_meant
from .data import Data
from .labels import ERRORS, Labels, SeveralLabels, YesOrNo, as_labels, learned, named
from .networks import AnyNetwork, is_tabular
from .weights import times_class_weights

if TYPE_CHECKING:
    from typing_extensions import Self


def _gives_probabilities(estimator: NetClassifier) -> bool:
    """Tell whether its outputs are logits."""
    if hasattr(estimator, "network_"):
        return not isinstance(estimator.task_.targets.loss, ERRORS)
    return not isinstance(estimator.loss, ERRORS) and estimator.loss not in [kind.name for kind in ERRORS]


class NetClassifier(ClassifierMixin, NetEstimator):
    """A network that tells labels.

    Parameters
    ----------
    network : Sequential, function or "tabular", optional
        What is trained a copy of; one that has been built goes on from its parameters. Or a function of the number of
        features, or of a sample's shape where it has more axes, and of the number of outputs, which gives a Sequential:
        best without ``input_shape``, so that `dtype` and `random_state` hold for it. Or the network for tables of
        `recipes.tabular`, trained as it says. Dense layers where not given.
    hidden : sequence of int, or int
        The sizes of dense hidden layers, which may be none. For tables all alike: the first, and the residual blocks'.
    activation : str
        Of these. Both are errors where ``network`` leaves them no meaning.
    loss : str, Loss or function, optional
        As `Sequential.fit` takes it.
    optimizer : Optimizer, optional
        Where not given, AdamW with a weight decay of 0.5, but of biases, whose rate falls by a cosine from 0.01 to
        nothing; with a network of one's own, Adam.
    lr : float or callable, optional
        The learning rate, or a function of the step, instead of the optimizer's own; where neither an optimizer nor a
        network of one's own is given, that from which the rate falls.
    epochs, batch_size : int, optional
        How often training goes through all samples, and how many of them make a step. Where not given, 20 times, or
        more for 100 steps, and 32; with a network of one's own, 100 times.
    early_stopping : bool
        Whether samples are held out to be measured after each epoch: training ends where their loss does not fall any
        more, and goes back to the parameters of the best epoch.
    validation_fraction : float
        How much is held out, with its share of every class, or of small and large targets.
    patience : int
        After so many epochs that are no better than the best one.
    warm_start : bool
        Whether `fit` goes on with the network of the last call, its loss and the optimizer's moments; a rate that falls
        does so anew, with new moments. Settings that make the network, `loss` and `dtype` must stay as they were.
    random_state : int, RandomState or None
        Of the initial parameters, what is held out, the shuffling and random layers.
    categorical_features : sequence of str or int, optional
        Columns that hold categories, beside those of a data frame that hold no numbers. Categories have vectors, that
        are learned, before dense layers and in the network for tables; others are given their codes, from 0 on, that of
        unknown ones.
    missing : {"error", "embed"}
        Whether missing values are refused, or those of a column of categories are one more, and those of numbers its
        median, with a column that tells which they are.
    metrics : sequence of str or callable
        Measured on what is held out; they are in `history_`.
    callbacks : sequence of Callback
    verbose : {0, 1, "bar"}
        As of `Sequential.fit`.
    dtype : {"float32", "float64"}
    class_weight : dict, "balanced" or list of dict, optional
        A weight for each label, multiplied with those of its samples; "balanced" lets all classes count alike. Where
        there are several columns of labels, a dict for each; weights are multiplied over columns.

    Attributes
    ----------
    classes_ : ndarray, or list of ndarray
        The labels, sorted; of several columns a list of each one's, and where labels are 0 and 1 the columns' numbers.
    network_ : Sequential
        What has been trained.
    loss_curve_ : list of float
        The loss of each epoch.
    n_iter_ : int
        How many epochs there were.
    history_ : History
        The figures of each epoch of the last call.
    n_features_in_ : int
        Of samples that are rows of numbers.
    feature_names_in_ : ndarray of str
        Of a data frame with such names.

    Notes
    -----
    Of two classes one output tells, by binary cross-entropy; of more there is an output for each, by cross-entropy;
    where any number of labels may hold, rows of 0 and 1, one for each, by binary cross-entropy; where there are several
    labels for each sample, a row of outputs for each, by cross-entropy. Losses of errors compare outputs with 1 for the
    label and 0 for others; they give no probabilities. A function of one's own is given integers from 0 on, the places
    of labels among the classes, or rows of 0 and 1; its outputs are probabilities where the network ends in a sigmoid
    or softmax, else logits.
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
            How much each sample counts. Their mean makes no difference.
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
        """Go on learning, once through these samples; nothing is held out.

        Parameters
        ----------
        X, y, lengths
            As of `fit`.
        classes : array_like, optional
            All labels that there will be, needed in the first call; a list of them where y has several columns.
        sample_weight : array_like, shape (N,), optional
            As it is: weights of one call count beside those of others.

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
        """Tell labels.

        Parameters
        ----------
        X, lengths
            As of `fit`.

        Returns
        -------
        ndarray, shape (N,) or (N, K)
        """
        outputs = self.outputs_of(X, lengths)
        told: Array = self.task_.targets.told(outputs)
        return told

    def decision_function(self, X: Any, lengths: ArrayLike | None = None) -> Any:
        """Give the numbers that labels are told by.

        Parameters
        ----------
        X, lengths
            As of `fit`.

        Returns
        -------
        ndarray, shape (N,), (N, C) or (N, K), or a list
            Of two classes the second one's logit, above 0 where it is told; of C classes the logit of each; of K that
            may hold at once the logit of each, from -20 to 20, between which probabilities are in its order; of several
            columns a list of those of each, (N, C).
        """
        outputs = self.outputs_of(X, lengths)
        return self.task_.targets.decisions(outputs)

    @available_if(_gives_probabilities)
    def predict_proba(self, X: Any, lengths: ArrayLike | None = None) -> Any:
        """Give probabilities, where the loss takes outputs for logits: cross-entropies, and functions of one's own.

        Parameters
        ----------
        X, lengths
            As of `fit`.

        Returns
        -------
        ndarray of float64, shape (N, C) or (N, K), or a list
            Of C classes, of K that may hold at once, or of several columns a list of those of each, (N, C).
        """
        # In float32 outputs beyond 17 would have the same probability.
        outputs = self.outputs_of(X, lengths).astype(np.float64)
        return self.task_.targets.probabilities(outputs)

    def score(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> float:
        """Give the accuracy: the share of samples all of whose labels are told.

        Parameters
        ----------
        X, y, lengths
            As of `fit`.
        sample_weight : array_like, shape (N,), optional

        Returns
        -------
        float
        """
        return float(self.task_.targets.score(y, self.predict(X, lengths), sample_weight))

    def checked(self, y: Any) -> Array:  # noqa: D102
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
