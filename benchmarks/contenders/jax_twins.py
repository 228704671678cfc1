"""The networks as JAX functions of portanet's weights: the same arithmetic."""

import math
from collections.abc import Callable
from typing import Any

from benchmarks.contenders import UnsupportedError
from benchmarks.networks import Network


def loss_of(jax: Any, network: Network) -> Callable[..., Any]:
    """Return the mean loss as a function of weights, x and y."""
    forward = logits_of(jax, network)
    return lambda weights, x, y: mean_loss(jax, network, forward(weights, x), y)


def mean_loss(jax: Any, network: Network, z: Any, y: Any) -> Any:
    """Return the mean loss of logits."""
    jnp = jax.numpy
    if network.binary:
        return jnp.mean(jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z))))
    log_p = jax.nn.log_softmax(z)
    return -jnp.mean(jnp.take_along_axis(log_p, y[..., None], axis=-1))


def logits_of(jax: Any, network: Network) -> Callable[..., Any]:
    """Return the logits as a function of weights and x."""
    twins = {"mlp": mlp, "cnn": cnn, "transformer": transformer}
    if network.kind not in twins:
        raise UnsupportedError(f"there is no twin in JAX of kind {network.kind!r}")
    return twins[network.kind](jax, network)


def linear(weights: Any, name: str, x: Any) -> Any:
    return x @ weights[f"{name}.weights"] + weights[f"{name}.bias"]


def mlp(jax: Any, network: Network) -> Callable[..., Any]:
    *hidden, last = [f"layers.{2 * i}" for i in range(len(network.sizes) - 1)]

    def forward(weights: Any, x: Any) -> Any:
        for name in hidden:
            x = jax.nn.relu(linear(weights, name, x))
        return linear(weights, last, x)

    return forward


def cnn(jax: Any, network: Network) -> Callable[..., Any]:  # noqa: ARG001
    def convolved(weights: Any, name: str, x: Any) -> Any:
        w, b = weights[f"{name}.weights"], weights[f"{name}.bias"]
        y = jax.lax.conv_general_dilated(
            x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "OIHW", "NHWC")
        )
        y = jax.nn.relu(y + b)
        N, H, W, C = y.shape
        # the pooling; lax.reduce_window's gradient is slower on a CPU
        return y.reshape(N, H // 2, 2, W // 2, 2, C).max((2, 4))

    def forward(weights: Any, x: Any) -> Any:
        x = x.transpose(0, 2, 3, 1)  # channels last: the faster layout for XLA on a CPU
        x = convolved(weights, "layers.3", convolved(weights, "layers.0", x))
        return linear(weights, "layers.7", x.transpose(0, 3, 1, 2).reshape(len(x), -1))

    return forward


def transformer(jax: Any, network: Network) -> Callable[..., Any]:
    jnp, (_, n_heads, _, n_blocks) = jax.numpy, network.sizes

    def norm(weights: Any, name: str, x: Any) -> Any:
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        normal = (x - mean) / jnp.sqrt(variance + 1e-5)
        return normal * weights[f"{name}.weights"] + weights[f"{name}.bias"]

    def attention(weights: Any, name: str, x: Any) -> Any:
        N, L, n = x.shape
        q, v = (linear(weights, f"{name}.{part}", x) for part in ("query", "value"))
        k = x @ weights[f"{name}.key.weights"]
        heads = (N, L, n_heads, n // n_heads)
        q, k, v = (part.reshape(heads).transpose(0, 2, 1, 3) for part in (q, k, v))
        # a little faster on a CPU than jax.nn.dot_product_attention
        y = jax.nn.softmax(q @ k.mT / math.sqrt(heads[-1])) @ v
        return linear(weights, f"{name}.output", y.transpose(0, 2, 1, 3).reshape(N, L, n))

    def block(weights: Any, name: str, x: Any) -> Any:
        z = x + attention(weights, f"{name}.attention", norm(weights, f"{name}.norm1", x))
        inside = f"{name}.feed_forward.layers"
        f = linear(weights, f"{inside}.0", norm(weights, f"{name}.norm2", z))
        return z + linear(weights, f"{inside}.2", jax.nn.gelu(f, approximate=False))

    def forward(weights: Any, x: Any) -> Any:
        for i in range(n_blocks):
            x = block(weights, f"layers.{i}", x)
        return linear(weights, f"layers.{n_blocks}", x)

    return forward
