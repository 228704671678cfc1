"""Rules: each against PyTorch or its paper, on every backend, to a minimum, and saved half-way."""

import numpy as np
import pytest
from agreement import assert_ulps
from cases_optimizers import OPTIMIZERS, gradient

import portanet
from portanet import (
    Adam,
    AdamW,
    Group,
    Lion,
    Optimizer,
    is_vector,
)
from portanet.layer import Layer, Parameter

CASES = pytest.mark.parametrize("case", OPTIMIZERS, ids=lambda case: case.id)
SHAPES = {"tall": (5, 3), "wide": (2, 6), "square": (3, 3), "bias": (3,), "kernel": (2, 2, 2, 2)}
FEW = {"tall": (5, 3), "bias": (3,)}  # JAX compiles for each shape
ODD = {"matrix": (3, 2), "number": (), "nothing": (0,), "no_rows": (0, 3)}


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


def test_every_rule_has_a_row_and_all_but_lion_an_oracle():
    rows = {type(case.make(bag())) for case in OPTIMIZERS}
    assert rows == {o for o in vars(portanet.optimizers).values() if is_rule(o)}
    assert {case.id for case in OPTIMIZERS if case.torch is None} == {"Lion"}


def is_rule(value):
    return isinstance(value, type) and issubclass(value, Optimizer) and value is not Optimizer


@pytest.mark.parametrize("case", [c for c in OPTIMIZERS if c.torch], ids=lambda case: case.id)
def test_fifty_steps_are_pytorchs(case, torch, monkeypatch):
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
    oracle = run(case.make(bag(FEW)), 50)
    for dtype in dtypes:
        model = bag(FEW).to(backend.name, device=backend.device, dtype=dtype)
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
    for scalar in (np.float64, np.float32):  # a strong float64 would make float32 weights float64
        optimizer = case.make(bag().to(dtype="float32"), lr=scalar(0.01))
        assert all(v.dtype == np.float32 for v in run(optimizer, 1).values())


@pytest.mark.some_on_jax("case")
@CASES
def test_extremes_are_survived_without_a_warning(case, backend):
    """Gradients of 0, of 10⁴ and denormal ones; parameters that are one number, or none."""
    for scale in (0.0, 1e-40, 1e-20, 1e4):
        model = Bag(**{n: np.ones(shape, np.float32) for n, shape in ODD.items()})
        model.to(backend.name, device=backend.device)
        optimizer = case.make(model)
        for seed in range(2):
            set_grads(model, scale, seed)
            optimizer.step()
        for name, value in on_host(model).items():
            assert value.shape == ODD[name]
            assert value.dtype == np.float32
            assert np.isfinite(value).all(), name


def set_grads(model, scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    for p in model.parameters():
        grad = scale * rng.standard_normal(p.value.shape)
        p.grad = model.backend.asarray(grad, model.dtype)


def on_host(model):
    return {n: model.backend.to_numpy(p.value) for n, p in model.named_parameters().items()}


def test_clipping_copies_nothing_to_the_host(backend):
    model = bag(FEW).to(backend.name, device=backend.device, dtype="float32")
    optimizer = Adam(model, clip_norm=1.0, clip_value=1.0, accumulate=2)
    before = backend.copies_to_host
    for seed in range(4):
        set_grads(model, seed=seed)
        optimizer.step()
    assert backend.copies_to_host == before


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
    stays, moves = (Adam(bag(FEW).to(dtype="float32"), lr=0.1, accumulate=2) for _ in range(2))
    expected = run(stays, 6)
    for step in range(6):
        where = (backend.name, backend.device) if step % 2 else ("numpy", None)
        moves.model.to(where[0], device=where[1])
        run(moves, 1, start=step)
    for name, value in on_host(moves.model).items():
        assert_ulps(name, value, expected[name], "float32", 16)


@CASES
def test_a_run_that_is_restored_goes_on_bit_for_bit(case):
    first = case.make(bag(), accumulate=2)
    run(first, 7)
    second = case.make(Bag(**on_host(first.model)), accumulate=2)
    second.load_state(first.state())
    assert (second.n_steps, second.n_accumulated) == (3, 1)
    expected = run(first, 6, start=7)
    for name, value in run(second, 6, start=7).items():
        np.testing.assert_array_equal(value, expected[name])
