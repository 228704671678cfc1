"""Backends: what counts as available, what a missing one says, what moving does."""

import pickle
from copy import deepcopy
from types import SimpleNamespace

import array_api_compat.numpy
import numpy as np
import pytest

import portanet
from portanet import MSE, BCEWithLogits, Linear, ReLU, Sequential, backends, load_model, save
from portanet.backends import StandardBackend, _registry
from portanet.errors import ArgumentError, BackendError, DtypeError
from portanet.layer import Buffer, Layer


def test_numpy_is_always_there():
    assert "numpy" in portanet.available()
    assert backends.get("numpy") is backends.get("numpy")


def test_arrays_know_their_backend(backend):
    x = backend.asarray(np.ones((2, 2)), "float32")
    assert portanet.backend_of(x) is backend
    assert portanet.backend_of(portanet.array_namespace(x).sum(x)) is backend
    assert portanet.array_namespace(x) is backend.xp


def test_to_numpy_is_counted(backend):
    before = backend.copies_to_host
    assert backend.to_numpy(backend.asarray(np.ones(2), "float32")).sum() == 2
    backend.synchronize()
    assert backend.copies_to_host == before + 1


def test_values_survive_the_way_there_and_back(backend, dtypes):
    for dtype in dtypes:
        x = np.array([0.1, -0.0, np.inf, np.nan, np.finfo(dtype).max], dtype)
        x.setflags(write=False)  # as a memory map's or a JAX array's
        for y in (x, x[::-1], x[::2]):
            assert backend.to_numpy(backend.asarray(y)).tobytes() == y.tobytes()


@pytest.mark.parametrize(
    ("name", "device"), [("torch", "nowhere"), ("jax", "tpu9"), ("jax", "cpu:99")]
)
def test_an_unknown_device_is_named(name, device):
    if name not in portanet.available():
        pytest.skip(f"{name} is not installed")
    with pytest.raises(ArgumentError, match=f"backend '{name}': device must be .*{device}"):
        backends.get(name, device)


@pytest.fixture
def jax_of_32_bits():
    jax = pytest.importorskip("jax", reason="JAX without 64 bits")
    jax.config.update("jax_enable_x64", False)
    yield
    jax.config.update("jax_enable_x64", True)


@pytest.mark.usefixtures("jax_of_32_bits")
def test_jax_without_64_bits_refuses_float64():
    backend = backends.get("jax")
    with pytest.raises(
        DtypeError, match=r"float64 was requested, which JAX has only after jax.config.update"
    ):
        backend.asarray(np.ones(2))
    assert backend.index_dtype() == "int32"


class Table(Layer):
    """Holds integers."""

    def __init__(self, n):
        self.numbers = Buffer(np.asarray([0, n], np.int64))

    def forward(self, x, *, training=False):
        return x


@pytest.mark.usefixtures("jax_of_32_bits")
def test_integers_of_a_model_come_to_jax_without_64_bits(tmp_path):
    """Those that fit into 32 bits; others are refused, and not cut."""
    model = Sequential([Linear(2, 2), Table(5)])
    save(tmp_path / "m.safetensors", model)
    loaded = load_model(tmp_path / "m.safetensors", backend="jax", own=[Table])
    for one in (model.to("jax"), loaded):
        assert one.layers[1].numbers.value.tolist() == [0, 5]
    assert model.to("numpy").layers[1].numbers.value.tolist() == [0, 5]
    with pytest.raises(DtypeError, match="int64 was requested"):
        Sequential([Linear(2, 2), Table(2**40)]).to("jax")


class Entry:
    """What importlib.metadata gives for an installed package's entry point."""

    name = "theirs"

    @staticmethod
    def load():
        return lambda device=None: StandardBackend("theirs", array_api_compat.numpy, "cpu")


def test_third_parties_register_through_an_entry_point(monkeypatch):
    monkeypatch.setattr(_registry, "_entries", lambda: [Entry])
    assert "theirs" in backends.names()
    model = Sequential([Linear(2, 1)]).to("theirs")
    assert model.forward(np.ones((3, 2), np.float32)).shape == (3, 1)


def test_arrays_of_an_unregistered_namespace_are_told_how_to_register():
    class Foreign:
        device = None

        def __array_namespace__(self):
            return SimpleNamespace(__name__="foreign")

    with pytest.raises(BackendError, match=r"no backend for arrays of foreign: register one"):
        portanet.backend_of(Foreign())


