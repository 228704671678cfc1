"""Guard: planted faults are named by their epoch, step, batch and array, and the run goes back."""

from typing import Any

import numpy as np
import pytest

import portanet
from portanet import (
    MSE,
    SGD,
    Adam,
    BatchNorm1d,
    BinaryCrossEntropy,
    DataLoader,
    Dataset,
    Dropout,
    Layer,
    Linear,
    Sequential,
    Sigmoid,
    Trainer,
)
from portanet.callbacks import Callback, Checkpoints, EarlyStopping, Guard
from portanet.errors import DivergedError, DivergedWarning

N, BATCH = 12, 4  # three batches an epoch


class Cube(Layer):
    """y = x³, which overflows float32 from 7e12 on, where x² does not."""

    def forward(self, x, *, training=False):
        if training:
            self._saved = x
        return x * x * x

    def backward(self, grad):
        x = self._take_saved()
        return 3 * grad * x * x


def made(
    backend=None, *, large=None, y=1.0, w=1.0, b=0.0, lr=1e-3, layers=None, callbacks=None,
    rule=SGD, val=False, loss=None, shuffle=False, seed=0, **options,
) -> Any:  # fmt: skip
    """A trainer of x w + b, all data 1 but for sample `large[0]`, which is large[1]."""
    portanet.seed(seed)
    X = np.ones((N, 2))
    if large is not None:
        X[large[0], 1] = large[1]
    first = Linear(2, 1)
    model = Sequential([first, *(layers or [])], loss or MSE())
    first.weights.value = np.full((2, 1), w, np.float32)
    first.bias.value = np.full((1,), b, np.float32)
    if backend is not None:
        model.to(backend.name, device=backend.device, dtype="float32")
    loader = DataLoader(Dataset(X, np.full(N, y)), BATCH, shuffle=shuffle)
    val_dl = DataLoader(Dataset(np.full((N, 2), 1e30), np.full(N, y)), BATCH) if val else None
    callbacks = [Guard()] if callbacks is None else callbacks
    return Trainer(model, rule(model, lr=lr), loader, val_dl, callbacks=callbacks, **options)


def diverged(trainer, n_epochs=4):
    with np.errstate(all="ignore"), pytest.raises(DivergedError) as caught:
        trainer.train(n_epochs, log_level=0)
    return caught.value


def where(error):
    return error.epoch, error.step, error.batch, error.place


FAULTS = {
    # sample 6 is in the second batch; (1 + 1e20)³ overflows, 1e20 does not
    "a layer's output": (
        {"large": (6, 1e20), "lr": 1e-9, "layers": [Cube()]}, (0, 2, 2, "layers.1"),
        "the output of layers.1 (Cube) is the first that is not finite (largest numbers: its input 1e+20)"),
    "the losses": ({"large": (9, 1e25)}, (0, 3, 3, "criterion"), "the array of losses of criterion (MSE) is"),
    # the prediction is 1 + 1e-30 1e30 = 2, the gradient of the mean 2 (2 + 1e10) / 4, times 1e30
    "a gradient": (
        {"large": (2, 1e30), "y": -1e10, "w": 1e-30}, (0, 1, 1, "layers.0"),
        "the gradient of layers.0.weights is"),
    # gradients of 4e10, which 1e30 takes beyond 3.4e38
    "a learning rate": (
        {"y": -1e10, "lr": 1e30}, (0, 1, 1, "layers.0"), "layers.0.weights, after the update, is"),
}  # fmt: skip


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_the_first_array_that_is_not_finite_is_named(backend, fault, compiled):
    options, wanted, words = FAULTS[fault]
    error = diverged(made(backend, compile=compiled, **options))
    assert where(error) == wanted
    assert f"In step {wanted[1]} of the run, batch {wanted[2]} of the epoch, {words}" in str(error)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_rate_that_is_too_large_is_found_in_the_step_that_a_float64_recursion_names(
    compiled, accumulate
):
    """x = 1, y = 0, loss (2 w + b)²: with lr each move multiplies s = 2 w + b by 1 - 6 lr.

    The recursion says in which step the sum of a batch's four losses passes 3.4e38, at lr = 20 by
    far: the losses themselves are then still finite.
    """
    factor, s, step = 1 - 6 * 20.0, 2.0, 1
    while 4 * s * s < float(np.finfo(np.float32).max):
        s, step = s * factor, step + accumulate
    trainer = made(y=0.0, lr=20.0, compile=compiled, accumulate=accumulate)
    error = diverged(trainer, 9)
    epoch, batch = divmod(step - 1, 3)
    assert where(error) == (epoch, step, batch + 1, "criterion")
    assert (
        f"the sum of the batch's losses is the first that is not finite (largest numbers: a loss {s * s:.2g})"
        in str(error)
    )
    assert "a smaller learning rate than lr=20; clip_norm=1.0" in str(error)


