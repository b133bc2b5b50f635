"""Tables of numbers and categories encoded as arrays that networks take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import partial
from numbers import Number
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError

from .._limits import MOST_TOKENS
from .._types import Array
from .._validation.values import as_choice, as_int
from .columns import read_columns

if TYPE_CHECKING:
    from typing_extensions import Self

UNKNOWN = 0  # the code of categories that `fit` has not seen, or too seldom
MISSING = ("error", "embed")


class _Column(NamedTuple):
    """What `fit` has found in a column of a table."""

    codes: dict[Any, int] | None  # of each category; None for numbers
    types: frozenset[str]  # of the categories
    middle: float  # the median, of numbers
    flagged: bool  # whether a further column tells which of the numbers are missing


class TableEncoder(TransformerMixin, BaseEstimator):
    """Encode a table as float32 numbers: numbers as they are, categories as codes from 0 on.

    Categories are the columns of a data frame that hold strings, booleans or a categorical dtype, the columns of an
    array of objects that do not hold numbers alone, and those named in `categorical_features`.

    Code 0 stands for unknown categories: those that `fit` has not seen, and those that it has seen fewer than
    `min_count` times, from which a network learns how to treat the others. With ``missing="embed"`` a missing category
    is one more category; a missing number becomes its column's median, and if `fit` has seen missing ones, a column of
    0 and 1 after all others tells which. Otherwise missing values are an error.

    Parameters
    ----------
    categorical_features : sequence of str or int, optional
        Columns that hold categories, besides those that are recognised: names, numbers from 0 on, or a boolean for
        each.
    missing : {"error", "embed"}
    min_count : int
        How often a category must occur to have its own code.

    Attributes
    ----------
    features_ : int
        The number of columns of the encoded table.
    n_features_in_ : int
        The number of columns of the table.
    feature_names_in_ : ndarray of str
        The names of the columns of a data frame, if all are strings.
    cardinalities_ : dict of int to int
        The number of codes in each column of categories: the argument ``categories`` of `models.tabular`.

    Notes
    -----
    Tables are pandas' or polars' data frames, pyarrow's tables, arrays (N, F) and lists of rows. Columns of dates,
    complex numbers or anything else that is neither a number nor a string nor a boolean are refused.
    """

    features_: int
    n_features_in_: int
    feature_names_in_: Array
    cardinalities_: dict[int, int]

    def __init__(
        self, *, categorical_features: Iterable[Any] | None = None, missing: str = "error", min_count: int = 2
    ) -> None:
        self.categorical_features = categorical_features
        self.missing = missing
        self.min_count = min_count

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the columns, categories and medians.

        Parameters
        ----------
        X : data frame or array_like, shape (N, F)
        y
            Not used, as for all encoders of scikit-learn.

        Returns
        -------
        TableEncoder
            Itself.

        Raises
        ------
        ValueError
            If there is no row or no column, two columns have the same name, values are missing without
            ``missing="embed"``, or a number is infinite as float32.
        TypeError
            If a column holds neither numbers nor strings nor booleans.
        """
        self._encoded(self._fitted(X))  # which finds numbers that are infinite as float32
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Array:
        """Call `fit`, then `transform`, and give its result."""
        return self._encoded(self._fitted(X))

    def transform(self, X: Any) -> Array:
        """Encode a table of the columns that were fitted, in their order.

        Parameters
        ----------
        X : data frame or array_like, shape (N, F)

        Returns
        -------
        ndarray of float32, shape (N, features)

        Raises
        ------
        ValueError
            If the columns differ from those of `fit`, or `fit` would refuse the values.
        TypeError
            If a column held numbers in `fit` and now does not, or held categories of other types.
        """
        self._check_fitted()
        names, columns = read_columns(X, lambda *_: self.cardinalities_)
        self._check_names(names, len(columns))
        return self._encoded(columns)

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Return the names of the columns of the encoded table, those that tell what is missing at the end.

        Parameters
        ----------
        input_features : sequence of str, optional
            Names for the columns of an array; for those of a data frame, nothing else than its own.

        Returns
        -------
        ndarray of str
        """
        self._check_fitted()
        own = [f"x{k}" for k in range(len(self._columns))] if self._names is None else [*map(str, self._names)]
        names = own if input_features is None else [*map(str, input_features)]
        if len(names) != len(own) or (self._names is not None and names != own):
            raise ValueError(f"input_features must be the {len(own)} columns of fit; received {_listed(names)}")
        flagged = [f"{name}_missing" for name, column in zip(names, self._columns, strict=True) if column.flagged]
        return np.array(names + flagged, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "features_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = tags.input_tags.string = True
        tags.input_tags.allow_nan = self.missing == "embed"
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _check_fitted(self) -> None:
        if not hasattr(self, "features_"):
            raise NotFittedError("fit must come before transform")

    def _fitted(self, x: Any) -> list[Any]:
        as_choice(self.missing, "missing", MISSING)
        as_int(self.min_count, "min_count")
        names, columns = read_columns(x, partial(_positions, self.categorical_features))
        if not columns or not len(columns[0]):
            raise ValueError(f"X must have a row and a column at least; received {_size(columns)}")
        if names is not None and (twice := [name for name, n in Counter(names).items() if n > 1]):
            raise ValueError(f"X must have columns of different names; received twice: {_listed(twice)}")
        self._names, self.n_features_in_ = names, len(columns)
        if hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        if names is not None and all(isinstance(name, str) for name in names):
            self.feature_names_in_ = np.array(names, dtype=object)
        self._columns = [self._learned(values, k) for k, values in enumerate(columns)]
        self.cardinalities_ = {k: 1 + len(c.codes) for k, c in enumerate(self._columns) if c.codes is not None}
        self.features_ = len(columns) + sum(column.flagged for column in self._columns)
        return columns

    def _learned(self, values: Any, k: int) -> _Column:
        if isinstance(values, np.ndarray):
            known = values[~np.isnan(values)]
            middle = float(np.median(known)) if len(known) else 0.0
            return _Column(None, frozenset(), middle, self.missing == "embed" and len(known) < len(values))
        try:
            counts = Counter(values)
        except TypeError:
            raise TypeError(self._refusal(k, next(v for v in values if v.__hash__ is None))) from None
        if (odd := next((v for v in counts if _type(v) is None), None)) is not None:
            raise TypeError(self._refusal(k, odd))
        if self.missing == "error":
            counts.pop(None, None)
        often = sorted((v for v, n in counts.items() if n >= self.min_count), key=_order)
        if len(often) >= MOST_TOKENS:
            raise ValueError(f"{self._name(k)} must have fewer than {MOST_TOKENS} categories; received {len(often)}")
        types = frozenset(_type(v) or "" for v in counts if v is not None)
        return _Column({value: code for code, value in enumerate(often, 1)}, types, 0.0, False)

    def _encoded(self, columns: list[Any]) -> Array:
        table = np.empty((len(columns[0]), self.features_), np.float32)
        flags = len(columns)
        for k, (column, values) in enumerate(zip(self._columns, columns, strict=True)):
            if column.codes is not None:
                table[:, k] = self._codes(column, values, k)
                continue
            if not isinstance(values, np.ndarray):
                raise TypeError(f"{self._name(k)} must hold numbers, as it did in fit; received {_shown(values)}")
            gone = np.isnan(values)
            if gone.any():
                self._refuse_missing(gone, k)
                values = np.where(gone, column.middle, values)
            with np.errstate(over="ignore"):
                table[:, k] = values
            if not np.isfinite(table[:, k]).all():
                raise ValueError(f"{self._name(k)} must be finite as float32; received infinity or a larger number")
            if column.flagged:
                table[:, flags] = gone
                flags += 1
        return table

    def _codes(self, column: _Column, values: Any, k: int) -> Array:
        codes = column.codes or {}
        try:
            found = np.fromiter((codes.get(value, UNKNOWN) for value in values), np.int64, len(values))
        except TypeError:
            raise TypeError(self._refusal(k, next(v for v in values if v.__hash__ is None))) from None
        unknown = np.flatnonzero(found == UNKNOWN)
        if self.missing == "error":
            self._refuse_missing(np.array([values[i] is None for i in unknown], bool), k, unknown)
        types = {_type(values[i]) for i in unknown} - {_type(None)}
        if None in types:
            raise TypeError(self._refusal(k, next(values[i] for i in unknown if _type(values[i]) is None)))
        gaps = values.count(None) if None in codes else 0
        if types and column.types and types.isdisjoint(column.types) and len(unknown) == len(values) - gaps:
            raise TypeError(
                f"{self._name(k)} must hold {_listed(column.types)}, as it did in fit; received {_listed(types)}"
            )
        return found

    def _refuse_missing(self, gone: Array, k: int, rows: Array | None = None) -> None:
        if self.missing == "error" and gone.any():
            first = int(np.flatnonzero(gone)[0])
            raise ValueError(
                f"{self._name(k)} must have no missing values (NaN) unless missing is 'embed'; received "
                f"{int(gone.sum())}, the first in row {first if rows is None else rows[first]}"
            )

    def _check_names(self, names: list[Any] | None, count: int) -> None:
        if names is None or self._names is None:
            if count != len(self._columns):
                raise ValueError(f"X must have {len(self._columns)} columns, as in fit; received {count}")
            return
        if names == self._names:
            return
        absent = [name for name in self._names if name not in names]
        new = [name for name in names if name not in self._names]
        received = "; ".join(
            text for what, text in (
                (absent, f"without {_listed(absent)}"), (new, f"with {_listed(new)}, which fit has not seen"),
            ) if what
        )  # fmt: skip
        raise ValueError(
            f"X must have the columns of fit, in their order, {_listed(self._names)}; received a table "
            f"{received or 'with ' + _listed(names)}"
        )

    def _name(self, k: int) -> str:
        return f"column {k}" if self._names is None else f"column {self._names[k]!r}"

    def _refusal(self, k: int, value: Any) -> str:
        return f"{self._name(k)}: each argument must be a string, a boolean or a number; received {_shown([value])}"


def _type(value: Any) -> str | None:
    """Name the type of a category, or give None if it cannot be one."""
    if value is None:
        return "nothing"
    if isinstance(value, (str, bytes)):
        return "strings"
    if isinstance(value, (bool, np.bool_)):
        return "booleans"
    return "numbers" if isinstance(value, Number) and not isinstance(value, complex) else None


def _order(value: Any) -> tuple[str, Any]:
    """Order by type first, as Python does not compare values of different types; missing ones come first."""
    kind = type(value).__name__
    return ("", 0) if value is None else ("number", value) if isinstance(value, Number) else (kind, value)


def _positions(wanted: Any, names: list[Any] | None, count: int) -> list[int]:
    """Return the numbers of the named columns."""
    if wanted is None:
        return []
    if isinstance(wanted, (str, bytes)) or not isinstance(wanted, Iterable):
        raise TypeError(f"categorical_features must be a list; received {wanted!r}")
    given = list(wanted)
    if given and all(isinstance(one, (bool, np.bool_)) for one in given):
        if len(given) != count:
            raise ValueError(
                f"categorical_features must be one truth for each of {count} columns; received {len(given)}"
            )
        return [k for k, one in enumerate(given) if one]
    found = []
    for one in given:
        if names is not None and one in names:
            found.append(names.index(one))
        elif isinstance(one, (int, np.integer)) and 0 <= one < count:
            found.append(int(one))
        else:
            known = f"of {_listed(names)}, or " if names is not None else ""
            raise ValueError(f"categorical_features must be {known}from 0 to {count - 1}; received {one!r}")
    return found


def _listed(names: Iterable[Any]) -> str:
    shown = [str(name) for name in (sorted(names) if isinstance(names, (set, frozenset)) else names)]
    return ", ".join(shown[:10]) + (f" and {len(shown) - 10} more" if len(shown) > 10 else "")


def _shown(values: Any) -> str:
    found = next((value for value in values if value is not None), None)
    return f"{found!r:.40}, a {type(found).__name__}"


def _size(columns: list[Any]) -> str:
    return f"{len(columns[0]) if columns else 0} rows of {len(columns)}"
