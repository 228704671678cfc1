"""Mixed precision: float16 and bfloat16 against float64, and the loss scale.

Bounds come from the unit roundoff u of half precision, 2^-11 or 2^-8: what a network gives when its
input and its weights are off by u, several times, says how far one that rounds to half may be.
"""

import numpy as np
import pytest

import portanet
from portanet import (
    GELU,
    MSE,
    SGD,
    Adam,
    BatchNorm2d,
    BCEWithLogits,
    Conv2d,
    CrossEntropy,
    DataLoader,
    Dataset,
    Dropout,
    Embedding,
    Flatten,
    LayerNorm,
    Linear,
    Loss,
    LossScale,
    MaxPool2d,
    MixedPrecision,
    ReLU,
    Sequential,
    Trainer,
    TransformerBlock,
    compile_step,
)
from portanet.checks import skip_value_checks
from portanet.errors import ArgumentError, CheckpointError, DtypeError

ROUNDOFF = {"float16": 2.0**-11, "bfloat16": 2.0**-8}
# NumPy and the standard have no half precision. On JAX, which compiles each eager operation, for
# seconds a network, there are those tests that say something about JAX
on_devices = pytest.mark.only_on("cupy", "torch", "jax")
eager = pytest.mark.only_on("cupy", "torch")
CAPABLE = {"torch": ("float16", "bfloat16"), "jax": ("float16", "bfloat16"), "cupy": ("float16",)}


@pytest.fixture(params=["float16", "bfloat16"])
def half(request, backend):
    """A half precision that the backend has."""
    return wanted(backend, request.param)


@pytest.fixture
def float16(backend):
    """The one that has a loss scale."""
    return wanted(backend, "float16")


def wanted(backend, name):
    if name not in CAPABLE[backend.name]:
        pytest.skip(f"{backend.name} has no {name}; that it is refused is a test of its own")
    return name


@pytest.fixture(params=["mlp", "cnn", "transformer"])
def make(request, backend):
    """A function that makes a network."""
    if backend.name == "jax" and request.param != "mlp":
        pytest.skip("JAX compiles each eager operation, for seconds a network: one of three is run")
    return globals()[request.param]


def mlp():
    layers = [Linear(10, 16), LayerNorm(16), GELU(), Dropout(0.2), Linear(16, 3)]
    return Sequential(layers, CrossEntropy())


def cnn():
    # a bias before a normalization has the gradient 0: of that rounding leaves what it will
    layers = [
        Conv2d(1, 4, 3, bias=False),
        BatchNorm2d(4),
        ReLU(),
        MaxPool2d(2),
        Flatten(),
        Linear(16, 3),
    ]
    return Sequential(layers, CrossEntropy())


def transformer():
    layers = [Embedding(11, 8), TransformerBlock(8, 2, causal=True), Flatten(), Linear(32, 3)]
    return Sequential(layers, CrossEntropy())


def batch(make):
    """Return x and y of 16 samples."""
    rng = np.random.default_rng(1)
    shapes = {mlp: (16, 10), cnn: (16, 1, 6, 6)}
    x = rng.integers(0, 11, (16, 4)) if make is transformer else rng.standard_normal(shapes[make])
    return x, rng.integers(0, 3, 16)


def placed(backend, x):
    return backend.asarray(x, "float32" if x.dtype.kind == "f" else backend.index_dtype())


def on_host(x):
    return np.asarray(portanet.backend_of(x).to_numpy(x))


def pass_of(model, x, y):
    """Return losses, output and gradients of a pass, by name, on the host."""
    y_hat = model.forward(x, training=True)
    losses = model.criterion.forward(y_hat, y, training=True)
    model.backward()
    found = {"losses": losses, "y_hat": y_hat}
    found |= {name: p.grad for name, p in model.named_parameters().items()}
    return {name: on_host(array) for name, array in found.items()}


def seeded(make):
    portanet.seed(3)
    return make()


