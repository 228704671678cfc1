"""What changes between compiled steps: layers, options, places, values, shapes; right to the bit."""

import copy
import pickle
import threading

import numpy as np
import pytest
from compiled_twins import F4, Twins, assert_no_tracers, batches, network, readable_step

import portanet
from portanet import (
    SGD,
    Adam,
    BatchNorm1d,
    Dropout,
    Embedding,
    ExponentialMovingAverage,
    Flatten,
    Group,
    LayerNorm,
    Linear,
    ReLU,
    Sequential,
    Tanh,
    compile_step,
    is_vector,
)
from portanet.changes import Watched
from portanet.compiler.step import MAX_PLANS, MAX_VAIN
from portanet.errors import DataError, DtypeError
from portanet.losses import MSE, CrossEntropy


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
    assert len(both.compiled._plans) == MAX_PLANS


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


def test_batches_that_are_views():
    both = twins(ReLU())
    rng = np.random.default_rng(0)
    for i in range(8):
        x, y = rng.standard_normal((16, 10)).astype(F4), rng.standard_normal((16, 6)).astype(F4)
        view = x[::2, ::2] if i % 2 else x[8:, 5:]
        before = view.copy()
        losses = both.compiled(view, y[::-2, :3])
        np.testing.assert_array_equal(view, before)
        model, optimizer = both.models[1], both.optimizers[1]
        wanted = model.criterion.forward(
            model.forward(view, training=True), y[::-2, :3], training=True
        )
        model.backward()
        optimizer.step()
        np.testing.assert_array_equal(losses, wanted)
        both.compare()
    both.assert_compiled()


def test_batches_in_column_order():
    """BLAS may add in another order there, so this is compared by what rounding allows."""
    model = network(ReLU())
    twin = copy.deepcopy(model)
    step, plain = compile_step(model, sgd(model)), sgd(twin)
    for x, y in batches(8):
        losses = step(np.asfortranarray(x), y)
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
    assert len(next(iter(both.compiled._plans.values())).groups) == 2


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


def test_what_changes_in_every_step_is_given_up():
    both = twins(Dropout(0.3))
    for i, (x, y) in enumerate(batches(3 * MAX_VAIN)):
        both.both(lambda model, _, i=i: setattr(model.layers[1], "p", 0.01 * i))
        both.step(x, y)
    both.assert_refused("change in every few steps")


# the optimizer's memory


@pytest.mark.parametrize("n", [2, 3])
def test_gradients_that_wait_are_the_readable_ones(n):
    both = twins(Tanh(), optimizer=lambda m: Adam(m, lr=0.01, accumulate=n))
    both.train(batches(11))  # compare() looks at state() in the middle of every round
    both.both(lambda _, optimizer: optimizer.load_state(optimizer.state()))
    both.train(batches(9, 5)).assert_compiled()


def test_groups_with_rates_of_their_own():
    groups = [Group(is_vector, lr=0.5, weight_decay=0.0)]
    both = twins(
        Tanh(), optimizer=lambda m: portanet.AdamW(m, lr=lambda s: 0.1 / (s + 1), groups=groups)
    )
    both.train(batches(8)).assert_compiled()
    both.both(lambda _, optimizer: setattr(optimizer, "lr", 0.001))
    both.train(batches(4)).assert_compiled()


def test_a_state_is_a_state_of_then():
    both = twins(Tanh()).train(batches(4))
    states = both.both(lambda _, optimizer: optimizer.state())
    values = both.both(lambda model, _: [p.value.copy() for p in model.parameters()])
    both.train(batches(4))
    for (model, optimizer), state, own in zip(
        zip(both.models, both.optimizers, strict=True), states, values, strict=True
    ):
        optimizer.load_state(state)
        for p, value in zip(model.parameters(), own, strict=True):
            p.value = value.copy()
    both.compare()
    both.train(batches(4)).assert_compiled()


def test_an_optimizer_goes_back_to_its_beginning():
    both = twins(Tanh())
    states = both.both(lambda _, optimizer: optimizer.state())
    both.train(batches(6))
    for optimizer, state in zip(both.optimizers, states, strict=True):
        optimizer.load_state(state)
    both.train(batches(6)).assert_compiled()


def test_readable_steps_in_between():
    both = twins(Tanh(), BatchNorm1d(4)).train(batches(5))
    for x, y in batches(3, 4):
        for model, optimizer in zip(both.models, both.optimizers, strict=True):
            model.criterion.forward(model.forward(x, training=True), y, training=True)
            model.backward()
            optimizer.step()
    both.compare()
    both.train(batches(5)).assert_compiled()


def test_a_gradient_is_used_once():
    both = twins(Tanh()).train(batches(5))
    for optimizer in both.optimizers:
        with pytest.raises(portanet.errors.OrderError, match="a gradient that was used before"):
            optimizer.step()


# several, copies, threads


def test_two_compiled_steps_on_one_model():
    both = twins(Tanh())
    second = compile_step(both.models[0], both.optimizers[0], fuse=False)
    first = both.compiled
    for i, (x, y) in enumerate(batches(24)):
        both.compiled = (first, second)[i % 2]
        both.step(x, y)
    both.assert_compiled()


