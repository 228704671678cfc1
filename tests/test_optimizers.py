"""Optimizers: each against PyTorch, on every backend, to a minimum; and what they share."""

import numpy as np
import pytest
from agreement import assert_ulps
from cases_optimizers import OPTIMIZERS, gradient

import portanet
from portanet import (
    SGD,
    Adam,
    AdamW,
    BCEWithLogits,
    Group,
    Linear,
    Lion,
    Muon,
    Sequential,
    Sigmoid,
    is_vector,
)
from portanet.errors import ArgumentError, DtypeError, OrderError, ShapeError
from portanet.layer import Layer, Parameter
from portanet.state import State

CASES = pytest.mark.parametrize("case", OPTIMIZERS, ids=lambda case: case.id)
SHAPES = {"tall": (5, 3), "wide": (2, 6), "square": (3, 3), "bias": (3,), "kernel": (2, 2, 2, 2)}


class Bag(Layer):
    """Parameters and nothing else."""

    def __init__(self, **values):
        for name, value in values.items():
            setattr(self, name, Parameter(value))


def bag(shapes=SHAPES):
    rng = np.random.default_rng(7)
    return Bag(**{name: rng.standard_normal(shape) for name, shape in shapes.items()})


def run(optimizer, n_steps=50, start=0):
    """Take steps; the gradients are computed on the host, in float64, from the values there."""
    model, backend = optimizer.model, optimizer.model.backend
    for step in range(start, start + n_steps):
        for name, p in model.named_parameters().items():
            value = backend.to_numpy(p.value).astype("float64")
            p.grad = backend.asarray(gradient(name, value, step), model.dtype)
        optimizer.step()
    return {n: backend.to_numpy(p.value) for n, p in model.named_parameters().items()}


@pytest.fixture
def torch():
    """PyTorch, computing in float64, also where its rules would keep a number in float32."""
    torch = pytest.importorskip("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield torch
    torch.set_default_dtype(before)


@CASES
def test_fifty_steps_are_pytorchs(case, torch, monkeypatch):
    if case.torch is None:
        return  # Lion has a test of its own below
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda self: self.clone())  # Muon's iterations
    model = bag()
    theirs = {n: torch.tensor(p.value.T.copy()) for n, p in model.named_parameters().items()}
    optimizers = case.torch(torch, list(theirs.values()))
    for step in range(50):
        for name, p in theirs.items():
            p.grad = torch.from_numpy(gradient(name, p.numpy().T, step).T.copy())
        for optimizer in optimizers:
            optimizer.step()
    for name, ours in run(case.make(model)).items():
        np.testing.assert_allclose(ours, theirs[name].numpy().T, rtol=1e-12, atol=1e-12)


def test_lion_is_the_papers():
    model = bag({"a": (3, 2)})
    value, m = model.a.value, np.zeros((3, 2))
    for step in range(50):  # program 1 of the paper, line by line
        g = gradient("a", value, step)
        update = 0.9 * m + g * (1 - 0.9)
        m = 0.99 * m + g * (1 - 0.99)
        value = value - (np.sign(update) + value * 0.1) * 0.01
    ours = run(Lion(model, lr=0.01, weight_decay=0.1))
    np.testing.assert_allclose(ours["a"], value, rtol=1e-13, atol=1e-13)


@CASES
def test_every_backend_agrees_with_float64(case, backend, dtypes):
    oracle = run(case.make(bag()), 50)
    for dtype in dtypes:
        model = bag().to(backend.name, device=backend.device, dtype=dtype)
        optimizer = case.make(model)
        values = run(optimizer, 50)
        for name, value in values.items():
            assert_ulps(f"{case.id}: {name}", value, oracle[name], dtype, case.ulps)
        for slot in optimizer.state()[0].values():
            assert slot.dtype == backend.dtype(dtype), "slots keep the dtype"
            assert portanet.backend_of(slot) is backend


@CASES
def test_a_step_leaves_values_gradients_and_slots_as_they_were(case):
    optimizer = case.make(bag({"w": (3, 2)}))
    run(optimizer, 2)
    parameter, slots = optimizer.model.w, optimizer.state()[0]
    parameter.grad = np.ones((3, 2))
    arrays = [parameter.value, parameter.grad, *slots.values()]
    for array in arrays:
        array.setflags(write=False)
    optimizer.step()


@CASES
def test_a_parabola_is_minimised(case):
    model = Bag(x=np.asarray([[3.0, -2.0]]))
    optimizer = case.make(model, lr=case.parabola_lr)
    for _ in range(1500):
        model.x.grad = model.x.value - 1
        optimizer.step()
    # the decay of the weights pulls the minimum by at most its share; steps that never shrink
    # (sign, orthogonal) end within one step of it
    assert np.abs(model.x.value - 1).max() < 0.15


