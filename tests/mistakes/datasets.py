"""Data sets and loaders: what cannot be trained on, and why."""

import numpy as np
from scipy.sparse import csr_array

from mistakes.base import F4, Mistake, X, Y, loader, model, train
from portanet import MSE, DataLoader, Dataset, Linear, Normalizer, Sequential, normalize
from portanet.errors import (
    ArgumentError,
    DataError,
    DtypeError,
    OrderError,
    PortanetError,
    ShapeError,
)

LABELS = np.array(["cat", "dog"] * 3)


class Frame:
    """What portanet sees of a data frame, of polars' kind: columns by name."""

    columns = ("age", "city")
    shape = (6, 2)

    def __array__(self, dtype=None, copy=None):
        return np.array([[1.0, "Rome"]] * 6, dtype=object)

    def __getitem__(self, name):
        return np.array([1.0] * 6 if name == "age" else ["Rome"] * 6)

    def to_numpy(self, dtype=None):
        return np.asarray(self)


def with_nan(x):
    x = np.array(x, F4)
    x[1] = np.nan
    return x


def empty_epochs():
    class Empty(DataLoader):
        def __iter__(self):
            return iter(())

    net = model()
    from portanet import SGD, Trainer

    Trainer(net, SGD(net, lr=0.1), Empty(Dataset(X, Y), 2)).train(1)


def single_batches():
    class Mine(DataLoader):
        def __iter__(self):
            yield X

    net = model()
    from portanet import SGD, Trainer

    Trainer(net, SGD(net, lr=0.1), Mine(Dataset(X, Y), 2)).train(1)


