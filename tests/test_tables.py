"""Tables as arrays: columns of data frames of numbers and categories, what is missing, and what has changed."""

import copy
import datetime
import pickle
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from fastdl.estimators import NetClassifier, TableEncoder

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")
try:
    import pyarrow
except ImportError:  # there are no wheels for every Python
    pyarrow = None

VALUES = {
    "age": [31.5, 40.0, 22.0, 58.0, 31.0],
    "city": ["Rome", "Bern", "Rome", "Bern", "Oslo"],
    "member": [True, False, True, True, False],
    "size": [2, 0, 2, 1, 0],
}
# Bern 1, Rome 2; Oslo is there once; False 1, True 2.
CODED = np.array([[31.5, 2, 2, 2], [40, 1, 1, 0], [22, 2, 2, 2], [58, 1, 2, 1], [31, 0, 1, 0]], np.float32)


def objects():
    return np.array(list(map(list, zip(*VALUES.values(), strict=True))), dtype=object)


def arrow_of_categories():
    return pyarrow.table({**VALUES, "city": pyarrow.array(VALUES["city"]).dictionary_encode()})


FRAMES = {
    "pandas": lambda: pandas.DataFrame(VALUES),
    "pandas of categories": lambda: pandas.DataFrame(VALUES).astype({"city": "category", "member": "boolean"}),
    "pandas of objects": lambda: pandas.DataFrame(VALUES).astype(object),
    "pandas of nullable numbers": lambda: pandas.DataFrame(VALUES).astype({"age": "Float64", "size": "Int8"}),
    "polars": lambda: polars.DataFrame(VALUES),
    "polars of categories": lambda: polars.DataFrame(VALUES).cast({"city": polars.Categorical, "age": polars.Float32}),
    "polars of large whole numbers": lambda: polars.DataFrame(VALUES).cast({"size": polars.Int128}),
    "objects": objects,
    "rows": lambda: objects().tolist(),
}
if pyarrow is not None:
    FRAMES |= {"pyarrow": lambda: pyarrow.table(VALUES), "pyarrow of categories": arrow_of_categories}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
def test_columns_are_numbers_and_codes(frame):
    encoder = TableEncoder()
    x = encoder.fit_transform(frame())
    assert x.dtype == np.float32
    assert (x == CODED).all()
    assert (encoder.cardinalities_, encoder.features_) == ({1: 3, 2: 3}, 4)
    assert [*getattr(encoder, "feature_names_in_", [])] == (list(VALUES) if hasattr(frame(), "columns") else [])
    # All the same whatever the table was fitted as.
    for other in FRAMES.values():
        assert (encoder.transform(other()) == CODED).all()
    for again in (copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder)), TableEncoder().fit(frame())):
        assert (again.transform(frame()) == CODED).all()


def test_arrays_of_numbers():
    x = np.arange(6).reshape(3, 2)
    encoder = TableEncoder().fit(x)
    assert (encoder.transform(x) == x).all()
    assert (encoder.cardinalities_, hasattr(encoder, "feature_names_in_")) == ({}, False)
    assert TableEncoder().fit(np.array([["a", "b"], ["a", "c"]])).cardinalities_ == {0: 2, 1: 1}


@pytest.mark.parametrize("wanted", [["size", 1], [3, "city"], (False, True, False, True), np.array([3])])
def test_columns_that_are_named_are_categories(wanted):
    encoder = TableEncoder(categorical_features=wanted)
    x = encoder.fit_transform(pandas.DataFrame(VALUES))
    assert encoder.cardinalities_ == {1: 3, 2: 3, 3: 3}
    assert x[:, 3].tolist() == [2, 1, 2, 0, 1]  # 1 is there once
    # Whole numbers are the same as floats.
    assert (encoder.transform(polars.DataFrame(VALUES).cast({"size": polars.Float64})) == x).all()


@pytest.mark.parametrize(
    ("wanted", "error", "message"),
    [
        (["height"], ValueError, "must be of age, city, member, size, or from 0 to 3; received 'height'"),
        ([4], ValueError, "from 0 to 3; received 4"),
        ([-1], ValueError, "from 0 to 3; received -1"),
        ([True], ValueError, "one truth for each of 4 columns; received 1"),
        ("city", TypeError, "categorical_features must be a list; received 'city'"),
    ],
)
def test_columns_that_are_not_there(wanted, error, message):
    with pytest.raises(error, match=message):
        TableEncoder(categorical_features=wanted).fit(pandas.DataFrame(VALUES))


