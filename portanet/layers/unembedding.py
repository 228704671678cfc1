"""Unembedding: a score for each token, by the table of an Embedding."""

from portanet.checks import check_alike
from portanet.errors import ArgumentError, ShapeError, short
from portanet.layer import Layer
from portanet.layers.embedding import Embedding
from portanet.layers.linear import rows
from portanet.typing import Array


class Unembedding(Layer):
    """z = x wᵀ, where w is the table of an Embedding: the score of token j is x · w[j].

    Shapes: x (..., n_features), w (n_tokens, n_features), z (..., n_tokens).

    With G = dL/dz: dL/dx = G w and dL/dw = Gᵀ x (leading axes merged into one). The table has one
    gradient, which is the sum of this one and the Embedding's: both must be layers of one
    Sequential or Graph, which adds them.

    As the rows of a new table have a norm of about sqrt(n_features), first scores are large unless
    the layer before is a norm with small weights, or the table is scaled.

    Raises ArgumentError unless it is given an Embedding; ShapeError unless x is (...,
    n_features); PlacementError or DtypeError unless x has the table's device and dtype.

    Source: Press & Wolf, "Using the output embedding to improve language models", 2017, section 3.

    >>> import numpy as np
    >>> from portanet import Sequential
    >>> embedding = Embedding(7, 3)
    >>> Sequential([embedding, Unembedding(embedding)])(np.asarray([[1, 6]])).shape
    (1, 2, 7)
    """

    def __init__(self, embedding: Embedding) -> None:
        if not isinstance(embedding, Embedding):
            raise ArgumentError(
                f"Unembedding: embedding must be an Embedding layer, is {short(embedding)}"
            )
        self.weights = embedding.weights

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return x wᵀ."""
        weights = self.weights.value
        check_alike(self, "x", x, "the table", weights)
        if x.ndim < 2 or x.shape[-1] != weights.shape[1]:
            raise ShapeError(
                f"{self!r}: x must be (N, ..., {weights.shape[1]}), is {tuple(x.shape)}"
            )
        if training:
            self._saved = x
        return x @ weights.T

    def backward(self, grad: Array) -> Array:
        """Set this layer's part of dL/dw, Gᵀ x; return dL/dx = G w."""
        x, g = rows(self._take_saved()), rows(grad)
        self.weights.grad = g.T @ x
        return grad @ self.weights.value

    def __repr__(self) -> str:
        n_tokens, n_features = self.weights.peek().shape
        return f"Unembedding(Embedding({n_tokens}, {n_features}))"
