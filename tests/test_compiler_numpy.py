"""Users' layers that are compiled: NumPy's functions, own parameters, own losses; right to the bit."""

import numpy as np
import pytest
from compiled_twins import F4, Own, Twins, batches, network

from portanet import SGD, Adam, Layer, MultiHeadAttention, Parameter, Sequential
from portanet.dispatch import from_host
from portanet.layer import Buffer
from portanet.losses import MSE


def sgd(model):
    return SGD(model, lr=0.05, momentum=0.9)


def trained(*layers, n=12, **options):
    return Twins(network(*layers), sgd, **options).train(batches(n))


def lazily(self, x):
    if self.ramp is None:
        self.ramp = np.arange(4, dtype=F4)
    return x + self.ramp


def test_what_is_made_at_first_use_is_compiled():
    trained(Own(lazily, ramp=None)).assert_compiled()


def drawn(self, x):
    self.noise = from_host(lambda: self.rng.standard_normal(x.shape).astype(F4), x)
    return x + self.noise


def test_draws_through_from_host_are_compiled():
    trained(Own(drawn, rng=np.random.default_rng(3))).assert_compiled()


def averaged(self, x):
    self.mean.value = F4(0.9) * self.mean.value + F4(0.1) * x.mean(axis=0)
    return x - self.mean.value


def test_a_buffer_carries_arrays_from_step_to_step():
    trained(Own(averaged, mean=Buffer(np.zeros(4, F4)))).assert_compiled()


def remembering(self, x):
    self.x = x
    return np.tanh(x)


def test_a_layer_may_keep_what_backward_needs_in_attributes_of_its_own():
    def backward(self, grad):
        return grad * (1 - np.tanh(self.x) ** 2)

    twins = trained(Own(remembering, backward))
    twins.assert_compiled()
    np.testing.assert_array_equal(*(model.layers[1].x for model in twins.models))


W = np.linspace(-1, 1, 16, dtype=F4).reshape(4, 4)
NUMPY = {
    "tanh": lambda self, x: np.tanh(x),
    "where": lambda self, x: np.where(x > 0, x, F4(0.1) * x),
    "sum": lambda self, x: x + x.sum(axis=0) * F4(0.1),
    "mean, keepdims": lambda self, x: x - x.mean(axis=1, keepdims=True),
    "product": lambda self, x: x @ W,
    "product, swapped": lambda self, x: (W @ x.T).T,
    "dot": lambda self, x: x.dot(W) + np.dot(x, W),
    "reshape": lambda self, x: x.reshape(-1, 2).reshape(-1, 4) * 2,
    "slices": lambda self, x: np.concatenate([x[:, 1:], x[:, :1]], axis=1),
    "steps": lambda self, x: x[:, ::-1] + x[..., [1, 0, 3, 2]],
    "concatenate": lambda self, x: np.concatenate([x[:, :2] * 2, x[:, 2:] * 3], axis=-1),
    "stack": lambda self, x: np.stack([x, x * 2]).max(axis=0),
    "einsum": lambda self, x: np.einsum("ij,jk->ik", x, W),
    "maximum": lambda self, x: np.maximum(x, 0) - np.minimum(-x, 0),
    "clip": lambda self, x: np.clip(x, -1, 1) + x.clip(-2, 0.5),
    "powers": lambda self, x: x**2 + np.square(x) + np.sqrt(np.abs(x)) + abs(x) ** 0.5,
    "operators": lambda self, x: 1 - x / 2 + (-x) * 3 - 2 / (1 + x * x),
    "masks": lambda self, x: x * (x > 0) + x * ((x < -1) | (x > 1)),
    "rows": lambda self, x: np.vstack([row * 2 for row in x]),
    "variance": lambda self, x: (x - x.mean(0)) / np.sqrt(x.var(axis=0) + 1),
    "norm": lambda self, x: x / (1 + np.linalg.norm(x, axis=1, keepdims=True)),
    "transposed": lambda self, x: np.swapaxes(np.transpose(x), 0, 1) + x.T.copy().T,
    "cast": lambda self, x: x.astype("float64").astype(F4) * F4(2),
    "split": lambda self, x: sum(np.split(x, 2, axis=1)).repeat(2, axis=1),
    "argmax": lambda self, x: x * (x.argmax(axis=1)[:, None] == np.arange(4)),
    "exp": lambda self, x: np.exp(-np.logaddexp(0, x)) + np.log1p(np.abs(x)),
    "cumsum": lambda self, x: np.cumsum(x, axis=1) * F4(0.1),
    "padded": lambda self, x: np.pad(x, ((0, 0), (1, 1)))[:, 1:-1],
    "outer": lambda self, x: x + np.multiply.outer(np.ones(1, F4), np.ones(4, F4)),
    "zeros_like": lambda self, x: x + np.zeros_like(x) + np.ones(x.shape, F4),
}


