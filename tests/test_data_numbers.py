"""What a data set accepts: frames, masks, byte orders, text; and what its errors say."""

import numpy as np
import pytest

from portanet import (
    MSE,
    BCEWithLogits,
    CrossEntropy,
    DataLoader,
    Dataset,
    Embedding,
    Flatten,
    Linear,
    Sequential,
)
from portanet.data import Batches
from portanet.errors import DataError, DtypeError

F4 = np.float32
X = np.array([[1.0, -2.0], [3.0, 0.5], [0.0, 7.0]], F4)


class Column:
    """A column of a data frame, as pandas' Series is: what is known of it is duck typing."""

    ndim = 1

    def __init__(self, values, missing=False):
        self.values, self.missing = values, missing
        self.dtype, self.iloc = values.dtype, None

    def to_numpy(self):
        return self.values


class Table:
    """A frame with columns of any dtypes, which NumPy would read as objects."""

    ndim = 2

    def __init__(self, **columns):
        self.columns = list(columns)
        self.arrays = [np.asarray(c) for c in columns.values()]
        self.shape = (len(self.arrays[0]), len(columns))

    @property
    def iloc(self):
        return self

    def __getitem__(self, index):
        return Column(self.arrays[index[1]])


def test_columns_of_several_dtypes_are_numbers():
    table = Table(a=[1.5, 2.5], b=[True, False], c=np.array([3, 4], np.int64))
    data = Dataset(table, Column(np.array([0, 1])))
    np.testing.assert_array_equal(data.X, [[1.5, 1, 3], [2.5, 0, 4]])
    np.testing.assert_array_equal(data.y, [0, 1])


def test_a_column_of_text_is_named():
    table = Table(a=[1.5, 2.5], city=np.array(["Rome", "Oslo"], object))
    message = r"Dataset: X must hold real numbers; its column 'city' is of dtype object.*drop\(columns='city'\)"
    with pytest.raises(DtypeError, match=message):
        Dataset(table, [0, 1])


def test_a_frame_that_numpy_reads_names_its_column_too():
    class Frame:  # such as polars'
        columns = ("a", "city")

        def __array__(self, dtype=None, copy=None):
            return np.array([[1.0, "Rome"]], object)

        def __getitem__(self, name):
            return np.array(["Rome"]) if name == "city" else np.array([1.0])

    with pytest.raises(DtypeError, match=r"its column 'city' is of dtype <U4"):
        Dataset(Frame(), [1])


@pytest.mark.parametrize("dtype", ["bool", "boolean", "int8", "Int64", "Float64", "float32"])
def test_frames_of_pandas(dtype):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1.5, 2.5, 3.5]}, index=[2, 0, 1])
    frame["b"] = pd.array([1, 0, 1], dtype="Int64").astype(dtype)
    data = Dataset(frame, pd.Series([1, 0, 1], dtype="Int64"))
    np.testing.assert_array_equal(data.X, [[1.5, 1], [2.5, 0], [3.5, 1]])
    np.testing.assert_array_equal(data.y, [1, 0, 1])
    assert data.y.dtype == np.int64


def test_missing_numbers_of_pandas_are_not_finite():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64")})
    with pytest.raises(DataError, match="X must be finite, 1 of its numbers are NaN"):
        Dataset(frame, [0, 1, 0])
    with pytest.raises(DataError, match="y must be finite, 1 of its numbers are NaN"):
        Dataset(X, frame["a"])


def test_what_numpy_can_read_is_read_once():
    class Series:  # such as polars': with a shape and a dtype of its own
        shape, dtype, ndim = (3,), "Int64", 1

        def __array__(self, dtype=None, copy=None):
            return np.array([0, 1, 0])

    data = Dataset(X, Series())
    assert type(data.y) is np.ndarray
    np.testing.assert_array_equal(data.y, [0, 1, 0])


def test_masked_numbers_are_refused():
    masked = np.ma.array(X, mask=[[0, 0], [0, 1], [1, 0]])
    with pytest.raises(
        DataError, match=r"X must have no missing numbers, 2 of its.*masked.*X.filled\(0\)"
    ):
        Dataset(masked, [0, 1, 0])
    with pytest.raises(DataError, match="y must have no missing numbers, 1 of its"):
        Dataset(X, np.ma.array([0, 1, 2], mask=[0, 0, 1]))


