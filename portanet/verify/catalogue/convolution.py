"""Rows for convolution, pooling and containers."""

import numpy as np

from portanet.layers import (
    AvgPool1d,
    AvgPool2d,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool1d,
    MaxPool2d,
    Parallel,
    Reshape,
    Residual,
    Sigmoid,
)
from portanet.verify.catalogue.layer_case import LayerCase


def _apart(rng, shape):
    """Return numbers at least 0.05 apart, so that no nudge changes which one is the largest."""
    return 0.05 * rng.permutation(np.arange(np.prod(shape)) - np.prod(shape) // 2).reshape(shape)


def _conv2d(what, *args, shape=(3, 4, 6, 5), **options):
    return LayerCase(
        f"Conv2d {what}",
        lambda: Conv2d(*args, **options),
        shape,
    )


def _conv1d(what, *args, shape=(3, 4, 9), **options):
    return LayerCase(
        f"Conv1d {what}",
        lambda: Conv1d(*args, **options),
        shape,
    )


def _transposed(what, *args, shape=(3, 4, 3, 4), **options):
    return LayerCase(
        f"ConvTranspose2d {what}",
        lambda: ConvTranspose2d(*args, **options),
        shape,
    )


def _pool(layer, what, *args, shape=(2, 3, 7, 6), **options):
    return LayerCase(f"{layer.__name__} {what}", lambda: layer(*args, **options), shape, x=_apart)


CONVOLUTION = [
    _conv2d("", 4, 6, 2),
    _conv2d("padded", 4, 2, 2, padding=1),
    LayerCase(
        "Conv2d same, even kernel",
        lambda: Conv2d(4, 2, (2, 4), padding="same"),
        (3, 4, 6, 5),
    ),
    _conv2d("same, dilated", 4, 2, 2, padding="same", dilation=(2, 4)),
    _conv2d("strided and padded, rows left over", 4, 2, (2, 3), stride=(2, 3), padding=(1, 2)),
    _conv2d("in groups", 4, 6, 2, groups=2),
    _conv2d("depthwise, strided", 4, 8, 2, padding=1, stride=2, groups=4),
    _conv2d("1 x 1", 4, 6, 1),
    _conv2d("more padding than kernel", 4, 2, 2, padding=3),
    LayerCase(
        "Conv2d without bias",
        lambda: Conv2d(4, 6, 2, bias=False),
        (3, 4, 6, 5),
    ),
    LayerCase(
        "Conv1d same, even kernel",
        lambda: Conv1d(4, 2, 4, padding="same"),
        (3, 4, 9),
    ),
    _conv1d(
        "strided, padded, dilated, in groups", 4, 6, 3, stride=2, padding=2, dilation=2, groups=2
    ),
    _transposed("", 4, 3, 2),
    _transposed("strided and padded", 4, 2, 3, stride=2, padding=1, output_padding=1),
    _transposed(
        "rectangular, dilated, in groups",
        4,
        6,
        2,
        stride=(3, 2),
        padding=(0, 1),
        output_padding=(2, 0),
        dilation=(2, 1),
        groups=2,
    ),
    _pool(MaxPool2d, "", 2),
    _pool(MaxPool2d, "overlapping and padded", 3, stride=2, padding=1),
    _pool(MaxPool1d, "overlapping and padded", 4, stride=1, padding=2, shape=(2, 3, 7)),
    _pool(AvgPool2d, "", 2),
    _pool(AvgPool2d, "without the padding", (3, 2), stride=2, padding=1, count_include_pad=False),
    _pool(AvgPool1d, "with the padding", 3, stride=2, padding=1, shape=(2, 3, 7)),
    LayerCase("GlobalAvgPool", GlobalAvgPool, (3, 4, 5, 6)),
    LayerCase("GlobalAvgPool of sequences", GlobalAvgPool, (3, 4, 5)),
    LayerCase("Flatten", Flatten, (3, 2, 4, 5)),
    LayerCase("Reshape", lambda: Reshape((2, 6)), (3, 4, 3)),
    LayerCase("Residual", lambda: Residual([Linear(4, 4), Sigmoid()]), (3, 4)),
    LayerCase(
        "Parallel concat",
        lambda: Parallel([Sigmoid(), Linear(4, 2)]),
        (3, 4),
    ),
    LayerCase(
        "Parallel sum",
        lambda: Parallel([Sigmoid(), [Linear(4, 4)]], how="sum"),
        (3, 4),
    ),
]
