"""Augmentation: each transform against the same by hand, sample by sample."""

import numpy as np
import pytest

from portanet import DataLoader, Dataset
from portanet.augmentation import Crop, Flip, Noise, Normalize
from portanet.data.sample_draws import SampleDraws
from portanet.errors import ArgumentError, ShapeError
from portanet.random import Key

F4 = np.float32
IMAGES = np.arange(6 * 2 * 3 * 4, dtype=F4).reshape(6, 2, 3, 4)
DRAWS = SampleDraws(Key(0, "transform"), 5, np.arange(6))


def flipped(x, rng):
    return x[:, ::-1, :] if rng.random() < 0.5 else x


def cropped(x, rng):
    around = np.zeros((2, 3 + 4, 4 + 4), F4)
    around[:, 2:-2, 2:-2] = x
    top, left = rng.integers(0, 5, size=2)
    return around[:, top : top + 3, left : left + 4]


def noisy(x, rng):
    return x + rng.normal(0, 0.5, x.shape).astype(F4)


def normal(x, rng):
    mean, std = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    return np.stack([(x[c] - mean[c]) / std[c] for c in (0, 1)]).astype(F4)


@pytest.mark.parametrize(
    ("transform", "by_hand"),
    [(Flip(axis=-2), flipped), (Crop(2), cropped), (Noise(0.5), noisy), (Normalize([1, 2], [3, 4]), normal)],
)  # fmt: skip
def test_of_a_batch_is_of_each_sample(transform, by_hand):
    ((found, _),) = DataLoader(Dataset(IMAGES, np.zeros(6), transform=transform), 6, seed=0)
    draws = SampleDraws(Key(0, "transform"), 0, np.arange(6))
    wanted = np.stack([by_hand(x, draws.of_sample(i)) for i, x in enumerate(IMAGES)])
    assert found.dtype == F4
    np.testing.assert_array_equal(found, wanted)
    assert (found != IMAGES).any()


def test_crops_begin_everywhere():
    """The 25 offsets of 4000 crops: chi-square of 24 degrees is above 60 once in 16 000 tries."""
    draws = SampleDraws(Key(0, "transform"), 0, np.arange(4000))
    images = np.zeros((4000, 1, 5, 5), F4)
    images[..., 2, 2] = 1
    found = Crop(2)(images, draws.of_batch()).reshape(4000, 25).argmax(axis=1)
    counts = np.bincount(found, minlength=25)
    assert ((counts - 160) ** 2 / 160).sum() < 60


def test_bytes_become_floats():
    images = IMAGES.astype(np.uint8)
    assert Normalize(1, 2)(images, None).dtype == F4
    assert Noise(0.1)(images, DRAWS.of_batch()).dtype == np.float64
    assert Crop(1)(images, DRAWS.of_batch()).dtype == np.uint8
    assert repr([Crop(1), Flip(0.3), Noise(0.5)]) == "[Crop(1), Flip(p=0.3), Noise(0.5)]"


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: Flip(axis=0), ArgumentError, r"Flip: axis must be an integer < 0.*is 0"),
        (lambda: Flip(axis=-3)(np.ones((2, 2, 2)), None), ShapeError, r"Flip: X must have samples with an axis -3"),
        (lambda: Crop(1)(np.ones((2, 2)), None), ShapeError, r"Crop: X must be \(n, ..., H, W\), is \(2, 2\)"),
        (lambda: Crop(0), ArgumentError, r"Crop: padding must be an integer >= 1"),
        (lambda: Noise(-1), ArgumentError, r"Noise: std must"),
        (lambda: Normalize(0, [1, 0]), ArgumentError, r"Normalize: std must be > 0, is 0 in a channel"),
    ],
)  # fmt: skip
def test_errors(make, kind, message):
    with pytest.raises(kind, match=message):
        make()