@pytest.mark.parametrize("name", NUMPY)
def test_numpys_functions_are_compiled(name):
    trained(Own(NUMPY[name])).assert_compiled()


class Scaled(Layer):
    """y = x w, with a weight, and its square in the backward pass, for no reason."""

    def __init__(self):
        self.w = Parameter(np.ones(4, F4))

    def forward(self, x, *, training=False):
        if training:
            self._saved = x
        return x * self.w.value

    def backward(self, grad):
        self.w.grad = (grad * self._take_saved()).sum(0)
        return grad * self.w.value


def test_a_users_parameters_are_trained():
    Twins(network(Scaled()), lambda m: Adam(m, lr=0.01)).train(batches(10)).assert_compiled()


class Reader(Layer):
    """Attention to a memory that is a layer's constant."""

    def __init__(self):
        self.attention = MultiHeadAttention(4, 2)
        self.memory = np.random.default_rng(5).standard_normal((8, 3, 4)).astype(F4)

    def forward(self, x, *, training=False):
        x = np.reshape(x, (x.shape[0], 1, 4))
        y = self.attention.forward(x, memory=self.memory, training=training)
        return np.reshape(y, (x.shape[0], 4))

    def backward(self, grad):
        grad = self.attention.backward(np.reshape(grad, (grad.shape[0], 1, 4)))
        return np.reshape(grad, (grad.shape[0], 4))


def test_the_gradient_of_a_memory_is_left_where_it_is_looked_for():
    twins = Twins(network(Reader()), sgd)
    for x, y in batches(8):
        twins.step(x, y)
        mine, wanted = (model.layers[1].attention.memory_grad for model in twins.models)
        np.testing.assert_array_equal(mine, wanted)
    twins.assert_compiled()


def test_a_constant_that_is_replaced_is_seen():
    twins = trained(Own(lambda self, x: x * self.table, table=np.ones(4, F4)))
    twins.both(lambda m, _: setattr(m.layers[1], "table", np.full(4, 2, F4)))
    twins.train(batches(6)).assert_compiled()
    twins.both(lambda m, _: m.layers[1].table.fill(3))  # written in place: a constant is no copy
    twins.train(batches(6)).assert_compiled()


def test_constants_in_a_list_that_are_replaced_are_seen():
    tables = [np.ones(4, F4), np.ones(4, F4)]
    twins = trained(Own(lambda self, x: x * self.tables[0] + self.tables[1], tables=tables))
    twins.both(lambda m, _: m.layers[1].tables.__setitem__(0, np.full(4, 2, F4)))
    twins.train(batches(6)).assert_compiled()


def test_a_users_loss_is_compiled():
    class Cubed(MSE):
        def loss(self, y_hat, y):
            return np.abs(y_hat - y) ** 3

        def gradient(self, y_hat, y):
            return 3 * np.abs(y_hat - y) * (y_hat - y)

    model = network(criterion=Cubed())
    assert isinstance(model, Sequential)
    Twins(model, sgd).train(batches(8)).assert_compiled()
