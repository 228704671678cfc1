"""Data frames of pandas, polars and Arrow: numbers are taken, all else is refused by its column."""

import datetime

import numpy as np
import pytest

from portanet import Dataset
from portanet.errors import DataError, DtypeError


def pandas(columns):
    library = pytest.importorskip("pandas", reason="data frames of pandas")
    return library.DataFrame(columns)


def polars(columns):
    library = pytest.importorskip("polars", reason="data frames of polars")
    return library.DataFrame(columns)


def arrow(columns):
    return pytest.importorskip("pyarrow", reason="tables of Arrow").table(columns)


@pytest.fixture(params=[pandas, polars, arrow])
def frame(request):
    """Return a function that makes a frame of each library."""
    return request.param


DAY = datetime.datetime(2026, 1, 1)
REFUSED = {
    "text": (["a", "b"], r"column 'odd' is of dtype .*[Ee]ncode.*drop\("),
    "dates": ([DAY, DAY], r"column 'odd' is of dtype .*subtract a start and divide"),
    "lists of one length": ([[1, 2], [3, 4]], r"column 'odd' .*numpy.stack\(X\['odd'\]\)"),
    "lists of several": ([[1, 2, 3], [4]], r"column 'odd' .*hold 1 to 3 numbers: pad or cut"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_column_that_holds_no_numbers_is_named(frame, kind):
    column, message = REFUSED[kind]
    with pytest.raises(DtypeError, match=message):
        Dataset(frame({"a": [1.0, 2.0], "odd": column}), [0, 1])


def test_columns_of_several_dtypes_keep_their_numbers(frame):
    columns = {
        "a": np.array([2**53, 1], np.int64),
        "b": np.array([0.1, 0.2], np.float32),
        "c": np.array([True, False]),
    }
    data = Dataset(frame(columns), frame(columns)["c"])
    assert data.X.dtype == np.float64
    np.testing.assert_array_equal(data.X, np.stack(list(columns.values()), 1, dtype=np.float64))
    np.testing.assert_array_equal(data.y, [1, 0])


def test_numbers_that_are_missing_are_counted_by_column(frame):
    with pytest.raises(DataError, match=r"X must be finite, 3 of its.*'b': 1, 'c': 2\)"):
        Dataset(frame({"a": [1, 2], "b": [1.0, None], "c": [float("nan"), float("inf")]}), [0, 1])


def test_integers_that_would_be_rounded_beside_floats_are_refused(frame):
    columns = {"id": np.array([2**53 + 1, 0]), "a": [0.5, 0.5]}
    with pytest.raises(
        DataError, match=r"integers that float64.*column 'id' holds 9007199254740993"
    ):
        Dataset(frame(columns), [0, 1])
    assert Dataset(frame({"id": columns["id"]}), [0, 1]).X[0, 0] == 2**53 + 1


def test_categories_are_refused_also_if_they_are_numbers():
    table = pandas({"a": [1, 2]}).astype("category")
    with pytest.raises(DtypeError, match=r"dtype category.*X\['a'\].cat.codes.*get_dummies\(X"):
        Dataset(table, [0, 1])
    library = pytest.importorskip("polars", reason="data frames of polars")

    table = library.DataFrame({"a": ["u", "v"]}, schema={"a": library.Categorical})
    with pytest.raises(DtypeError, match=r"Categorical.*X\['a'\].to_physical\(\).*to_dummies\('a'"):
        Dataset(table, [0, 1])


def test_what_the_advice_says_works():
    library = pytest.importorskip("pandas", reason="data frames of pandas")
    X = library.DataFrame({"a": [1.0, 2.0], "city": ["Rome", "Oslo"]})
    expected = np.array([[1, 0, 1], [2, 1, 0]])
    np.testing.assert_array_equal(
        Dataset(library.get_dummies(X, columns=["city"]), [0, 1]).X, expected
    )
    np.testing.assert_array_equal(Dataset(library.factorize(X["city"])[0], [0, 1]).X, [0, 1])
    X = polars({"a": [1.0, 2.0], "city": ["Rome", "Oslo"]})
    np.testing.assert_array_equal(Dataset(X.to_dummies("city"), [0, 1]).X, expected)
    np.testing.assert_array_equal(Dataset(X["city"].rank("dense"), [0, 1]).X, [2, 1])
    lists = polars({"odd": [[1, 2], [3, 4]]})
    np.testing.assert_array_equal(Dataset(np.stack(lists["odd"]), [0, 1]).X, [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1, 2], [1, 2], [3]], "they are of 1 and 2; pad .*, row 2 has 1 numbers, row 0 has 2"),
        ([[[1], [2]], [[1, 2], [3]]], "row 1 holds lists of several lengths; pad"),
        ([np.ones((2, 2)), np.ones((2, 3))], r"row 1 is of shape \(2, 3\), row 0 of shape \(2, 2\)"),
        ([[1, 2], 3], "they are of 0 and 2; pad .*, row 1 has 0 numbers"),
    ],
)  # fmt: skip
def test_the_row_that_is_ragged_is_named(rows, message):
    with pytest.raises(DtypeError, match=message):
        Dataset(rows, np.zeros(len(rows)))