def network():
    return Sequential([Linear(3, 4), ReLU(), Linear(4, 1)], BCEWithLogits())


def test_moving_there_and_back_changes_no_bit(backend):
    model = network()
    before = [p.value.copy() for p in model.parameters()]
    model.to(backend.name, device=backend.device)
    assert model.backend is backend
    assert all(portanet.backend_of(p.value) is backend for p in model.parameters())
    model.to("numpy")
    for a, p in zip(before, model.parameters(), strict=True):
        assert a.tobytes() == p.value.tobytes()


def test_a_dtype_alone_keeps_the_backend(backend, dtypes):
    model = network().to(backend.name, device=backend.device)
    for dtype in dtypes:
        assert model.to(dtype=dtype).dtype == dtype
        assert model.backend is backend


def test_a_network_without_parameters_remembers_where_it_was_moved():
    model = Sequential([ReLU()]).to("strict", dtype="float64")
    assert (model.backend.name, model.dtype) == ("strict", "float64")
    assert model.to(device="device2").backend.device == model.backend.xp.Device("device2")


def test_networks_can_be_copied_and_pickled():
    model = network().to("numpy")
    for other in (deepcopy(model), pickle.loads(pickle.dumps(model))):
        for a, b in zip(model.parameters(), other.parameters(), strict=True):
            assert a is not b
            assert (a.value == b.value).all()
        assert other.backend is model.backend


def test_the_optimizer_follows_a_network_that_moves(backend):
    """Half the steps here, half there: the same as all steps here, to float32's rounding."""
    x, y = np.ones((4, 3), np.float32), np.ones((4, 1), np.float32)

    def trained(move):
        portanet.seed(0)
        model = network()
        optimizer = portanet.SGD(model, lr=0.1)
        for step in range(4):
            if step == 2 and move:
                model.to(backend.name, device=backend.device)
            place = model.backend
            y_hat = model.forward(place.asarray(x), training=True)
            model.criterion.forward(y_hat, place.asarray(y), training=True)
            model.backward()
            optimizer.step()
        return [model.backend.to_numpy(p.value) for p in model.parameters()]

    for a, b in zip(trained(False), trained(True), strict=True):
        np.testing.assert_allclose(a, b, rtol=4 * 2.0**-23, atol=2.0**-24)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("cuda", r"for 'cuda' use \.to\('cupy'\)"),
        ("cuda:1", r"for 'cuda:1' use \.to\('cupy', device=1\)"),
        ("GPU", r"for 'GPU' use \.to\('cupy'\)"),
        ("mps", r"for 'mps' use \.to\('torch', device='mps'\)"),
        ("cpu", r"for 'cpu' use \.to\('numpy'\)"),
        ("Numpy", r"did you mean 'numpy'\?"),
        ("tensorflow", r"there are numpy, cupy, torch, jax, strict$"),
    ],
)
def test_an_unknown_name_is_answered_with_the_backend_that_it_means(name, advice):
    with pytest.raises(ArgumentError, match=rf"get: there is no backend called '{name}'.*{advice}"):
        Linear(2, 1).to(name)


@pytest.mark.parametrize("dtype", [">f4", "<f4", ">f8", ">i8"])
def test_numpy_arrays_of_either_byte_order_are_taken(dtype, backend):
    x = np.asarray([[1.5, 2.0], [-3.0, 4.0]]).astype(dtype)
    name = {"f4": "float32", "f8": "float32", "i8": backend.index_dtype()}[dtype[1:]]
    for array in (x, x[::-1], x.T):
        assert backend.to_numpy(backend.asarray(array, name)).tolist() == array.tolist()


def test_a_byte_order_is_named_where_it_is_the_only_difference():
    X = np.ones((8, 1), np.dtype("f4").newbyteorder())
    words = r"x must have the byte order of the weights, '[<>]f4'; it is '[<>]f4'.*newbyteorder"
    with pytest.raises(DtypeError, match=words):
        Linear(1, 1).forward(X)
    assert Linear(1, 1).forward(X.astype(X.dtype.newbyteorder("="))).shape == (8, 1)
    with pytest.raises(DtypeError, match=r"y must have the byte order of y_hat"):
        MSE()(np.ones((8, 1), np.float32), X)
