"""PyTorch's oracles for the rows of normalization layers."""

from cases_base import LayerCase, with_oracles

from portanet.verify.catalogue import normalization


def _torch_batch_norm(layer, x, p):
    import torch.nn.functional as F

    return F.batch_norm(x, None, None, p.get("weights"), p.get("bias"), training=True)


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


ORACLES = {
    "BatchNorm1d": _torch_batch_norm,
    "BatchNorm1d on sequences": _torch_batch_norm,
    "BatchNorm2d": _torch_batch_norm,
    "BatchNorm1d, frozen": _torch_frozen,
    "BatchNorm2d, frozen, without weights": _torch_frozen,
    "BatchNorm1d without weights": _torch_batch_norm,
    "LayerNorm without weights": _torch_layer_norm,
    "RMSNorm without weights": _torch_rms_norm,
    "GroupNorm without weights": _torch_group_norm,
    "LayerNorm": _torch_layer_norm,
    "LayerNorm on sequences": _torch_layer_norm,
    "LayerNorm over two axes": _torch_layer_norm,
    "RMSNorm": _torch_rms_norm,
    "RMSNorm over two axes": _torch_rms_norm,
    "GroupNorm": _torch_group_norm,
    "GroupNorm of one group": _torch_group_norm,
    "GroupNorm of single channels": _torch_group_norm,
}
NORMALIZATION = with_oracles(LayerCase, normalization.NORMALIZATION, ORACLES)
