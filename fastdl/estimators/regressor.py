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
    The loss is the squared error where none is given. For it, the absolute error and quantiles, targets are
    standardised while the network learns, unless it is one that has been built before: so its own outputs,
    ``network_.predict``, and the loss are of standardised targets. A function of one's own is given targets (n, K) as
    they are.

    With ``losses.Quantile(levels)`` predictions have an axis more, one number for each of several levels.
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
            How much each sample counts. Their mean makes no difference.
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
        """Go on learning, once through these samples; nothing is held out.

        Parameters
        ----------
        X, y, lengths
            As of `fit`. The first call tells the scale of targets.
        sample_weight : array_like, shape (N,), optional
            As it is: weights of one call count beside those of others.

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
            As of `fit`.

        Returns
        -------
        ndarray of float64, shape (N,) or (N, K)
            Of several levels (N, levels) or (N, K, levels).
        """
        outputs = self.outputs_of(X, lengths)
        told: Array = self.task_.targets.predictions(outputs)
        return told

    def score(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> float:
        """Give R², or of several levels the mean over them of D², the same of the pinball loss.

        Of a number for each step, all steps that count are one column.

        Parameters
        ----------
        X, y, lengths
            As of `fit`.
        sample_weight : array_like, shape (N,), optional

        Returns
        -------
        float
        """
        return float(self.task_.targets.score(y, self.predict(X, lengths), sample_weight, lengths))

    def checked(self, y: Any) -> Array:  # noqa: D102
        return as_numbers(y)

    def targets_for(self, y: Array) -> Numbers:  # noqa: D102
        return Numbers(y.shape[1:], self.chosen_loss(), self.has_own_scale())
