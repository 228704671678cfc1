"""Multi-head attention."""

from math import sqrt

from portanet.backends import array_namespace
from portanet.checks import check_alike, check_count
from portanet.errors import ArgumentError, ShapeError
from portanet.guesses import divisor
from portanet.layer import Layer
from portanet.layers.attention_functions import (
    check_mask,
    concat_heads,
    softmax_of_visible,
    softmax_of_visible_backward,
    without_padding,
)
from portanet.layers.linear import Linear
from portanet.layers.positions import RotaryPositions
from portanet.options import Option
from portanet.reprs import call_of
from portanet.typing import Array, Rng


class MultiHeadAttention(Layer):
    """y = concat(A v of each head) W_o + b_o, with A = softmax(q kᵀ / sqrt(d)).

    q = x W_q + b_q, k = m W_k, v = u W_v + b_v, each split into n_heads heads of d features; the
    softmax is over the keys.

    Shapes: x and y (N, L, n_features), m and u (N, S, n_features), A (N, n_heads, L, S), and
    d = n_features / n_heads. m is x itself, or `memory`, the encoder's output in a decoder; u is m,
    or `values`. backward returns dL/dx and stores dL/dm in `memory_grad` and dL/du in
    `values_grad`, None for what was not given.

    padding_mask (N, S), booleans: True for tokens, False for padding, where A = 0. What stands at
    padding, NaN included, has no influence and the gradient 0: m and u, and so x without memory,
    count as 0 there. Exclude the outputs at padding positions of x from the loss (they are those
    of a token of zeros; PyTorch's depend on x, or are 0 on its fast path). With causal a token
    attends to itself and to earlier tokens (a NaN in a later one reaches it all the same). A row
    of A whose keys are all masked is 0, so that y = b_o there, and its gradients are 0 (PyTorch:
    NaN).

    rotary rotates q and k by their positions (see RotaryPositions), at most max_length, and adds a
    bias b_k to k. (Without rotary, b_k would add the same number to all scores of a query, which
    softmax cancels: its gradient is 0. PyTorch has it all the same.)

    With G = dL/d(A v): dL/dv = Aᵀ G and dL/dA = G vᵀ. The softmax gives dL/ds = A (dL/dA -
    Σ_keys A dL/dA), where s = q kᵀ / sqrt(d), hence dL/dq = dL/ds k / sqrt(d) and dL/dk = (dL/ds)ᵀ
    q / sqrt(d). The rest is Linear's. An array that enters several of q, k and v has the sum of
    their gradients: x without memory that of three.

    The weights start as Linear's do.

    Raises ShapeError, DtypeError or PlacementError unless x, memory, values and padding_mask match
    each other and the weights; ArgumentError unless n_heads divides n_features (rotary: into an
    even d), and for memory with causal.

    Source: Vaswani et al., "Attention is all you need", 2017, section 3.2. PyTorch's masks are
    True at padding.

    >>> import numpy as np
    >>> MultiHeadAttention(8, 2, causal=True)(np.zeros((2, 5, 8), np.float32)).shape
    (2, 5, 8)
    """

    n_heads = Option(check_count, fixed=True)

    def __init__(
        self,
        n_features: int,
        n_heads: int,
        *,
        causal: bool = False,
        bias: bool = True,
        rotary: bool = False,
        max_length: int = 2048,
        rng: Rng | None = None,
    ) -> None:
        who = "MultiHeadAttention"
        check_count(who, "n_features", n_features)
        self.n_heads = n_heads
        if n_features % n_heads:
            raise ArgumentError(
                f"{who}: n_heads must divide n_features = {n_features}, is {n_heads}; for "
                f"example n_heads={divisor(n_features, n_heads)}"
            )
        self.causal = bool(causal)
        self.query = Linear(n_features, n_features, bias=bias, rng=rng)
        self.key = Linear(n_features, n_features, bias=bias and rotary, rng=rng)
        self.value = Linear(n_features, n_features, bias=bias, rng=rng)
        self.output = Linear(n_features, n_features, bias=bias, rng=rng)
        self.positions = RotaryPositions(n_features // n_heads, max_length) if rotary else None
        self.memory_grad: Array | None = None
        self.values_grad: Array | None = None

    def forward(
        self, x: Array, memory: Array | None = None, *, values: Array | None = None,
        padding_mask: Array | None = None, training: bool = False,
    ) -> Array:  # fmt: skip
        """Return the attention of the tokens of x to the tokens of memory (None: of x)."""
        given = (memory is not None, values is not None)
        self._check(x, memory, values, padding_mask)
        m = without_padding(x if memory is None else memory, padding_mask)
        u = m if values is None else without_padding(values, padding_mask)
        q = self._heads(self.query.forward(m if memory is None else x, training=training))
        k = self._heads(self.key.forward(m, training=training))
        v = self._heads(self.value.forward(u, training=training))
        if self.positions is not None:
            q, k = self.positions.forward(q), self.positions.forward(k)
        q = q / sqrt(q.shape[-1])
        A = softmax_of_visible(q @ k.mT, self._visible(q, k, padding_mask))
        if training:
            self._saved = (q, k, v, A, padding_mask, given)
        return self.output.forward(concat_heads(A @ v), training=training)

    def backward(self, grad: Array) -> Array:
        """Set all gradients, `memory_grad` and `values_grad`, and return dL/dx."""
        q, k, v, A, padding_mask, (has_memory, has_values) = self._take_saved()
        G = self._heads(self.output.backward(grad))
        grad_s = softmax_of_visible_backward(G @ v.mT, A)
        grad_q, grad_k = grad_s @ k / sqrt(q.shape[-1]), grad_s.mT @ q
        if self.positions is not None:
            grad_q = self.positions.turned(grad_q, back=True)
            grad_k = self.positions.turned(grad_k, back=True)
        grad_x = self.query.backward(concat_heads(grad_q))
        grad_m = self.key.backward(concat_heads(grad_k))
        grad_u = self.value.backward(concat_heads(A.mT @ G))
        grad_m = grad_m if has_values else grad_m + grad_u
        grad_m = grad_m if has_memory else grad_x + grad_m
        grad_m = without_padding(grad_m, padding_mask)
        self.memory_grad = grad_m if has_memory else None
        self.values_grad = without_padding(grad_u, padding_mask) if has_values else None
        return grad_x if has_memory else grad_m

    def _heads(self, x: Array) -> Array:
        """Return (N, L, n_features) as (N, n_heads, L, d)."""
        xp, (N, L, n) = array_namespace(x), x.shape
        x = xp.reshape(x, (N, L, self.n_heads, n // self.n_heads))
        return xp.permute_dims(x, (0, 2, 1, 3))

    def _visible(self, q: Array, k: Array, padding_mask: Array | None) -> Array | None:
        """Return which keys each query attends to, None for all."""
        xp, (L, S) = array_namespace(q), (q.shape[2], k.shape[2])
        visible = None if padding_mask is None else padding_mask[:, None, None, :]
        if self.causal:
            keys, queries = (xp.arange(n, device=q.device) for n in (S, L))
            past = (keys[None, :] <= queries[:, None])[None, None, :, :]
            visible = past if visible is None else visible & past
        return visible

    def _check(
        self, x: Array, memory: Array | None, values: Array | None, mask: Array | None
    ) -> None:
        who, n = self, self.query.weights.value.shape[0]
        keys = x if memory is None else memory
        for name, tokens in (("x", x), ("memory", keys), ("values", values)):
            if tokens is None:
                continue
            check_alike(who, name, tokens, "the weights", self.query.weights.value)
            if tokens.ndim != 3 or tokens.shape[2] != n or tokens.shape[1] == 0:
                raise ShapeError(
                    f"{who}: {name} must be (N, L, {n}) with L >= 1, is {tuple(tokens.shape)}"
                )
        if x.shape[0] != keys.shape[0]:
            wanted, came = x.shape[0], keys.shape[0]
            raise ShapeError(f"{who}: memory must have x's {wanted} samples, has {came}")
        if values is not None and values.shape != keys.shape:
            raise ShapeError(
                f"{who}: values must be {tuple(keys.shape)}, one for each key, is "
                f"{tuple(values.shape)}"
            )
        if self.causal and memory is not None:
            raise ArgumentError(
                f"{who}: memory has no order in common with x, which causal needs; make the layer "
                "with causal=False"
            )
        if mask is not None:
            check_mask(who, "padding_mask", mask, keys)

    def __repr__(self) -> str:
        rotary = self.positions is not None
        return call_of(
            self, self.query.weights.peek().shape[0], self.n_heads, causal=self.causal,
            bias=self.query.bias is not None, rotary=rotary,
            max_length=self.positions.max_length if self.positions is not None else 2048,
        )  # fmt: skip
