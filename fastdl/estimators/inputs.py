"""The samples of scikit-learn's users as arrays that networks take."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

from .._types import Array
from .._validation.arrays import check_unmasked
from .._validation.samples import checked_within
from .._validation.values import as_choice
from .columns import check_no_dates, holds_categories, library_of
from .tables import MISSING, TableEncoder


class Inputs:
    """Reads samples, once their kind is known: rows of a table, or images and sequences.

    Parameters
    ----------
    estimator : NetEstimator
    X
        The first samples.

    Attributes
    ----------
    encoder : TableEncoder or None
        The encoder of tables that hold more than numbers.
    categories : dict of int to int
        The features that are codes of categories, and the number of codes of each.
    """

    encoder: TableEncoder | None = None
    categories: dict[int, int]

    def __init__(self, estimator: Any, X: Any) -> None:
        missing = as_choice(estimator.missing, "missing", MISSING)
        self.categories = {}
        if reads_tables(estimator) or holds_categories(X):
            encoder = TableEncoder(categorical_features=estimator.categorical_features, missing=missing)
            self.encoder = encoder.set_output(transform="default")  # arrays, whatever scikit-learn is set to

    def read(self, estimator: Any, X: Any, lengths: Any, dtype: str, first: bool) -> Array:
        """Return checked samples: rows of numbers in this dtype, or images and sequences in any."""
        if self.encoder is None:
            return numbers_of(estimator, X, lengths, np.dtype(dtype), first)
        table = table_of(estimator, X, self.encoder.missing == "embed", first)
        rows = self.encoder.fit_transform(table) if first else self.encoder.transform(table)
        self.categories = self.encoder.cardinalities_
        return rows.astype(dtype, copy=False)


def numbers_of(estimator: Any, X: Any, lengths: Any, dtype: Any, first: bool) -> Array:
    """Return checked samples: rows of numbers in this dtype, or images and sequences in any."""
    if lengths is not None:
        return checked_within(lambda X: numbers_of(estimator, X, None, dtype, first), X, lengths, "X")
    check_unmasked(X, "X")
    array = X if hasattr(X, "shape") else np.asarray(X)
    check_no_dates(array, "X")
    rows = len(array.shape) <= 2
    if first and not rows and hasattr(estimator, "n_features_in_"):  # features of rows are counted, not those of images
        del estimator.n_features_in_
    x = validate_data(
        estimator, X, reset=first, accept_sparse="csr", dtype=dtype if rows else "numeric", ensure_2d=rows,
        allow_nd=True,
    )  # fmt: skip
    samples: Array = x.toarray() if issparse(x) else x
    return samples


@contextlib.contextmanager
def as_before(estimator: Any, learned: str, *names: str) -> Iterator[None]:
    """Restore what an estimator knew of columns, and these attributes, if an error comes before it has learned.

    It has learned once the attribute `learned` is another object.
    """
    known = vars(estimator)
    names = ("n_features_in_", "feature_names_in_", *names)
    before, last = {name: known[name] for name in names if name in known}, known.get(learned)
    try:
        yield
    except BaseException:
        if known.get(learned) is last:
            for name in names:
                known.pop(name, None)
            known.update(before)
        raise


def reads_tables(estimator: Any) -> bool:
    """Return whether an estimator reads its rows as tables, whatever they hold."""
    return estimator.categorical_features is not None or estimator.missing == "embed"


def table_of(estimator: Any, X: Any, may_lack: bool, first: bool) -> Any:
    """Return a data frame as it is, and anything else as an array with two axes."""
    if library_of(X) is not None:
        return validate_data(estimator, X, reset=first, skip_check_array=True)
    check_unmasked(X, "X")
    if isinstance(X, (list, tuple)):
        X = np.array(X, dtype=object)  # keeps numbers as numbers beside strings
    x = validate_data(
        estimator, X, reset=first, accept_sparse="csr", dtype=None, ensure_all_finite="allow-nan" if may_lack else True
    )
    return x.toarray() if issparse(x) else x


def rows_of(x: Any, rows: Any) -> Any:
    """Return the samples with these numbers, of an array or a data frame."""
    if library_of(x) == "pyarrow" and not isinstance(rows, slice):
        return x.take(rows)
    return x.iloc[rows] if hasattr(x, "iloc") else x[rows]
