"""Metrics against scikit-learn: ties, sizes, dtypes, backends, degenerate data."""

import warnings
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

import portanet
from portanet import (
    accuracy,
    average_precision,
    backends,
    confusion_matrix,
    f1,
    mae,
    mse,
    precision,
    r2,
    recall,
    roc_auc,
    top_k_accuracy,
)
from portanet.errors import ArgumentError, DtypeError, PlacementError, ShapeError

AVERAGES = ["macro", "micro", "weighted"]
SCORES = {precision: sk.precision_score, recall: sk.recall_score, f1: sk.f1_score}


def quiet(function, *args, **options):
    """Return what scikit-learn says, without its warnings about degenerate data."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **options)


def close(value, wanted, dtype=np.float64):
    """Equal up to rounding: sums of at most 60 numbers in [0, 1], so 64 ulps are generous."""
    np.testing.assert_allclose(value, wanted, rtol=64 * np.finfo(dtype).eps, atol=0)


@st.composite
def binary(draw):
    """Scores with many ties (a grid of sixteenths, exact in float32), and labels of both kinds."""
    n = draw(st.integers(2, 60))
    scores = draw(st.lists(st.integers(-8, 24), min_size=n, max_size=n))
    y = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    return np.asarray(scores, dtype) / 16, np.asarray(y)


@st.composite
def classes(draw):
    """Scores (N, C), without ties in a row, and classes of which some may be missing."""
    n, n_classes = draw(st.integers(1, 40)), draw(st.integers(2, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    y_hat = rng.permuted(np.tile(np.arange(n_classes), (n, 1)), axis=1).astype(dtype)
    return y_hat, rng.integers(0, draw(st.integers(1, n_classes)), n)


@given(binary())
def test_rankings_are_scikit_learns(data):
    scores, y = data
    both, dtype = 0 < y.sum() < len(y), scores.dtype
    assert roc_auc(scores, y).dtype == dtype
    close(roc_auc(scores, y), sk.roc_auc_score(y, scores) if both else np.nan, dtype)
    wanted = sk.average_precision_score(y, scores) if y.any() else np.nan
    close(average_precision(scores[:, None], y), wanted, dtype)
    close(roc_auc(np.stack([1 - scores, scores], 1), y), roc_auc(scores, y), dtype)


@given(binary(), st.sampled_from([0.0, 1.0]))
def test_two_classes_are_scikit_learns(data, zero_division):
    p, y = data
    predicted = (p > 0.5).astype(int)
    close(accuracy(p, y), sk.accuracy_score(y, predicted), p.dtype)
    wanted = quiet(sk.confusion_matrix, y, predicted, labels=[0, 1])
    np.testing.assert_array_equal(confusion_matrix(p, y), wanted)
    for score, oracle in SCORES.items():
        for average in ["binary", *AVERAGES]:
            options = {"average": average, "zero_division": zero_division}
            close(score(p, y, **options), oracle(y, predicted, **options), p.dtype)


@given(classes(), st.sampled_from([0.0, 1.0]))
def test_many_classes_are_scikit_learns(data, zero_division):
    y_hat, y = data
    predicted, n_classes = y_hat.argmax(1), y_hat.shape[1]
    close(accuracy(y_hat, y), sk.accuracy_score(y, predicted), y_hat.dtype)
    wanted = sk.confusion_matrix(y, predicted, labels=range(n_classes))
    np.testing.assert_array_equal(confusion_matrix(y_hat, y), wanted)
    for score, oracle in SCORES.items():
        for average in AVERAGES:
            options = {"average": average, "zero_division": zero_division}
            close(score(y_hat, y, **options), oracle(y, predicted, **options), y_hat.dtype)


@given(classes(), st.integers(1, 7))
def test_top_k_is_scikit_learns(data, k):
    y_hat, y = data
    n_classes = y_hat.shape[1]
    if n_classes == 2:  # scikit-learn wants one column for two classes
        wanted = np.mean((k >= 2) | (y_hat.argmax(1) == y))
    else:
        wanted = quiet(sk.top_k_accuracy_score, y, y_hat, k=k, labels=range(n_classes))
    close(top_k_accuracy(k)(y_hat, y), wanted, y_hat.dtype)
    close(top_k_accuracy(1)(y_hat // 2, y), accuracy(y_hat // 2, y), y_hat.dtype)  # ties


@given(st.integers(1, 40), st.integers(1, 3), st.integers(0, 2**32), st.booleans())
def test_errors_are_scikit_learns(n, n_columns, seed, constant):
    rng = np.random.default_rng(seed)
    y_hat, y = rng.standard_normal((2, n, n_columns))
    if constant:
        y[:, 0] = 0.1
    close(mse(y_hat, y), sk.mean_squared_error(y, y_hat))
    close(mae(y_hat, y), sk.mean_absolute_error(y, y_hat))
    if n > 1:  # scikit-learn wants two samples for R²
        wanted = sk.r2_score(y, y_hat, multioutput="raw_values")
        wanted[0] = 0 if constant else wanted[0]  # of which scikit-learn's mean may be rounded
        np.testing.assert_allclose(r2(y_hat, y), wanted.mean(), rtol=1e-12, atol=1e-13)
        assert r2(y, y) == 1


def examples():
    """Name, metric, predictions and targets: one of each shape."""
    rng = np.random.default_rng(0)
    p, y = rng.integers(0, 9, 50) / 8, rng.integers(0, 2, 50)
    scores, c = rng.integers(0, 9, (50, 4)) / 8, rng.integers(0, 4, 50)
    tokens, t = rng.standard_normal((6, 5, 4)), rng.integers(-1, 4, (6, 5))
    for metric in (accuracy, confusion_matrix, precision, recall, f1, roc_auc, average_precision):
        yield metric.__name__, metric, p, y
        yield f"{metric.__name__} of a column", metric, p[:, None], y
    for metric in (roc_auc, average_precision):
        yield f"{metric.__name__} of two columns", metric, np.stack([1 - p, p], 1), y
    for metric in (accuracy, confusion_matrix, top_k_accuracy(2)):
        yield f"{metric.__name__} of classes", metric, scores, c
        yield f"{metric.__name__} of tokens", metric, tokens, t
    yield "accuracy of images", partial(accuracy, axis=1), tokens.transpose(0, 2, 1), t
    for metric in (precision, recall, f1):
        for average in AVERAGES:
            yield f"{average} {metric.__name__}", partial(metric, average=average), scores, c
    for metric in (mse, mae, r2):
        yield metric.__name__, metric, scores, scores[::-1].copy()


EXAMPLES = {name: example for name, *example in examples()}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_backend_agrees_and_nothing_is_fetched(name, backend, dtypes):
    metric, y_hat, y = EXAMPLES[name]
    wanted = metric(y_hat, y)
    for dtype in dtypes:
        there = backend.asarray(y_hat, dtype)
        index = dtype if y.dtype.kind == "f" else backend.index_dtype()
        before = backend.copies_to_host
        value = metric(there, backend.asarray(y, index))
        assert backend.copies_to_host == before
        assert portanet.backend_of(value) is backend
        assert tuple(value.shape) == np.shape(wanted)
        assert np.shape(wanted) or value.dtype == there.dtype
        close(backend.to_numpy(value), wanted, dtype)
        if y.dtype.kind == "i":  # a loader moves binary labels as floats
            as_float = metric(there, backend.asarray(y, dtype))
            np.testing.assert_array_equal(backend.to_numpy(as_float), backend.to_numpy(value))


def test_degenerate_data(backend):
    p = backend.asarray([0.5, 0.25, 0.75], "float32")
    zeros, none = backend.asarray([0, 0, 0], "int32"), backend.asarray(np.zeros(0), "float32")
    for y, metric in [(zeros, roc_auc), (zeros + 1, roc_auc), (zeros, average_precision)]:
        assert np.isnan(backend.to_numpy(metric(p, y)))
    assert backend.to_numpy(average_precision(p, zeros + 1)) == 1
    for metric in (roc_auc, average_precision, accuracy):
        assert np.isnan(backend.to_numpy(metric(none, none)))
        assert np.isnan(backend.to_numpy(metric(none[:, None], none)))
    ignored = accuracy(backend.asarray(np.ones((3, 4)), "float32"), zeros - 100)
    assert np.isnan(backend.to_numpy(ignored))


def test_scores_that_are_infinite_or_nan(backend):
    y = backend.asarray([0, 1, 1, 0, 0], "int32")
    for scores in ([np.inf, np.inf, 1, -np.inf, 0], [-np.inf, np.inf, -np.inf, 0, 0]):
        ranks = np.clip(scores, -9, 9)  # scikit-learn refuses infinities; the order is the same
        labels, s = [0, 1, 1, 0, 0], backend.asarray(np.asarray(scores), "float32")
        close(backend.to_numpy(roc_auc(s, y)), sk.roc_auc_score(labels, ranks), np.float32)
        wanted = sk.average_precision_score(labels, ranks)
        close(backend.to_numpy(average_precision(s, y)), wanted, np.float32)
    s = backend.asarray(np.asarray([0.5, np.nan, 1, 0, 0]), "float32")
    assert np.isnan(backend.to_numpy(roc_auc(s, y)))
    assert np.isnan(backend.to_numpy(average_precision(s, y)))


PREDICTED = {  # metrics of classes, predictions of one column or of three classes, and targets
    "accuracy of a column": (accuracy, (4, 1), [0, 0, 0, 1]),
    "accuracy": (accuracy, (4, 3), [0, 0, 1, 2]),
    "top 2 accuracy": (top_k_accuracy(2), (4, 3), [0, 0, 1, 1]),
    "top 2 accuracy of the last": (top_k_accuracy(2), (4, 3), [2, 2, 2, 2]),
    "precision": (precision, (4, 1), [0, 1, 0, 1]),
    "recall": (recall, (4, 1), [0, 1, 0, 1]),
    "f1": (partial(f1, average="macro"), (4, 3), [0, 1, 2, 0]),
}


@pytest.mark.parametrize("name", PREDICTED)
def test_predictions_of_nan_have_no_score(name, backend):
    """NaN is of no class: a comparison is False for it and argmax returns 0, the first class."""
    metric, shape, y = PREDICTED[name]
    y_hat, y = np.full(shape, np.nan, np.float32), backend.asarray(np.asarray(y))
    assert np.isnan(float(metric(backend.asarray(y_hat), y)))
    y_hat[1:] = 0.25  # one of them is enough
    assert np.isnan(float(metric(backend.asarray(y_hat), y)))


def test_predictions_of_nan_are_not_counted():
    y_hat = np.asarray([[np.nan, 0.0], [0.0, 1.0], [1.0, np.nan]])
    assert confusion_matrix(y_hat, np.asarray([0, 1, 1])).tolist() == [[0, 0], [0, 1]]
    assert float(accuracy(y_hat, np.asarray([-1, 1, -1]))) == 1  # what is ignored may be NaN


def test_what_is_ignored_is_left_out():
    y_hat = np.random.default_rng(0).standard_normal((9, 5, 4))
    y = np.random.default_rng(1).integers(0, 4, (9, 5))
    y[::2, 1] = -100
    kept = y >= 0
    close(accuracy(y_hat, y), np.mean(y_hat.argmax(-1)[kept] == y[kept]))
    assert confusion_matrix(y_hat, y).sum() == kept.sum()
    close(f1(y_hat, y, average="macro"), f1(y_hat[kept], y[kept], average="macro"))


def test_labels_of_minus_one_are_negatives():
    assert accuracy(np.asarray([0.9, 0.1, 0.9]), np.asarray([1, -1, -1])) == pytest.approx(2 / 3)


def test_large_counts_are_exact():
    """float32 cannot count beyond 2^24, so integers do."""
    n = 2**24 + 3
    p = np.ones(n, np.float32)
    assert confusion_matrix(p, p)[1, 1] == n


def strict(x):
    return backends.get("strict").asarray(x)


BAD = {
    "an unknown average": (lambda: f1(np.ones(2), np.ones(2), average="mean"), ArgumentError, r"f1: average must be 'binary', 'macro', 'micro' or 'weighted', is 'mean'"),
    "binary for four": (lambda: recall(np.ones((2, 4)), np.ones(2, int)), ArgumentError, r"recall: average='binary' is for two.*partial"),
    "zero_division of text": (lambda: f1(np.ones(2), np.ones(2), zero_division="warn"), ArgumentError, r"zero_division"),
    "k of 0": (lambda: top_k_accuracy(0), ArgumentError, r"top_k_accuracy: k must be an integer >= 1"),
    "top k of a column": (lambda: top_k_accuracy(3)(np.ones((2, 1)), np.ones(2)), ShapeError, r"top_3_accuracy: y_hat must be \(N, C\)"),
    "AUC of four": (lambda: roc_auc(np.ones((2, 4)), np.ones(2)), ShapeError, r"roc_auc: y_hat must be \(N,\)"),
    "a list of targets": (lambda: accuracy(np.ones((2, 1)), [1, 0]), DtypeError, r"accuracy: y must be an array, is \[1, 0\].*numpy.asarray"),
    "targets elsewhere": (lambda: accuracy(np.ones((2, 1)), strict(np.ones(2))), PlacementError, r"accuracy: y must be on the device of y_hat.*'numpy'.*'strict'"),
    "numbers elsewhere": (lambda: r2(strict(np.ones(2)), np.ones(2)), PlacementError, r"r2: y must be on the device of y_hat.*asarray"),
    "ranks elsewhere": (lambda: roc_auc(strict(np.ones(2)), np.ones(2)), PlacementError, r"roc_auc: y must be on the device"),
    "other lengths": (lambda: mse(np.ones(3), np.ones(2)), ShapeError, r"mse: y must have y_hat's shape"),
    "other classes": (lambda: accuracy(np.ones((2, 3)), np.ones((2, 3))), ShapeError, r"accuracy: for scores \(2, 3\) y must be \(2,\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_makes_no_sense_is_refused(name):
    call, error, words = BAD[name]
    with pytest.raises(error, match=words):
        call()


def test_metrics_are_one_package():
    assert accuracy is portanet.metrics.accuracy
    assert top_k_accuracy(5).__name__ == "top_5_accuracy"
    assert backends.get("numpy").copies_to_host >= 0
