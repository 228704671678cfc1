"""What all optimizers share: groups, frozen layers, clipping, accumulation, and their state."""

import numpy as np
import pytest
from agreement import assert_ulps

import portanet
from portanet import SGD, Adam, AdamW, BCEWithLogits, Group, Linear, ReLU, Sequential, is_vector
from portanet.clipping import clip_by_norm, clip_by_value, global_norm
from portanet.errors import ArgumentError, DtypeError, OrderError, ShapeError
from portanet.optimizers.muon import COEFFICIENTS, orthogonalized
from portanet.state import State


def network():
    portanet.seed(0)
    return Sequential([Linear(3, 4), ReLU(), Linear(4, 1)], BCEWithLogits()).to(dtype="float64")


def data(n=12):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((n, 3))
    return x, (x[:, :1] > 0).astype("float64")


def backward(model, x, y):
    model.criterion.forward(model.forward(x, training=True), y, training=True)
    model.backward()


def values(model):
    return {name: p.value for name, p in model.named_parameters().items()}


def arrays(backend, dtype, scale=1.0):
    rng = np.random.default_rng(3)
    host = [scale * rng.standard_normal(shape) for shape in [(5, 3), (3,), (0, 2), (2, 2, 2)]]
    return host, [backend.asarray(array, dtype) for array in host]


@pytest.mark.parametrize("max_norm", [0.5, 1e3])
def test_clipping_by_norm_is_pytorchs(max_norm, backend, dtypes):
    torch = pytest.importorskip("torch")
    for dtype in dtypes:
        host, grads = arrays(backend, dtype)
        theirs = [torch.nn.Parameter(torch.zeros(grad.shape)) for grad in host]
        for parameter, grad in zip(theirs, host, strict=True):
            parameter.data, parameter.grad = torch.zeros(grad.shape, dtype=torch.float64), None
            parameter.grad = torch.from_numpy(grad.copy())
        norm = torch.nn.utils.clip_grad_norm_(theirs, max_norm)
        # 26 squares in a sum, a root, two quotients and two products: each half an ulp
        assert_ulps("norm", backend.to_numpy(global_norm(grads)), norm.numpy(), dtype, 16)
        for ours, parameter in zip(clip_by_norm(grads, max_norm), theirs, strict=True):
            assert ours.dtype == backend.dtype(dtype)
            assert portanet.backend_of(ours) is backend
            assert_ulps("clipped", backend.to_numpy(ours), parameter.grad.numpy(), dtype, 16)


def test_clipping_by_value_is_pytorchs(backend):
    torch = pytest.importorskip("torch")
    host, grads = arrays(backend, "float32")
    for grad, ours in zip(host, clip_by_value(grads, 0.25), strict=True):
        parameter = torch.nn.Parameter(torch.zeros(grad.shape))
        parameter.grad = torch.from_numpy(grad.astype("float32"))
        torch.nn.utils.clip_grad_value_([parameter], 0.25)
        np.testing.assert_array_equal(backend.to_numpy(ours), parameter.grad.numpy())


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e30])
def test_the_norm_of_extreme_gradients_is_right(scale, backend):
    """The squares of the largest are beyond float32, those of the smallest are 0."""
    host, grads = arrays(backend, "float32", scale)
    norm = np.sqrt(sum((grad**2).sum() for grad in host))
    assert_ulps("norm", backend.to_numpy(global_norm(grads)), norm, "float32", 16)
    for grad, ours in zip(host, clip_by_norm(grads, 1.0), strict=True):
        clipped = grad * min(1, 1 / (norm + 1e-6))
        assert_ulps("clipped", backend.to_numpy(ours), clipped, "float32", 16)


def test_gradients_that_are_not_finite_stay_so():
    """As in PyTorch: a run that has gone wrong must show it."""
    for bad in (np.nan, np.inf):
        with np.errstate(invalid="ignore"):
            clipped = clip_by_norm([np.asarray([bad, 1.0]), np.asarray([2.0])], 1.0)
        assert np.isnan(clipped[0][0])


def test_an_optimizer_clips_by_value_and_then_by_norm():
    model, (x, y) = network(), data()
    optimizer = SGD(model, lr=1.0, clip_value=0.02, clip_norm=0.03)
    before = values(model)
    backward(model, x, y)
    grads = clip_by_norm(clip_by_value([p.grad for p in model.parameters()], 0.02), 0.03)
    optimizer.step()
    for value, old, grad in zip(values(model).values(), before.values(), grads, strict=True):
        np.testing.assert_array_equal(value, old - grad)


