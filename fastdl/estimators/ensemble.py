"""NetEnsemble: networks trained side by side, whose predictions are averaged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.utils import check_consistent_length, check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted

from .._crew import side_by_side
from .._hints.arguments import ArgumentHints
from .._threads import get_num_threads
from .._types import Array, ArrayLike
from .._validation.values import as_flag, as_int
from ..callbacks.checks import check_files_differ
from ..losses import Loss, Quantile, SquaredError
from .available import available_if
from .bags import bag, in_order
from .classifier import NetClassifier
from .columns import holds_categories
from .data import held_out
from .inputs import as_before, numbers_of, reads_tables, rows_of, table_of
from .labels import Labels, SeveralLabels, YesOrNo, as_labels, learned
from .numbers import Numbers, as_numbers
from .regressor import NetRegressor
from .selection import selected
from .weights import as_weights

if TYPE_CHECKING:
    from typing_extensions import Self

_SEEDS = 1 << 31
_LEAST = 1e-7  # the lowest probability that a selection takes a member at its word for


class NetEnsemble(MetaEstimatorMixin, ArgumentHints, BaseEstimator):
    """Networks trained side by side, one on each thread, whose probabilities or numbers are averaged.

    Parameters
    ----------
    estimator : NetClassifier, NetRegressor or list of either
        The estimator that the members are copies of; with a list, all of one kind, they are copies of each in turn.
    members : int
        The number of members, each with its own random state.
    bags : bool
        Whether each member learns from its own samples, drawn with replacement (Breiman 1996): as many as there are,
        and as many of each class where a sample has one. Otherwise all members learn from all samples, and differ only
        in their seeds.
    select : int
        The number of rounds of a greedy selection on samples held out (Caruana et al. 2004); 0 weights all members
        equally. Each round chooses the member, a new one or again one chosen before, that makes the mean of those
        chosen best. The rounds up to the best one count: a member's weight is how often they chose it. The best mean
        has the lowest cross-entropy, or, for numbers, the lowest loss of the members, each output in its own scale; if
        their losses differ, the lowest squared error.
    validation_fraction : float
        The share of samples held out for the selection, with the same share of every class, or of small and large
        targets. Fewer are held out where a class would otherwise have no sample left.
    random_state : int, RandomState or None
        The seed of the members' random states, of the bags and of the samples held out.

    Attributes
    ----------
    estimators_ : list of NetClassifier or NetRegressor
        The trained members.
    weights_ : ndarray, shape (members,)
        The weight of each member; the sum is 1.
    classes_ : ndarray, or list of ndarray
        The labels, as `NetClassifier` has them; a classifier's only.
    n_features_in_ : int
        The number of features, where samples are rows of numbers.
    feature_names_in_ : ndarray of str
        The names of the columns of a data frame.

    Notes
    -----
    `fastdl.get_num_threads` members are trained at a time. Whatever their number, each member becomes what its own
    `fit` would make of it, to the bit. An error in one ends the training of all.

    The members of a classifier must give probabilities; those of a regressor must all predict the same, such as the
    same quantiles. Callbacks must not write to the same file for several members.
    """

    def __init__(
        self,
        estimator: Any,
        *,
        members: int = 10,
        bags: bool = False,
        select: int = 0,
        validation_fraction: float = 0.2,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.members = members
        self.bags = bags
        self.select = select
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags, of_members = super().__sklearn_tags__(), get_tags(_all(self.estimator)[0])
        tags.estimator_type = of_members.estimator_type
        tags.classifier_tags, tags.regressor_tags = of_members.classifier_tags, of_members.regressor_tags
        tags.target_tags, tags.input_tags = of_members.target_tags, of_members.input_tags
        return tags

    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> Self:
        """Learn.

        Parameters
        ----------
        X : array_like, data frame or sparse, shape (N, F), or array_like, shape (N, ...)
            Rows of numbers, or images or sequences as the networks take them.
        y : array_like, shape (N,) or (N, K)
            Targets, as the members take them.
        sample_weight : array_like, shape (N,), optional
            The weight of each sample.
        lengths : array_like of int, shape (N,), optional
            How many steps of each sequence count.

        Returns
        -------
        NetEnsemble
            Itself.
        """
        with as_before(self, "estimators_", "_targets", "_of_tables"):
            self._learn(X, y, sample_weight, lengths)
        return self

    def _learn(self, X: Any, y: Any, sample_weight: Any, lengths: Any) -> None:
        members, draws = self._members()
        rounds, in_bags = as_int(self.select, "select", least=0), as_flag(self.bags, "bags")
        self._of_tables = holds_categories(X) or any(map(reads_tables, _all(self.estimator)))
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        x = self._samples(X, lengths, first=True)
        y = as_labels(y) if is_classifier(self) else as_numbers(y, lengths)
        lengths = None if lengths is None else np.asarray(lengths)
        check_consistent_length(x, y, lengths)
        weights = as_weights(sample_weight, len(x))
        rows = np.arange(len(x)) if weights is None else np.flatnonzero(weights)
        weights = None if weights is None else weights[rows]
        self._targets: Labels | Numbers = (
            learned(y[rows]) if is_classifier(self) else Numbers(y.shape[1:], self._loss(), own_scale=False)
        )
        if rounds and lengths is not None and y.ndim == 2 and isinstance(self._targets, Numbers):
            raise ValueError(f"select must be 0 for a number for each step where lengths are given; received {rounds}")
        codes = self._targets.read(y[rows])
        whole = len(rows) == len(x) and not in_bags and not rounds
        if in_bags or rounds:
            order, weights = in_order(rows_of(x, rows), codes, weights)
            rows, codes = rows[order], codes[order]
        if rounds:
            self._targets.settle(codes, weights)
            seed = int(draws.randint(_SEEDS))
            alike = self._targets.strata(codes) if isinstance(self._targets, Numbers) else codes
            chosen, others = held_out(len(rows), self.validation_fraction, alike, seed)
            held, of_held = rows[others], None if weights is None else weights[others]
            rows, codes, weights = rows[chosen], codes[chosen], None if weights is None else weights[chosen]
            if is_classifier(self):
                self._targets = learned(y[rows])  # the classes that members are given, which are all
            held_codes = self._targets.read(y[held])
        free = isinstance(self._targets, (Numbers, YesOrNo))
        strata = np.zeros(len(rows), int) if free else np.unique(codes, axis=0, return_inverse=True)[1].reshape(-1)

        def learn(member: Any, places: Any, _: Callable[[Any], None]) -> None:
            part = slice(None) if whole else rows[places]
            own = None if weights is None else weights[places]
            member.fit(rows_of(x, part), y[part], sample_weight=own, lengths=_of(lengths, part))

        jobs = [partial(learn, member, bag(strata, draws) if in_bags else ...) for member in members]
        list(side_by_side(jobs, min(get_num_threads(), len(members))))
        counts = np.full(len(members), 1 / len(members))
        if rounds:
            told = [_told(member, rows_of(x, held), _of(lengths, held)) for member in members]
            counts = selected(told, partial(self._error, held_codes, of_held), rounds)
        self.estimators_, self.weights_ = members, counts

    @property
    def classes_(self) -> Any:
        """The labels, as `NetClassifier` has them."""
        check_is_fitted(self)
        return self.estimators_[0].classes_

    def predict(self, X: Any, lengths: ArrayLike | None = None) -> Array:
        """Predict labels by the members' mean probabilities, or numbers as the mean of the members' numbers.

        Parameters
        ----------
        X, lengths
            As for `fit`.

        Returns
        -------
        ndarray
            As the members' own.
        """
        mean = self._mean(X, lengths)
        if isinstance(self._targets, Numbers):
            numbers: Array = mean[0]
            return numbers
        if isinstance(self._targets, YesOrNo):
            return self._targets.told(mean[0] - 0.5)
        if not isinstance(self._targets, SeveralLabels):
            return self._targets.told(mean[0])
        most = max(column.shape[1] for column in mean)
        return self._targets.told(np.stack([np.pad(p, [(0, 0), (0, most - p.shape[1])]) for p in mean], axis=1))

    @available_if(is_classifier)
    def predict_proba(self, X: Any, lengths: ArrayLike | None = None) -> Any:
        """Compute the mean of the members' probabilities.

        Parameters
        ----------
        X, lengths
            As for `fit`.

        Returns
        -------
        ndarray, or a list
            As the members' own.
        """
        mean = self._mean(X, lengths)
        return mean if isinstance(self._targets, SeveralLabels) else mean[0]

    def score(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, lengths: ArrayLike | None = None
    ) -> float:
        """Compute the members' score: the accuracy, where all labels of a sample must be right, or R², or D².

        Parameters
        ----------
        X, y, lengths
            As for `fit`.
        sample_weight : array_like, shape (N,), optional

        Returns
        -------
        float
        """
        told = self.predict(X, lengths)
        if is_classifier(self):
            return self._targets.score(y, told, sample_weight)
        return float(self.estimators_[0].task_.targets.score(y, told, sample_weight, lengths))

    def _members(self) -> tuple[list[Any], np.random.RandomState]:
        """Make the untrained members, and the generator of all other random numbers."""
        kinds, count = _all(self.estimator), as_int(self.members, "members")
        for kind in kinds:
            if not isinstance(kind, (NetClassifier, NetRegressor)) or is_classifier(kind) != is_classifier(self):
                raise TypeError(
                    f"estimator must be a NetClassifier or a NetRegressor, or a list of one kind; received {kind!r}"
                )
            if is_classifier(kind) and not hasattr(kind, "predict_proba"):
                raise ValueError(f"estimator must give probabilities; received one that does not, {kind!r}")
        draws = check_random_state(self.random_state)
        seeds = draws.randint(_SEEDS, size=count).tolist()
        members = [clone(kinds[k % len(kinds)]).set_params(random_state=seeds[k]) for k in range(count)]
        check_files_differ([member.callbacks for member in members], "estimators_")
        return members, draws

    def _loss(self) -> Loss:
        """Return the loss of the regressors, or the squared error if their losses differ; all must predict the same."""
        losses = [kind.chosen_loss() or SquaredError() for kind in _all(self.estimator)]
        levels = [loss.levels if isinstance(loss, Quantile) else None for loss in losses]
        for loss, predicted in zip(losses, levels, strict=True):
            if predicted != levels[0]:
                raise ValueError(
                    f"estimator must be one of losses that predict the same; received {losses[0]} and {loss}"
                )
        return losses[0] if all(loss == losses[0] for loss in losses) else SquaredError()

    def _samples(self, X: Any, lengths: Any, first: bool) -> Any:
        """Return checked samples. A table stays as it is: each member reads it itself."""
        if self._of_tables:
            return table_of(self, X, True, first)
        return numbers_of(self, X, lengths, np.result_type(*(kind.dtype for kind in _all(self.estimator))), first)

    def _mean(self, X: Any, lengths: Any) -> list[Array]:
        """Return the mean of the members' predictions, a list of columns."""
        check_is_fitted(self)
        x = self._samples(X, lengths, first=False)
        counting = [(member, weight) for member, weight in zip(self.estimators_, self.weights_, strict=True) if weight]
        weighted = [[weight * column for column in _told(member, x, lengths)] for member, weight in counting]
        return [sum(columns[1:], columns[0]) for columns in zip(*weighted, strict=True)]

    def _error(self, wanted: Array, weights: Array | None, told: list[Array]) -> float:
        """Compute the mean loss of predictions: of numbers the members' own, of labels the cross-entropy."""
        if isinstance(self._targets, Numbers):
            errors = self._targets.errors(told[0], wanted)[:, None]
        elif isinstance(self._targets, YesOrNo):
            errors = -np.log(np.maximum(np.where(wanted, told[0], 1 - told[0]), _LEAST))
        else:
            columns = zip(told, wanted.reshape(len(wanted), -1).T, strict=True)
            chances = [np.take_along_axis(column, labels[:, None], axis=1) for column, labels in columns]
            errors = -np.log(np.maximum(np.hstack(chances), _LEAST))
        return float(np.average(errors.sum(axis=1), weights=weights))


def _all(estimator: Any) -> Sequence[Any]:
    return estimator if isinstance(estimator, (list, tuple)) and estimator else [estimator]


def _of(lengths: Array | None, rows: Any) -> Array | None:
    return None if lengths is None else lengths[rows]


def _told(member: Any, x: Any, lengths: Any) -> list[Array]:
    """Return a member's predictions: numbers, or the probabilities of each column of labels."""
    told = member.predict_proba(x, lengths) if is_classifier(member) else member.predict(x, lengths)
    return told if isinstance(told, list) else [told]
