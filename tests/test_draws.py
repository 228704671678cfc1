"""Numbers drawn in layers: NumPy's Philox on every backend, bit for bit, compiled or not."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import portanet
from portanet import (
    SGD,
    CrossEntropy,
    DataLoader,
    Dataset,
    Dropout,
    Layer,
    Linear,
    Sequential,
    Trainer,
    backend_of,
    compile_step,
)
from portanet.compiler.verification.noise import NoisyTape
from portanet.dispatch import from_host
from portanet.draws import dropout_mask, uniform
from portanet.losses import MAE
from portanet.random import Key, generator_at, next_key

F4 = np.float32
KEYS = [Key(0, "dropout"), Key(2**64 - 1, "noise", 2**64 - 1), Key(12345, "ü", 3)]
STEPS = [0, 1, 2**32, 2**64 - 1]
SHAPES = [(), (0,), (1,), (7,), (8,), (9,), (3, 0, 2), (3, 5, 2), (2**16 + 3,)]


def numpys(key, step, shape):
    """The numbers by NumPy alone, from the documented layout of key and counter."""
    seed, purpose, number = key
    words = [np.array(w, np.uint64) for w in ([seed, zlib.crc32(purpose.encode())],
                                              [0, 0, step, number])]  # fmt: skip
    generator = np.random.Generator(np.random.Philox(key=words[0], counter=words[1]))
    return np.asarray(generator.random(shape, dtype=F4))


@pytest.mark.parametrize("key", KEYS, ids=repr)
@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_numbers_are_numpys(shape, key, backend):
    x = backend.asarray(np.zeros(2, F4))
    for step in STEPS:
        wanted = numpys(key, step, shape)
        numbers = backend.to_numpy(uniform(lambda at=step: key.position(at), x, shape))
        assert (numbers.dtype, numbers.shape) == (F4, shape)
        assert numbers.tobytes() == wanted.tobytes()
        for p in (0.0, 0.3, 0.7, 0.999999):
            mask = dropout_mask(lambda at=step: key.position(at), p, x, shape)
            np.testing.assert_array_equal(backend.to_numpy(mask), wanted >= F4(p))


def test_a_number_equal_to_p_is_kept(backend):
    """Also where p is no float32: what counts is the float32 next to it, on every backend."""
    key, x = Key(0, "noise"), backend.asarray(np.zeros((5, 5), F4))
    numbers = numpys(key, 0, (5, 5))
    for number in numbers.ravel():
        above = np.nextafter(float(number), 1)
        for p, wanted in ((float(number), numbers >= number), (above, numbers >= F4(above))):
            mask = dropout_mask(key.position, p, x)
            np.testing.assert_array_equal(backend.to_numpy(mask), wanted)


def test_kernels_take_a_position_on_the_device(backend):
    """As in a plan, where it is one of the numbers that are sent in each step."""
    position = KEYS[1].position(5)
    for name in ("philox_uniform", "philox_mask"):
        function = portanet.dispatch.ACCELERABLE[name]
        args = ((9, 7),) if name == "philox_uniform" else (0.4, (9, 7))
        if name in backend.kernels:
            result = function(backend.asarray(position), *args)
            np.testing.assert_array_equal(result.get(), function.plain(position, *args))


@pytest.mark.parametrize("first", [3, 8, 21])
def test_rows_of_a_batch_have_the_numbers_of_the_whole_batch(backend, first):
    """As a rank draws them that has some of the rows: from any place in a block of eight."""
    position = KEYS[1].position(5)
    whole = portanet.draws.philox_uniform.plain(position, (40,))[first : first + 12].reshape(4, 3)
    for name, args, wanted in (
        ("philox_uniform", ((4, 3), first), whole),
        ("philox_mask", (0.4, (4, 3), first), whole >= F4(0.4)),
    ):
        function = portanet.dispatch.ACCELERABLE[name]
        found = backend.kernels.get(name, function.plain)(position, *args)
        np.testing.assert_array_equal(backend_of(found).to_numpy(found), wanted)


def test_the_shape_is_that_of_x(backend):
    x, key = backend.asarray(np.zeros((4, 3), F4)), Key(0, "noise")
    assert tuple(uniform(key.position, x).shape) == (4, 3)
    assert tuple(dropout_mask(key.position, 0.5, x).shape) == (4, 3)
    assert tuple(dropout_mask(key.position, 0.5, x, (4, 1)).shape) == (4, 1)


# Compiled steps. The losses of this network spell its masks: with p = 1/2 what is kept is doubled,
# so a sample's output is 2 sum(mask 2ᵏ), which float32 holds exactly; the rate changes no weight.
WIDTH, N = 16, 8


def spelling(backend):
    portanet.seed(0)
    model = Sequential([Dropout(0.5), Linear(WIDTH, 1)], MAE())
    model.layers[1].weights.value = 2.0 ** np.arange(WIDTH, dtype=F4)[:, None]
    model.layers[1].bias.value = np.zeros(1, F4)
    return model.to(backend.name, device=backend.device)


def spelled(step):
    mask = numpys(Key(0, "dropout"), step, (N, WIDTH)) >= F4(0.5)
    return np.sum(mask * 2.0 ** np.arange(WIDTH), axis=1) * 2


@pytest.mark.parametrize("fuse", [False, True], ids=["unfused", "fused"])
def test_compiled_steps_drop_what_philox_says(fuse, backend):
    model = spelling(backend)
    step = compile_step(model, SGD(model, lr=1e-30), fuse=fuse)
    x, y = backend.asarray(np.ones((N, WIDTH), F4)), backend.asarray(np.zeros((N, 1), F4))
    for number in range(8):
        losses = backend.to_numpy(step(x, y))
        np.testing.assert_array_equal(np.ravel(losses), spelled(number), err_msg=f"step {number}")
    assert model.layers[0].step == 8
    if backend.name in ("numpy", "cupy", "jax"):
        assert step.refused is None


class Jitter(Layer):
    """y = x + u - 1/2 in training; u is drawn anew, where x lies."""

    def __init__(self):
        self.key, self.step = next_key("jitter"), 0

    def forward(self, x, *, training=False):
        return x + (uniform(self._next, x) - 0.5) if training else x

    def backward(self, grad):
        return grad

    def _next(self):
        self.step += 1
        return self.key.position(self.step - 1)


class HostNoise(Jitter):
    """Normal noise, which no kernel draws: from the host."""

    def forward(self, x, *, training=False):
        shape = tuple(x.shape)
        return x + from_host(lambda: self._drawn(shape), x) if training else x

    def _drawn(self, shape):
        self.step += 1
        return self.key.generator(self.step - 1).standard_normal(shape, dtype=F4)


@pytest.mark.parametrize("layer", [Jitter, HostNoise])
def test_users_layers_draw_the_same_compiled_and_not(layer, backend):
    """Two exact sums: outputs and losses are the same bits on every backend."""
    portanet.seed(0)
    model = Sequential([layer(), Linear(3, 1)], MAE())
    model.layers[1].weights.value = np.asarray([[1.0], [0.0], [0.0]], F4)
    model.layers[1].bias.value = np.zeros(1, F4)
    model = model.to(backend.name, device=backend.device)
    step = compile_step(model, SGD(model, lr=1e-30), fuse=False)
    x, y = backend.asarray(np.zeros((N, 3), F4)), backend.asarray(np.zeros((N, 1), F4))
    key = model.layers[0].key
    for number in range(6):
        losses = np.ravel(backend.to_numpy(step(x, y)))
        if layer is Jitter:
            wanted = numpys(key, number, (N, 3)) - F4(0.5)
        else:
            wanted = key.generator(number).standard_normal((N, 3), dtype=F4)
        np.testing.assert_array_equal(losses, abs(wanted[:, 0]))
    assert step.refused is None or backend.name in ("torch", "strict")


def test_a_run_in_float64_drops_the_same():
    """A plan on a device draws positions: the run on the host that judges it makes them masks."""
    layer, tape = Dropout(0.5), NoisyTape(0.0, 0)
    key, x = layer.key, np.ones((5, 3), F4)
    tape.draws = [key.position(2), key.generator(2).random((2, 2))]
    y = layer.forward(tape.enter(x), training=True)
    np.testing.assert_array_equal(y.array, 2.0 * (numpys(key, 2, (5, 3)) >= 0.5))
    drawn = from_host(lambda: None, tape.enter(x))  # without a function: as it was drawn
    np.testing.assert_array_equal(drawn.array, key.generator(2).random((2, 2)))


def test_a_resumed_run_goes_on_in_its_stream(tmp_path, backend):
    """Saved on NumPy, resumed where the backend is: the next mask is that of the next step."""
    rng = np.random.default_rng(0)
    data = Dataset(rng.standard_normal((24, 4)).astype(F4), rng.integers(0, 3, 24))

    def trainer():
        portanet.seed(0)
        model = Sequential([Dropout(0.5), Linear(4, 3)], CrossEntropy())
        return Trainer(model, SGD(model, lr=0.1), DataLoader(data, 8))

    saved, resumed = trainer(), trainer()
    saved.train(2, log_level=0)
    portanet.save(tmp_path / "run", saved.model, saved.optimizer, trainer=saved)
    portanet.load(tmp_path / "run", resumed.model, resumed.optimizer, trainer=resumed)
    layer = resumed.model.to(backend.name, device=backend.device).layers[0]
    y = backend.to_numpy(layer.forward(backend.asarray(np.ones((5, 4), F4)), training=True))
    np.testing.assert_array_equal(y, 2 * (numpys(layer.key, 6, (5, 4)) >= F4(0.5)))


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**40), st.integers(0, 5000))
@settings(max_examples=50, deadline=None)
def test_a_threads_generator_gives_what_a_new_one_gives(seed, step, n):
    key = Key(seed, "shuffle", 3)
    generator_at(key.position(step + 1)).random(3, dtype=F4)  # leaves half a word behind
    wanted = key.generator(step).permutation(n)
    np.testing.assert_array_equal(generator_at(key.position(step)).permutation(n), wanted)
