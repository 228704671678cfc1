"""The transformer's blocks: of an encoder (or a decoder alone), and of a decoder with a memory."""

from portanet.checks import check_count
from portanet.errors import ArgumentError
from portanet.layer import Layer
from portanet.layers.attention import MultiHeadAttention
from portanet.layers.attention_functions import check_mask, without_padding
from portanet.layers.dropout import Dropout
from portanet.layers.gated import GELU
from portanet.layers.linear import Linear
from portanet.layers.normalization import LayerNorm
from portanet.reprs import call_of
from portanet.sequential import Sequential
from portanet.typing import Array, Rng


class TransformerBlock(Layer):
    """z = x + attention(norm(x)),  y = z + f(norm(z)),  f = Linear, GELU, Linear on each token.

    Shapes: x, y (N, L, n_features); f has n_hidden features inside, 4 n_features unless given.

    The gradient G of a sum is the gradient of both terms: dL/dz = G + norm'(f'(G)), dL/dx likewise.

    The norms precede attention and f ("pre-norm"), so that an identity path connects the last block
    to the first; put a LayerNorm after the last block. (The paper of 2017 and PyTorch's default
    norm after each sum.) dropout, in [0, 1), is the probability to drop a number of the attention's
    or f's output. causal, rotary, max_length and padding_mask: as in MultiHeadAttention; x counts
    as 0 at padding, so that what stands there, NaN included, has no influence and the gradient 0.

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
        n_hidden = _n_hidden("TransformerBlock", n_features, n_hidden)
        self.norm1, self.norm2 = LayerNorm(n_features), LayerNorm(n_features)
        self.attention = MultiHeadAttention(
            n_features, n_heads, causal=causal, rotary=rotary, max_length=max_length, rng=rng
        )
        self.feed_forward = _feed_forward(n_features, n_hidden, rng)
        self.dropout1 = Dropout(dropout) if dropout != 0 else None
        self.dropout2 = Dropout(dropout) if dropout != 0 else None

    def forward(
        self, x: Array, *, padding_mask: Array | None = None, training: bool = False
    ) -> Array:
        """Return y."""
        if padding_mask is not None:
            check_mask(self, "padding_mask", padding_mask, x)
        x = without_padding(x, padding_mask)
        a = self.norm1.forward(x, training=training)
        a = self.attention.forward(a, padding_mask=padding_mask, training=training)
        z = x + _dropped(self.dropout1, a, training)
        f = self.feed_forward.forward(self.norm2.forward(z, training=training), training=training)
        if training:
            self._saved = (padding_mask,)
        return z + _dropped(self.dropout2, f, training)

    def backward(self, grad: Array) -> Array:
        """Set all gradients; return dL/dx."""
        (padding_mask,) = self._take_saved()
        f = self.feed_forward.backward(_dropped_backward(self.dropout2, grad))
        grad = grad + self.norm2.backward(f)
        a = self.attention.backward(_dropped_backward(self.dropout1, grad))
        return without_padding(grad + self.norm1.backward(a), padding_mask)

    def __repr__(self) -> str:
        return _call(self)


class TransformerDecoderBlock(Layer):
    """z = x + attention(norm1(x)),  w = z + cross(norm2(z), memory),  y = w + f(norm3(w)).

    A TransformerBlock whose tokens also attend to a memory, the encoder's output: sequence to
    sequence. The keys and values of `cross` are the memory's tokens.

    Shapes: x, y (N, L, n_features), memory (N, S, n_features); f as in TransformerBlock.

    The gradient G of a sum is the gradient of both terms: dL/dw = G + norm3'(f'(G)), dL/dz and
    dL/dx likewise. backward returns dL/dx and stores dL/dmemory in `memory_grad`.

    The norms precede attention and f ("pre-norm"), but memory is not normalized: end the encoder
    with a LayerNorm, as the decoder. causal is True unless given. padding_mask (N, L) and
    memory_padding_mask (N, S) are True for tokens and False for padding, where x and memory count
    as 0 and have the gradient 0. dropout: of the outputs of attention, cross and f. rotary concerns
    the attention of x to itself.

    Raises ArgumentError without memory; else see TransformerBlock.

    Source: Vaswani et al., "Attention is all you need", 2017, section 3.1; norms and GELU: see
    TransformerBlock.

    >>> import numpy as np
    >>> x, memory = np.zeros((2, 5, 8), np.float32), np.zeros((2, 7, 8), np.float32)
    >>> TransformerDecoderBlock(8, 2).forward(x, memory=memory).shape
    (2, 5, 8)
    """

    def __init__(
        self, n_features: int, n_heads: int, *, n_hidden: int | None = None, causal: bool = True,
        rotary: bool = False, dropout: float = 0.0, max_length: int = 2048, rng: Rng | None = None,
    ) -> None:  # fmt: skip
        n_hidden = _n_hidden("TransformerDecoderBlock", n_features, n_hidden)
        self.norm1, self.norm2, self.norm3 = (LayerNorm(n_features) for _ in range(3))
        self.attention = MultiHeadAttention(
            n_features, n_heads, causal=causal, rotary=rotary, max_length=max_length, rng=rng
        )
        self.cross = MultiHeadAttention(n_features, n_heads, rng=rng)
        self.feed_forward = _feed_forward(n_features, n_hidden, rng)
        self.dropout1, self.dropout2, self.dropout3 = (
            Dropout(dropout) if dropout != 0 else None for _ in range(3)
        )
        self.memory_grad: Array | None = None

    def forward(
        self, x: Array, *, memory: Array | None = None, padding_mask: Array | None = None,
        memory_padding_mask: Array | None = None, training: bool = False,
    ) -> Array:  # fmt: skip
        """Return y."""
        self._check(x, memory, padding_mask, memory_padding_mask)
        x = without_padding(x, padding_mask)
        a = self.norm1.forward(x, training=training)
        a = self.attention.forward(a, padding_mask=padding_mask, training=training)
        z = x + _dropped(self.dropout1, a, training)
        c = self.norm2.forward(z, training=training)
        c = self.cross.forward(c, memory, padding_mask=memory_padding_mask, training=training)
        w = z + _dropped(self.dropout2, c, training)
        f = self.feed_forward.forward(self.norm3.forward(w, training=training), training=training)
        if training:
            self._saved = (padding_mask,)
        return w + _dropped(self.dropout3, f, training)

    def backward(self, grad: Array) -> Array:
        """Set all gradients and `memory_grad`; return dL/dx."""
        (padding_mask,) = self._take_saved()
        f = self.feed_forward.backward(_dropped_backward(self.dropout3, grad))
        grad = grad + self.norm3.backward(f)
        c = self.cross.backward(_dropped_backward(self.dropout2, grad))
        self.memory_grad, self.cross.memory_grad = self.cross.memory_grad, None
        grad = grad + self.norm2.backward(c)
        a = self.attention.backward(_dropped_backward(self.dropout1, grad))
        return without_padding(grad + self.norm1.backward(a), padding_mask)

    def _check(
        self, x: Array, memory: Array | None, mask: Array | None, memory_mask: Array | None
    ) -> None:
        if memory is None:
            raise ArgumentError(
                f"{self!r}: memory must be given, the encoder's output: forward(x, memory=...); "
                "without an encoder use TransformerBlock(..., causal=True)"
            )
        if mask is not None:
            check_mask(self, "padding_mask", mask, x)
        if memory_mask is not None:
            check_mask(self, "memory_padding_mask", memory_mask, memory)

    def __repr__(self) -> str:
        return _call(self)


def _n_hidden(who: str, n_features: int, n_hidden: int | None) -> int:
    """Return the features inside of f, 4 n_features unless given. Raises ArgumentError."""
    check_count(who, "n_features", n_features)
    return check_count(who, "n_hidden", 4 * n_features if n_hidden is None else n_hidden)


def _feed_forward(n_features: int, n_hidden: int, rng: Rng | None) -> Sequential:
    return Sequential(
        [Linear(n_features, n_hidden, rng=rng), GELU(), Linear(n_hidden, n_features, rng=rng)]
    )


def _call(block: TransformerBlock | TransformerDecoderBlock) -> str:
    n_features, n_hidden = block.feed_forward.layers[0].parameters()[0].peek().shape
    attention = block.attention
    return call_of(
        block, n_features, attention.n_heads,
        n_hidden=None if n_hidden == 4 * n_features else n_hidden, causal=attention.causal,
        rotary=attention.positions is not None,
        dropout=0.0 if block.dropout1 is None else block.dropout1.p,
        max_length=attention.positions.max_length if attention.positions is not None else 2048,
    )  # fmt: skip


def _dropped(dropout: Dropout | None, x: Array, training: bool) -> Array:
    return x if dropout is None else dropout.forward(x, training=training)


def _dropped_backward(dropout: Dropout | None, grad: Array) -> Array:
    return grad if dropout is None else dropout.backward(grad)
