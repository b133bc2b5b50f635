"""NetRegressor: a network that predicts numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.base import RegressorMixin

from .._types import Array, ArrayLike
from .available import available_if
from .base import NetEstimator, partial_fit_is_meant
from .numbers import Numbers, as_numbers

if TYPE_CHECKING:
    from typing_extensions import Self


class NetRegressor(RegressorMixin, NetEstimator):
    """A network that predicts numbers.

    The parameters are those of `NetClassifier`, except ``class_weight``.

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
    The default loss is the squared error. For this loss, the absolute error and quantiles, targets are standardised
    during training, unless the network has been built before: so the outputs of ``network_.predict`` and the reported
    loss are those of standardised targets. A loss function of your own is given targets (n, K) as they are.

    With ``losses.Quantile(levels)`` predictions have one more axis: a number for each level.
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> Self:
        """Learn.

        Parameters
        ----------
        X : array_like, data frame or sparse, shape (N, F), or array_like, shape (N, ...)
            Rows of numbers, or images or sequences as the network takes them.
        y : array_like, shape (N,) or (N, K)
        sample_weight : array_like, shape (N,), optional
            The weight of each sample; the mean of all makes no difference.
        lengths : array_like of int, shape (N,), optional
            How many steps of each sequence count.

        Returns
        -------
        NetRegressor
            Itself.
        """
        return self.learn(X, y, sample_weight, lengths)

    @available_if(partial_fit_is_meant)
    def partial_fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> Self:
        """Continue the training with one pass over these samples; none are held out.

        Parameters
        ----------
        X, y, lengths
            As for `fit`. The first call determines the scale of targets.
        sample_weight : array_like, shape (N,), optional
            Used as given, so that the weights of one call are comparable to those of another.

        Returns
        -------
        NetRegressor
            Itself.
        """
        return self.learn_on(X, y, sample_weight, lengths)

    def predict(self, X: Any, lengths: ArrayLike | None = None) -> Array:
        """Predict numbers.

        Parameters
        ----------
        X, lengths
            As for `fit`.

        Returns
        -------
        ndarray of float64, shape (N,) or (N, K)
            For several levels, (N, levels) or (N, K, levels).
        """
        outputs = self.outputs_of(X, lengths)
        told: Array = self.task_.targets.predictions(outputs)
        return told

    def score(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> float:
        """Compute R²; for several levels, the mean over them of D², the same with the pinball loss.

        With a number for each step, all steps that count are one column.

        Parameters
        ----------
        X, y, lengths
            As for `fit`.
        sample_weight : array_like, shape (N,), optional

        Returns
        -------
        float
        """
        return float(self.task_.targets.score(y, self.predict(X, lengths), sample_weight, lengths))

    def checked(self, y: Any, lengths: Any) -> Array:  # noqa: D102
        return as_numbers(y, lengths)

    def targets_for(self, y: Array) -> Numbers:  # noqa: D102
        return Numbers(y.shape[1:], self.chosen_loss(), self.has_own_scale())