@CASES
def test_rosenbrocks_valley_is_walked_down(case):
    model = Bag(x=np.asarray([-1.0, 1.0]))
    optimizer = case.make(model, lr=case.lr, groups=[Group(is_vector, weight_decay=0.0)])
    for _ in range(case.n_steps):
        x, y = model.x.value
        model.x.grad = np.asarray([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)])
        optimizer.step()
    x, y = model.x.value
    assert (1 - x) ** 2 + 100 * (y - x * x) ** 2 < case.reached


@CASES
def test_no_number_of_the_step_hides_in_the_formula(case):
    """update at step 7 with step 7's scalars gives the same, whatever step the optimizer is at."""
    optimizer, other = case.make(bag({"w": (3, 2)})), case.make(bag({"w": (3, 2)}))
    run(other, 30)
    value, grad = np.ones((3, 2)), np.linspace(-1, 1, 6).reshape(3, 2)
    slots = optimizer.init(value)
    ours, theirs = (o.update(value, grad, slots, optimizer.scalars(7)) for o in (optimizer, other))
    np.testing.assert_array_equal(ours[0], theirs[0])
    for name, slot in ours[1].items():
        np.testing.assert_array_equal(slot, theirs[1][name])


@CASES
def test_scalars_are_python_floats(case):
    for value in case.make(bag()).scalars(3).values():
        assert type(value) is float
    lr = np.float64(0.01)  # a strong scalar would make float32 weights float64
    model = bag().to(dtype="float32")
    assert all(v.dtype == np.float32 for v in run(case.make(model, lr=lr), 1).values())


# What all rules share


