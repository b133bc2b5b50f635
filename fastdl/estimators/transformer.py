"""NetTransformer: the outputs of a hidden layer as features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.multiclass import type_of_target

from .._types import Array, ArrayLike
from ..callbacks import Callback
from ..layers.container import named_within
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
    """The outputs of a hidden layer of a network trained to predict labels, numbers or its own inputs.

    The parameters are those of `NetClassifier`, except ``class_weight``, and one more.

    Parameters
    ----------
    layer : int or str
        The layer whose outputs are the new features, by its place in the network or its name; by default the last but
        one.

    Attributes
    ----------
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
    Trained with labels, as scikit-learn's ``type_of_target`` recognises them, it learns as `NetClassifier` does. With
    numbers, or with a loss that does not fit labels, it learns as `NetRegressor` does. With neither it learns to
    reproduce X (N, F): it is an autoencoder.
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
            The weight of each sample; the mean of all makes no difference.
        lengths : array_like of int, shape (N,), optional
            How many steps of each sequence count.

        Returns
        -------
        NetTransformer
            Itself.
        """
        return self.learn(X, y, sample_weight, lengths)

    def transform(self, X: Any, lengths: ArrayLike | None = None) -> Array:
        """Compute the layer's outputs.

        Parameters
        ----------
        X, lengths
            As for `fit`.

        Returns
        -------
        ndarray, shape (N, features)
            In the network's dtype; outputs with more axes are flattened to rows.
        """
        x = self.read_samples(X, lengths)
        given = self.network_.activations(x, self.layer, lengths=lengths)
        return given.reshape(len(given), -1)

    @property
    def _n_features_out(self) -> int:
        """The number of columns that `transform` gives, from which scikit-learn makes their names."""
        net, layer = self.network_, self.layer
        return prod((named_within(net)[layer] if isinstance(layer, str) else net.layers[layer]).output_shape)

    def begin(self, task: Task, data: Data, seed: int) -> Sequential:  # noqa: D102
        net = super().begin(task, data, seed)
        net.activations(data.x[:1], self.layer)  # raises now if there is no such layer
        return net

    def wanted(self, y: Any, x: Array, inputs: Inputs) -> Any:  # noqa: D102
        if y is not None:
            return y
        if inputs.categories:
            raise ValueError("y must be given where X has categories, whose codes are no numbers; received None")
        return x.reshape(len(x), -1)

    def checked(self, y: Any, lengths: Any) -> Array:  # noqa: D102
        return as_labels(y) if self._are_labels(y) else as_numbers(y, lengths)

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
