"""check_gradients finds wrong gradients of any size, and no others."""

import numpy as np
import pytest

import portanet
from portanet import (
    MAE,
    MSE,
    BCEWithLogits,
    CrossEntropy,
    Hinge,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    MaxPool2d,
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


@pytest.mark.parametrize("x", [0.0, 1e-10, -1e-10])
@pytest.mark.parametrize("layer", [ReLU(), LeakyReLU(0.2), Sequential([Linear(1, 3), ReLU()])])
def test_kinks_are_named_and_no_errors(layer, x):
    for parameter in layer.parameters():
        parameter.value = 0 * parameter.value + (parameter.value.ndim == 2)  # w = 1, b = 0
    found = check_gradients(layer, np.asarray([[x], [1.0]]))
    assert found <= 1e-7
    assert "x[0, 0]" in found.kinks
    assert "x[1, 0]" not in found.kinks


def test_ties_of_a_maximum_are_a_kink():
    assert len(check_gradients(MaxPool2d(2), np.ones((1, 1, 2, 2))).kinks) == 4
    assert check_gradients(MAE(), np.ones((2, 1)), np.asarray([[1.0], [3.0]])) <= 1e-7
    assert check_gradients(Hinge(), np.asarray([[1.0], [3.0]]), np.ones((2, 1))).kinks == (
        "y_hat[0, 0]",
    )


@pytest.mark.parametrize("factor", [7.0, -0.5])
def test_a_gradient_beyond_both_sides_of_a_kink_is_found(factor):
    class Wrong(ReLU):
        def backward(self, grad):
            x, right = self._saved, super().backward(grad)
            return np.where(x == 0, factor, right)

    with pytest.raises(GradientError, match=r"x\[0, 0\] is .* at a kink, where it must be between"):
        check_gradients(Wrong(), np.asarray([[0.0, 1.0]]))


@pytest.mark.parametrize("factor", [0.0, 1.5, -1.0])
def test_small_outputs_are_not_lost_beside_large_ones(factor):
    """Their gradient is far below the last place of the sum of all outputs."""

    class Both(Layer):
        def forward(self, x, *, training=False):
            self._saved = x
            return np.concatenate([0 * x + 1e12, 1e-9 * x * x], axis=1)

        def backward(self, grad):
            return self.factor * 1e-9 * 2 * self._take_saved() * grad[:, 2:]

    layer = Both()
    layer.factor = 1.0
    assert check_gradients(layer, X) <= 1e-7
    layer.factor = factor
    with pytest.raises(GradientError):
        check_gradients(layer, X)


def test_the_end_of_a_functions_range_is_named():
    class Root(Layer):
        def forward(self, x, *, training=False):
            self._saved = x
            return np.sqrt(x)

        def backward(self, grad):
            return grad / (2 * np.sqrt(self._take_saved()))

    assert check_gradients(Root(), np.asarray([[1e-6, 1.0]])) <= 1e-7
    with pytest.raises(GradientError, match="around this place forward"):
        check_gradients(Root(), np.asarray([[1e-12, 1.0]]))


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