def test_categories_that_training_has_not_seen():
    encoder = TableEncoder(min_count=1).fit(pandas.DataFrame(VALUES))
    assert encoder.cardinalities_ == {1: 4, 2: 3}
    new = pandas.DataFrame({**VALUES, "city": ["Rome", "Paris", "", "Oslo", "rome"]})
    assert encoder.transform(new)[:, 1].tolist() == [3, 0, 0, 2, 0]
    seldom = TableEncoder(min_count=3).fit(pandas.DataFrame(VALUES))
    assert seldom.cardinalities_ == {1: 1, 2: 2}
    assert not seldom.transform(new)[:, 1].any()


GAPS = {
    "number": [1.0, np.nan, 4.0, 8.0, np.nan, 5.0],
    "whole": [1, 2, 3, 4, 5, 6],
    "name": ["a", "b", None, "a", "b", None],
}


def gapped(library):
    if library == "polars":
        return polars.DataFrame({name: [None if v != v else v for v in column] for name, column in GAPS.items()})
    if library == "pyarrow":
        return pytest.importorskip("pyarrow").table(gapped("polars").to_dict(as_series=False))
    frame = pandas.DataFrame(GAPS)
    return frame if library == "pandas" else frame.astype(object).to_numpy()


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "objects"])
def test_what_is_missing_is_refused_or_embedded(library):
    x = gapped(library)
    named = "column 0" if library == "objects" else "column 'number'"
    with pytest.raises(
        ValueError, match=rf"{named} must have no missing values \(NaN\).*received 2, the first in row 1"
    ):
        TableEncoder().fit(x)
    encoder = TableEncoder(missing="embed")
    expected = [[1, 1, 2, 0], [4.5, 2, 3, 1], [4, 3, 1, 0], [8, 4, 2, 0], [4.5, 5, 3, 1], [5, 6, 1, 0]]
    assert encoder.fit_transform(x).tolist() == expected
    assert (encoder.features_, encoder.cardinalities_) == (4, {2: 4})
    # Where training had all numbers, one that is missing now is the median.
    whole = pandas.DataFrame({"number": [1.0, 2.0], "whole": [None, 2.0], "name": ["a", pandas.NA]})
    assert encoder.transform(whole).tolist() == [[1, 3.5, 2, 0], [2, 2, 1, 0]]
    x = gapped("pandas").assign(number=1.0)
    with pytest.raises(ValueError, match=r"column 'name' must have no missing values.*received 2, the first in row 2"):
        TableEncoder().fit(x)
    known = TableEncoder().fit(x.fillna("a"))
    with pytest.raises(ValueError, match=r"column 'name' must have no missing values.*received 2, the first in row 2"):
        known.transform(x)


def test_a_column_that_is_empty():
    x = pandas.DataFrame({"gone": [np.nan, np.nan], "there": [1.0, 2.0]})
    assert TableEncoder(missing="embed").fit_transform(x).tolist() == [[0, 1, 1], [0, 2, 1]]


CHANGED = {
    "without": (lambda x: x.drop(columns=["age", "size"]), ValueError, "received a table without age, size$"),
    "with": (lambda x: x.assign(more=1), ValueError, "received a table with more, which fit has not seen"),
    "renamed": (
        lambda x: x.rename(columns={"age": "Age"}),
        ValueError,
        "without age; with Age, which fit has not seen",
    ),
    "in another order": (
        lambda x: x[["city", "age", "member", "size"]],
        ValueError,
        "in their order, age, city, member",
    ),
    "too few": (lambda x: x.to_numpy()[:, :3], ValueError, "X must have 4 columns, as in fit; received 3"),
    "text": (
        lambda x: x.assign(age=["old"] * 5),
        TypeError,
        "'age' must hold numbers, as it did in fit; received 'old'",
    ),
    "numbers": (
        lambda x: x.assign(city=1.5),
        TypeError,
        "'city' must hold strings, as it did in fit; received numbers",
    ),
    "no truths": (lambda x: x.assign(member="yes"), TypeError, "'member' must hold booleans, as it did in fit"),
    "dates": (lambda x: x.assign(city=datetime.date(2020, 1, 1)), TypeError, "'city': each argument must be a string"),
    "lists": (lambda x: x.assign(city=[[1]] * 5), TypeError, r"'city': each argument must be .*received \[1\], a list"),
}


@pytest.mark.parametrize(("change", "error", "message"), CHANGED.values(), ids=CHANGED.keys())
def test_columns_that_have_changed(change, error, message):
    x = pandas.DataFrame(VALUES)
    encoder = TableEncoder().fit(x)
    with pytest.raises(error, match=message):
        encoder.transform(change(x))
    assert (encoder.transform(x) == CODED).all()