@pytest.mark.parametrize("make", [
    lambda model, **o: SGD(model, lr=0.5, momentum=0.9, clip_norm=0.1, **o),
    lambda model, **o: Adam(model, lr=lambda step: 0.1 / (1 + step), **o),
], ids=["SGD", "Adam"])  # fmt: skip
def test_three_batches_move_as_one_of_all_of_them(make):
    x, y = data(12)
    one, three = network(), network()
    whole, parts = make(one), make(three, accumulate=3)
    for _ in range(5):
        backward(one, x, y)
        whole.step()
        for i in range(3):
            before = values(three)
            backward(three, x[4 * i : 4 * i + 4], y[4 * i : 4 * i + 4])
            parts.step()
            moved = any((value != before[name]).any() for name, value in values(three).items())
            assert moved == (i == 2)
    assert parts.n_steps == 5
    for name, value in values(three).items():
        np.testing.assert_allclose(value, values(one)[name], rtol=1e-12, atol=1e-13)


def test_what_an_epoch_leaves_over_waits_for_the_next():
    model, (x, y) = network(), data()
    optimizer = SGD(model, lr=0.1, accumulate=4)
    for _ in range(6):
        backward(model, x, y)
        optimizer.step()
    assert (optimizer.n_steps, optimizer.n_accumulated) == (1, 2)


def test_gradients_that_wait_follow_the_model(backend):
    model, (x, y) = network().to(dtype="float32"), data()
    x, y = x.astype("float32"), y.astype("float32")
    optimizer, start = SGD(model, lr=0.1, accumulate=2), values(model)
    backward(model, x, y)
    grads = {name: p.grad for name, p in model.named_parameters().items()}
    optimizer.step()
    model.to(backend.name, device=backend.device)
    backward(model, backend.asarray(x), backend.asarray(y))
    optimizer.step()
    for name, value in values(model).items():
        expected = start[name] - 0.1 * grads[name]
        np.testing.assert_allclose(backend.to_numpy(value), expected, rtol=1e-5, atol=1e-7)


def test_groups_have_numbers_of_their_own():
    model = network()
    groups = [
        Group(is_vector, weight_decay=0.0),
        Group(lambda name, p: name.startswith("layers.2"), lr_factor=0.1),
    ]
    optimizer = SGD(model, lr=0.5, weight_decay=0.2, groups=groups)
    before = values(model)
    for p in model.parameters():
        p.grad = np.ones(p.value.shape)
    optimizer.step()
    lr = {"layers.0.weights": 0.5, "layers.2.weights": 0.1 * 0.5}
    for name, value in values(model).items():
        old = before[name]
        expected = old - lr[name] * (1 + 0.2 * old) if name in lr else old - 0.5
        np.testing.assert_allclose(value, expected, rtol=1e-15, atol=1e-16)


def test_a_group_may_have_a_rate_of_its_own_and_follows_the_common_one_otherwise():
    model = network()
    groups = [Group(is_vector, lr=lambda step: [1.0, 3.0][step])]
    groups.append(Group(lambda name, p: "2" in name, lr_factor=2.0))
    optimizer = SGD(model, lr=0.5, groups=groups)
    for lr, factor in [(0.5, 1.0), (0.25, 3.0)]:
        optimizer.lr = lr
        before = values(model)
        for p in model.parameters():
            p.grad = np.ones(p.value.shape)
        optimizer.step()
        moved = {name: np.max(before[name] - value) for name, value in values(model).items()}
        assert moved == pytest.approx(
            {
                "layers.0.weights": lr,
                "layers.0.bias": factor,
                "layers.2.weights": 2 * lr,
                "layers.2.bias": factor,
            }
        )


def test_a_schedule_is_asked_for_the_steps_taken_before():
    model, asked = network(), []
    optimizer = SGD(model, lr=lambda step: asked.append(step) or 0.1)
    for _ in range(3):
        backward(model, *data())
        optimizer.step()
    assert asked == [0, 1, 2]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -0.1])
def test_a_schedule_that_gives_nonsense_is_refused_before_anything_moves(bad):
    model = network()
    last = Group(lambda name, p: name == "layers.2.bias", lr=lambda step: bad)
    optimizer, before = SGD(model, lr=0.1, groups=[last]), values(model)
    backward(model, *data())
    with pytest.raises(
        ArgumentError, match=r"SGD: lr must be a number in \[0, inf\), but the sch.*for step 0"
    ):
        optimizer.step()
    assert optimizer.n_steps == 0
    assert all(value is before[name] for name, value in values(model).items())


