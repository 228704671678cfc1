"""What a training epoch costs on a CUDA device, counted: copies, synchronisations, launches.

Run with the simulated device only; `cupycpu` counts what CuPy asks of it.
"""

import cupycpu
import numpy as np
import pytest

import portanet
from portanet import (
    GRU,
    SGD,
    AdamW,
    BatchNorm2d,
    BinaryCrossEntropy,
    Conv2d,
    CrossEntropy,
    DataLoader,
    Dataset,
    Dropout,
    Embedding,
    Flatten,
    LayerNorm,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Trainer,
    TransformerBlock,
    accuracy,
    demo,
)


@pytest.fixture(autouse=True)
def _between_verifications(monkeypatch):
    """Steps 4, 8, 16 … are verified against the readable step; what is counted are the others."""
    from portanet.compiler.runtime.checked_plan import CheckedPlan

    monkeypatch.setattr(CheckedPlan, "plan_ahead", lambda self: setattr(self, "until_event", 10**9))


def trainer():
    portanet.seed(0)
    X_train, X_val, y_train, y_val = demo.split()
    model = Sequential(demo.NETWORKS["two-layer network"](), BinaryCrossEntropy()).to("cupy")
    train_dl = DataLoader(Dataset(X_train, y_train), batch_size=64, shuffle=True)
    val_dl = DataLoader(Dataset(X_val, y_val), batch_size=64)
    return Trainer(model, SGD(model, lr=0.1), train_dl, val_dl, accuracy)


def test_an_epoch():
    t = trainer()
    t.train(2, log_level=0)
    with cupycpu.count() as c:
        t.train(1, log_level=0)
    steps = len(t.train_dl)
    print(f"\nan epoch of {steps} steps: {c}")
    assert c.d2h == 1  # the epoch's three numbers
    assert c.h2d <= steps + 1  # the epoch's order, and each batch's place in it
    assert c.syncs <= 2  # those two copies; none of them in a step


RNG = np.random.default_rng(0)
IMAGES, TOKENS = RNG.normal(size=(64, 1, 8, 8)), RNG.integers(0, 9, (64, 6))
NETWORKS = {
    "images": (IMAGES, lambda: [
        Conv2d(1, 4, 3, padding="same"), BatchNorm2d(4), ReLU(), MaxPool2d(2),
        Flatten(), Linear(64, 4)]),
    "a GRU": (TOKENS, lambda: [Embedding(9, 4), GRU(4, 5, return_sequences=False), Linear(5, 4)]),
    "a Transformer": (TOKENS, lambda: [
        Embedding(9, 4), TransformerBlock(4, 2, causal=True), LayerNorm(4),
        Flatten(), Linear(24, 4)]),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_no_network_waits_within_an_epoch(name):
    """Class indices and tokens are looked at when they enter the loader, not in the steps."""
    X, layers = NETWORKS[name]
    train_dl = DataLoader(Dataset(X, RNG.integers(0, 4, 64)), batch_size=16, shuffle=True)
    model = Sequential(layers(), CrossEntropy(label_smoothing=0.1)).to("cupy")
    t = Trainer(model, AdamW(model, lr=1e-3, clip_norm=1.0), train_dl, train_dl, accuracy)
    t.train(2, log_level=0)
    with cupycpu.count() as c:
        t.train(1, log_level=0)
    print(f"\n{name}, an epoch of {len(train_dl)} steps: {c}")
    assert c.d2h == 1
    assert c.syncs <= 2


def test_a_step():
    t = trainer()
    t.train(1, log_level=0)
    x, y = next(iter(t.train_dl.to(t.model)))
    with portanet.checks.skip_value_checks():
        t.step(x, y)
        with cupycpu.count() as c:
            t.step(x, y)
    print(f"\na step: {c.launches} launches, {c.blas} products, {c}")
    assert (c.d2h, c.h2d, c.syncs, c.allocs) == (0, 0, 0, 0)


def test_a_forward_of_dropout_copies_nothing():
    """Its mask is drawn on the device, in one launch; a product and a choice are two more."""
    layer, x = Dropout(0.3), portanet.backends.get("cupy").asarray(np.ones((64, 20)), "float32")
    layer.forward(x, training=True)
    with cupycpu.count() as c:
        layer.forward(x, training=True)
    print(f"\na forward of dropout: {c.launches} launches, {c}")
    assert (c.launches, c.h2d, c.d2h, c.syncs) == (3, 0, 0, 0)


@pytest.mark.parametrize("name", ["sigmoid", "sigmoid_backward"])
def test_a_kernel_is_one_launch(name):
    function = portanet.dispatch.ACCELERABLE[name]
    x = portanet.backends.get("cupy").asarray([[0.25, 0.5]], "float32")
    arguments = (x,) if name == "sigmoid" else (x, x)
    function(*arguments), function.plain(*arguments)
    with cupycpu.count() as kernel:
        function(*arguments)
    with cupycpu.count() as plain:
        function.plain(*arguments)
    print(f"\n{name}: {kernel.launches} launch for {plain.launches}")
    assert kernel.launches == 1 < plain.launches