def set_grads(model, scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    for p in model.parameters():
        grad = scale * rng.standard_normal(p.value.shape)
        p.grad = model.backend.asarray(grad, model.dtype)


def on_host(model):
    return {n: model.backend.to_numpy(p.value) for n, p in model.named_parameters().items()}


@pytest.mark.parametrize("scale", [1e-3, 0.1, 1.0, 100.0])
def test_clip_norm_is_pytorchs(scale, torch, backend, dtypes):
    for dtype in dtypes:
        model = bag().to(backend.name, device=backend.device, dtype=dtype)
        before = on_host(model)
        set_grads(model, scale)
        theirs = [torch.zeros(p.value.shape, requires_grad=True) for p in model.parameters()]
        for p, q in zip(model.parameters(), theirs, strict=True):
            q.grad = torch.tensor(backend.to_numpy(p.grad), dtype=torch.float64)
        torch.nn.utils.clip_grad_norm_(theirs, 1.5)
        SGD(model, lr=1.0, clip_norm=1.5).step()
        for (name, value), q in zip(on_host(model).items(), theirs, strict=True):
            assert_ulps(name, value, before[name] - q.grad.numpy(), dtype, 8)


def test_a_norm_beyond_the_dtypes_range_is_clipped(backend, dtypes):
    """A square of 1e30 is infinite in float32: the direction must survive all the same."""
    for dtype in dtypes:
        for large in (1e30, 1e-30):
            model = Bag(w=np.zeros((2,))).to(backend.name, device=backend.device, dtype=dtype)
            model.w.grad = backend.asarray([3 * large, -4 * large], dtype)
            SGD(model, lr=1.0, clip_norm=1.0).step()
            expected = np.asarray([-3.0, 4.0]) * (0.2 if large > 1 else large)
            assert_ulps("w", on_host(model)["w"], expected, dtype, 8)


def test_gradients_of_zero_stay_zero(backend):
    model = Bag(w=np.ones((2,), np.float32)).to(backend.name, device=backend.device)
    model.w.grad = backend.asarray([0.0, 0.0], "float32")
    SGD(model, lr=1.0, clip_norm=1.0, clip_value=1.0).step()
    np.testing.assert_array_equal(on_host(model)["w"], [1.0, 1.0])


def test_clip_value_limits_every_number_and_comes_first(backend):
    model = Bag(w=np.zeros((3,), np.float32)).to(backend.name, device=backend.device)
    model.w.grad = backend.asarray([-30.0, 0.5, 4.0], "float32")
    SGD(model, lr=1.0, clip_value=2.0).step()
    np.testing.assert_array_equal(on_host(model)["w"], [2.0, -0.5, -2.0])
    model.w.grad = backend.asarray([-3e9, 0.0, 0.0], "float32")
    SGD(model, lr=1.0, clip_value=2.0, clip_norm=1.0).step()
    np.testing.assert_allclose(on_host(model)["w"], [3.0, -0.5, -2.0], rtol=1e-6)


def test_clipping_copies_nothing_to_the_host(backend):
    model = bag().to(backend.name, device=backend.device, dtype="float32")
    optimizer = Adam(model, clip_norm=1.0, clip_value=1.0, accumulate=2)
    before = backend.copies_to_host
    for seed in range(4):
        set_grads(model, seed=seed)
        optimizer.step()
    assert backend.copies_to_host == before


def regression(x, y, rng):
    """A network, its optimizer's model, and what sets the gradients of the mean loss of a batch."""
    model = Sequential([Linear(4, 5, rng=rng), Sigmoid(), Linear(5, 1, rng=rng)], BCEWithLogits())

    def backward(rows):
        at, device = model.backend.asarray, model.dtype
        y_hat = model.forward(at(x[rows], device), training=True)
        model.criterion.forward(y_hat, at(y[rows], device), training=True)
        model.backward()

    return model, backward


def test_accumulated_steps_are_those_of_one_big_batch(backend, dtypes):
    """The mean of k batches' mean gradients is the mean over all: equal but for rounding."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((12, 4)), rng.integers(0, 2, (12, 1)) * 1.0
    for dtype in dtypes:
        values = {}
        for k in (1, 3):
            model, backward = regression(x, y, np.random.default_rng(1))
            model.to(backend.name, device=backend.device, dtype=dtype)
            optimizer = SGD(model, lr=0.5, momentum=0.9, accumulate=k, clip_norm=0.1)
            for i in range(15 * k):
                backward(slice(i % k * 12 // k, (i % k + 1) * 12 // k))
                optimizer.step()
            assert (optimizer.n_steps, optimizer.n_accumulated) == (15, 0)
            values[k] = on_host(model)
        for name, value in values[3].items():
            assert_ulps(name, value, values[1][name], dtype, 64)


def test_nothing_moves_before_the_kth_step():
    model = bag()
    optimizer, before = SGD(model, lr=1.0, accumulate=3), on_host(model)
    for seed in range(2):
        set_grads(model, seed=seed)
        optimizer.step()
    assert (optimizer.n_steps, optimizer.n_accumulated) == (0, 2)
    for name, value in on_host(model).items():
        np.testing.assert_array_equal(value, before[name])


def test_no_decay_on_vectors_in_one_line():
    """Each parameter moves as if it had an optimizer of its own, with its group's numbers."""
    groups = [
        Group(is_vector, weight_decay=0.0),
        Group(lambda name, p: name == "wide", lr=0.5, beta1=0.5),
        Group(lambda name, p: name in ("wide", "square"), lr_factor=0.1),
    ]
    together = run(AdamW(bag(), lr=0.01, weight_decay=0.1, groups=groups))
    options = {
        "bias": {"weight_decay": 0.0},
        "wide": {"lr": 0.5, "beta1": 0.5},
        "square": {"lr": 0.001},
    }
    for name, value in together.items():
        alone = Bag(**{name: getattr(bag(), name).value})
        optimizer = AdamW(alone, **({"lr": 0.01, "weight_decay": 0.1} | options.get(name, {})))
        np.testing.assert_allclose(value, run(optimizer)[name], rtol=1e-14, atol=1e-14)


def test_frozen_parameters_stay_and_the_rest_moves():
    model, backward = regression(np.ones((2, 4)), np.ones((2, 1)), None)
    before = on_host(model)
    first = model.layers[0].freeze()
    assert not any(p.trainable for p in first.parameters())
    optimizer = Adam(model, lr=0.1, clip_norm=1.0)
    backward(slice(None))
    optimizer.step()
    for name, value in on_host(model).items():
        assert (value == before[name]).all() == name.startswith("layers.0")
    model.unfreeze()
    backward(slice(None))
    optimizer.step()
    assert (on_host(model)["layers.0.weights"] != before["layers.0.weights"]).all()


def test_a_parameter_set_free_later_starts_at_step_1():
    """As in PyTorch: its bias correction counts its own steps, its schedule everybody's."""
    rates = []

    def schedule(step):
        rates.append(step)
        return 0.1

    model = bag({"a": (2,), "b": (2,)})
    model.b.trainable = False
    optimizer = Adam(model, lr=schedule)
    run(optimizer, 5)
    model.b.trainable = True
    alone = Bag(b=model.b.value)
    together = run(optimizer, 5, start=5)["b"]
    np.testing.assert_array_equal(together, run(Adam(alone, lr=0.1), 5, start=5)["b"])
    assert rates == [0, 1, 2, 3, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9]


def test_slots_and_sums_follow_the_model(backend):
    """A run that moves to a backend and back after each step ends where one that stays does."""
    stays, moves = (Adam(bag().to(dtype="float32"), lr=0.1, accumulate=2) for _ in range(2))
    expected = run(stays, 6)
    for step in range(6):
        where = (backend.name, backend.device) if step % 2 else ("numpy", None)
        moves.model.to(where[0], device=where[1])
        run(moves, 1, start=step)
    for name, value in on_host(moves.model).items():
        assert_ulps(name, value, expected[name], "float32", 16)


def test_a_run_that_is_restored_goes_on_bit_for_bit():
    for make in (
        lambda m: Adam(m, accumulate=2),
        lambda m: SGD(m, lr=0.1, momentum=0.9),
        lambda m: Muon(m),
    ):
        first = make(bag())
        run(first, 5)
        second = make(Bag(**on_host(first.model)))
        second.load_state(first.state())
        assert second.n_steps == first.n_steps
        expected = run(first, 5, start=5)
        for name, value in run(second, 5, start=5).items():
            np.testing.assert_array_equal(value, expected[name])


def wrong_state(change, make=Adam):
    """Load a changed state of Adam into another optimizer."""

    def call():
        optimizer = Adam(bag())
        run(optimizer, 2)
        arrays, numbers = optimizer.state()
        change(arrays, numbers)
        make(bag()).load_state(State(dict(arrays), numbers))

    return call


def with_gradient(grad):
    """Take a step with this gradient for a (2, 3) matrix."""

    def call():
        model = Bag(w=np.zeros((2, 3)))
        model.w.grad = grad
        SGD(model, lr=0.1).step()

    return call


def all_frozen():
    model = bag().freeze()
    set_grads(model)
    SGD(model, lr=0.1).step()


MISTAKES = {
    "another rule's state": (wrong_state(lambda a, n: None, lambda m: SGD(m, lr=0.1)), ArgumentError, "SGD"),
    "another option's state": (wrong_state(lambda a, n: None, lambda m: Adam(m, amsgrad=True)), ArgumentError, "options"),
    "a slot is missing": (wrong_state(lambda a, n: a.pop("wide/m")), ArgumentError, "wide"),
    "a slot of another shape": (wrong_state(lambda a, n: a.update({"wide/m": np.zeros(3)})), ShapeError, r"wide/m.*\(2, 6\).*\(3,\)"),
    "a slot of another dtype": (wrong_state(lambda a, n: a.update({"wide/m": np.zeros((2, 6), np.float32)})), DtypeError, "wide/m.*float64.*float32"),
    "another model's state": (wrong_state(lambda a, n: n["ages"].update(other=2)), ArgumentError, "other"),
    "a gradient of another shape": (with_gradient(np.zeros((3,))), ShapeError, r"SGD.step\(\): the gradient of w must be \(2, 3\).* is \(3,\)"),
    "a gradient of another dtype": (with_gradient(np.zeros((2, 3), np.float32)), DtypeError, "the gradient of w must be float64.* is float32"),
    "everything frozen": (all_frozen, OrderError, "every parameter is frozen"),
    "a beta of 1": (lambda: Adam(bag(), beta1=1.0), ArgumentError, r"Adam: beta1 must be a number in \[0, 1\), is 1"),
    "a beta of text": (lambda: Lion(bag(), beta2="0.9"), ArgumentError, r"Lion: beta2 must be a number"),
    "a negative decay": (lambda: AdamW(bag(), weight_decay=-0.1), ArgumentError, r"AdamW: weight_decay must"),
    "a negative momentum": (lambda: SGD(bag(), lr=0.1, momentum=-0.1), ArgumentError, r"SGD: momentum must"),
    "Nesterov at rest": (lambda: SGD(bag(), lr=0.1, nesterov=True), ArgumentError, r"SGD: nesterov needs"),
    "an unknown scaling": (lambda: Muon(bag(), scaling="large"), ArgumentError, r"Muon: scaling must be 'spectral' or 'rms'"),
    "a norm of 0": (lambda: Adam(bag(), clip_norm=0.0), ArgumentError, r"Adam: clip_norm must be a number in \(0"),
    "a negative limit": (lambda: Adam(bag(), clip_value=-1.0), ArgumentError, r"Adam: clip_value must"),
    "every 0th step": (lambda: Adam(bag(), accumulate=0), ArgumentError, r"Adam: accumulate must be an integer >= 1"),
    "a group's unknown option": (lambda: SGD(bag(), lr=0.1, groups=[Group(is_vector, decay=0.0)]), ArgumentError, r"SGD: a group can change .*weight_decay, not decay"),
    "a group's wrong number": (lambda: Adam(bag(), groups=[Group(is_vector, weight_decay=-1.0)]), ArgumentError, r"Adam: weight_decay must"),
    "a group of nothing": (lambda: Group(is_vector), ArgumentError, r"Group: give it a function"),
    "a group by name": (lambda: Group("bias", lr=0.1), ArgumentError, r"Group: give it a function"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named(name):
    call, error, message = MISTAKES[name]
    with pytest.raises(error, match=message):
        call()
