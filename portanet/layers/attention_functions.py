"""What attention is made of: a softmax of visible keys, heads, padding."""

from typing import Any

from portanet.backends import array_namespace, backend_of
from portanet.checks import dtype_name
from portanet.errors import DtypeError, PlacementError, ShapeError
from portanet.half import as_float32, in_dtype_of
from portanet.typing import Array


def softmax_of_visible(s: Array, visible: Array | None) -> Array:
    """Return exp(s) / Σ exp(s) over the visible keys of the last axis; 0 in a row without any.

    The largest score is subtracted first, so that nothing overflows; 0 where no key is visible.
    Half precision is computed in float32 and returned as it came.
    """
    xp, given, s = array_namespace(s), s, as_float32(s)
    if visible is None:
        e = xp.exp(s - xp.max(s, axis=-1, keepdims=True))
        return in_dtype_of(e / xp.sum(e, axis=-1, keepdims=True), given)
    s = xp.where(visible, s, -float("inf"))
    largest = xp.max(s, axis=-1, keepdims=True)
    e = xp.exp(s - xp.where(xp.isfinite(largest), largest, 0))
    total = xp.sum(e, axis=-1, keepdims=True)
    return in_dtype_of(e / xp.where(total > 0, total, 1), given)


def softmax_of_visible_backward(grad_A: Array, A: Array) -> Array:
    """dL/ds from dL/dA and A = softmax(s): A (dL/dA - Σ_keys A dL/dA), in float32 as forward."""
    xp, given, grad_A, A = array_namespace(A), A, as_float32(grad_A), as_float32(A)
    return in_dtype_of(A * (grad_A - xp.sum(A * grad_A, axis=-1, keepdims=True)), given)


def concat_heads(heads: Array) -> Array:
    """Return (N, n_heads, L, d) as (N, L, n_heads d)."""
    xp, (N, n_heads, L, d) = array_namespace(heads), heads.shape
    return xp.reshape(xp.permute_dims(heads, (0, 2, 1, 3)), (N, L, n_heads * d))


def without_padding(x: Array, padding_mask: Array | None) -> Array:
    """Return x (N, L, n_features) with zeros for padding, whatever stands there; None: x itself."""
    if padding_mask is None:
        return x
    return array_namespace(x).where(padding_mask[:, :, None], x, 0)


def check_mask(who: object, name: str, mask: Any, tokens: Array) -> None:
    """Raise unless a mask is (N, L) booleans for tokens (N, L, ...), on their device."""
    wanted, xp = tuple(tokens.shape[:2]), array_namespace(tokens)
    if backend_of(mask) is not backend_of(tokens):
        raise PlacementError(
            f"{who}: {name} must be on the device of the keys, {backend_of(tokens)}; it is on "
            f"{backend_of(mask)}"
        )
    if not xp.isdtype(mask.dtype, "bool"):
        raise DtypeError(
            f"{who}: {name} must be booleans, True for tokens and False for padding; it is "
            f"{dtype_name(mask.dtype)}"
        )
    if tuple(mask.shape) != wanted:
        raise ShapeError(f"{who}: {name} must be {wanted}, is {tuple(mask.shape)}")