def test_frozen_layers_stay_and_move_again():
    model = network()
    optimizer, before = AdamW(model, lr=0.1), values(model)
    model.layers[0].freeze()
    for _ in range(3):
        backward(model, *data())
        model.layers[0].weights.grad = None  # a missing gradient matters to nobody
        optimizer.step()
    for name, value in values(model).items():
        assert (value is before[name]) == name.startswith("layers.0")
    model.layers[0].unfreeze()
    backward(model, *data())
    optimizer.step()
    # Adam's first step is lr in each direction that has a gradient, whenever it is taken
    step = np.abs(model.layers[0].weights.value - 0.999 * before["layers.0.weights"])
    assert step.max() == pytest.approx(0.1, rel=1e-5)
    model.freeze()
    with pytest.raises(OrderError, match="every parameter is frozen"):
        optimizer.step()


def test_frozen_gradients_do_not_count_in_the_norm():
    model = network()
    model.layers[0].freeze()
    optimizer, before = SGD(model, lr=1.0, clip_norm=0.1), values(model)
    backward(model, *data())
    model.layers[0].weights.grad = np.full((3, 4), 1e6)
    optimizer.step()
    moves = [np.sum((before[name] - value) ** 2) for name, value in values(model).items()]
    assert np.sqrt(np.sum(moves)) == pytest.approx(0.1, rel=1e-4)


def test_a_layer_that_was_put_in_later_is_trained():
    model = network()
    optimizer = SGD(model, lr=0.1)
    model.layers[2] = Linear(4, 1).to(dtype="float64")
    before = values(model)
    backward(model, *data())
    optimizer.step()
    assert all((value != before[name]).any() for name, value in values(model).items())


def test_gradients_must_be_like_their_values():
    layer = Linear(2, 2, bias=False)
    optimizer = SGD(layer, lr=0.1)
    layer.weights.grad = np.zeros((1, 2), np.float32)
    with pytest.raises(ShapeError, match=r"the gradient of weights must be \(2, 2\).*is \(1, 2\)"):
        optimizer.step()
    layer.weights.grad = np.zeros((2, 2))
    with pytest.raises(DtypeError, match=r"the gradient of weights must be float32.*is float64"):
        optimizer.step()


@pytest.mark.parametrize("scaling", ["spectral", "rms"])
def test_muon_takes_kernels_as_matrices_if_it_is_told_to(scaling, backend):
    """A kernel (n_out, n_inp, 2, 2) moves as the weights (n_inp 4, n_out) of a Linear would."""
    dtype = "float64" if "float64" in backend.dtypes else "float32"
    rng = np.random.default_rng(2)
    kernel, grad = rng.standard_normal((2, 5, 3, 2, 2))
    layer, flat = Linear(1, 1, bias=False), Linear(1, 1, bias=False)
    rules = [portanet.Muon(m, lr=0.1, flatten=True, scaling=scaling) for m in (layer, flat)]
    pairs = [(layer, lambda a: a), (flat, lambda a: a.reshape(5, 12).T)]
    for (model, form), rule in zip(pairs, rules, strict=True):
        model.weights.value = form(kernel)
        model.to(backend.name, device=backend.device, dtype=dtype)
        for n in range(3):
            model.weights.grad = backend.asarray(form(grad + n), dtype)
            rule.step()
    ours, theirs = (m.backend.to_numpy(m.weights.value) for m in (layer, flat))
    # products of 12 numbers in other orders, five iterations, three steps
    assert_ulps("kernel", ours, theirs.T.reshape(kernel.shape), dtype, 256)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (1, 7)])
def test_orthogonalized_has_singular_values_near_one(shape):
    x = np.random.default_rng(1).standard_normal(shape)
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    ours = orthogonalized(x)
    inside = u.T @ ours @ vh.T  # diagonal: the singular vectors are kept
    a, b, c = COEFFICIENTS
    s = s / np.sqrt(np.sum(s**2))
    for _ in range(5):
        s = a * s + b * s**3 + c * s**5
    np.testing.assert_allclose(inside, np.diag(s), rtol=0, atol=1e-12)
    assert s.max() < 1.3
    assert s.min() > 0.3


