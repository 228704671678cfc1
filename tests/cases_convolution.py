"""PyTorch's oracles for the rows of convolution, pooling and containers.

The options of a row stand here a second time: an oracle that read them from the layer would not see
what the layer makes of them.
"""

from cases_base import LayerCase, with_oracles

from portanet.verify.catalogue import convolution


def _functional(name, n_axes=2, **options):
    """PyTorch's function of a name, with a layer's parameters if it has some."""

    def run(layer, x, p):
        import torch.nn.functional as F

        weights = (p["weights"], p.get("bias")) if p else ()
        return getattr(F, f"{name}{n_axes}d")(x, *weights, **options)

    return run


def _padded_by_hand(*around, n_axes=2):
    """PyTorch's padding="same" warns for even kernels, so that its oracle is padded by hand."""

    def run(layer, x, p):
        import torch.nn.functional as F

        return _functional("conv", n_axes)(layer, F.pad(x, around), p)

    return run


def _residual(layer, x, p):
    return x + (x @ p["layers.layers.0.weights"] + p["layers.layers.0.bias"]).sigmoid()


def _concat(layer, x, p):
    import torch

    return torch.cat([x.sigmoid(), x @ p["branches.1.weights"] + p["branches.1.bias"]], dim=1)


def _sum(layer, x, p):
    return x.sigmoid() + x @ p["branches.1.layers.0.weights"] + p["branches.1.layers.0.bias"]


def _conv(n_axes=2, **options):
    return _functional("conv", n_axes, **options)


def _transposed(**options):
    return _functional("conv_transpose", 2, **options)


def _pooled(name, n_axes, kernel_size, **options):
    return _functional(f"{name}_pool", n_axes, kernel_size=kernel_size, **options)


ORACLES = {
    "Conv2d ": _conv(),
    "Conv2d padded": _conv(padding=1),
    "Conv2d same, even kernel": _padded_by_hand(1, 2, 0, 1),
    "Conv2d same, dilated": _conv(padding="same", dilation=(2, 4)),
    "Conv2d strided and padded, rows left over": _conv(stride=(2, 3), padding=(1, 2)),
    "Conv2d in groups": _conv(groups=2),
    "Conv2d depthwise, strided": _conv(padding=1, stride=2, groups=4),
    "Conv2d 1 x 1": _conv(),
    "Conv2d more padding than kernel": _conv(padding=3),
    "Conv2d without bias": _conv(),
    "Conv1d same, even kernel": _padded_by_hand(1, 2, n_axes=1),
    "Conv1d strided, padded, dilated, in groups": _conv(
        1, stride=2, padding=2, dilation=2, groups=2
    ),
    "ConvTranspose2d ": _transposed(),
    "ConvTranspose2d strided and padded": _transposed(stride=2, padding=1, output_padding=1),
    "ConvTranspose2d rectangular, dilated, in groups": _transposed(
        stride=(3, 2), padding=(0, 1), output_padding=(2, 0), dilation=(2, 1), groups=2
    ),
    "MaxPool2d ": _pooled("max", 2, 2),
    "MaxPool2d overlapping and padded": _pooled("max", 2, 3, stride=2, padding=1),
    "MaxPool1d overlapping and padded": _pooled("max", 1, 4, stride=1, padding=2),
    "AvgPool2d ": _pooled("avg", 2, 2),
    "AvgPool2d without the padding": _pooled(
        "avg", 2, (3, 2), stride=2, padding=1, count_include_pad=False
    ),
    "AvgPool1d with the padding": _pooled("avg", 1, 3, stride=2, padding=1),
    "GlobalAvgPool": lambda layer, x, p: x.mean((2, 3)),
    "GlobalAvgPool of sequences": lambda layer, x, p: x.mean(2),
    "Flatten": lambda layer, x, p: x.flatten(1),
    "Reshape": lambda layer, x, p: x.reshape(-1, 2, 6),
    "Residual": _residual,
    "Parallel concat": _concat,
    "Parallel sum": _sum,
}
CONVOLUTION = with_oracles(LayerCase, convolution.CONVOLUTION, ORACLES)