def test_a_step_for_each_optimizer():
    both = twins(Tanh())
    others = tuple(SGD(model, lr=0.1, momentum=0.5) for model in both.models)
    compiled = both.compiled, compile_step(both.models[0], others[0], fuse=False)
    optimizers = both.optimizers, others
    for i, (x, y) in enumerate(batches(24)):
        both.compiled, both.optimizers = compiled[i % 2], optimizers[i % 2]
        both.step(x, y)
    assert [step.refused for step in compiled] == [None, None]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_are_apart(copied):
    both = twins(Dropout(0.5), BatchNorm1d(4)).train(batches(6))
    apart = copied(both)
    assert apart.compiled.model is apart.models[0]
    assert apart.compiled.optimizer is apart.optimizers[0]
    before = [p.value.copy() for p in both.models[0].parameters()]
    apart.train(batches(6, seed=5)).assert_compiled()
    for p, value in zip(both.models[0].parameters(), before, strict=True):
        np.testing.assert_array_equal(p.value, value)
    both.train(batches(6, seed=6)).assert_compiled()


def test_models_in_threads():
    all_twins = [twins(Dropout(0.3), LayerNorm(4)) for _ in range(3)]

    def train(i):
        for x, y in batches(60, seed=i):
            all_twins[i].compiled(x, y)

    threads = [threading.Thread(target=train, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, both in enumerate(all_twins):
        for x, y in batches(60, seed=i):
            readable_step(both.models[1], both.optimizers[1], x, y)
        both.compare()
        both.assert_compiled()


def test_no_count_of_changes_comes_twice():
    layer, seen = ReLU(), set()
    for _ in range(3):
        layer.note = 1
        seen.add(Watched.n_changes)
        del layer.note
        seen.add(Watched.n_changes)
    assert len(seen) == 6


# what goes wrong in the middle


def test_bad_labels_leave_a_model_that_trains_on():
    both = twins(Tanh(), criterion=CrossEntropy())
    x, y = next(batches(1, classes=True))
    bad = np.full_like(y, 9)
    for _ in range(3):  # they are looked at until a step has been good
        with pytest.raises(DataError, match="y must hold"):
            both.compiled(x, bad)
        assert_no_tracers(both.models[0])
    both.train(batches(5, classes=True)).assert_compiled()


class Interrupted(Tanh):
    """Is interrupted in the middle of a pass, once it is told to be."""

    at = None

    def forward(self, x, *, training=False):
        self.kept = x
        if self.at == "forward":
            raise KeyboardInterrupt
        return super().forward(x, training=training)

    def backward(self, grad):
        if self.at == "backward":
            raise KeyboardInterrupt
        return super().backward(grad)


@pytest.mark.parametrize("at", ["forward", "backward"])
@pytest.mark.parametrize("after", [1, 2])
def test_an_interrupt_leaves_the_model_whole(at, after):
    """After 1 step it falls into the trace, after 2 into the check."""
    both = twins(Dropout(0.5), Interrupted(), BatchNorm1d(4)).train(batches(after))
    values = [p.value.copy() for p in both.models[0].parameters()]
    both.models[0].layers[2].at = at
    with pytest.raises(KeyboardInterrupt):
        both.compiled(*next(batches(1, seed=7)))
    del both.models[0].layers[2].at
    assert_no_tracers(both.models[0])
    for p, value in zip(both.models[0].parameters(), values, strict=True):
        np.testing.assert_array_equal(p.value, value)
    for layer, twin in zip(*(model.layers for model in both.models), strict=True):
        if isinstance(layer, Dropout):
            twin.step = layer.step
        if isinstance(layer, BatchNorm1d):  # the readable part of a check may have moved them
            for name, buffer in layer.named_buffers().items():
                twin.named_buffers()[name].value = buffer.value.copy()
    both.train(batches(5, seed=8)).assert_compiled()


# the mean of the weights


def test_a_running_mean_of_the_weights():
    both = twins(Tanh())
    means = both.both(lambda model, _: ExponentialMovingAverage(model, 0.9))
    for x, y in batches(10):
        both.step(x, y)
        for mean in means:
            mean.update()
        np.testing.assert_array_equal(*(evaluated(m, x) for m in means))
    for name, array in means[1].state().arrays.items():
        np.testing.assert_array_equal(means[0].state().arrays[name], array)
    both.assert_compiled()


def evaluated(mean, x):
    with mean.weights():
        return mean.model.forward(x)


def test_a_mean_that_starts_while_training():
    both = twins(Tanh()).train(batches(5))
    means = both.both(lambda model, _: ExponentialMovingAverage(model, 0.9))
    state = means[0].state()
    both.train(batches(3))
    for name, array in state.arrays.items():
        np.testing.assert_array_equal(means[0].state().arrays[name], array)
    both.train(batches(3)).assert_compiled()


def test_losses_that_weigh_classes():
    criterion = CrossEntropy(class_weights=[0.5, 1.0, 2.0])
    both = twins(Tanh(), criterion=criterion).train(batches(8, classes=True))
    both.assert_compiled()
    assert criterion.weight_of(np.zeros(1, int)) is not None
    assert isinstance(MSE(), portanet.Loss)
