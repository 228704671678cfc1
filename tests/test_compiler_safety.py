"""What changes between compiled steps: layers, options, places, values, shapes; right to the bit."""

import copy

import numpy as np
import pytest
from compiled_twins import F4, Twins, batches, network

import portanet
from portanet import (
    SGD,
    Adam,
    BatchNorm1d,
    BCEWithLogits,
    DataLoader,
    Dataset,
    Dropout,
    Embedding,
    Flatten,
    LayerNorm,
    Linear,
    ReLU,
    Sequential,
    Tanh,
    Trainer,
    compile_step,
)
from portanet.backends._llvm import machine
from portanet.compiler.plans import MAX_PLANS, MAX_VAIN
from portanet.errors import DtypeError
from portanet.losses import CrossEntropy


def sgd(model):
    return SGD(model, lr=0.05, momentum=0.9)


def adam(model):
    return Adam(model, lr=0.01)


def twins(*layers, optimizer=adam, criterion=None, **options):
    return Twins(network(*layers, criterion=criterion), optimizer, **options)


# shapes and kinds of batches


def test_each_shape_has_a_plan_and_their_number_has_a_bound():
    both = twins(ReLU())
    sizes = [size for size in range(2, MAX_PLANS + 6) for _ in range(4)]
    for i, size in enumerate(sizes):
        both.train(batches(1, size, seed=i))
    for i, size in enumerate(reversed(sizes)):
        both.train(batches(1, size, seed=i))
    both.assert_compiled()
    assert len(both.compiled.plans) == MAX_PLANS


def test_smaller_last_batches():
    both = twins(BatchNorm1d(4), ReLU())
    for i in range(6):
        both.train(batches(3, 8, seed=i))
        both.train(batches(1, 3, seed=i + 100))
    both.assert_compiled()


def test_a_batch_of_none():
    both = twins(ReLU())
    both.train(batches(4)).train(batches(4, 0)).train(batches(4))
    both.assert_compiled()


