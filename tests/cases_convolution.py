"""Rows for convolution, pooling and containers."""

import numpy as np
from cases_base import LayerCase

from portanet import (
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


def _functional(name, n_axes=2, **options):
    """PyTorch's function of a name, with a layer's parameters if it has some."""

    def run(layer, x, p):
        import torch.nn.functional as F

        weights = (p["weights"], p.get("bias")) if p else ()
        return getattr(F, f"{name}{n_axes}d")(x, *weights, **options)

    return run


def _apart(rng, shape):
    """Numbers at least 0.05 apart, so that no nudge changes which one is the largest."""
    return 0.05 * rng.permutation(np.arange(np.prod(shape)) - np.prod(shape) // 2).reshape(shape)


def conv2d(what, *args, shape=(3, 4, 6, 5), **options):
    return LayerCase(
        f"Conv2d {what}",
        lambda: Conv2d(*args, **options),
        shape,
        torch=_functional("conv", 2, **options),
    )


def _padded_by_hand(*around, n_axes=2):
    """PyTorch's padding="same" warns for even kernels, so that its oracle is padded by hand."""

    def run(layer, x, p):
        import torch.nn.functional as F

        return _functional("conv", n_axes)(layer, F.pad(x, around), p)

    return run


def conv1d(what, *args, shape=(3, 4, 9), **options):
    return LayerCase(
        f"Conv1d {what}",
        lambda: Conv1d(*args, **options),
        shape,
        torch=_functional("conv", 1, **options),
    )


def transposed(what, *args, shape=(3, 4, 3, 4), **options):
    return LayerCase(
        f"ConvTranspose2d {what}", lambda: ConvTranspose2d(*args, **options), shape,
        torch=_functional("conv_transpose", 2, **options),
    )  # fmt: skip


def pool(layer, what, *args, shape=(2, 3, 7, 6), **options):
    name = "max_pool" if layer in (MaxPool1d, MaxPool2d) else "avg_pool"
    torch = _functional(name, layer.n_axes, kernel_size=args[0], **options)
    make = lambda: layer(*args, **options)  # noqa: E731 - a row, not a function
    return LayerCase(f"{layer.__name__} {what}", make, shape, torch=torch, x=_apart)


def _residual(layer, x, p):
    return x + (x @ p["layers.layers.0.weights"] + p["layers.layers.0.bias"]).sigmoid()


def _concat(layer, x, p):
    import torch

    return torch.cat([x.sigmoid(), x @ p["branches.1.weights"] + p["branches.1.bias"]], dim=1)


def _sum(layer, x, p):
    return x.sigmoid() + x @ p["branches.1.layers.0.weights"] + p["branches.1.layers.0.bias"]


CONVOLUTION = [
    conv2d("", 4, 6, 2),
    conv2d("padded", 4, 2, 2, padding=1),
    LayerCase(
        "Conv2d same, even kernel", lambda: Conv2d(4, 2, (2, 4), padding="same"), (3, 4, 6, 5),
        torch=_padded_by_hand(1, 2, 0, 1),
    ),
    conv2d("same, dilated", 4, 2, 2, padding="same", dilation=(2, 4)),
    conv2d("strided and padded, rows left over", 4, 2, (2, 3), stride=(2, 3), padding=(1, 2)),
    conv2d("in groups", 4, 6, 2, groups=2),
    conv2d("depthwise, strided", 4, 8, 2, padding=1, stride=2, groups=4),
    conv2d("1 x 1", 4, 6, 1),
    conv2d("more padding than kernel", 4, 2, 2, padding=3),
    LayerCase(
        "Conv2d without bias", lambda: Conv2d(4, 6, 2, bias=False), (3, 4, 6, 5),
        torch=_functional("conv"),
    ),
    LayerCase(
        "Conv1d same, even kernel", lambda: Conv1d(4, 2, 4, padding="same"), (3, 4, 9),
        torch=_padded_by_hand(1, 2, n_axes=1),
    ),
    conv1d("strided, padded, dilated, in groups", 4, 6, 3, stride=2, padding=2, dilation=2, groups=2),
    transposed("", 4, 3, 2),
    transposed("strided and padded", 4, 2, 3, stride=2, padding=1, output_padding=1),
    transposed("rectangular, dilated, in groups", 4, 6, 2, stride=(3, 2), padding=(0, 1), output_padding=(2, 0), dilation=(2, 1), groups=2),
    pool(MaxPool2d, "", 2),
    pool(MaxPool2d, "overlapping and padded", 3, stride=2, padding=1),
    pool(MaxPool1d, "overlapping and padded", 4, stride=1, padding=2, shape=(2, 3, 7)),
    pool(AvgPool2d, "", 2),
    pool(AvgPool2d, "without the padding", (3, 2), stride=2, padding=1, count_include_pad=False),
    pool(AvgPool1d, "with the padding", 3, stride=2, padding=1, shape=(2, 3, 7)),
    LayerCase("GlobalAvgPool", GlobalAvgPool, (3, 4, 5, 6), torch=lambda layer, x, p: x.mean((2, 3))),
    LayerCase("GlobalAvgPool of sequences", GlobalAvgPool, (3, 4, 5), torch=lambda layer, x, p: x.mean(2)),
    LayerCase("Flatten", Flatten, (3, 2, 4, 5), torch=lambda layer, x, p: x.flatten(1)),
    LayerCase("Reshape", lambda: Reshape((2, 6)), (3, 4, 3), torch=lambda layer, x, p: x.reshape(-1, 2, 6)),
    LayerCase("Residual", lambda: Residual([Linear(4, 4), Sigmoid()]), (3, 4), torch=_residual),
    LayerCase(
        "Parallel concat", lambda: Parallel([Sigmoid(), Linear(4, 2)]), (3, 4), torch=_concat,
    ),
    LayerCase(
        "Parallel sum", lambda: Parallel([Sigmoid(), [Linear(4, 4)]], how="sum"), (3, 4), torch=_sum,
    ),
]  # fmt: skip