def off_by_u(make, x, y, u, seed):
    """Return what the network gives in float64 with input and weights off by up to u."""
    rng, model = np.random.default_rng(seed), seeded(make).to(dtype="float64")

    def off(array):
        return array * (1 + u * rng.uniform(-1, 1, array.shape))

    for p in model.parameters():
        p.value = off(p.value)
    return pass_of(model, off(x) if x.dtype.kind == "f" else x, y)


def spread(make, x, y, u):
    """Return the pass in float64, and how far networks that are off by u come from it."""
    exact = off_by_u(make, x, y, 0.0, 0)
    others = [off_by_u(make, x, y, u, seed) for seed in range(1, 6)]
    far = {n: max(np.abs(other[n] - exact[n]).max() for other in others) for n in exact}
    return exact, far


@on_devices
def test_losses_outputs_and_gradients_are_float64s_to_half_precision(backend, half, make):
    (x, y), u = batch(make), ROUNDOFF[half]
    exact, far = spread(make, x, y, u)
    model = seeded(make).to(backend.name, device=backend.device)
    model.precision = half
    got = pass_of(model, placed(backend, x), placed(backend, y))
    for name, array in exact.items():
        # input, weights, each layer's result and each gradient on the way back are rounded: some
        # ten roundings, of which each is as large as what `far` has of two
        allowed = 5 * far[name] + 4 * u * np.abs(array).max()
        assert np.abs(got[name] - array).max() <= allowed, name
        assert got[name].dtype == np.float32, name
    # and not those of float32, which is 2^12 times as exact
    assert np.abs(got["y_hat"] - exact["y_hat"]).max() > 2.0**-20


def train(make, backend, precision, *, n_steps=8, compile=False, **options):  # noqa: A002
    x, y = batch(make)
    model = seeded(make).to(backend.name, device=backend.device)
    data = DataLoader(Dataset(x.astype(np.float32 if x.dtype.kind == "f" else x.dtype), y), 16)
    optimizer = Adam(model, lr=0.01, **options)
    trainer = Trainer(model, optimizer, data, data, precision=precision, compile=compile)
    trainer.train(n_steps, log_level=0)
    return trainer


@eager
def test_training_and_validation_follow_float32(backend, half, make):
    x, y = batch(make)
    plain, mixed = (train(make, backend, precision) for precision in (None, half))
    far = spread(make, x, y, ROUNDOFF[half])[1]["losses"]
    for step, (ours, theirs) in enumerate(zip(mixed.history, plain.history, strict=True), 1):
        for name in ("loss", "val_loss"):
            # each step adds an error like the first one's, and Adam moves by lr whatever the size
            # of a gradient is: where rounding changes a sign, by 2 lr
            assert abs(ours[name] - theirs[name]) <= (step + 1) * (2 * far + 0.01), (step, name)
    assert mixed.history[-1]["loss"] < 0.8 * mixed.history[0]["loss"]
    for parameter in mixed.model.parameters():
        assert str(parameter.value.dtype).endswith("float32")


