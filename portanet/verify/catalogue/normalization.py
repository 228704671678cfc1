"""Rows of normalization layers."""

import numpy as np

from portanet.layers import (
    BatchNorm1d,
    BatchNorm2d,
    GroupNorm,
    LayerNorm,
    RMSNorm,
    freeze_statistics,
)
from portanet.verify.catalogue.layer_case import LayerCase


def _frozen(layer):
    """Return a layer with running statistics that it has from elsewhere, and keeps."""
    rng = np.random.default_rng(6)
    layer.running_mean.value = rng.standard_normal(layer.channels).astype(np.float32)
    layer.running_variance.value = rng.uniform(0.5, 2, layer.channels).astype(np.float32)
    return freeze_statistics(layer)


NORMALIZATION = [
    LayerCase("BatchNorm1d", lambda: BatchNorm1d(3), (6, 3), single=False),
    LayerCase("BatchNorm1d on sequences", lambda: BatchNorm1d(3), (2, 3, 4)),
    LayerCase("BatchNorm2d", lambda: BatchNorm2d(2), (2, 2, 3, 2)),
    LayerCase("BatchNorm1d, frozen", lambda: _frozen(BatchNorm1d(3)), (6, 3)),
    LayerCase(
        "BatchNorm2d, frozen, without weights",
        lambda: _frozen(BatchNorm2d(2, affine=False)),
        (2, 2, 3, 2),
    ),
    LayerCase(
        "BatchNorm1d without weights", lambda: BatchNorm1d(3, affine=False), (6, 3), single=False
    ),
    LayerCase("LayerNorm without weights", lambda: LayerNorm(5, affine=False), (4, 5)),
    LayerCase("RMSNorm without weights", lambda: RMSNorm(5, affine=False), (4, 5)),
    LayerCase("GroupNorm without weights", lambda: GroupNorm(2, 4, affine=False), (2, 4, 3, 2)),
    LayerCase("LayerNorm", lambda: LayerNorm(5), (4, 5)),
    LayerCase("LayerNorm on sequences", lambda: LayerNorm(4), (2, 3, 4)),
    LayerCase("LayerNorm over two axes", lambda: LayerNorm((3, 4)), (2, 3, 4)),
    LayerCase("RMSNorm", lambda: RMSNorm(5), (4, 5)),
    LayerCase("RMSNorm over two axes", lambda: RMSNorm((3, 4), eps=1e-5), (2, 3, 4)),
    LayerCase("GroupNorm", lambda: GroupNorm(2, 4), (2, 4, 3, 2)),
    LayerCase("GroupNorm of one group", lambda: GroupNorm(1, 4), (3, 4)),
    LayerCase("GroupNorm of single channels", lambda: GroupNorm(3, 3), (2, 3, 4)),
]
