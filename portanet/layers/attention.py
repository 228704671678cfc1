"""Multi-head attention."""

from math import sqrt
from typing import Any

from portanet.backends import array_namespace, backend_of
from portanet.checks import check_alike, check_count, dtype_name
from portanet.errors import ArgumentError, DtypeError, PlacementError, ShapeError
from portanet.layer import Layer
from portanet.layers.linear import Linear
from portanet.layers.positions import RotaryPositions
from portanet.typing import Array, Rng


class MultiHeadAttention(Layer):
    """y = concat(A v of each head) W_o + b_o, with A = softmax(q kᵀ / sqrt(d)).

    q = x W_q + b_q, k = m W_k, v = m W_v + b_v, each split into n_heads heads of d features; the
    softmax is over the keys.

    Shapes: x and y (N, L, n_features), m (N, S, n_features), A (N, n_heads, L, S), and
    d = n_features / n_heads. m is x itself, or `memory`, the encoder's output in a decoder: then
    `backward` returns dL/dx and stores dL/dmemory in `memory_grad`.

    padding_mask (N, S), booleans: True for tokens, False for padding, where A = 0. With causal a
    token attends to itself and to earlier tokens. A row of A whose keys are all masked is 0, so
    that y = b_o there, and its gradients are 0 (PyTorch: NaN). Exclude the outputs at padding
    positions from the loss.

    rotary rotates q and k by their positions (see RotaryPositions), at most max_length, and adds a
    bias b_k to k. (Without rotary, b_k would add the same number to all scores of a query, which
    softmax cancels: its gradient is 0. PyTorch has it all the same.)

    With G = dL/d(A v): dL/dv = Aᵀ G and dL/dA = G vᵀ. The softmax gives dL/ds = A (dL/dA -
    Σ_keys A dL/dA), where s = q kᵀ / sqrt(d), hence dL/dq = dL/ds k / sqrt(d) and dL/dk = (dL/ds)ᵀ
    q / sqrt(d). The rest is Linear's. x enters q, k and v: dL/dx is the sum of three.

    The weights start as Linear's do.

    Raises ShapeError, DtypeError or PlacementError unless x, memory and padding_mask match each
    other and the weights; ArgumentError unless n_heads divides n_features (rotary: into an even d),
    and for memory with causal.

    Source: Vaswani et al., "Attention is all you need", 2017, section 3.2. PyTorch's masks are
    True at padding.

    >>> import numpy as np
    >>> MultiHeadAttention(8, 2, causal=True)(np.zeros((2, 5, 8), np.float32)).shape
    (2, 5, 8)
    """

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
        self.n_heads = check_count(who, "n_heads", n_heads)
        if n_features % n_heads:
            raise ArgumentError(
                f"{who}: n_heads must divide n_features = {n_features}, is {n_heads}"
            )
        self.causal = bool(causal)
        self.query = Linear(n_features, n_features, bias=bias, rng=rng)
        self.key = Linear(n_features, n_features, bias=bias and rotary, rng=rng)
        self.value = Linear(n_features, n_features, bias=bias, rng=rng)
        self.output = Linear(n_features, n_features, bias=bias, rng=rng)
        self.positions = RotaryPositions(n_features // n_heads, max_length) if rotary else None
        self.memory_grad: Array | None = None

    def forward(
        self,
        x: Array,
        memory: Array | None = None,
        *,
        padding_mask: Array | None = None,
        training: bool = False,
    ) -> Array:
        """Return the attention of the tokens of x to the tokens of memory (None: of x)."""
        m = x if memory is None else memory
        self._check(x, m, padding_mask, memory is not None)
        q = self._heads(self.query.forward(x, training=training))
        k = self._heads(self.key.forward(m, training=training))
        v = self._heads(self.value.forward(m, training=training))
        if self.positions is not None:
            q, k = self.positions.forward(q), self.positions.forward(k)
        q = q / sqrt(q.shape[-1])
        A = _softmax(q @ k.mT, self._visible(q, k, padding_mask))
        if training:
            self._saved = (q, k, v, A, memory is not None)
        return self.output.forward(_concat_heads(A @ v), training=training)

    def backward(self, grad: Array) -> Array:
        """Set all gradients and `memory_grad`, and return dL/dx."""
        q, k, v, A, has_memory = self._take_saved()
        G, xp = self._heads(self.output.backward(grad)), array_namespace(grad)
        grad_A = G @ v.mT
        grad_s = A * (grad_A - xp.sum(A * grad_A, axis=-1, keepdims=True))
        grad_q, grad_k = grad_s @ k / sqrt(q.shape[-1]), grad_s.mT @ q
        if self.positions is not None:
            grad_q = self.positions.turned(grad_q, back=True)
            grad_k = self.positions.turned(grad_k, back=True)
        grad_x = self.query.backward(_concat_heads(grad_q))
        grad_m = self.key.backward(_concat_heads(grad_k))
        grad_m = grad_m + self.value.backward(_concat_heads(A.mT @ G))
        self.memory_grad = grad_m if has_memory else None
        return grad_x if has_memory else grad_x + grad_m

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

    def _check(self, x: Array, m: Array, padding_mask: Array | None, has_memory: bool) -> None:
        who, n = repr(self), self.query.weights.value.shape[0]
        for name, value in (("x", x), ("memory", m)):
            check_alike(who, name, value, "the weights", self.query.weights.value)
            if value.ndim != 3 or value.shape[2] != n or value.shape[1] == 0:
                raise ShapeError(
                    f"{who}: {name} must be (N, L, {n}) with L >= 1, is {tuple(value.shape)}"
                )
        if x.shape[0] != m.shape[0]:
            raise ShapeError(f"{who}: memory must have x's {x.shape[0]} samples, has {m.shape[0]}")
        if self.causal and has_memory:
            raise ArgumentError(
                f"{who}: memory has no order in common with x, which causal needs; make the layer "
                "with causal=False"
            )
        if padding_mask is not None:
            _check_mask(who, padding_mask, m)

    def __repr__(self) -> str:
        return f"MultiHeadAttention({self.query.weights.value.shape[0]}, {self.n_heads})"


def _softmax(s: Array, visible: Array | None) -> Array:
    """Return exp(s) / Σ exp(s) over the visible keys of the last axis; 0 in a row without any.

    The largest score is subtracted first, so that nothing overflows; 0 where no key is visible.
    """
    xp = array_namespace(s)
    if visible is None:
        e = xp.exp(s - xp.max(s, axis=-1, keepdims=True))
        return e / xp.sum(e, axis=-1, keepdims=True)
    s = xp.where(visible, s, -float("inf"))
    largest = xp.max(s, axis=-1, keepdims=True)
    e = xp.exp(s - xp.where(xp.isfinite(largest), largest, 0))
    total = xp.sum(e, axis=-1, keepdims=True)
    return e / xp.where(total > 0, total, 1)


def _concat_heads(heads: Array) -> Array:
    """Return (N, n_heads, L, d) as (N, L, n_heads d)."""
    xp, (N, n_heads, L, d) = array_namespace(heads), heads.shape
    return xp.reshape(xp.permute_dims(heads, (0, 2, 1, 3)), (N, L, n_heads * d))


def _check_mask(who: str, mask: Any, m: Array) -> None:
    wanted, xp = tuple(m.shape[:2]), array_namespace(m)
    if backend_of(mask) is not backend_of(m):
        raise PlacementError(
            f"{who}: padding_mask must be on the device of the keys, {backend_of(m)}; it is on "
            f"{backend_of(mask)}"
        )
    if not xp.isdtype(mask.dtype, "bool"):
        raise DtypeError(
            f"{who}: padding_mask must be booleans, True for tokens and False for padding; it is "
            f"{dtype_name(mask.dtype)}"
        )
    if tuple(mask.shape) != wanted:
        raise ShapeError(f"{who}: padding_mask must be {wanted}, is {tuple(mask.shape)}")
