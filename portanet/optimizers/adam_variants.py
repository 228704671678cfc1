"""NAdam and RAdam: Adam with Nesterov momentum, and Adam with a built-in warm-up."""

from functools import lru_cache
from math import sqrt
from typing import Unpack

from portanet.backends import array_namespace
from portanet.layer import Part
from portanet.optimizer import Optimizer
from portanet.optimizer_options import Common
from portanet.optimizers._ranges import check_ranges
from portanet.optimizers.adam import moments
from portanet.rule import Scalars, Schedule, Slots
from portanet.typing import Array


class NAdam(Optimizer):
    """Adam with Nesterov momentum, which uses the mean that the next step will have.

        g = grad + weight_decay value;  m and v as in Adam
        mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2)
        value <- value - lr ((1 - mu_t) / (1 - mu_1…mu_t) g
                             + mu_{t+1} / (1 - mu_1…mu_{t+1}) m) / (sqrt(v̂) + epsilon)

    lr > 0, beta1 and beta2 in [0, 1), epsilon > 0, weight_decay and momentum_decay >= 0.

    Raises ArgumentError if a number is out of its range.

    Source: Dozat, "Incorporating Nesterov momentum into Adam", 2016; defaults and the order of
    operations are PyTorch's, which keeps mu_1…mu_t in float32; here it is a Python float.

    >>> from portanet import Linear
    >>> NAdam(Linear(1, 1), lr=0.5).scalars(1)["gradient_step"]
    0.5
    """

    def __init__(
        self,
        model: Part,
        lr: float | Schedule = 2e-3,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        **common: Unpack[Common],
    ) -> None:
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.weight_decay, self.momentum_decay = weight_decay, momentum_decay
        super().__init__(model, lr, **common)

    def check(self) -> None:
        """Raise ArgumentError if an option is out of its range."""
        super().check()
        check_ranges(
            self, below_one=("beta1", "beta2"), at_least_zero=("weight_decay", "momentum_decay")
        )

    def init(self, value: Array) -> Slots:
        """Return m = v = 0."""
        return {name: array_namespace(value).zeros_like(value) for name in ("m", "v")}

    def scalars(self, step: int) -> dict[str, float]:
        """Return the weights of g and of m, and 1 - beta2^t."""
        mu, mu_next = (_mu(self.beta1, self.momentum_decay, t) for t in (step, step + 1))
        product, lr = _product(self.beta1, self.momentum_decay, step), self.rate(step)
        return {
            "gradient_step": lr * (1 - mu) / (1 - product),
            "mean_step": lr * mu_next / (1 - product * mu_next),
            "correction": 1 - self.beta2**step,
        }

    def update(
        self, value: Array, grad: Array, slots: Slots, scalars: Scalars
    ) -> tuple[Array, Slots]:
        """Return the value after a step along g and along m."""
        if self.weight_decay:
            grad = grad + self.weight_decay * value
        slots = moments(grad, slots, self.beta1, self.beta2)
        root = array_namespace(value).sqrt(slots["v"] / scalars["correction"]) + self.epsilon
        value = value - scalars["gradient_step"] * (grad / root)
        return value - scalars["mean_step"] * (slots["m"] / root), slots


def _mu(beta1: float, momentum_decay: float, t: int) -> float:
    return beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))


def _product(beta1: float, momentum_decay: float, t: int) -> float:
    """Return mu_1…mu_t; once below 1e-20 it no longer changes 1 - mu_1…mu_t."""
    products = _products(beta1, momentum_decay, 2 ** t.bit_length())
    return products[min(t, len(products) - 1)]


@lru_cache(maxsize=64)
def _products(beta1: float, momentum_decay: float, n: int) -> list[float]:
    """Return 1, mu_1, mu_1 mu_2, … up to mu_1…mu_n, or to the first below 1e-20."""
    products = [1.0]
    while len(products) <= n and products[-1] > 1e-20:
        products.append(products[-1] * _mu(beta1, momentum_decay, len(products)))
    return products


class RAdam(Optimizer):
    """Adam that divides by sqrt(v) only once v is the mean of enough gradients.

        g = grad + weight_decay value;  m and v as in Adam
        rho_inf = 2 / (1 - beta2) - 1;   rho_t = rho_inf - 2 t beta2^t / (1 - beta2^t)
        rho_t <= 5:   value <- value - lr m̂
        otherwise:    value <- value - lr r_t m̂ sqrt(1 - beta2^t) / (sqrt(v) + epsilon)
        r_t² = (rho_t - 4) (rho_t - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho_t)

    Which of the two applies depends on t only: the scalars `plain` and `adaptive`, one of which is
    0, select it without a branch.

    lr > 0, beta1 and beta2 in [0, 1), epsilon > 0, weight_decay >= 0.

    Raises ArgumentError if a number is out of its range.

    Source: Liu et al., "On the variance of the adaptive learning rate and beyond", 2020, algorithm
    2, with epsilon where PyTorch has it and its threshold 5 (the paper's is 4).

    >>> from portanet import Linear
    >>> radam = RAdam(Linear(1, 1))
    >>> [radam.scalars(step)["plain"] for step in (5, 6)]
    [1.0, 0.0]
    """

    def __init__(
        self,
        model: Part,
        lr: float | Schedule = 1e-3,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        **common: Unpack[Common],
    ) -> None:
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.weight_decay = weight_decay
        super().__init__(model, lr, **common)

    def check(self) -> None:
        """Raise ArgumentError if an option is out of its range."""
        super().check()
        check_ranges(self, below_one=("beta1", "beta2"))

    def init(self, value: Array) -> Slots:
        """Return m = v = 0."""
        return {name: array_namespace(value).zeros_like(value) for name in ("m", "v")}

    def scalars(self, step: int) -> dict[str, float]:
        """Return lr / (1 - beta1^t), and how much of each kind of step to take."""
        correction, rho_inf = 1 - self.beta2**step, 2 / (1 - self.beta2) - 1
        rho = rho_inf - 2 * step * self.beta2**step / correction
        rectified = rho > 5
        adaptive = 0.0
        if rectified:
            ratio = (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
            adaptive = sqrt(ratio * correction)
        return {
            "step_size": self.rate(step) / (1 - self.beta1**step),
            "plain": 0.0 if rectified else 1.0,
            "adaptive": adaptive,
        }

    def update(
        self, value: Array, grad: Array, slots: Slots, scalars: Scalars
    ) -> tuple[Array, Slots]:
        """Return value - lr m̂ (plain + adaptive / (sqrt(v) + epsilon))."""
        if self.weight_decay:
            grad = grad + self.weight_decay * value
        slots = moments(grad, slots, self.beta1, self.beta2)
        root = array_namespace(value).sqrt(slots["v"]) + self.epsilon
        scale = scalars["plain"] + scalars["adaptive"] / root
        return value - scalars["step_size"] * (slots["m"] * scale), slots