@eager
def test_predictions_are_those_of_half_precision(backend, half):
    model = seeded(mlp).to(backend.name, device=backend.device)
    x = placed(backend, batch(mlp)[0])
    own = on_host(model.forward(x))
    model.precision = half
    y_hat = on_host(model.forward(x))
    bits = {"float16": 13, "bfloat16": 16}[half]  # of a float32 that half precision has not
    assert (y_hat.view(np.uint32) & ((1 << bits) - 1) == 0).all()
    assert not (own.view(np.uint32) & ((1 << bits) - 1) == 0).all()
    assert (on_host(model.predict(on_host(x))) == y_hat.argmax(1)).all()
    model.precision = None
    assert (on_host(model.forward(x)) == own).all()


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_a_pass_is_autocasts(half):
    """The same layers under torch.autocast, on PyTorch: its rules of what is rounded are ours."""
    torch = pytest.importorskip("torch")
    (x, y), u = batch(mlp), ROUNDOFF[half]
    model = seeded(lambda: Sequential([Linear(10, 16), ReLU(), Linear(16, 3)], CrossEntropy()))
    theirs = torch.nn.Sequential(torch.nn.Linear(10, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
    for ours, other in ((model[0], theirs[0]), (model[2], theirs[2])):
        other.weight.data = torch.from_numpy(ours.weights.value.T.copy())
        other.bias.data = torch.from_numpy(ours.bias.value.copy())
    model.to("torch").precision = MixedPrecision(half)
    got = pass_of(model, torch.from_numpy(x).float(), torch.from_numpy(y))
    S = 2.0**16 if half == "float16" else 1.0
    with torch.autocast("cpu", dtype=getattr(torch, half)):
        logits = theirs(torch.from_numpy(x).float())
        loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(y))
    (loss * S).backward()
    wanted = {"y_hat": logits.detach().float().numpy(), "2.bias": theirs[2].bias.grad.numpy() / S}
    wanted |= {f"{i}.weights": theirs[i].weight.grad.numpy().T / S for i in (0, 2)}
    for name, array in wanted.items():
        ours = got[name if name == "y_hat" else f"layers.{name}"]
        # the two add in another order, in float32; a sum near the middle of two numbers in half
        # precision is then rounded to the other one, once in each layer
        assert np.abs(ours - array).max() <= 4 * u * np.abs(array).max(), name


# The loss scale.


class Tiny(Loss):
    """1e-8 times the output."""

    def loss(self, y_hat, y):
        return 1e-8 * y_hat + 0 * y

    def gradient(self, y_hat, y):
        return 1e-8 + 0 * y_hat + 0 * y


@on_devices
def test_scaling_saves_gradients_that_float16_would_flush(backend, float16):
    found = []
    for S in (1.0, 2.0**16):
        model = Sequential([Linear(1, 1)], Tiny()).to(backend.name, device=backend.device)
        model.precision = MixedPrecision(float16, LossScale(S))
        one = placed(backend, np.ones((1, 1)))
        found.append(pass_of(model, one, one)["layers.0.weights"].item())
    assert found[0] == 0
    assert abs(found[1] - 1e-8) <= 2.0**-11 * 1e-8


def regression(backend, S, growth_interval=2000, **options):
    portanet.seed(0)
    model = Sequential([Linear(4, 3), ReLU(), Linear(3, 1)], MSE())
    model.to(backend.name, device=backend.device)
    scale = LossScale(S, growth_interval=growth_interval)
    model.precision = MixedPrecision("float16", scale)
    optimizer = Adam(model, lr=0.01, **options)
    return model, optimizer, scale


def numbers_of(scale):
    return float(on_host(scale.scale.value)), int(on_host(scale.n_good.value))


def state_of(model, optimizer):
    """Return all weights and slots on the host, by name."""
    found = {name: on_host(p.value) for name, p in model.named_parameters().items()}
    return found | {name: on_host(a) for name, a in optimizer.state().arrays.items()}


@on_devices
@pytest.mark.parametrize("compiled", [False, True])
def test_a_step_that_overflows_changes_nothing_but_the_scale(backend, float16, compiled):
    model, optimizer, scale = regression(backend, 2.0**10)
    rng = np.random.default_rng(0)
    x, y = (placed(backend, rng.standard_normal(shape)) for shape in ((8, 4), (8, 1)))
    step = compile_step(model, optimizer)
    steps = [step if compiled else lambda a, b: pass_of(model, a, b) and optimizer.step()]
    for _ in range(5):
        steps[0](x, y)
    before = state_of(model, optimizer)
    steps[0](x, 1e4 * y)  # the gradient is some 2e3 · 2^10, and float16 ends at 65504
    after = state_of(model, optimizer)
    assert numbers_of(scale) == (2.0**9, 0)
    assert before.keys() == after.keys()
    for name, array in before.items():
        assert (array.view(np.uint32) == after[name].view(np.uint32)).all(), name
    steps[0](x, y)
    assert numbers_of(scale) == (2.0**9, 1)
    assert any((state_of(model, optimizer)[name] != before[name]).any() for name in before)
    assert optimizer.n_steps == 7  # also those that move nothing count
    assert not compiled or step.refused is None


@eager
def test_the_scale_grows_after_good_steps_up_to_its_end(backend, float16):
    _, _, scale = regression(backend, 2.0**22, growth_interval=2)
    finite = backend.asarray(np.asarray(True))
    found = []
    for _ in range(6):
        scale.update(finite)
        found.append(numbers_of(scale))
    assert found == [(2.0**22, 1), (2.0**23, 0), (2.0**23, 1), (2.0**24, 0), (2.0**24, 1), (2.0**24, 0)]  # fmt: skip
    low = LossScale(1.0).to(backend.name, device=backend.device)
    low.update(backend.asarray(np.asarray(False)))
    assert numbers_of(low) == (1.0, 0)


@eager
def test_clipping_and_accumulation_see_gradients_without_the_scale(backend, float16):
    """Two scales give the same steps: multiplying by a power of two rounds nothing."""
    x, y = (placed(backend, np.ones(shape)) for shape in ((8, 4), (8, 1)))
    found = []
    for S in (2.0**4, 2.0**9):
        model, optimizer, _ = regression(backend, S, clip_norm=0.1, clip_value=0.05, accumulate=2)
        for _ in range(4):
            pass_of(model, x, y)
            optimizer.step()
        assert optimizer.n_steps == 2
        found.append(state_of(model, optimizer))
    for name, array in found[0].items():
        assert np.isfinite(array).all()
        assert (array == found[1][name]).all(), name


@eager
def test_an_overflow_in_one_of_several_batches_drops_their_step(backend, float16):
    model, optimizer, scale = regression(backend, 2.0**10, accumulate=2)
    x, y = (placed(backend, np.ones(shape)) for shape in ((8, 4), (8, 1)))
    before = state_of(model, optimizer)
    for target in (1e5 * y, y):
        pass_of(model, x, target)
        optimizer.step()
    after = state_of(model, optimizer)
    assert all((after[name] == array).all() for name, array in before.items())
    assert numbers_of(scale) == (2.0**9, 1)
    assert optimizer.n_accumulated == 0


@eager
@pytest.mark.parametrize("compile", [False, True])
def test_a_run_that_is_resumed_goes_on_with_the_same_bits(backend, float16, compile, tmp_path):  # noqa: A002
    def trainer():
        model, optimizer, scale = regression(backend, 2.0**15, growth_interval=3)
        rng = np.random.default_rng(0)
        X, y = rng.standard_normal((32, 4)), 100 * rng.standard_normal((32, 1))
        data = DataLoader(Dataset(X.astype("float32"), y.astype("float32")), 8, shuffle=True)
        return Trainer(model, optimizer, data, compile=compile), scale

    whole, scale = trainer()
    whole.train(4, log_level=0)
    first, before = trainer()
    first.train(2, log_level=0)
    path = tmp_path / "run.safetensors"
    portanet.save(path, first.model, first.optimizer, trainer=first)
    second, after = trainer()
    portanet.load(path, second.model, second.optimizer, trainer=second)
    assert numbers_of(after) == numbers_of(before) != (2.0**15, 0)
    second.train(2, log_level=0)
    assert numbers_of(after) == numbers_of(scale)
    wanted = state_of(whole.model, whole.optimizer)
    for name, array in state_of(second.model, second.optimizer).items():
        assert (array == wanted[name]).all(), name


@eager
def test_a_file_of_a_mixed_model_is_one_of_float32(backend, float16, tmp_path):
    trainer = train(mlp, backend, float16, n_steps=2)
    path = tmp_path / "model.safetensors"
    portanet.save(path, trainer.model, trainer.optimizer)
    plain = seeded(mlp)
    portanet.load(path, plain, Adam(plain, lr=0.01))
    for name, parameter in plain.named_parameters().items():
        assert parameter.value.dtype == np.float32
        assert (parameter.value == on_host(trainer.model.named_parameters()[name].value)).all()
    snapshot = trainer.model.snapshot()
    trainer.model.precision = None
    trainer.model.restore(snapshot)


@pytest.mark.only_on("cupy", "jax")
def test_compiled_steps_are_those_as_written(backend, half, make):
    found = [train(make, backend, half, n_steps=9, compile=compiled) for compiled in (False, True)]
    assert found[1].compiled.refused is None
    assert len(found[1].compiled.plans) == 1
    x, y = batch(make)
    far = spread(make, x, y, ROUNDOFF[half])[1]["losses"]
    for ours, theirs in zip(found[1].history, found[0].history, strict=True):
        assert abs(ours["loss"] - theirs["loss"]) <= 2 * far + 0.01
    if half == "float16":
        scales = [numbers_of(trainer.model.precision.loss_scale) for trainer in found]
        assert scales[0] == scales[1] == (2.0**16, 9)


@eager
def test_nothing_is_fetched_in_a_step(backend, float16):
    model, optimizer, _ = regression(backend, 2.0**10)
    x, y = (placed(backend, np.ones(shape)) for shape in ((8, 4), (8, 1)))
    before = model.backend.copies_to_host
    with skip_value_checks():
        model.criterion.forward(model.forward(x, training=True), y, training=True)
        model.backward()
        optimizer.step()
    assert model.backend.copies_to_host == before


# What is refused.


def test_a_device_without_fast_half_precision_says_why(backend):
    for name in ROUNDOFF:
        if name in CAPABLE.get(backend.name, ()):
            continue
        model = seeded(mlp).to(backend.name, device=backend.device)
        why = {
            "numpy": "NumPy has no fast float16; it would be slower than float32 and less exact",
            "cupy": "CuPy's bfloat16 becomes float32 where it meets a Python number",
        }
        data = DataLoader(Dataset(*batch(mlp)), 16)
        with pytest.raises(DtypeError, match=why.get(backend.name, "no half precision")):
            Trainer(model, SGD(model, lr=0.1), data, precision=name)
        assert model.precision is None


@eager
def test_a_mixed_network_that_was_moved_to_numpy_is_refused(backend, float16):
    model = seeded(mlp).to(backend.name, device=backend.device)
    model.precision = float16
    model.to("numpy")
    with pytest.raises(DtypeError, match="NumPy has no fast float16"):
        model.forward(batch(mlp)[0].astype(np.float32))
    model.precision = None
    model.forward(batch(mlp)[0].astype(np.float32))


def test_wrong_options_are_refused():
    model = Sequential([Linear(2, 1)], BCEWithLogits())
    with pytest.raises(ArgumentError, match="dtype must be 'float16' or 'bfloat16', is 'half'"):
        model.precision = "half"
    with pytest.raises(ArgumentError, match="precision must be 'float16', 'bfloat16', a Mixed"):
        model.precision = 16
    with pytest.raises(ArgumentError, match="bfloat16 needs no loss_scale"):
        MixedPrecision("bfloat16", LossScale())
    with pytest.raises(ArgumentError, match="loss_scale must be a LossScale, is 65536"):
        MixedPrecision("float16", 65536)
    with pytest.raises(ArgumentError, match="initial must be a number in"):
        LossScale(0.5)
    with pytest.raises(CheckpointError, match="the state must have scale, a float"):
        LossScale().set_numbers({"scale": "much", "n_good": 0})


@eager
def test_a_float64_network_and_one_inside_of_another_are_refused(backend, float16):
    if "float64" in backend.dtypes and backend.name != "jax":
        model = seeded(mlp).to(backend.name, device=backend.device, dtype="float64")
        with pytest.raises(DtypeError, match="mixed precision is for networks in float32"):
            model.precision = float16
    inner = Sequential([Linear(2, 2)]).to(backend.name, device=backend.device)
    inner.precision = float16
    outer = Sequential([inner]).to(backend.name, device=backend.device)
    outer.precision = float16
    with pytest.raises(ArgumentError, match="the network around this one has a precision"):
        outer.forward(placed(backend, np.ones((1, 2))))
    inner.precision = None
    outer.forward(placed(backend, np.ones((1, 2))))
