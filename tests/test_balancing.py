"""Weights that balance classes: scikit-learn's numbers, what they do to a loss, and mistakes."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

import portanet
from portanet import BCEWithLogits, CrossEntropy, class_weights, positive_weight
from portanet.errors import DataError, ShapeError

RNG = np.random.default_rng(0)
LABELS = np.concatenate([np.arange(5), RNG.choice(5, 200, p=[0.6, 0.2, 0.1, 0.07, 0.03])])


def test_the_weights_are_scikit_learns(backend):
    wanted = compute_class_weight("balanced", classes=np.arange(5), y=LABELS)
    y = backend.asarray(LABELS, backend.index_dtype())
    for given in (LABELS, LABELS.tolist(), LABELS.astype(np.uint8), y):
        np.testing.assert_allclose(class_weights(given), wanted, rtol=1e-15)
    assert class_weights([True, False, False, False]) == [4 / 6, 2.0]
    of_samples = np.take(class_weights(LABELS), LABELS)
    np.testing.assert_allclose(of_samples, compute_sample_weight("balanced", LABELS), rtol=1e-15)


def test_all_classes_count_alike_in_the_mean_loss():
    """The mean over samples, balanced, is the mean over classes of each class's own mean."""
    y_hat = RNG.standard_normal((LABELS.size, 5))
    each = CrossEntropy()(y_hat, LABELS)
    balanced = CrossEntropy(class_weights=class_weights(LABELS))
    weighted, total = balanced(y_hat, LABELS), balanced.weight_of(LABELS)
    wanted = np.mean([each[c == LABELS].mean() for c in range(5)])
    assert weighted.sum() / np.sum(total) == pytest.approx(wanted, rel=1e-12)


def test_positives_weigh_what_negatives_weigh():
    y = (RNG.uniform(size=(300, 3)) < [0.1, 0.5, 0.9]).astype(float)
    assert positive_weight(y) == [positive_weight(y[:, k]) for k in range(3)]
    weight = positive_weight(y[:, 0])
    assert weight == (y[:, 0] == 0).sum() / (y[:, 0] == 1).sum()
    losses = BCEWithLogits(positive_weight=weight)(np.zeros((300, 1)), y[:, 0])
    assert losses[y[:, 0] == 1].sum() == pytest.approx(losses[y[:, 0] == 0].sum(), rel=1e-12)


MISTAKES = {
    "an empty class": (lambda: class_weights([0, 2]), DataError, r"every class must have a sample, classes \[1\] of 3 have none"),
    "a class at the end": (lambda: class_weights([0, 1], 3), DataError, r"classes \[2\] of 3"),
    "too many classes": (lambda: class_weights([0, 1, 2], 2), DataError, "below n_classes, 2, has 2"),
    "a number of classes": (lambda: class_weights([0, 1], 0), portanet.errors.ArgumentError, "n_classes must be an integer >= 1"),
    "floats": (lambda: class_weights([0.0, 1.0]), DataError, "y must be class indices .*numpy.unique"),
    "text": (lambda: class_weights(["a", "b"]), DataError, "numpy.unique"),
    "negative": (lambda: class_weights([-1, 0]), DataError, "y must be class indices 0, 1"),
    "one hot": (lambda: class_weights([[0, 1], [1, 0]]), ShapeError, r"y must be \(N,\) with N >= 1, is \(2, 2\)"),
    "nothing": (lambda: class_weights([]), ShapeError, r"is \(0,\)"),
    "no positive": (lambda: positive_weight([0, 0]), DataError, "y has none"),
    "a column without": (lambda: positive_weight([[0, 1], [0, 0]]), DataError, r"of a column, \[0\] have none"),
    "other labels": (lambda: positive_weight([0, 1, 2]), DataError, "y must be labels 0 and 1"),
    "not a number": (lambda: positive_weight([0, float("nan")]), DataError, "y must be labels 0 and 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named(name):
    call, kind, words = MISTAKES[name]
    with pytest.raises(kind, match=words):
        call()
