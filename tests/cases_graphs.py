"""PyTorch's oracles for the rows of graphs, of layers called twice and of tied parameters."""

from cases_base import LayerCase, with_oracles

from portanet.verify.catalogue import graphs


def _branches(x, p):
    """Return the same branches by PyTorch: calls are numbered in their order."""
    first = x @ p["layers.0.weights"] + p["layers.0.bias"]
    return first, (x @ p["layers.1.weights"] + p["layers.1.bias"]).sigmoid()


def _concat(layer, x, p):
    import torch

    return torch.cat(_branches(x, p), dim=1)


def _torch_twice(layer, x, p):
    w, b = p["layers.0.weights"], p["layers.0.bias"]
    return (x @ w + b).tanh() @ w + b


def _torch_tied(layer, x, p):
    w = p["layers.0.weights"]
    return (x @ w + p["layers.0.bias"]).tanh() @ w + p["layers.2.bias"]


def _torch_unembedded(layer, x, p):
    table = p["layers.0.weights"]
    return (table[x] @ p["layers.1.weights"] + p["layers.1.bias"]) @ table.T


ORACLES = {
    "Unembedding": _torch_unembedded,
    "Add": lambda layer, x, p: sum(_branches(x, p)),
    "Multiply": lambda layer, x, p: _branches(x, p)[0] * _branches(x, p)[1],
    "Concat": _concat,
    "Concat of the last axis": _concat,
    "Graph, a layer twice": _torch_twice,
    "Sequential, tied weights": _torch_tied,
}
GRAPHS = with_oracles(LayerCase, graphs.GRAPHS, ORACLES)
