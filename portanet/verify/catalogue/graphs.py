"""Rows for layers that join branches of a Graph, layers called twice and tied parameters."""

from portanet.graph import Graph
from portanet.layers import (
    Add,
    Concat,
    Embedding,
    Linear,
    Multiply,
    Sigmoid,
    Tanh,
    Unembedding,
)
from portanet.sequential import Sequential
from portanet.verify.catalogue.layer_case import LayerCase
from portanet.verify.catalogue.sequences import tokens
from portanet.wire import Input


def _joined(join, n=3):
    """Return x -> join of two branches of x, the second a gate."""
    x = Input()
    return Graph(x, join([Linear(4, n)(x), Sigmoid()(Linear(4, 3)(x))]))


def _twice():
    x, shared = Input(), Linear(4, 4)
    return Graph(x, shared(Tanh()(shared(x))))


def _tied():
    first, second = Linear(4, 4), Linear(4, 4)
    second.weights = first.weights
    return Sequential([first, Tanh(), second])


def _unembedded():
    embedding = Embedding(7, 4)
    return Sequential([embedding, Linear(4, 4), Unembedding(embedding)])


GRAPHS = [
    LayerCase("Unembedding", _unembedded, (4, 5), x=tokens),
    LayerCase(
        "Add",
        lambda: _joined(Add()),
        (5, 4),
    ),
    LayerCase(
        "Multiply",
        lambda: _joined(Multiply()),
        (5, 4),
    ),
    LayerCase("Concat", lambda: _joined(Concat(), 2), (5, 4)),
    LayerCase("Concat of the last axis", lambda: _joined(Concat(-1), 2), (5, 4)),
    LayerCase("Graph, a layer twice", _twice, (5, 4)),
    LayerCase("Sequential, tied weights", _tied, (5, 4)),
]
