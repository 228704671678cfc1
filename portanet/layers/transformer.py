"""The transformer block."""

from portanet.checks import check_count
from portanet.layer import Layer
from portanet.layers.attention import MultiHeadAttention
from portanet.layers.dropout import Dropout
from portanet.layers.gated import GELU
from portanet.layers.linear import Linear
from portanet.layers.normalization import LayerNorm
from portanet.sequential import Sequential
from portanet.typing import Array, Rng


class TransformerBlock(Layer):
    """z = x + attention(norm(x)),  y = z + f(norm(z)),  f = Linear, GELU, Linear on each token.

    Shapes: x, y (N, L, n_features); f has n_hidden features inside, 4 n_features unless given.

    The gradient G of a sum is the gradient of both terms: dL/dz = G + norm'(f'(G)), dL/dx likewise.

    The norms precede attention and f ("pre-norm"), so that an identity path connects the last block
    to the first; put a LayerNorm after the last block. (The paper of 2017 and PyTorch's default
    norm after each sum.) dropout, in [0, 1), is the probability to drop a number of the attention's
    or f's output. causal, rotary, max_length and padding_mask: as in MultiHeadAttention.

    Raises: see MultiHeadAttention; ArgumentError unless n_hidden is an integer >= 1 and dropout a
    number in [0, 1).

    Source: Vaswani et al., "Attention is all you need", 2017; norms and GELU as in Radford et al.,
    "Language models are unsupervised multitask learners", 2019.

    >>> import numpy as np
    >>> TransformerBlock(8, 2, causal=True)(np.zeros((2, 5, 8), np.float32)).shape
    (2, 5, 8)
    """

    def __init__(
        self, n_features: int, n_heads: int, *, n_hidden: int | None = None, causal: bool = False,
        rotary: bool = False, dropout: float = 0.0, max_length: int = 2048, rng: Rng | None = None,
    ) -> None:  # fmt: skip
        check_count("TransformerBlock", "n_features", n_features)
        n_hidden = 4 * n_features if n_hidden is None else n_hidden
        check_count("TransformerBlock", "n_hidden", n_hidden)
        self.norm1, self.norm2 = LayerNorm(n_features), LayerNorm(n_features)
        self.attention = MultiHeadAttention(
            n_features, n_heads, causal=causal, rotary=rotary, max_length=max_length, rng=rng
        )
        self.feed_forward = Sequential(
            [Linear(n_features, n_hidden, rng=rng), GELU(), Linear(n_hidden, n_features, rng=rng)]
        )
        self.dropout1 = Dropout(dropout) if dropout != 0 else None
        self.dropout2 = Dropout(dropout) if dropout != 0 else None

    def forward(
        self, x: Array, *, padding_mask: Array | None = None, training: bool = False
    ) -> Array:
        """Return y."""
        a = self.norm1.forward(x, training=training)
        a = self.attention.forward(a, padding_mask=padding_mask, training=training)
        z = x + _dropped(self.dropout1, a, training)
        f = self.feed_forward.forward(self.norm2.forward(z, training=training), training=training)
        if training:
            self._saved = True
        return z + _dropped(self.dropout2, f, training)

    def backward(self, grad: Array) -> Array:
        """Set all gradients; return dL/dx."""
        self._take_saved()
        f = self.feed_forward.backward(_dropped_backward(self.dropout2, grad))
        grad = grad + self.norm2.backward(f)
        a = self.attention.backward(_dropped_backward(self.dropout1, grad))
        return grad + self.norm1.backward(a)

    def __repr__(self) -> str:
        n_features, n_hidden = self.feed_forward.layers[0].parameters()[0].value.shape
        return (
            f"TransformerBlock({n_features}, {self.attention.n_heads}, n_hidden={n_hidden}"
            + (", causal=True" if self.attention.causal else "")
            + ")"
        )


def _dropped(dropout: Dropout | None, x: Array, training: bool) -> Array:
    return x if dropout is None else dropout.forward(x, training=training)


def _dropped_backward(dropout: Dropout | None, grad: Array) -> Array:
    return grad if dropout is None else dropout.backward(grad)