def test_an_array_without_masked_numbers_is_an_array():
    data = Dataset(np.ma.array(X), np.ma.array([0, 1, 0], mask=[0, 0, 0]))
    assert type(data.X) is type(data.y) is np.ndarray


@pytest.mark.parametrize(
    "y", [["cat", "dog", "cat"], np.array(["1", "2", "1"], object), np.array([b"a", b"b", b"a"])]
)
def test_labels_that_are_text_become_class_indices(y):
    message = r"y must hold real numbers.*class indices.*numpy.unique\(y, return_inverse=True\)"
    with pytest.raises(DtypeError, match=message):
        Dataset(X, y)


def test_other_inputs_that_are_no_numbers():
    dates = np.array(["2026-01-01", "2026-01-02", "2026-01-04"], "datetime64[D]")
    with pytest.raises(DtypeError, match=r"is of dtype datetime64.*numpy.timedelta64\(1, 'D'\)"):
        Dataset(dates, [0, 1, 0])
    with pytest.raises(DtypeError, match=r"is of dtype <U1; encode text as numbers"):
        Dataset([["a"], ["b"], ["a"]], [0, 1, 0])
    with pytest.raises(
        DtypeError, match=r"is of dtype complex128; give parts of it, such as X.real"
    ):
        Dataset(X.astype("complex128"), [0, 1, 0])


@pytest.mark.parametrize("dtype", [">f4", "<f4", ">i2", ">f8"])
def test_the_byte_order_becomes_the_machines(backend, dtype):
    data = Dataset(X.astype(dtype), np.array([0, 1, 0], ">i4"))
    assert data.X.dtype.isnative
    assert data.y.dtype.isnative
    model = Sequential([Linear(2, 1)], BCEWithLogits()).to(backend.name, device=backend.device)
    ((x, y),) = DataLoader(data, 3).to(model)
    np.testing.assert_array_equal(backend.to_numpy(x), X.astype(dtype))
    np.testing.assert_array_equal(backend.to_numpy(y), [0, 1, 0])


def test_memory_maps_of_the_other_byte_order_are_swapped_batch_by_batch(backend, tmp_path):
    np.save(tmp_path / "X.npy", X.astype(">f4"))
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = Sequential([Linear(2, 1)], BCEWithLogits()).to(backend.name, device=backend.device)
    batches = DataLoader(Dataset(mapped, [0, 1, 0]), 2).to(model)
    found = np.concatenate([backend.to_numpy(x) for x, _ in batches])
    np.testing.assert_array_equal(found, X)