def test_large_numbers_are_different_categories():
    """Which as float64 would be one."""
    numbers = np.array([1 << 60, (1 << 60) + 1] * 2)
    frame = {"a": numbers, "b": np.arange(4.0)}
    for x in (
        np.stack([numbers, numbers], axis=1),
        pandas.DataFrame(frame),
        pandas.DataFrame(frame).astype({"a": "UInt64"}),
        polars.DataFrame(frame),
        [[int(number), 1.5] for number in numbers],
    ):
        encoder = TableEncoder(categorical_features=[0])
        assert encoder.fit_transform(x)[:, 0].tolist() == [1, 2, 1, 2]
        assert encoder.transform(x)[:, 0].tolist() == [1, 2, 1, 2]
    gaps = [*numbers.tolist(), None]
    for x in (
        pandas.DataFrame({"a": pandas.array(gaps, "Int64"), "b": np.arange(5.0)}),
        polars.DataFrame({"a": gaps, "b": np.arange(5.0)}),
        [[number, 1.5] for number in gaps],
    ):
        encoder = TableEncoder(categorical_features=iter([0]), missing="embed", min_count=1)
        assert encoder.fit_transform(x)[:, 0].tolist() == [2, 3, 2, 3, 1]
        assert encoder.transform(x)[:, 0].tolist() == [2, 3, 2, 3, 1]
        assert TableEncoder(missing="embed").fit_transform(x)[4, [0, -1]].tolist() == [1 << 60, 1]  # numbers' median
    small = TableEncoder(categorical_features=[0]).fit([[3, 1], [3, 2]])
    assert small.transform([[3.0, 1.0], [4.0, 2.0]])[:, 0].tolist() == [1, 0]


def test_categorical_features_are_a_list():
    for one in (0, "a"):
        with pytest.raises(TypeError, match=f"categorical_features must be a list; received {one!r}"):
            TableEncoder(categorical_features=one).fit(np.ones((2, 2)))


def test_columns_that_have_changed_beside_gaps():
    encoder = TableEncoder(missing="embed", min_count=1).fit(pandas.DataFrame({"city": ["Graz", "Linz", None]}))
    with pytest.raises(TypeError, match="'city' must hold strings, as it did in fit; received numbers"):
        encoder.transform(pandas.DataFrame({"city": [1, 2, None]}, dtype=object))
    assert encoder.transform(pandas.DataFrame({"city": [None, None]}, dtype=object)).tolist() == [[1], [1]]


def days():
    return pandas.to_datetime(["2020-01-01", "2020-01-02"])


REFUSED = {
    "dates": (lambda: pandas.DataFrame({"day": days()}), TypeError, "'day' must hold.*datetime64.*of dates make"),
    "dates with zones": (lambda: pandas.DataFrame({"day": days().tz_localize("UTC")}), TypeError, "'day' must hold"),
    "durations": (lambda: pandas.DataFrame({"time": days() - days()[0]}), TypeError, "'time' must hold.*timedelta64"),
    "periods": (lambda: pandas.DataFrame({"month": days().to_period("M")}), TypeError, "'month' must hold.*period"),
    "polars' dates": (
        lambda: polars.DataFrame({"day": [datetime.date(2020, 1, 1)]}), TypeError, "column 'day' must hold.*Date",
    ),
    "polars' lists": (lambda: polars.DataFrame({"all": [[1], [2]]}), TypeError, r"'all' must hold.*List\(Int64\)$"),
    "date objects": (
        lambda: np.array([[datetime.date(2020, 1, 1)]], dtype=object), TypeError,
        "column 0: each argument must be a string, a boolean or a number; received datetime.date",
    ),
    "dictionaries": (lambda: np.array([[{"a": 1}]], dtype=object), TypeError, "argument must be a string.*number"),
    "complex numbers": (lambda: pandas.DataFrame({"z": [1j]}), TypeError, "column 'z' must hold.*complex128"),
    "array of dates": (lambda: np.array([["2020-01-01"]], "M8[D]"), TypeError, "X must hold.*datetime64"),
    "infinity": (lambda: pandas.DataFrame({"a": [1.0, np.inf]}), ValueError, "column 'a' must be finite as float32"),
    "large": (lambda: pandas.DataFrame({"a": [1.0, 1e39]}), ValueError, "column 'a' must be finite as float32"),
    "no rows": (lambda: pandas.DataFrame({"a": []}), ValueError, "a row and a column at least; received 0 rows of 1"),
    "not collected": (lambda: polars.DataFrame(VALUES).lazy(), TypeError, "received a LazyFrame: collect makes"),
    "no columns": (lambda: polars.DataFrame(), ValueError, "a row and a column at least"),
    "one name twice": (
        lambda: pandas.DataFrame(np.ones((2, 3)), columns=["a", "b", "a"]), ValueError, "received twice: a$",
    ),
    "a vector": (lambda: [1.0, 2.0], ValueError, r"X must have shape \(N, F\); received \(2,\)"),
    "sparse": (lambda: scipy.sparse.csr_array([[1.0]]), TypeError, "X must be dense, such as X.toarray"),
    "a series": (lambda: pandas.Series([1.0]), TypeError, "X must be a table; received a Series"),
}  # fmt: skip


