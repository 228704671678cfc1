"""Rows of normalization layers."""

from cases_base import LayerCase

from portanet import BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm, RMSNorm


def _torch_batch_norm(layer, x, p):
    import torch.nn.functional as F

    return F.batch_norm(x, None, None, p["weights"], p["bias"], training=True)


def _torch_layer_norm(layer, x, p):
    import torch.nn.functional as F

    return F.layer_norm(x, layer.shape, p["weights"], p["bias"])


def _torch_rms_norm(layer, x, p):
    import torch.nn.functional as F

    return F.rms_norm(x, layer.shape, p["weights"], layer.eps)


def _torch_group_norm(layer, x, p):
    import torch.nn.functional as F

    return F.group_norm(x, layer.groups, p["weights"], p["bias"])


NORMALIZATION = [
    LayerCase(
        "BatchNorm1d", lambda: BatchNorm1d(3), (6, 3), torch=_torch_batch_norm, single=False
    ),
    LayerCase("BatchNorm1d on sequences", lambda: BatchNorm1d(3), (2, 3, 4),
              torch=_torch_batch_norm),
    LayerCase("BatchNorm2d", lambda: BatchNorm2d(2), (2, 2, 3, 2), torch=_torch_batch_norm),
    LayerCase("LayerNorm", lambda: LayerNorm(5), (4, 5), torch=_torch_layer_norm),
    LayerCase("LayerNorm on sequences", lambda: LayerNorm(4), (2, 3, 4), torch=_torch_layer_norm),
    LayerCase("LayerNorm over two axes", lambda: LayerNorm((3, 4)), (2, 3, 4),
              torch=_torch_layer_norm),
    LayerCase("RMSNorm", lambda: RMSNorm(5), (4, 5), torch=_torch_rms_norm),
    LayerCase("RMSNorm over two axes", lambda: RMSNorm((3, 4), eps=1e-5), (2, 3, 4),
              torch=_torch_rms_norm),
    LayerCase("GroupNorm", lambda: GroupNorm(2, 4), (2, 4, 3, 2), torch=_torch_group_norm),
    LayerCase("GroupNorm of one group", lambda: GroupNorm(1, 4), (3, 4), torch=_torch_group_norm),
    LayerCase("GroupNorm of single channels", lambda: GroupNorm(3, 3), (2, 3, 4),
              torch=_torch_group_norm),
]  # fmt: skip
