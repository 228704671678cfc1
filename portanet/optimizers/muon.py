"""Muon: momentum whose matrices are made orthogonal."""

from math import prod, sqrt
from typing import Unpack

from portanet.backends import array_namespace
from portanet.checks import check_count
from portanet.errors import ArgumentError
from portanet.layer import Part
from portanet.optimizer import Optimizer
from portanet.optimizer_options import Common
from portanet.optimizers._ranges import check_ranges
from portanet.optimizers.adam import decayed, moments
from portanet.rule import Scalars, Schedule, Slots, check_rate
from portanet.typing import Array

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


class Muon(Optimizer):
    """Moves a matrix by the orthogonal matrix nearest to its momentum, and all else by AdamW.

        m <- momentum m + (1 - momentum) grad
        u = momentum m + (1 - momentum) grad          (nesterov; otherwise m)
        value <- (1 - lr weight_decay) value - lr scale orthogonalized(u)

    `scale` is sqrt(max(1, n_out / n_inp)) for scaling="spectral", and 0.2 sqrt(max(n_out, n_inp))
    for "rms": then a step is as large as AdamW's, whose lr can be taken over.

    Matrices are all values with two axes; with flatten=True also kernels (n_out, n_inp, …), taken
    as (n_out, all the rest). Embedding tables and the last layer train better with AdamW: give them
    `Group(..., matrices=False)`. AdamW has a rate of its own, adamw_lr (a number > 0 or a
    schedule), and beta1, beta2, epsilon.

    lr > 0, momentum, beta1 and beta2 in [0, 1), weight_decay >= 0, n_iterations >= 1.

    Raises ArgumentError if an option is out of its range.

    Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; "rms":
    Liu et al., "Muon is scalable for LLM training", 2025. As torch.optim.Muon, which has weights
    (n_out, n_inp), where Linear has (n_inp, n_out), and iterates in bfloat16; here the iteration
    has the weights' dtype, and lr_factor multiplies adamw_lr, too.

    >>> from portanet import Linear
    >>> layer = Linear(3, 2)
    >>> {name: sorted(Muon(layer).init(p.value)) for name, p in layer.named_parameters().items()}
    {'weights': ['momentum'], 'bias': ['m', 'v']}
    """

    def __init__(
        self,
        model: Part,
        lr: float | Schedule = 1e-3,
        *,
        momentum: float = 0.95,
        nesterov: bool = True,
        weight_decay: float = 0.1,
        scaling: str = "spectral",
        n_iterations: int = 5,
        flatten: bool = False,
        matrices: bool = True,
        adamw_lr: float | Schedule = 3e-4,
        beta1: float = 0.9,
        beta2: float = 0.95,
        epsilon: float = 1e-10,
        **common: Unpack[Common],
    ) -> None:
        self.momentum, self.nesterov, self.weight_decay = momentum, nesterov, weight_decay
        self.scaling, self.n_iterations = scaling, n_iterations
        self.flatten, self.matrices = flatten, matrices
        self.adamw_lr, self.beta1, self.beta2, self.epsilon = adamw_lr, beta1, beta2, epsilon
        super().__init__(model, lr, **common)

    def check(self) -> None:
        """Raise ArgumentError if an option is out of its range."""
        super().check()
        check_ranges(self, below_one=("momentum", "beta1", "beta2"))
        check_count("Muon", "n_iterations", self.n_iterations)
        check_rate("Muon", "adamw_lr", self.adamw_lr)
        if self.scaling not in ("spectral", "rms"):
            raise ArgumentError(f"Muon: scaling must be 'spectral' or 'rms', is {self.scaling!r}")

    def init(self, value: Array) -> Slots:
        """Return a momentum of 0, or AdamW's m = v = 0."""
        names = ("momentum",) if self._is_matrix(value) else ("m", "v")
        return {name: array_namespace(value).zeros_like(value) for name in names}

    def scalars(self, step: int) -> dict[str, float]:
        """Return the learning rate, and AdamW's numbers."""
        adamw_lr = self.lr_factor * self.number_at("adamw_lr", self.adamw_lr, step)
        return {
            "lr": self.rate(step),
            "adamw_lr": adamw_lr,
            "adamw_step_size": adamw_lr / (1 - self.beta1**step),
            "root_correction": sqrt(1 - self.beta2**step),
        }

    def update(
        self, value: Array, grad: Array, slots: Slots, scalars: Scalars
    ) -> tuple[Array, Slots]:
        """Return a matrix after an orthogonal step, anything else after AdamW's."""
        if self._is_matrix(value):
            return self._move_matrix(value, grad, slots["momentum"], scalars["lr"])
        value = decayed(value, scalars["adamw_lr"] * self.weight_decay)
        slots = moments(grad, slots, self.beta1, self.beta2)
        root = array_namespace(value).sqrt(slots["v"]) / scalars["root_correction"]
        move = slots["m"] / (root + self.epsilon)
        return value - scalars["adamw_step_size"] * move, slots

    def _move_matrix(self, value: Array, grad: Array, m: Array, lr: float) -> tuple[Array, Slots]:
        xp = array_namespace(value)
        m = m + (1 - self.momentum) * (grad - m)
        u = grad + self.momentum * (m - grad) if self.nesterov else m
        matrix = xp.reshape(u, (u.shape[0], prod(u.shape[1:])))
        move = xp.reshape(orthogonalized(matrix, self.n_iterations), u.shape)
        value = decayed(value, lr * self.weight_decay)
        return value - lr * self._scale(value) * move, {"momentum": m}

    def _is_matrix(self, value: Array) -> bool:
        return self.matrices and (value.ndim == 2 or (value.ndim > 2 and self.flatten))

    def _scale(self, value: Array) -> float:
        n_out, n_inp = value.shape[0], prod(value.shape[1:])
        if value.ndim == 2:  # Linear multiplies x w, a kernel w x
            n_out, n_inp = n_inp, n_out
        if self.scaling == "rms":
            return 0.2 * sqrt(max(n_out, n_inp))
        return sqrt(max(1, n_out / max(1, n_inp)))


def orthogonalized(x: Array, n_iterations: int = 5) -> Array:
    """Return about the nearest orthogonal matrix to x, of any shape: U Vᵀ where x = U S Vᵀ.

    An odd polynomial a x + b (x xᵀ) x + c (x xᵀ)² x acts on the singular values alone. This one is
    as steep as possible at 0, and leaves them between 0.7 and 1.2, which is good enough. The result
    does not depend on the size of x (PyTorch's is smaller for a norm below 1e-7); of 0 it is 0.

    Source: Jordan et al., 2024; the method is Newton's and Schulz's.

    >>> import numpy as np
    >>> orthogonalized(np.diag([3.0, 4.0])).round(1)
    array([[0.7, 0. ],
           [0. , 1.1]])
    """
    if 0 in x.shape:
        return x
    xp = array_namespace(x)
    a, b, c = COEFFICIENTS
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x  # the smaller of the two products x xᵀ
    largest = xp.max(xp.abs(x))
    x = x / xp.where(largest > 0, largest, xp.ones_like(largest))  # before squaring, for its range
    norm = xp.sqrt(xp.sum(x * x))
    x = x / xp.maximum(norm, xp.ones_like(norm))  # 1 or more, but for a matrix of zeros
    for _ in range(n_iterations):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.T if tall else x