MISTAKES = {
    "labels of text": Mistake(lambda: Dataset(X, LABELS), DtypeError,
        "Dataset: ", "y must hold real numbers", "is of dtype <U3", "classes, y = numpy.unique(y, return_inverse=True)"),
    "a list of labels of text": Mistake(lambda: Dataset(X, LABELS.tolist()), DtypeError,
        "Dataset: ", "y must hold real numbers", "is of dtype <U3", "numpy.unique(y, return_inverse=True)"),
    "features of text": Mistake(lambda: Dataset(np.array([["1.5"]] * 6), Y), DtypeError,
        "Dataset: ", "X must hold real numbers", "is of dtype <U3", "X.astype('float32')"),
    "a frame with text": Mistake(lambda: Dataset(Frame(), Y), DtypeError,
        "Dataset: ", "X must hold real numbers", "its column 'city' is of dtype <U4", "drop('city')"),
    "a frame into a network": Mistake(lambda: model().forward(Frame()), DtypeError,
        "Sequential: ", "x must be an array", "is Frame of shape (6, 2)", "x.to_numpy('float32')"),
    "dates": Mistake(lambda: Dataset(np.array(["2024-01-01"] * 6, "datetime64[D]"), Y), DtypeError,
        "Dataset: ", "X must hold real numbers", "is of dtype datetime64[D]", "subtract a start and divide by a unit"),
    "complex numbers": Mistake(lambda: Dataset(X * 1j, Y), DtypeError,
        "Dataset: ", "X must hold real numbers", "is of dtype complex64", "X.real"),
    "objects": Mistake(lambda: Dataset(np.array([[1, None]] * 6), Y), DtypeError,
        "Dataset: ", "X must hold real numbers", "is of dtype object", "X.astype('float32')"),
    "None": Mistake(lambda: Dataset(None, Y), DtypeError,
        "Dataset: ", "X must be an array", "is None", "numpy.asarray"),
    "no targets": Mistake(lambda: Dataset(X, None), DtypeError,
        "Dataset: ", "y must be an array", "is None", "numpy.asarray"),
    "a generator": Mistake(lambda: Dataset((x for x in X), Y), DtypeError,
        "Dataset: ", "X must be an array", "is generator object", "numpy.asarray(list(X))"),
    "a path": Mistake(lambda: Dataset("data.csv", Y), DtypeError,
        "Dataset: ", "X must be an array", "is 'data.csv'", "numpy.loadtxt"),
    "ragged rows": Mistake(lambda: Dataset([[1, 2], [3]], [0, 1]), DtypeError,
        "Dataset: ", "X must have rows of one length", "they are of 1 and 2", "pad or cut them"),
    "a sparse matrix of complex numbers": Mistake(lambda: Dataset(csr_array(X * 1j), Y), DtypeError,
        "Dataset: ", "X must hold real numbers", "is of dtype complex64", "X.real"),
    "masked numbers": Mistake(lambda: Dataset(np.ma.masked_equal(np.arange(6.0).reshape(6, 1), 3), Y), DataError,
        "Dataset: ", "X must have no missing numbers", "1 of its numbers are masked", "X.filled(0)"),
    "NaN": Mistake(lambda: Dataset(with_nan(X), Y), DataError,
        "Dataset: ", "X must be finite", "3 of its numbers are NaN or infinite", "drop or fill"),
    "NaN in the targets": Mistake(lambda: Dataset(X, with_nan(Y)), DataError,
        "Dataset: ", "y must be finite", "1 of its numbers are NaN or infinite", "drop or fill"),
    "too large for float32": Mistake(lambda: train(x=np.full((6, 3), 1e300)), DataError,
        "Dataset: ", "X must fit into float32", "it holds 1e+300", ".to(dtype='float64')"),
    "no samples": Mistake(lambda: Dataset(X[:0], Y[:0]), DataError,
        "Dataset: ", "X must hold samples", "has the shape (0, 3)", "one row or more"),
    "an empty list": Mistake(lambda: Dataset([], []), DataError,
        "Dataset: ", "X must hold samples", "has the shape (0,)", "one row or more"),
    "lengths that differ": Mistake(lambda: Dataset(X, Y[:5]), ShapeError,
        "Dataset: ", "y must have one entry for each of the 6 samples in X", "has 5", "same rows"),
    "X and y swapped": Mistake(lambda: train(x=Y, y=X), ShapeError,
        "layers.0 Linear(3, 4): ", "x must be (N, 3)", "is (6,)", "x[:, None]"),
    "the features in rows": Mistake(lambda: Dataset(X.T, Y), ShapeError,
        "Dataset: ", "y must have one entry for each of the 3 samples in X", "has 6", "X.T"),
    "X of one axis in training": Mistake(lambda: train(Sequential([Linear(1, 1)], MSE()), np.ones(6), Y), ShapeError,
        "layers.0 Linear(1, 1): ", "x must be (N, 1)", "X of shape (6,)", "x[:, None]"),
    "a number of outputs": Mistake(lambda: train(model(MSE(), 2), y=np.ones((6, 3))), ShapeError,
        "MSE: ", "y must have y_hat's shape (2, 2)", "is (2, 3)", "3 outputs"),
    "a batch size of 0": Mistake(lambda: loader(batch_size=0), ArgumentError,
        "DataLoader: ", "batch_size must be an integer >= 1", "is 0", "batch_size=1"),
    "a batch size of 2.5": Mistake(lambda: loader(batch_size=2.5), ArgumentError,
        "DataLoader: ", "batch_size must be an integer >= 1", "is 2.5", "batch_size=2"),
    "a batch size of True": Mistake(lambda: loader(batch_size=True), ArgumentError,
        "DataLoader: ", "batch_size must be an integer >= 1", "is True", "batch_size=1"),
    "a batch size of None": Mistake(lambda: loader(batch_size=None), ArgumentError,
        "DataLoader: ", "batch_size must be an integer >= 1", "is None", "batch_size=1"),
    "arrays for a data set": Mistake(lambda: DataLoader(X, 2), ArgumentError,
        "DataLoader: ", "ds must be a Dataset", "is ndarray of shape (6, 3)", "Dataset(X, y)"),
    "a pair for a data set": Mistake(lambda: DataLoader((X, Y), 2), ArgumentError,
        "DataLoader: ", "ds must be a Dataset", "(ndarray of shape (6, 3), ndarray of shape (6,))", "Dataset(X, y)"),
    "X, y and a batch size": Mistake(lambda: DataLoader(X, Y, 2), ArgumentError,
        "DataLoader: ", "ds must be a Dataset", "is ndarray of shape (6, 3)", "Dataset(X, y)"),
    "shuffle as text": Mistake(lambda: loader(shuffle="yes"), ArgumentError,
        "DataLoader: ", "shuffle must be True or False", "is 'yes'", "shuffle=True"),
    "drop_last as text": Mistake(lambda: loader(drop_last="no"), ArgumentError,
        "DataLoader: ", "drop_last must be True or False", "is 'no'", "drop_last=True"),
    "no full batch": Mistake(lambda: loader(batch_size=7, drop_last=True), ArgumentError,
        "DataLoader: ", "batch_size must be at most the 6 samples with drop_last=True", "is 7", "batch_size=6"),
    "a loader's seed of text": Mistake(lambda: loader(seed="9"), ArgumentError,
        "DataLoader: ", "the seed must be an integer in [0, 2**64)", "is '9'", "seed=0"),
    "a loader that gives nothing": Mistake(empty_epochs, DataError,
        "Empty: ", "an epoch must have at least one batch", "has none", "at what __iter__ yields"),
    "batches without targets": Mistake(single_batches, DtypeError,
        "Mine: ", "a batch must be a pair (x, y)", "is ndarray of shape (6, 3)", "yield the inputs and the targets"),
    "normalizing text": Mistake(lambda: normalize(LABELS[:, None]), DtypeError,
        "normalize: ", "X must be numbers", "is of dtype <U3", "X.astype('float32')"),
    "normalizing one axis": Mistake(lambda: normalize(np.ones(6)), ShapeError,
        "normalize: ", "X must be (N, ...)", "is (6,)", "X[:, None]"),
    "normalizing NaN": Mistake(lambda: normalize(with_nan(X)), DataError,
        "normalize: ", "X must be finite", "holds NaN or infinity", "drop or replace them"),
    "transform before fit": Mistake(lambda: Normalizer().transform(X), OrderError,
        "normalize: ", "needs mean and std", "transform", "fit(X_train)"),
    "other columns": Mistake(lambda: normalize(X, X[:, :2]), ShapeError,
        "normalize: ", "the columns (3,)", "has (2,)", "same columns"),
    "a data set without arrays": Mistake(lambda: len(type("Mine", (Dataset,), {"__init__": lambda self: None})()), PortanetError,
        "Mine: ", "a data set needs __getitem__ and __len__", "or X and y", "super().__init__(X, y)"),
}  # fmt: skip
