"""What a training epoch costs on a CUDA device, counted: copies, synchronisations, launches.

Run with the simulated device only; `cupycpu` counts what CuPy asks of it.
"""

import cupycpu
import pytest

import portanet
from portanet import (
    SGD,
    BinaryCrossEntropy,
    DataLoader,
    Dataset,
    Sequential,
    Trainer,
    accuracy,
    demo,
)


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
    assert c.h2d <= 1  # the epoch's order; at most one a step is allowed
    assert c.syncs <= 2  # those two copies; none of them in a step


def test_a_step():
    t = trainer()
    t.train(1, log_level=0)
    x, y = next(iter(t.train_dl.to(t.model)))
    with portanet.checks.values_trusted():
        t.step(x, y)
        with cupycpu.count() as c:
            t.step(x, y)
    print(f"\na step: {c.launches} launches, {c.blas} products, {c}")
    assert (c.d2h, c.h2d, c.syncs, c.allocs) == (0, 0, 0, 0)


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