if pyarrow is not None:
    REFUSED |= {
        "pyarrow's dates": (
            lambda: pyarrow.table({"day": [datetime.date(2020, 1, 1)]}), TypeError,
            r"column 'day' must hold.*date32\[day\]: of dates make",
        ),
        "pyarrow's lists": (lambda: pyarrow.table({"all": [[1], [2]]}), TypeError, r"'all' must.*list<.*int64>$"),
    }  # fmt: skip


@pytest.mark.parametrize(("table", "error", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_table(table, error, message):
    with pytest.raises(error, match=message):
        TableEncoder().fit(table())


def test_arguments():
    with pytest.raises(ValueError, match="missing must be one of error, embed; received 'median'"):
        TableEncoder(missing="median").fit([[1.0]])
    with pytest.raises(ValueError, match="min_count must be at least 1; received 0"):
        TableEncoder(min_count=0).fit([[1.0]])
    with pytest.raises(NotFittedError, match="fit must come before transform"):
        TableEncoder().transform([[1.0]])


_OTHER_WORDS = dict.fromkeys(
    [
        "check_complex_data",
        "check_estimators_empty_data_messages",
        "check_fit2d_predict1d",
        "check_n_features_in_after_fitting",
    ],
    "the error is fastdl's",
)


@pytest.mark.parametrize("settings", [{}, {"missing": "embed", "min_count": 1}])
def test_scikit_learns_checks(settings):
    checked = check_estimator(TableEncoder(**settings), expected_failed_checks=_OTHER_WORDS, on_skip=None, on_fail=None)
    assert [one["check_name"] for one in checked if one["status"] == "failed"] == []


def test_in_scikit_learns_tools():
    frame = pandas.DataFrame(VALUES).astype({"age": "Float64"})
    frame.loc[0, "age"] = pandas.NA
    encoder = TableEncoder(missing="embed", categorical_features=["size"])
    again = clone(encoder).set_params(min_count=1)
    assert (encoder.min_count, again.get_params()) == (2, {**encoder.get_params(), "min_count": 1})
    told = encoder.set_output(transform="pandas").fit_transform(frame)
    assert [*told.columns] == ["age", "city", "member", "size", "age_missing"]
    assert (told["age_missing"] == [1, 0, 0, 0, 0]).all()
    assert (told == encoder.transform(frame)).all(axis=None)
    parts = make_column_transformer(
        (encoder, ["age", "size"]), ("drop", ["city", "member"]), verbose_feature_names_out=False
    )
    assert [*parts.fit(frame).get_feature_names_out()] == ["age", "size", "age_missing"]
    piped = make_pipeline(TableEncoder(missing="embed"), NetClassifier(epochs=1)).fit(frame, [0, 1, 0, 1, 1])
    assert piped.predict(frame).shape == (5,)
    plain = TableEncoder().fit(objects())
    assert [*plain.get_feature_names_out()] == ["x0", "x1", "x2", "x3"]
    assert [*plain.get_feature_names_out(list("abcd"))] == list("abcd")
    for fitted, names in ((plain, list("abc")), (encoder, list("abcd"))):
        with pytest.raises(ValueError, match="input_features must be the 4 columns of fit; received a, b, c"):
            fitted.get_feature_names_out(names)
    with config_context(transform_output="pandas"):
        NetClassifier(epochs=1).fit(frame.dropna(), [0, 1, 0, 1]).predict(frame.dropna())


def test_no_library_of_frames_is_needed():
    code = (
        "import sys; sys.modules.update(pandas=None, polars=None, pyarrow=None);"
        "from fastdl.estimators.tables import TableEncoder; TableEncoder().fit([[1.0, 'a']])"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_complex_numbers_are_no_categories():
    with pytest.raises(TypeError, match="column 0: each argument must be a string, a boolean or a number; received 1j"):
        TableEncoder().fit([[1j], [2]])
