"""What a mask hides changes no compiled step: rows of cases_hidden.py, with zeros and with NaN."""

import copy

import numpy as np
import pytest
from cases_hidden import LOSSES, ROWS, Shift

import portanet
from portanet import MSE, SGD, Dropout, Sequential, compile_step

NUMPY = portanet.backends.get("numpy")
ENGINES = {"plain": {"fast": False, "fuse": False}, "llvm": {"fast": True}}
ENGINE = pytest.mark.parametrize("engine", ENGINES)
JUNK = pytest.mark.parametrize("junk", [np.nan, np.inf])
# dropout drops other numbers in each step: its own test
ROW = pytest.mark.parametrize(
    "row", [row for row in ROWS if row.id != "dropout"], ids=lambda row: row.id
)
LOSS = pytest.mark.parametrize("name", LOSSES)


def pytest_generate_tests(metafunc):
    """On CuPy and JAX only: tests with NumPy's engines are further tests, and no others compile.

    On JAX every fourth row: XLA compiles each for seconds, and what it is given is the same graph.
    """
    if "backend" not in metafunc.fixturenames:
        return
    of_rows = {"row": (ROW.args[1], lambda row: row.id), "name": (list(LOSSES), str)}
    what = next((name for name in of_rows if name in metafunc.fixturenames), None)
    if what is None:
        metafunc.parametrize("backend", ["cupy", "jax"], indirect=True)
    else:
        values, id_of = of_rows[what]
        pairs = [("cupy", v) for v in values] + [("jax", v) for v in values[::4]]
        ids = [f"{place}-{id_of(value)}" for place, value in pairs]
        metafunc.parametrize(("backend", what), pairs, indirect=["backend"], ids=ids)
    # conftest.py, whose turn is next, would ask for all backends
    metafunc.fixturenames = [n for n in metafunc.fixturenames if n != "backend"]


@pytest.fixture
def options(engine):
    if engine == "llvm":
        pytest.importorskip("llvmlite", reason="the extra `fast` is not installed")
    return ENGINES[engine]


def trained(network, batches, place, options):
    """Return the losses of compiled steps with these batches, and the parameters after them."""
    network.to(place.name, device=place.device, dtype="float32")
    step = compile_step(network, SGD(network, lr=0.1), **options)
    losses = []
    for x, y in batches:
        x = place.asarray(x, "float32" if x.dtype.kind == "f" else place.index_dtype())
        losses.append(place.to_numpy(step(x, network.criterion.cast_targets(place, y, "float32"))))
    assert step.refused is None
    values = {name: place.to_numpy(p.value) for name, p in network.named_parameters().items()}
    return {"losses": np.stack(losses), **values}


def assert_same(clean, spoiled):
    for name, array in clean.items():
        assert np.isfinite(array).all(), name
        np.testing.assert_array_equal(spoiled[name], array, err_msg=name)


def of_row(row, junk, place, options):
    network, x = row.network(junk), row.input(junk)
    y = np.zeros(copy.deepcopy(network).forward(x).shape, np.float32)
    return trained(network, [(x, y)] * 4, place, options)


def of_loss(name, junk, place, options):
    make, y_hat, y, hidden = LOSSES[name]
    hidden = hidden[..., None] if hidden.ndim < y_hat.ndim else hidden
    x = np.where(hidden, np.float32(junk), y_hat)
    return trained(Sequential([Shift()], make()), [(x, y)] * 4, place, options)


def of_dropout(junk, place, options):
    """Junk in each step stands where that step drops."""
    portanet.seed(3)
    dropout, x, y = Dropout(0.5), np.ones((3, 4), np.float32), np.zeros((3, 4), np.float32)
    twin = copy.deepcopy(dropout)
    kept = [twin.forward(x, training=True) > 0 for _ in range(4)]
    batches = [(np.where(k, x, np.float32(junk)), y) for k in kept]
    return trained(Sequential([dropout, Shift()], MSE()), batches, place, options)


@JUNK
@ENGINE
@ROW
def test_what_is_hidden_changes_no_step(row, options, junk):
    assert_same(*(of_row(row, x, NUMPY, options) for x in (0.0, junk)))


def test_what_is_hidden_changes_no_step_elsewhere(row, backend):
    assert_same(*(of_row(row, x, backend, {}) for x in (0.0, np.nan)))


@JUNK
@ENGINE
@LOSS
def test_outputs_that_do_not_count_change_no_step(name, options, junk):
    assert_same(*(of_loss(name, x, NUMPY, options) for x in (0.0, junk)))


def test_outputs_that_do_not_count_change_no_step_elsewhere(name, backend):
    assert_same(*(of_loss(name, x, backend, {}) for x in (0.0, np.nan)))


@JUNK
@ENGINE
def test_what_is_dropped_changes_no_step(options, junk):
    assert_same(*(of_dropout(x, NUMPY, options) for x in (0.0, junk)))


def test_what_is_dropped_changes_no_step_elsewhere(backend):
    assert_same(*(of_dropout(x, backend, {}) for x in (0.0, np.nan)))
