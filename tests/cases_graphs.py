"""Rows for the layers that join branches of a Graph, for layers called twice and tied parameters."""

from cases_base import LayerCase
from cases_sequences import tokens

from portanet import (
    Add,
    Concat,
    Embedding,
    Graph,
    Input,
    Linear,
    Multiply,
    Sequential,
    Sigmoid,
    Tanh,
    Unembedding,
)  # fmt: skip


def _joined(join, n=3):
    """Return x -> join of two branches of x, the second a gate."""
    x = Input()
    return Graph(x, join([Linear(4, n)(x), Sigmoid()(Linear(4, 3)(x))]))


def _branches(x, p):
    """Return the same branches by PyTorch: calls are numbered in their order."""
    first = x @ p["layers.0.weights"] + p["layers.0.bias"]
    return first, (x @ p["layers.1.weights"] + p["layers.1.bias"]).sigmoid()


def _concat(layer, x, p):
    import torch

    return torch.cat(_branches(x, p), dim=1)


def _twice():
    x, shared = Input(), Linear(4, 4)
    return Graph(x, shared(Tanh()(shared(x))))


def _torch_twice(layer, x, p):
    w, b = p["layers.0.weights"], p["layers.0.bias"]
    return (x @ w + b).tanh() @ w + b


def _tied():
    first, second = Linear(4, 4), Linear(4, 4)
    second.weights = first.weights
    return Sequential([first, Tanh(), second])


def _torch_tied(layer, x, p):
    w = p["layers.0.weights"]
    return (x @ w + p["layers.0.bias"]).tanh() @ w + p["layers.2.bias"]


def _unembedded():
    embedding = Embedding(7, 4)
    return Sequential([embedding, Linear(4, 4), Unembedding(embedding)])


def _torch_unembedded(layer, x, p):
    table = p["layers.0.weights"]
    return (table[x] @ p["layers.1.weights"] + p["layers.1.bias"]) @ table.T


GRAPHS = [
    LayerCase("Unembedding", _unembedded, (4, 5), x=tokens, torch=_torch_unembedded),
    LayerCase(
        "Add", lambda: _joined(Add()), (5, 4), torch=lambda layer, x, p: sum(_branches(x, p)),
    ),
    LayerCase(
        "Multiply", lambda: _joined(Multiply()), (5, 4),
        torch=lambda layer, x, p: _branches(x, p)[0] * _branches(x, p)[1],
    ),
    LayerCase("Concat", lambda: _joined(Concat(), 2), (5, 4), torch=_concat),
    LayerCase("Concat of the last axis", lambda: _joined(Concat(-1), 2), (5, 4), torch=_concat),
    LayerCase("Graph, a layer twice", _twice, (5, 4), torch=_torch_twice),
    LayerCase("Sequential, tied weights", _tied, (5, 4), torch=_torch_tied),
]  # fmt: skip
