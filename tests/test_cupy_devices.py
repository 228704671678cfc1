"""Two CUDA devices in one process: a model stays on its own, and says so when another is current.

Run where CuPy finds two devices or more (CUPY_CPU_DEVICES=2 on the simulated one).
"""

import numpy as np
import pytest

from portanet import MSE, SGD, DataLoader, Dataset, Linear, ReLU, Sequential, Trainer, backends
from portanet.errors import ArgumentError, PlacementError
from portanet.verify import run
from portanet.verify.catalogue.networks import NETWORKS
from portanet.verify.report.places import at_work, place_of

X = np.random.default_rng(0).standard_normal((32, 4)).astype(np.float32)


def pytest_generate_tests(metafunc):
    """On CuPy only: the ledger counts these tests there, and names them where they cannot run."""
    metafunc.parametrize("backend", ["cupy"], indirect=True)
    # conftest.py, whose turn is next, would ask for all backends
    metafunc.fixturenames = [n for n in metafunc.fixturenames if n != "backend"]


@pytest.fixture
def cp(backend):
    cupy = backend._cp
    if cupy.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("CuPy finds one device here, two are needed")
    return cupy


def trainer(device, compiled=True):
    layers = [Linear(4, 3, rng=np.random.default_rng(0)), ReLU(), Linear(3, 1)]
    layers[2].weights.value = np.linspace(-1, 1, 3, dtype=np.float32)[:, None]
    model = Sequential(layers, MSE()).to("cupy", device=device)
    data = DataLoader(Dataset(X, X[:, :1]), 8)
    return Trainer(model, SGD(model, lr=0.1, momentum=0.9), data, compile=compiled)


def losses(trainer, n_epochs=1):
    trainer.train(n_epochs, log_level=0)
    return [row["loss"] for row in trainer.history]


def test_two_models_on_two_devices_train_in_turns_to_the_same_bits(cp):
    first = trainer(0)
    with cp.cuda.Device(1):
        second = trainer(1)
    for _ in range(4):
        one = losses(first)
        with cp.cuda.Device(1):
            two = losses(second)
    assert one == two
    for model, number in ((first.model, 0), (second.model, 1)):
        with cp.cuda.Device(number):
            assert {p.value.device.id for p in model.parameters()} == {number}
    assert all(t.compiled.refused is None and len(t.compiled.plans) == 1 for t in (first, second))


def test_another_device_than_the_current_is_refused_by_saying_what_to_do(cp):
    with pytest.raises(PlacementError, match=r"first run: cupy.cuda.Device\(1\).use\(\)"):
        Linear(2, 1).to("cupy", device=1)
    with pytest.raises(ArgumentError, match=r"device 99 was wanted, but CuPy finds \d+ here"):
        Linear(2, 1).to("cupy", device=99)
    with cp.cuda.Device(1):
        assert Linear(2, 1).to("cupy", device="cuda:1").weights.value.device.id == 1
        assert backends.get("cupy").device.id == 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n_steps", [1, 2, 3, 4, 5])  # then one that is traced, verified, replayed
@pytest.mark.parametrize("compiled", [True, False])
def test_steps_on_another_current_device_are_errors_and_change_nothing(compiled, n_steps, cp):
    """CuPy would compute on the current device, and leave the parameters there."""
    mine, wanted = trainer(0, compiled), trainer(0, compiled)
    x, y = (mine.model.backend.asarray(a) for a in (X[:8], X[:8, :1]))
    take = [t.compiled if compiled else t.step for t in (mine, wanted)]
    for step in take:
        for _ in range(n_steps):
            step(x, y)
    with cp.cuda.Device(1):
        for action in (
            lambda: take[0](x, y),
            lambda: mine.train(1, log_level=0),
            lambda: mine.model(x),
            lambda: mine.optimizer.step(),
            lambda: mine.model.criterion(y, y),
        ):
            with pytest.raises(PlacementError, match="current device"):
                action()
    for step in take:
        step(x, y)
    for p, q in zip(mine.model.parameters(), wanted.model.parameters(), strict=True):
        assert p.value.device.id == 0
        assert p.value.get().tobytes() == q.value.get().tobytes()


def test_the_agreement_kit_compares_one_device_with_another(cp):
    report = run(["cupy", "cupy:1"], cases=["Linear", NETWORKS[0].name], quick=True)
    assert report.failures == []
    found = {(f.backend, f.check) for f in report.findings}
    assert {
        ("cupy", "saved here, resumed on cupy:1"), ("cupy:1", "saved here, resumed on cupy"),
        ("cupy:1", "oracle"), ("cupy:1", "compiled"), ("cupy:1", "determinism"),
    } <= found  # fmt: skip
    (audit,) = [a for a in report.audits if (a.backend, a.case) == ("cupy:1", NETWORKS[0].name)]
    assert set(audit.tensors.values()) == {"float32 on <CUDA Device 1>"}
    assert cp.cuda.Device().id == 0  # the current one is as it was


def test_the_plugin_has_a_device_of_a_test_at_work(cp):
    place = place_of("cupy:1")
    assert place.device.id == 1
    with at_work(place):
        assert backends.backend_of(place.xp.ones(2)) is place
