"""check_gradients finds wrong gradients of any size, and no others."""

import numpy as np
import pytest

import portanet
from portanet import (
    MSE,
    BCEWithLogits,
    CrossEntropy,
    Layer,
    LayerNorm,
    Linear,
    MultiHeadAttention,
    Parameter,
    ReLU,
    Sequential,
    check_gradients,
)
from portanet.errors import ArgumentError, GradientError

X = np.asarray([[1.0, 2.0], [3.0, 4.0]])


class Square(Layer):
    """size (x² + offset), with a gradient that is `factor` times the right one."""

    def __init__(self, factor, size, offset=0.0):
        self.factor, self.size, self.offset = factor, size, offset

    def forward(self, x, *, training=False):
        if training:
            self._saved = x
        return self.size * (x * x + self.offset)

    def backward(self, grad):
        return self.factor * self.size * 2 * grad * self._take_saved()


@pytest.mark.parametrize("offset", [0.0, 1000.0])
@pytest.mark.parametrize("size", [1e-12, 1e-9, 1.0, 1e9])
@pytest.mark.parametrize("factor", [0.0, 0.1, 1.001, -1.0, np.nan])
def test_wrong_gradients_are_found_at_any_size(factor, size, offset):
    assert check_gradients(Square(1.0, size, offset), X) <= 1e-7
    with pytest.raises(GradientError, match=r"Square: the gradient of x\[0, 0\] is .* by backward"):
        check_gradients(Square(factor, size, offset), X)


def test_a_wrong_gradient_beside_larger_ones_is_found():
    class Scaled(Linear):
        def backward(self, grad):
            grad_x = super().backward(grad)
            self.bias.grad = 1.001 * self.bias.grad  # of one array only
            return grad_x

    with pytest.raises(GradientError, match="the gradient of bias"):
        check_gradients(Scaled(2, 2), 1e6 * X)


@pytest.mark.parametrize("seed", range(20))
def test_kinks_between_the_points_are_no_errors(seed):
    """In about one seed of three a unit of this ReLU changes sign between two of the points."""
    portanet.seed(seed)
    x = np.random.default_rng(seed).standard_normal((16, 8))
    assert check_gradients(Sequential([Linear(8, 8), ReLU(), Linear(8, 8)]), x) <= 1e-7


def test_a_wrong_gradient_near_a_kink_is_found():
    class Halved(ReLU):
        def backward(self, grad):
            return super().backward(grad) / 2

    with pytest.raises(GradientError):
        check_gradients(Halved(), np.asarray([[1e-4, -1e-4]]))
    assert check_gradients(ReLU(), np.asarray([[1e-4, -1e-4]])) <= 1e-7


def test_gradients_that_are_zero_pass():
    """Those of a bias that the next layer removes: both sides are 0 up to rounding."""
    assert check_gradients(Sequential([Linear(2, 3), LayerNorm(3)]), X) <= 1e-7

    class Unused(Linear):
        def __init__(self):
            super().__init__(2, 2)
            self.unused = Parameter(np.ones(2, np.float32))

        def backward(self, grad):
            self.unused.grad = np.zeros(2)
            return super().backward(grad)

    assert check_gradients(Unused(), X) <= 1e-7
    assert check_gradients(MultiHeadAttention(4, 2, rotary=True), np.ones((1, 3, 4))) <= 1e-7


@pytest.mark.parametrize("loss", [MSE(), BCEWithLogits(), CrossEntropy()])
def test_a_loss_needs_targets(loss):
    words = rf"check_gradients: {type(loss).__name__} is a loss, which needs targets y"
    with pytest.raises(ArgumentError, match=words):
        check_gradients(loss, np.ones((4, 3)))


def test_targets_of_any_dtype_are_taken():
    assert check_gradients(MSE(), X, X.astype(np.float32) + 1) <= 1e-7
    assert check_gradients(CrossEntropy(), X, np.asarray([0, 1], np.int32)) <= 1e-7


def test_what_cannot_be_checked_is_refused():
    with pytest.raises(ArgumentError, match="Linear is a layer, which has no targets y"):
        check_gradients(Linear(2, 1), X, X)
    with pytest.raises(ArgumentError, match="part must be a layer or a loss, is the class Linear"):
        check_gradients(Linear, X)