def weights(trainer):
    found = {n: p.value for n, p in trainer.model.named_parameters().items()}
    found |= {n: b.value for n, b in trainer.model.named_buffers().items()}
    return found | trainer.optimizer.state().arrays | trainer.state().arrays


@pytest.mark.parametrize("compiled", [False, True])
def test_the_run_goes_back_to_the_beginning_of_the_epoch_and_on_with_the_same_bits(
    compiled, tmp_path
):
    """Epoch 2 has a bad batch, which is mended: the run is then that of good data from the start."""

    def run(guarded):
        portanet.seed(0)
        folder = tmp_path / str(guarded)
        layers = [BatchNorm1d(1), Dropout(0.3), Linear(1, 1)]
        stopping = EarlyStopping(patience=9, of="loss")
        callbacks = [Checkpoints(folder), stopping, *([Guard()] if guarded else [])]
        return made(
            rule=Adam, layers=layers, callbacks=callbacks, compile=compiled, shuffle=True, ema=0.9
        )

    good, t = run(guarded=False), run(guarded=True)
    good.train(5, log_level=0)
    t.train(2, log_level=0)
    before = weights(t)
    data, step = t.train_dl.ds, t.n_steps
    bad = np.ones((N, 2))
    bad[3, 0] = 3e38
    t.train_dl.ds = Dataset(bad, np.ones(N))
    error = diverged(t, 3)
    assert error.epoch == 2
    assert step < error.step <= step + 3
    assert (t.n_steps, t.position, len(t.history)) == (step, 0, 2)
    after = weights(t)
    for name in before:
        np.testing.assert_array_equal(before[name], after[name], err_msg=name)
    assert t.callbacks[0].newest().name == f"step-{step:07}.safetensors"  # none of the bad epoch
    t.train_dl.ds = data
    t.train(3, log_level=0)
    assert t.history == good.history
    assert t.callbacks[1].state().numbers == good.callbacks[1].state().numbers


def test_a_guard_changes_no_bit_and_methods_come_back():
    guarded, plain = made(lr=0.01, shuffle=True), made(lr=0.01, shuffle=True, callbacks=[])
    for t in (guarded, plain):
        t.train(3, log_level=0)
    assert guarded.history == plain.history
    t = made(large=(1, 1e25))
    layer = t.model.layers[0]
    layer.forward = own = layer.forward
    diverged(t)
    assert vars(layer)["forward"] is own
    assert "backward" not in vars(layer)
    assert not {"forward", "backward"} & vars(t.model).keys()


def test_what_diverges_in_validation_only_is_said_to():
    error = diverged(made(val=True))
    assert where(error) == (0, None, 1, "criterion")
    assert (
        "All steps are finite; in batch 1 of the validation data the array of losses of criterion (MSE)"
        in str(error)
    )
    assert "columns 0 (reaches 1e+30), 1 (reaches 1e+30) of x" in str(error)


def test_a_run_that_goes_on_within_an_epoch_is_guarded_from_there():
    t = made(large=(9, 1e25), lr=1e-30)
    t.train(n_steps=1, log_level=0)
    assert where(diverged(t)) == (0, 3, 3, "criterion")
    assert (t.n_steps, t.position) == (1, 1) or t.position == 0


def test_parameters_that_were_not_finite_before_are_said_to():
    t = made()
    t.model.layers[0].bias.value = np.asarray([np.nan], np.float32)
    error = diverged(t)
    assert where(error) == (0, 1, 1, "layers.0")
    assert "layers.0.bias, before the step, is the first" in str(error)


def test_what_does_not_come_again_is_not_made_up():
    class Once(Callback):
        """Breaks a weight; the hooks of others are not called again."""

        def on_step_end(self, trainer):
            layer = trainer.model.layers[0]
            layer.bias.value = layer.bias.value * np.float32(np.nan)

    error = diverged(made(callbacks=[Once(), Guard()]))
    assert where(error) == (0, None, None, None)
    assert "Taken again, all steps are finite, so where it began is not known" in str(error)


def test_advice_fits_the_case():
    error = diverged(made(large=(0, 3e38), w=2.0))
    assert "normalized inputs (portanet.normalize): columns 1 (reaches 3e+38) of x" in str(error)
    t = made(layers=[Sigmoid()], loss=BinaryCrossEntropy(), y=0.0, lr=1e39, clip_norm=2.0)
    message = str(diverged(t))
    assert "a loss on logits" in message
    assert "clip_norm" not in message


def test_without_a_guard_the_warning_names_it():
    with np.errstate(all="ignore"), pytest.warns(DivergedWarning, match=r"callbacks=\[Guard\(\)\]"):
        made(large=(0, 1e25), callbacks=[]).train(1, log_level=0)
