"""NetTransformer: what a hidden layer of a network gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.multiclass import type_of_target

from .._types import Array, ArrayLike
from ..callbacks import Callback
from ..looking.inside import named_within
from ..losses import BinaryCrossEntropy, CrossEntropy
from ..losses.choice import AnyLoss
from ..metrics.choice import AnyMetric
from ..optimizers import Optimizer
from ..sequential import Sequential
from .base import NetEstimator, Task
from .data import Data
from .inputs import Inputs
from .labels import Labels, as_labels, learned
from .networks import AnyNetwork
from .numbers import Numbers, as_numbers

if TYPE_CHECKING:
    from typing_extensions import Self


class NetTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, NetEstimator):
    """What a hidden layer gives, of a network that has learned to tell labels or numbers, or its own inputs.

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
    layer : int or str
        The layer, by its place in the network or its name; the last but one as it is.

    Attributes
    ----------
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
    Trained with labels, which scikit-learn's ``type_of_target`` tells from numbers, it learns as `NetClassifier` does;
    with numbers, or by a loss that labels do not go with, as `NetRegressor`; without either it learns to give X (N, F)
    back: it is an autoencoder.
    """

    def __init__(
        self,
        network: AnyNetwork = None,
        *,
        layer: int | str = -2,
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
        super().__init__(
            network, hidden=hidden, activation=activation, loss=loss, optimizer=optimizer, lr=lr, epochs=epochs,
            batch_size=batch_size, early_stopping=early_stopping, validation_fraction=validation_fraction,
            patience=patience, warm_start=warm_start, random_state=random_state,
            categorical_features=categorical_features, missing=missing, metrics=metrics, callbacks=callbacks,
            verbose=verbose, dtype=dtype,
        )  # fmt: skip
        self.layer = layer

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        tags.target_tags.required = False
        return tags

    def fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
    ) -> Self:
        """Learn.

        Parameters
        ----------
        X : array_like, data frame or sparse, shape (N, F), or array_like, shape (N, ...)
            Rows of numbers, or images or sequences as the network takes them.
        y : array_like, shape (N,) or (N, K), optional
            Labels or numbers.
        sample_weight : array_like, shape (N,), optional
            How much each sample counts. Their mean makes no difference.
        lengths : array_like of int, shape (N,), optional
            How many steps of each sequence count.

        Returns
        -------
        NetTransformer
            Itself.
        """
        return self.learn(X, y, sample_weight, lengths)

    def transform(self, X: Any, lengths: ArrayLike | None = None) -> Array:
        """Give what the layer gives.

        Parameters
        ----------
        X, lengths
            As of `fit`.

        Returns
        -------
        ndarray, shape (N, features)
            Of the network's dtype; of images and sequences, rows of all their numbers.
        """
        x = self.read_samples(X)
        given = self.network_.activations(x, self.layer, lengths=lengths)
        return given.reshape(len(given), -1)

    @property
    def _n_features_out(self) -> int:
        """How many columns `transform` gives, which scikit-learn names them by."""
        net, layer = self.network_, self.layer
        return prod((named_within(net)[layer] if isinstance(layer, str) else net.layers[layer]).output_shape)

    def begin(self, task: Task, data: Data, seed: int) -> Sequential:  # noqa: D102
        net = super().begin(task, data, seed)
        net.activations(data.x[:1], self.layer)  # which says so now, if there is none
        return net

    def wanted(self, y: Any, x: Array, inputs: Inputs) -> Any:  # noqa: D102
        if y is not None:
            return y
        if inputs.categories:
            raise ValueError("y must be given where X has categories, whose codes are no numbers; received None")
        return x.reshape(len(x), -1)

    def checked(self, y: Any) -> Array:  # noqa: D102
        return as_labels(y) if self._are_labels(y) else as_numbers(y)

    def targets_for(self, y: Array) -> Labels | Numbers:  # noqa: D102
        loss = self.chosen_loss()
        if not self._are_labels(y):
            return Numbers(y.shape[1:], loss, self.has_own_scale())
        labels = learned(y)
        labels.train_by(loss)
        return labels

    def _are_labels(self, y: Any) -> bool:
        loss = self.chosen_loss()
        if isinstance(loss, (CrossEntropy, BinaryCrossEntropy)):
            return True
        return (loss is None or not loss.is_fused) and not type_of_target(y).startswith("continuous")