@pytest.mark.parametrize("mapped", ["X", "y", "Xy"])
def test_memory_maps_are_looked_at_on_both_sides(tmp_path, mapped):
    arrays = {"X": X.copy(), "y": np.array([0.0, 1.0, 0.0], F4)}
    for bad in mapped:
        broken = {name: a.copy() for name, a in arrays.items()}
        broken[bad].flat[-1] = np.nan
        for name in mapped:
            np.save(tmp_path / f"{name}.npy", broken[name])
            broken[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
        batches = DataLoader(Dataset(broken["X"], broken["y"]), 2).to(
            Sequential([Linear(2, 1)], MSE())
        )
        assert not batches.resident
        with pytest.raises(DataError, match=f"{bad} must be finite"):
            list(batches)


@pytest.mark.parametrize(
    "layout", [np.asfortranarray, lambda a: a[::-1][::-1], lambda a: np.repeat(a, 2, 1)[:, ::2]]
)
def test_staged_data_lie_in_c_order(layout):
    model = Sequential([Linear(2, 1)], MSE())
    batches = DataLoader(Dataset(layout(X), layout(X)[:, 0]), 2, True).to(model)
    assert batches.X.flags.c_contiguous
    assert batches.y.flags.c_contiguous
    np.testing.assert_array_equal(batches.X, X)


def test_fractions_are_no_tokens():
    model = Sequential([Embedding(4, 3), Flatten(), Linear(6, 2)], CrossEntropy())
    with pytest.raises(
        DataError,
        match=r"X must hold integers, as the first layer takes them; number 2 of it is 1\.5",
    ):
        DataLoader(Dataset([[1.0, 2.0], [1.5, 0.0]], [0, 1]), 2).to(model)
    ((x, _),) = DataLoader(Dataset([[1.0, 2.0], [3.0, 0.0]], [0, 1]), 2).to(model)
    np.testing.assert_array_equal(x, [[1, 2], [3, 0]])


def test_data_that_were_assigned_are_looked_at():
    data = Dataset(X, [0, 1, 0])
    data.X = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    np.testing.assert_array_equal(data.checked()[0], data.X)
    data.X = np.full((3, 2), np.nan)
    with pytest.raises(DataError, match="X must be finite, 6 of"):
        data.checked()


@pytest.mark.parametrize("shape", [(64,), (64, 1), (64, 5), (64, 3, 3)])
def test_inputs_of_the_wrong_shape_are_named_by_their_own(shape):
    model = Sequential([Linear(9, 3)], CrossEntropy())
    loader = DataLoader(Dataset(np.ones(shape), np.arange(64) % 3), 16)
    wanted = str(shape).replace("(", r"\(").replace(")", r"\)")
    message = rf"DataLoader: the network cannot take X of shape {wanted}: layers.0 Linear\(9, 3\): x must be \(N, 9\), is {wanted}"
    with pytest.raises(ValueError, match=message) as error:
        loader.to(model)
    assert "is (1," not in str(error.value)


def staged(X, y, model):
    return Batches(DataLoader(Dataset(X, y), 2), model)


INEXACT = {
    "a feature": lambda: staged(np.array([[2**24 + 1], [0]]), np.zeros(2), Sequential([Linear(1, 1)], MSE())),
    "of 32 bits": lambda: staged(np.array([[-(2**24) - 1], [0]], np.int32), np.zeros(2), Sequential([Linear(1, 1)], MSE())),
    "unsigned": lambda: staged(np.array([[2**64 - 1], [0]], np.uint64), np.zeros(2), Sequential([Linear(1, 1)], MSE())),
    "a target": lambda: staged(np.zeros((2, 1)), np.array([2**24 + 1, 0]), Sequential([Linear(1, 1)], MSE())),
}  # fmt: skip


@pytest.mark.parametrize("case", INEXACT)
def test_an_integer_that_would_be_rounded_is_refused(case):
    with pytest.raises(
        DataError, match=r"must hold integers that float32 can hold.*it holds -?\d+"
    ):
        INEXACT[case]()


def test_integers_that_a_float_can_hold_are_taken():
    model = Sequential([Linear(1, 1)], MSE())
    X = np.array([[2**24], [-(2**30)], [3 * 2**40]])
    batches = staged(X, np.zeros(3), model)
    np.testing.assert_array_equal(batches.X, X)
    huge = np.array([[2**53], [2**24 + 1]])
    np.testing.assert_array_equal(staged(huge, np.zeros(2), model.to(dtype="float64")).X, huge)


def test_class_indices_and_tokens_are_not_asked_to_fit_a_float():
    """They stay integers; that an index is too large is said by the loss and the embedding."""
    model = Sequential([Embedding(3, 2), Flatten()], CrossEntropy())
    with pytest.raises(DataError, match="Embedding"):
        staged(np.array([[2**24 + 1], [0]]), np.zeros(2, int), model)
    with pytest.raises(DataError, match="class indices from 0 to 1"):
        staged(np.array([[1], [0]]), np.array([2**24 + 1, 0]), model)


def test_masks_in_a_list_are_seen():
    row = np.ma.array([1.0, 2.0], mask=[False, True])
    with pytest.raises(DataError, match="2 of its numbers are masked"):
        Dataset([row, row], [0, 1])


class Days:
    """A data frame, as polars has it: as a whole it makes numbers of days."""

    columns = ("size", "day")

    def __getitem__(self, name):
        return np.array(["2020-01-01"], "M8[D]") if name == "day" else np.array([1.0])

    def __array__(self, dtype=None, copy=None):
        return np.array([[1.0, 18262.0]])


class NotYet:
    """A frame whose columns are not computed yet, as polars has it."""

    def collect(self):
        raise AssertionError("portanet must not compute it unasked")


def test_columns_of_days_and_frames_that_are_not_computed_are_refused():
    with pytest.raises(DtypeError, match=r"its column 'day' is of dtype datetime64\[D\]"):
        Dataset(Days(), [0])
    with pytest.raises(DtypeError, match=r"is a NotYet.*call X\.collect\(\)"):
        Dataset(NotYet(), [0])
