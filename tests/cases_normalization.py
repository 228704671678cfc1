"""Rows of normalization layers."""

import numpy as np
from cases_base import LayerCase

from portanet import (
    BatchNorm1d,
    BatchNorm2d,
    GroupNorm,
    LayerNorm,
    RMSNorm,
    freeze_statistics,
)


def _torch_batch_norm(layer, x, p):
    import torch.nn.functional as F

    return F.batch_norm(x, None, None, p.get("weights"), p.get("bias"), training=True)


def _frozen(layer):
    """The layer with running statistics that it has from elsewhere, and keeps."""
    rng = np.random.default_rng(6)
    layer.running_mean.value = rng.standard_normal(layer.channels).astype(np.float32)
    layer.running_variance.value = rng.uniform(0.5, 2, layer.channels).astype(np.float32)
    return freeze_statistics(layer)


def _torch_frozen(layer, x, p):
    import torch.nn.functional as F

    statistics = (x.new_tensor(b.value) for b in (layer.running_mean, layer.running_variance))
    return F.batch_norm(x, *statistics, p.get("weights"), p.get("bias"), training=False)


def _torch_layer_norm(layer, x, p):
    import torch.nn.functional as F

    return F.layer_norm(x, layer.shape, p.get("weights"), p.get("bias"))


def _torch_rms_norm(layer, x, p):
    import torch.nn.functional as F

    return F.rms_norm(x, layer.shape, p.get("weights"), layer.eps)


def _torch_group_norm(layer, x, p):
    import torch.nn.functional as F

    return F.group_norm(x, layer.groups, p.get("weights"), p.get("bias"))


NORMALIZATION = [
    LayerCase(
        "BatchNorm1d", lambda: BatchNorm1d(3), (6, 3), torch=_torch_batch_norm, single=False
    ),
    LayerCase("BatchNorm1d on sequences", lambda: BatchNorm1d(3), (2, 3, 4),
              torch=_torch_batch_norm),
    LayerCase("BatchNorm2d", lambda: BatchNorm2d(2), (2, 2, 3, 2), torch=_torch_batch_norm),
    LayerCase("BatchNorm1d, frozen", lambda: _frozen(BatchNorm1d(3)), (6, 3), torch=_torch_frozen),
    LayerCase("BatchNorm2d, frozen, without weights",
              lambda: _frozen(BatchNorm2d(2, affine=False)), (2, 2, 3, 2), torch=_torch_frozen),
    LayerCase("BatchNorm1d without weights", lambda: BatchNorm1d(3, affine=False), (6, 3),
              torch=_torch_batch_norm, single=False),
    LayerCase("LayerNorm without weights", lambda: LayerNorm(5, affine=False), (4, 5),
              torch=_torch_layer_norm),
    LayerCase("RMSNorm without weights", lambda: RMSNorm(5, affine=False), (4, 5),
              torch=_torch_rms_norm),
    LayerCase("GroupNorm without weights", lambda: GroupNorm(2, 4, affine=False), (2, 4, 3, 2),
              torch=_torch_group_norm),
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