LAYOUTS = {
    "column order": np.asfortranarray,
    "every other row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "every other column": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: x[::-1].copy()[::-1],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_batches_that_lie_otherwise(layout):
    """A product may add in another order then, so this is compared by what rounding allows."""
    model = network(ReLU())
    twin = copy.deepcopy(model)
    step, plain = compile_step(model, sgd(model)), sgd(twin)
    for x, y in batches(8):
        given = LAYOUTS[layout](x)
        losses = step(given, y)
        np.testing.assert_array_equal(given, x)
        wanted = twin.criterion.forward(twin.forward(x, training=True), y, training=True)
        twin.backward()
        plain.step()
        np.testing.assert_allclose(losses, wanted, rtol=1e-4)  # 8 steps of some ulps each
    assert step.refused is None


def test_integer_inputs():
    def model():
        portanet.seed(0)
        return Sequential([Embedding(7, 4), Flatten(), Linear(12, 3)], CrossEntropy())

    both, rng = Twins(model(), adam), np.random.default_rng(0)
    for _ in range(8):
        both.step(rng.integers(0, 7, (8, 3)), rng.integers(0, 3, 8))
    both.assert_compiled()


def test_float64():
    both = Twins(network(Tanh()).to(dtype="float64"), adam)
    both.train(batches(6, dtype="float64")).assert_compiled()


def test_a_batch_of_another_dtype_is_refused_as_in_a_readable_step():
    both = twins(ReLU()).train(batches(5))
    x, y = next(batches(1, dtype="float64"))
    with pytest.raises(DtypeError, match="Sequential: x must be float32"):
        both.compiled(x, y)
    both.train(batches(3)).assert_compiled()


# layers and options that change


def test_layers_are_frozen_and_set_free():
    both = twins(Tanh())
    for change in ("freeze", "unfreeze", "freeze", "unfreeze"):
        both.both(lambda model, _, change=change: getattr(model.layers[0], change)())
        both.train(batches(5))
    both.assert_compiled()


def test_parameters_that_are_set_free_later_are_younger():
    both = twins(Tanh())
    both.both(lambda model, _: model.layers[0].freeze())
    both.train(batches(5))
    both.both(lambda model, _: model.layers[0].unfreeze())
    both.train(batches(6)).assert_compiled()
    assert len(next(iter(both.compiled.plans.values())).groups) == 2


def test_a_parameter_is_frozen_alone():
    both = twins(Tanh()).train(batches(5))
    both.both(lambda model, _: setattr(model.layers[0].bias, "trainable", False))
    both.train(batches(5)).assert_compiled()


def add_layer(model, _):
    portanet.seed(3)
    model.layers.append(Linear(3, 3))


def put_layer(model, _):
    portanet.seed(4)
    model.layers[0] = Linear(5, 4)


CHANGES = {
    "a layer appended": add_layer,
    "a layer put in place of another": put_layer,
    "a layer taken out": lambda model, _: model.layers.__setitem__(2, ReLU()),
    "a layer without parameters": lambda model, _: model.layers.append(Tanh()),
    "another list": lambda model, _: setattr(model, "layers", [*model.layers, ReLU()]),
    "eps": lambda model, _: setattr(model.layers[1], "eps", 0.5),
    "p": lambda model, _: setattr(model.layers[2], "p", 0.8),
    "the loss": lambda model, _: setattr(model, "criterion", portanet.MAE()),
    "lr": lambda _, optimizer: setattr(optimizer, "lr", 0.2),
    "a schedule": lambda _, optimizer: setattr(optimizer, "lr", lambda step: 0.1 / (step + 1)),
    "momentum": lambda _, optimizer: setattr(optimizer, "momentum", 0.5),
    "clip_norm": lambda _, optimizer: setattr(optimizer, "clip_norm", 0.01),
    "clip_value": lambda _, optimizer: setattr(optimizer, "clip_value", 0.001),
    "accumulate": lambda _, optimizer: setattr(optimizer, "accumulate", 2),
    "a value": lambda model, _: setattr(model.layers[0].bias, "value", np.ones(4, F4)),
    "a value, in place": lambda model, _: model.layers[0].bias.value.fill(2),
    "a buffer": lambda model, _: setattr(
        model.layers[3].running_mean, "value", model.layers[3].running_mean.value + 1
    ),
    "a gradient": lambda model, _: setattr(model.layers[0].bias, "grad", None),
    "dtype there and back": lambda model, _: model.to(dtype="float64").to(dtype="float32"),
    "place there and back": lambda model, _: model.to("strict").to("numpy"),
    "nothing": lambda model, _: setattr(model, "layers", list(model.layers)),
    "a forgotten attribute": lambda model, _: vars(model).setdefault("note", "new"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_between_steps_is_seen(change):
    both = twins(LayerNorm(4), Dropout(0.3), BatchNorm1d(4), optimizer=sgd).train(batches(5))
    both.both(CHANGES[change])
    both.train(batches(7, seed=1)).assert_compiled()


def test_a_dtype_that_changes_is_followed():
    both = twins(LayerNorm(4)).train(batches(5))
    both.both(lambda model, _: model.to(dtype="float64"))
    both.train(batches(5, dtype="float64")).assert_compiled()


def test_a_model_on_a_backend_without_an_engine_trains_as_it_is_written():
    both = twins(LayerNorm(4)).train(batches(5))
    both.both(lambda model, _: model.to("strict"))
    backend = portanet.backends.get("strict")
    for x, y in batches(3):
        x, y = backend.asarray(x), backend.asarray(y)
        both.compiled(x, y)
        model, optimizer = both.models[1], both.optimizers[1]
        model.criterion.forward(model.forward(x, training=True), y, training=True)
        model.backward()
        optimizer.step()
    both.both(lambda model, _: model.to("numpy"))
    both.compare()
    both.train(batches(5)).assert_compiled()


def test_an_optimizer_of_a_part_moves_that_part_uncompiled():
    """A GAN's generator is trained through the discriminator, which stays as it is."""
    part, rest = Sequential([Linear(4, 4)]), Linear(4, 1)
    step = portanet.compile_step(Sequential([part, rest], BCEWithLogits()), SGD(part, lr=0.1))
    before = part[0].weights.value, rest.weights.value
    x, y = np.ones((2, 4), F4), np.ones((2, 1), F4)
    with pytest.warns(portanet.NotCompiledWarning, match="made for another model than the step's"):
        [step(x, y) for _ in range(3)]
    assert np.all(part[0].weights.value != before[0])
    assert np.all(rest.weights.value == before[1])


def test_what_changes_in_every_step_is_given_up():
    both = twins(Dropout(0.3))
    for i, (x, y) in enumerate(batches(3 * MAX_VAIN)):
        both.both(lambda model, _, i=i: setattr(model.layers[1], "p", 0.01 * i))
        both.step(x, y)
    both.assert_refused("something changes in every few steps: layers.1.p was 0.0")


@pytest.mark.parametrize("momenta", [(0.0, 0.9), (0.9, 0.0)], ids=str)
@pytest.mark.parametrize("n_before", [8, 9])
@pytest.mark.parametrize("fast", [True, False])
def test_slots_of_a_changed_option_are_there_once_parameters_have_moved(fast, n_before, momenta):
    """While gradients accumulate nothing moves, and state() has what it had."""
    if fast and not machine.available():
        pytest.skip("llvmlite is not installed")
    seen = []
    for compiled in (True, False):
        portanet.seed(0)
        model = Sequential([Linear(3, 1)], BCEWithLogits())
        optimizer = SGD(model, lr=0.1, momentum=momenta[0], accumulate=2)
        x, y = np.ones((8, 3), np.float32), np.ones((8, 1), np.float32)
        if compiled:
            step = compile_step(model, optimizer, fast=fast)
        else:
            step = Trainer(model, optimizer, DataLoader(Dataset(x, y), 8), compile=False).step
        for i in range(n_before + 4):
            if i == n_before:
                optimizer.momentum = momenta[1]
            step(x, y)
            seen.append((i, sorted(optimizer.state().arrays)))
    assert seen[: n_before + 4] == seen[n_before + 4 :]