BAD = {
    "a group of another option": (lambda m: SGD(m, lr=1, groups=[Group(is_vector, beta1=0.5)]),
        "SGD: a group can change lr, lr_factor, momentum, nesterov, weight_decay, not beta1"),
    "a number out of range in a group": (lambda m: SGD(m, lr=1, groups=[Group(is_vector, momentum=2)]),
        r"SGD: momentum must be a number in \[0, 1\], is 2"),
    "a group of no rule": (lambda m: Group("bias", lr=1.0), r"Group: needs a function of \(name, parameter\)"),
    "a group of nothing": (lambda m: Group(is_vector), "Group: needs a function .* and options"),
    "accumulate 0": (lambda m: SGD(m, lr=1, accumulate=0), "SGD: accumulate must be an integer >= 1, is 0"),
    "clip_norm 0": (lambda m: SGD(m, lr=1, clip_norm=0), r"SGD: clip_norm must be a number in \(0, inf\), is 0"),
    "clip_value below 0": (lambda m: SGD(m, lr=1, clip_value=-1.0), r"SGD: clip_value must be a number in \(0, inf\)"),
    "Nesterov without momentum": (lambda m: SGD(m, lr=1, nesterov=True), "SGD: nesterov needs a momentum > 0"),
    "beta2 1": (lambda m: Adam(m, beta2=1.0), r"Adam: beta2 must be a number in \[0, 1\), is 1"),
    "epsilon 0": (lambda m: Adam(m, epsilon=0), r"Adam: epsilon must be a number in \(0, inf\), is 0"),
    "weight decay below 0": (lambda m: AdamW(m, weight_decay=-1), r"AdamW: weight_decay must be a number in \[0, inf\)"),
    "a scaling that is none": (lambda m: portanet.Muon(m, scaling="big"), "Muon: scaling must be 'spectral' or 'rms', is 'big'"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_options_out_of_their_ranges_are_refused(name):
    make, words = BAD[name]
    with pytest.raises(ArgumentError, match=words):
        make(network())


STATES = {
    "a slot of no parameter": (lambda a, n: (a | {"layers.9.bias/m": np.zeros(1)}, n), ArgumentError,
        r"Adam: the checkpoint contains layers\.9\.bias, which the model lacks"),
    "a slot of another shape": (lambda a, n: (a | {"layers.0.bias/m": np.zeros(9)}, n), ShapeError,
        r"Adam: the state's layers\.0\.bias/m must be \(4,\)"),
    "a slot of another dtype": (lambda a, n: (a | {"layers.0.bias/m": np.zeros(4, np.float32)}, n), DtypeError,
        r"layers\.0\.bias/m must be float64, as the model's value, is float32"),
    "a slot that is missing": (lambda a, n: ({k: v for k, v in a.items() if k != "layers.0.bias/m"}, n), ArgumentError,
        r"Adam: layers\.0\.bias needs m, v, the checkpoint has v"),
    "a state of another rule": (lambda a, n: (a, n | {"rule": "SGD"}), ArgumentError, "wanted the state of Adam, is of SGD"),
    "other schedules": (lambda a, n: (a, n | {"schedules": [{}]}), ArgumentError, "Adam: the state is of an optimizer with other schedules"),
}  # fmt: skip


@pytest.mark.parametrize("name", STATES)
def test_a_state_that_does_not_fit_changes_nothing(name):
    change, error, words = STATES[name]
    model = network()
    optimizer, other = Adam(model), Adam(network())
    backward(model, *data())
    optimizer.step()
    state = State(*change(*optimizer.state()))
    with pytest.raises(error, match=words):
        other.load_state(state)
    assert other.n_steps == 0
    assert other.state().arrays == {}


class Told:
    """A schedule that is told something, such as one that waits for a plateau."""

    lr = 0.5

    def __call__(self, step):
        return self.lr

    def state(self):
        return State({}, {"lr": self.lr})

    def load_state(self, state):
        self.lr = state.numbers["lr"]


def test_the_state_of_schedules_is_saved_with_the_optimizers():
    told, of_group = Told(), Told()
    told.lr, of_group.lr = 0.25, 0.125
    saved = SGD(network(), lr=told, groups=[Group(is_vector, lr=of_group)]).state()
    told, of_group = Told(), Told()
    SGD(network(), lr=told, groups=[Group(is_vector, lr=of_group)]).load_state(saved)
    assert (told.lr, of_group.lr) == (0.25, 0.125)
